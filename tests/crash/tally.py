"""What all the kills on one database came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.crash.kills import Outcome
from tests.crash.points import Point


@dataclass(kw_only=True)
class Tally:
    database: str
    points: Sequence[Point]
    undisturbed: Outcome
    outcomes: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    @property
    def runs(self) -> int:
        return len(self.outcomes)

    @property
    def kills(self) -> list[Outcome]:
        return [one for one in self.outcomes if one.killed]

    @property
    def good(self) -> bool:
        return bool(self.kills) and not any(one.verdict.faults for one in [self.undisturbed, *self.outcomes])

    def progress(self) -> str:
        return f"{self.database}: {self.runs} runs, {len(self.kills)} kills, {self._sum('missed')} missed"

    def as_json(self) -> dict[str, Any]:
        doubled = Counter(len(one.verdict.doubled) for one in self.kills)
        seconds = [one.seconds for one in self.outcomes]
        return {
            "database": self.database,
            "points": len(self.points),
            "places": len({point.place for point in self.points}),
            "kills": len(self.kills),
            "points_killed_at": len({one.point for one in self.kills}),
            "not_reached": self.runs - len(self.kills),
            "messages": sum(one.arrived for one in self.outcomes),
            "missed": self._sum("missed"),
            "doubled": self._sum("doubled"),
            "kills_with_a_double": sum(count for number, count in doubled.items() if number),
            "most_doubled_in_one_kill": max(doubled, default=0),
            "unmarked": self._sum("unmarked"),
            "after_a_resolve": self._sum("after_resolve"),
            "faults": sum(len(one.verdict.faults) for one in [self.undisturbed, *self.outcomes]),
            "seconds_a_kill": round(sum(seconds) / len(seconds), 2) if seconds else None,
        }

    def as_text(self) -> str:
        return "\n".join(f"{name.replace('_', ' '):>26}  {value}" for name, value in self.as_json().items())

    def _sum(self, what: str) -> int:
        return sum(len(getattr(one.verdict, what)) for one in [self.undisturbed, *self.outcomes])
