"""The moments at which a timer and people meet, and what people do there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LEAD, SENIOR = "ops-lead", "ops-senior"


@dataclass(frozen=True, kw_only=True)
class Act:
    """What one person does with one incident."""

    command: str
    by: str = LEAD
    body: Mapping[str, Any] = field(default_factory=dict)


ACKNOWLEDGE, TOO = Act(command="acknowledge"), Act(command="acknowledge", by=SENIOR)
RESOLVE = Act(command="resolve", by=SENIOR, body={"validation": "checked by hand"})
NOTE = Act(command="note", body={"text": "looking at it"})
HOLD = Act(command="hold", body={"span": "40m", "reason": "the fix is being rolled out"})


@dataclass(frozen=True, kw_only=True)
class Edge:
    """`at`: minutes after the opening at which a timer is due. `before`: what was done by then, and when (minutes).
    `acts`: what races the timer."""

    name: str
    at: float
    acts: tuple[Act, ...]
    before: tuple[tuple[float, Act], ...] = ()


EDGES = (
    Edge(name="response due", at=5, acts=(ACKNOWLEDGE,)),
    Edge(name="response due, two people", at=5, acts=(ACKNOWLEDGE, TOO)),
    Edge(name="acknowledged and resolved", at=5, acts=(ACKNOWLEDGE, RESOLVE)),
    Edge(name="level 2", at=30, acts=(RESOLVE,)),
    Edge(name="level 2, acknowledged", at=30, acts=(ACKNOWLEDGE,)),
    Edge(name="level 3", at=60, acts=(ACKNOWLEDGE, RESOLVE)),
    Edge(name="lease end", at=15, acts=(NOTE,), before=((0, ACKNOWLEDGE),)),
    Edge(name="lease answer", at=20, acts=(ACKNOWLEDGE,), before=((0, ACKNOWLEDGE), (15, Act(command="")))),
    Edge(name="hold end", at=40, acts=(RESOLVE,), before=((0, HOLD),)),
)
