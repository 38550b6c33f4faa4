"""`python -m tests.crash --kills 1000`: a real engine is killed at every point there is, and held to its word.

Exit code 0: nothing was missed, and no message came twice without its mark.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import math
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random

from engine.clock import unix_time
from engine.log import set_up
from tests.crash.breaking import Break
from tests.crash.fresh import on_postgres, on_sqlite, started_before
from tests.crash.kills import Outcome, enumerate_points, run
from tests.crash.points import Point
from tests.crash.tally import Tally
from tests.crash.world import Fresh, Ground, ground, preload
from tests.databases import PostgresDatabases, sqlite_template
from tests.postgres import postgres_server


def main() -> int:
    options = _options()
    set_up(as_json=True, level="critical")
    preload()
    tallies = []
    for kind in options.database:
        with (
            tempfile.TemporaryDirectory(prefix="tocsin-crash-") as folder,
            _grounds(kind, Path(folder), options.jobs) as places,
        ):
            tally = asyncio.run(_all(kind, places, options))
        print(json.dumps(tally.as_json()) if options.json else tally.as_text(), flush=True)
        tallies.append(tally)
    return 0 if all(tally.good for tally in tallies) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000, help="on each database: at every point once, then again")
    parser.add_argument("--database", action="append", choices=("sqlite", "postgresql"), help="both by default")
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop sooner than that, on each database")
    parser.add_argument("--jobs", type=int, default=2, help="engines that are killed side by side")
    parser.add_argument("--defect", type=Break, choices=list(Break), help="kill a product that is broken so")
    parser.add_argument("--point", help="one point only, as a fault names it: `PLACE #N`")
    parser.add_argument("--json", action="store_true", help="one line of JSON for each database")
    options = parser.parse_args()
    options.database = options.database or ["sqlite", "postgresql"]
    return options


@contextmanager
def _grounds(kind: str, folder: Path, jobs: int) -> Iterator[list[Ground]]:
    own = [folder / str(number) for number in range(jobs)]
    for one in own:
        one.mkdir()
    with ExitStack() as stack:
        yield [ground(fresh, one) for fresh, one in zip(_databases(kind, folder, own, stack), own, strict=True)]


def _databases(kind: str, folder: Path, own: Sequence[Path], stack: ExitStack) -> list[Fresh]:
    if kind == "sqlite":
        template = sqlite_template(folder, started_before)
        return [on_sqlite(template, one) for one in own]
    databases = stack.enter_context(PostgresDatabases(stack.enter_context(postgres_server())))
    fresh = on_postgres(databases, stack.enter_context(databases.template(started_before)))
    return [fresh for _ in own]


async def _all(kind: str, places: Sequence[Ground], options: argparse.Namespace) -> Tally:
    points, first = await enumerate_points(places[0])
    tally = Tally(database=kind, points=points, undisturbed=first)
    wanted = itertools.cycle(_in_order(points) if options.point is None else [_read(options.point)])
    end = unix_time() + options.minutes * 60

    async def work(place: Ground) -> None:
        while len(tally.kills) < options.kills and tally.runs < 2 * options.kills and unix_time() < end:
            outcome = await run(place, next(wanted), defect=options.defect)
            tally.add(outcome)
            _say(tally, outcome)

    await asyncio.gather(*(work(place) for place in places))
    return tally


def _in_order(points: Sequence[Point]) -> list[Point]:
    """Each place once, then all that is left in an order without a pattern: a run that is cut short has seen the most
    that it could."""
    first = {point.place: point for point in reversed(points)}
    left = [point for point in points if point not in first.values()]
    Random(0).shuffle(left)  # noqa: S311 - the same order every time, guards nothing
    return [*first.values(), *left]


def _read(text: str) -> Point:
    place, _, occurrence = text.rpartition(" #")
    return Point(place=place, occurrence=int(occurrence))


def _say(tally: Tally, outcome: Outcome) -> None:
    for fault in outcome.verdict.faults:
        print(f"{outcome.point}: {fault}", file=sys.stderr, flush=True)
    if tally.runs % 50 == 0:
        print(tally.progress(), file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
