"""A storm must not become as many messages to one person: what goes out one by one, what goes in one message, and when.

A lane is one address on one channel. A small burst goes out as it comes. After that, all that waits for the lane goes
in one message, the most urgent first: at once where a P0 waits and none went out in the last seconds, else every half
minute or so. What is due never waits behind a window of lower priority, nor beyond its own deadline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from engine.core.policy import Bundling


@dataclass(frozen=True, kw_only=True, slots=True)
class Lane:
    """When messages went to one address on one channel lately, oldest first; when the last one with a P0 did, and the
    last one that stood for several: in a storm nothing goes out one by one, until that has been over for a while.
    `holding`: until then some wait for their turn, and what comes later does not overtake them."""

    sent: tuple[datetime, ...] = ()
    urgent_at: datetime | None = None
    bundled_at: datetime | None = None
    holding: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """A message that could go out now. `urgent`: of a P0. `held`: it has waited for this turn, maybe by the decision of
    another engine. `deadline`: when retrying it would end."""

    urgent: bool
    held: bool = False
    deadline: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """What a lane does now with what waits for it, given the most urgent first: the first `singles` go out one by one.
    The others go in one message now (`bundle`), or wait until `holds` says, one time for each of them."""

    singles: int
    bundle: bool = False
    holds: tuple[datetime, ...] = ()


def turn(lane: Lane, waiting: Sequence[Waiting], now: datetime, rules: Bundling) -> Turn:
    room = 0 if any(one.held for one in waiting) else _room(lane, now, rules)
    if len(waiting) <= room:
        return Turn(singles=len(waiting))
    after = lane
    for one in waiting[:room]:
        after = passed(after, now, rules, urgent=one.urgent)
    rest = waiting[room:]
    holds = tuple(opening(after, one, now, rules) for one in rest)
    if not room and min(holds) <= now:
        return Turn(singles=0, bundle=True)
    return Turn(singles=room, holds=tuple(max(now, at) for at in holds))


def _room(lane: Lane, now: datetime, rules: Bundling) -> int:
    """How many may still go out one by one."""
    if lane.holding and now < lane.holding:
        return 0
    if lane.bundled_at and now - lane.bundled_at < rules.within:
        return 0
    return max(0, rules.burst - sum(now - at < rules.within for at in lane.sent))


def opening(lane: Lane, one: Waiting, now: datetime, rules: Bundling) -> datetime:
    """When a lane that has had its burst takes this message along: never later than its deadline by more than the
    shorter window, for a page that waits for its turn must not be lost in it."""
    if one.urgent:
        return lane.urgent_at + rules.urgent_every if lane.urgent_at else now
    if not lane.sent:
        return now
    last = lane.sent[-1]
    usual = last + rules.every
    return min(usual, max(one.deadline, last + rules.urgent_every)) if one.deadline else usual


def passed(lane: Lane, now: datetime, rules: Bundling, *, urgent: bool, bundle: bool = False) -> Lane:
    """The lane after one more message."""
    return replace(
        lane,
        sent=(*lane.sent, now)[-rules.burst :],
        urgent_at=now if urgent else lane.urgent_at,
        bundled_at=now if bundle else lane.bundled_at,
    )


def holds(lane: Lane, times: Sequence[datetime]) -> Lane:
    """The lane with messages that wait until these times."""
    return replace(lane, holding=max((*times, *([lane.holding] if lane.holding else ())), default=None))


def taken_back(lane: Lane, at: datetime) -> Lane:
    """The lane without the message that went out then: it failed, so it has disturbed nobody. If it stood for several,
    these stay together."""
    place = lane.sent.index(at) if at in lane.sent else len(lane.sent)
    return replace(
        lane,
        sent=lane.sent[:place] + lane.sent[place + 1 :],
        urgent_at=None if lane.urgent_at == at else lane.urgent_at,
    )
