"""`python -m tests.benchmarks [--quick] [--json] [--only NAME]`: how fast it is on this machine.

Everything runs on loopback, for a bounded time, and is stopped at the end.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable
from dataclasses import asdict

import structlog

from tests.benchmarks.acceptance import on_postgresql, on_sqlite
from tests.benchmarks.claims import of_claims
from tests.benchmarks.clicks import of_clicks
from tests.benchmarks.detection import of_detection
from tests.benchmarks.figures import Row, machine, show
from tests.benchmarks.history import of_history
from tests.benchmarks.lateness import of_timers
from tests.benchmarks.paging import to_slack
from tests.benchmarks.routing import of_routes
from tests.benchmarks.rules import of_rules
from tests.benchmarks.storm import of_storm

MEASUREMENTS: dict[str, Callable[[int, float], list[Row]]] = {
    "sqlite": on_sqlite,
    "postgresql": on_postgresql,
    "paging": to_slack,
    "clicks": of_clicks,
    "detection": of_detection,
    "storm": of_storm,
    "timers": of_timers,
    "claims": of_claims,
    "history": of_history,
    "routes": of_routes,
    "rules": of_rules,
}
RUNS, SECONDS = 3, 10.0
QUICK_RUNS, QUICK_SECONDS = 1, 4.0


def main() -> None:
    options = _options()
    # What a measurement in this process logs would stand between its figures.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    runs, seconds = (QUICK_RUNS, QUICK_SECONDS) if options.quick else (RUNS, SECONDS)
    facts = machine()
    rows: list[Row] = []
    for name in options.only or MEASUREMENTS:
        sys.stderr.write(f"{name} …\n")
        rows += MEASUREMENTS[name](runs, seconds)
    if options.json:
        print(json.dumps({"machine": facts, "rows": [asdict(row) for row in rows]}, indent=2))
    else:
        show(facts, rows)
    sys.exit(any(run.lost or run.excess for row in rows for run in row.runs))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short run of each")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--only", action="append", choices=MEASUREMENTS, help="may be given more than once")
    return parser.parse_args()


if __name__ == "__main__":
    main()
