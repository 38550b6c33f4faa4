"""When the commander is reminded of those who wait."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from engine.core.model import MessageKind, TimerKind
from tests.core.cases import CONFIG, LEAD, minutes
from tests.core.drive import Engine


def engine(every: int | None) -> Engine:
    policy = CONFIG.policies["standard"]
    ladder = policy.P0.model_copy(update={"update_every": timedelta(minutes=every) if every else None, "lease": None})
    changed = policy.model_copy(update={"P0": ladder})
    return Engine(config=CONFIG.model_copy(update={"policies": {**CONFIG.policies, "standard": changed}})).open("P0")


def reminded(one: Engine) -> list[float]:
    """Minutes after the opening."""
    opened = one.incident.opened_at
    return [
        (sent.at - opened).total_seconds() / 60
        for sent in one.sent
        if sent.message.kind is MessageKind.NOTICE and "status update is due" in sent.message.reason
    ]


ACTS: list[tuple[list[tuple[int, str, dict[str, Any]]], list[float]]] = [
    ([], []),
    ([(2, "acknowledge", {})], [32, 62, 92]),
    ([(2, "acknowledge", {}), (10, "update", {"text": "known"})], [40, 70, 100]),
    ([(2, "acknowledge", {}), (35, "update", {"text": "known"})], [32, 65, 95]),
    ([(2, "acknowledge", {}), (33, "snooze", {"for": "10m"})], [32, 43, 73, 103]),
    ([(2, "acknowledge", {}), (40, "resolve", {"validation": "looked"})], [32]),
    ([(2, "acknowledge", {}), (5, "assign", {"to": "ops-senior"})], [32, 62, 92]),
]


@pytest.mark.parametrize(("acts", "expected"), ACTS)
def test_the_commander_is_reminded_until_it_is_said_or_put_off(
    acts: list[tuple[int, str, dict[str, Any]]], expected: list[float]
) -> None:
    one, before = engine(30), 0
    for minute, name, fields in acts:
        one.wait(minutes(minute - before))
        before = minute
        one.do(name, LEAD, **fields)
    one.wait(minutes(110 - before))
    assert reminded(one) == expected


def test_without_a_time_nobody_is_reminded() -> None:
    one = engine(None)
    one.do("acknowledge")
    one.wait(minutes(110))
    assert reminded(one) == []
    assert TimerKind.UPDATE not in {timer.kind for timer, _ in one.timers.values()}


def test_when_nobody_has_it_any_more_the_reminders_begin_anew_with_the_next_acknowledgement() -> None:
    one = engine(30)
    one.do("acknowledge")
    one.wait(minutes(31))
    one.do("resolve", validation="looked")
    one.do("reopen", reason="it is back")
    one.wait(minutes(20))
    one.do("acknowledge")
    one.wait(minutes(31))
    assert reminded(one) == [30, 81]
