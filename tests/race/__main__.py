"""`python -m tests.race`: engine processes on one PostgreSQL while people race every edge of a timer.

Exit code 0: each timer fired once, each page was sent once, and who came first won.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys
import tempfile
from pathlib import Path

from engine.clock import unix_time
from engine.log import set_up
from tests.crash.fresh import on_postgres, started_before
from tests.crash.world import Ground, ground, preload
from tests.databases import PostgresDatabases
from tests.postgres import postgres_server
from tests.race.crowd import crowd
from tests.race.edges import EDGES
from tests.race.rounds import Score, race


def main() -> int:
    options = _options()
    set_up(as_json=True, level="critical")
    preload()
    scores = []
    for engines in options.engines:
        with (
            tempfile.TemporaryDirectory(prefix="tocsin-race-") as folder,
            postgres_server() as server,
            PostgresDatabases(server) as databases,
            databases.template(started_before) as template,
        ):
            place = ground(on_postgres(databases, template), Path(folder))
            score = asyncio.run(_all(place, engines, options))
        print(json.dumps(score.as_json()), flush=True)
        scores.append(score)
    return 1 if any(score.faults for score in scores) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.race", description=__doc__)
    parser.add_argument("--engines", type=int, nargs="+", default=[2, 4], help="how many processes; each in turn")
    parser.add_argument("--rounds", type=int, default=10, help=f"each of the {len(EDGES)} edges so often")
    parser.add_argument("--incidents", type=int, default=10, help="that are at an edge at once")
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no round after that")
    parser.add_argument("--seed", type=int, default=1, help="of the first round; chance still has the last word")
    return parser.parse_args()


async def _all(place: Ground, engines: int, options: argparse.Namespace) -> Score:
    score, end = Score(engines=engines), unix_time() + options.minutes * 60
    for number in range(options.rounds):
        if unix_time() > end:
            break
        seen = len(score.faults)
        async with crowd(place, engines=engines, seed=options.seed + number) as everyone:
            await race(everyone, score, incidents=options.incidents)
        for fault in score.faults[seen:]:
            print(f"round {number}: {fault}", file=sys.stderr, flush=True)
    return score


if __name__ == "__main__":
    sys.exit(main())
