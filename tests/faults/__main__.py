"""`python -m tests.faults`: providers and the database fail in every way we know, and nothing accepted is lost.

Exit code 0: no page was missed, none came twice without its mark, the other channel went on, each failure is on record.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

from engine.log import set_up
from tests.crash.fresh import on_postgres, started_before
from tests.crash.world import Ground, ground, preload
from tests.databases import PostgresDatabases
from tests.faults.cases import DATABASE_FAULTS, PROVIDER_FAULTS, DatabaseFault, ProviderFault
from tests.faults.nights import Outcome, database_night, provider_night
from tests.postgres import postgres_server

Fault = DatabaseFault | ProviderFault


def main() -> int:
    options = _options()
    set_up(as_json=True, level="critical")
    preload()
    with (
        tempfile.TemporaryDirectory(prefix="tocsin-faults-") as folder,
        postgres_server() as server,
        PostgresDatabases(server) as databases,
        databases.template(started_before) as template,
    ):
        outcomes = asyncio.run(_all(ground(on_postgres(databases, template), Path(folder)), options))
    return 1 if any(one.verdict.faults for one in outcomes) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--only", default="", help="faults whose name contains this")
    parser.add_argument("--rounds", type=int, default=1)
    return parser.parse_args()


async def _all(place: Ground, options: argparse.Namespace) -> list[Outcome]:
    every: tuple[Fault, ...] = (*DATABASE_FAULTS, *PROVIDER_FAULTS)
    faults = [fault for fault in every if options.only in fault.name]
    outcomes = []
    for fault in [fault for _ in range(options.rounds) for fault in faults]:
        outcomes.append(await _one(place, fault))
        print(json.dumps(_shown(outcomes[-1])), flush=True)
    return outcomes


async def _one(place: Ground, fault: Fault) -> Outcome:
    if isinstance(fault, DatabaseFault):
        return await database_night(place, fault)
    return await provider_night(place, fault)


def _shown(outcome: Outcome) -> dict[str, object]:
    return {
        "fault": outcome.name,
        "messages": outcome.arrived,
        "failures_on_record": outcome.failures,
        "refused_and_asked_again": outcome.refused,
        "commits_cut": outcome.cuts,
        "missed": len(outcome.verdict.missed),
        "doubled": len(outcome.verdict.doubled),
        "unmarked": len(outcome.verdict.unmarked),
        "faults": list(outcome.verdict.faults),
    }


if __name__ == "__main__":
    sys.exit(main())
