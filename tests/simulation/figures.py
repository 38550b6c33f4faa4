"""The figures of many runs, as a table and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from tests.simulation.runs import Run

YEAR = timedelta(days=365)
TITLES = {
    "years": "simulated years",
    "incidents": "incidents",
    "alerts": "alerts accepted or in doubt",
    "pages": "pages decided",
    "crashes": "crashes at an await",
    "times_away": "downtimes and leaps of the clock",
    "outages": "provider outages",
    "missed": "missed pages",
    "late": "late, each stated",
    "worst_lateness_s": "worst lateness (s)",
    "rerouted": "pages that went another way",
    "unreachable": "pages that no way was left for, each stated",
    "withdrawn": "messages of pages withdrawn in time",
    "marked": "repeats, marked",
    "unmarked": "repeats, unmarked",
    "after_resolve": "pages after a resolve",
    "violations": "violations of the standard",
    "seconds": "seconds that it took",
}


@dataclass(kw_only=True, slots=True)
class Sums:
    years: float = 0
    incidents: int = 0
    alerts: int = 0
    pages: int = 0
    crashes: int = 0
    times_away: int = 0
    outages: int = 0
    missed: int = 0
    late: int = 0
    worst_lateness_s: float = 0
    rerouted: int = 0
    unreachable: int = 0
    withdrawn: int = 0
    marked: int = 0
    unmarked: int = 0
    after_resolve: int = 0
    violations: int = 0
    seconds: float = 0

    def add(self, run: Run, seconds: float) -> None:
        figures = run.verdict.figures
        self.years = round(self.years + run.span / YEAR, 3)
        self.seconds = round(self.seconds + seconds, 1)
        self.worst_lateness_s = max(self.worst_lateness_s, round(figures.worst_lateness.total_seconds(), 1))
        self.violations += len(run.verdict.complaints)
        self.count(run.counts)
        for name, value in asdict(figures).items():
            if name != "worst_lateness":
                setattr(self, name, getattr(self, name) + value)

    def count(self, counts: Counter[str]) -> None:
        self.alerts += counts["alerts"]
        self.crashes += counts["crashes"]
        self.times_away += counts["times away"]
        self.outages += counts["outages"]

    def table(self) -> str:
        values = asdict(self)
        width = max(len(title) for title in TITLES.values())
        return "\n".join(f"{title:<{width}}  {values[name]:>12,}" for name, title in TITLES.items())


def failure(run: Run, log: Sequence[str], options: str) -> str:
    """The first violation with all that belongs to it, and how to see it again: a violation in the winding down at the
    end needs the same end, any other only the days before it."""
    first = min(run.verdict.complaints, key=lambda one: one.at)
    days = min((first.at - run.began) // timedelta(days=1) + 1, run.span / timedelta(days=1))
    again = f"seed {run.seed}, {run.span} simulated; again: make simulate SEED={run.seed} DAYS={days:g} {options}"
    others = [f"  {one}" for one in run.verdict.complaints]
    return "\n".join([again, str(first), *log, f"all {len(others)} violations", *others[:50]])
