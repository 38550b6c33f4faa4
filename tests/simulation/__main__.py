"""`python -m tests.simulation [--years N | --days N] [--seed N] [--pace PACE] [--database KIND] [--json]`

Does it hold? Each simulated year is a world of its own with a seed of its own, on a fresh database. Exit code 1 on any
violation.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta

from tests.simulation.figures import YEAR, Sums, failure
from tests.simulation.pace import PACES
from tests.simulation.places import PLACES
from tests.simulation.runs import around, simulate

HASHING = {"PYTHONHASHSEED": "0"}


def main() -> None:
    options = _options()
    if not HASHING.items() <= os.environ.items():  # the order of a set is part of the story that a seed tells
        os.execve(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]], os.environ | HASHING)  # noqa: S606
    sums, failed = Sums(), False
    again = f'ARGS="--pace {options.pace} --database {options.database}"'
    with PLACES[options.database]() as place:
        for seed, span in worlds(options):
            began = time.perf_counter()
            with place() as url:
                run = simulate(seed=seed, url=url, pace=PACES[options.pace], span=span)
            sums.add(run, time.perf_counter() - began)
            sys.stderr.write(f"seed {seed}: {span.days} days, {len(run.verdict.complaints)} violations, {run.digest}\n")
            if run.verdict.complaints:
                failed = True
                first = min(run.verdict.complaints, key=lambda one: one.at)
                sys.stderr.write(failure(run, around(run.journal, first.at, first.incident), again) + "\n")
    print(json.dumps(asdict(sums), indent=2) if options.json else sums.table())
    sys.exit(failed)


def worlds(options: argparse.Namespace) -> Iterator[tuple[int, timedelta]]:
    """Seeds and spans: whole years, and what is left."""
    left = timedelta(days=options.days) if options.days else YEAR * options.years
    seed = options.seed
    while left > timedelta():
        yield seed, min(left, YEAR)
        left, seed = left - YEAR, seed + 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--years", type=float, default=1, help="simulated years, each with a seed of its own (1)")
    parser.add_argument("--days", type=float, help="instead of years: the first days of one")
    parser.add_argument("--seed", type=int, default=1, help="of the first year (1)")
    parser.add_argument("--pace", choices=PACES, default="year", help="how much happens (year)")
    parser.add_argument("--database", choices=PLACES, default="sqlite")
    parser.add_argument("--json", action="store_true", help="for programs")
    return parser.parse_args()


if __name__ == "__main__":
    main()
