"""Each level's turn: planned, paged, how late, and why not; on what the core records."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from engine.core.commands import Acknowledge, Escalate, Hold, Reopen, Reprioritize, Resolve
from engine.core.model import Priority
from engine.core.timeline import Kind
from engine.report.build import build
from engine.report.model import LevelPaged
from tests.report.example import FACTS, OPENED, after, event, facts, recorded
from tests.report.played import Played

ACK, DONE = Acknowledge(), Resolve(validation="checked")


def told(turns: tuple[LevelPaged, ...]) -> list[tuple[int, float | None, float | None, str]]:
    """(level, planned at minute, late by so many seconds, what became of it)"""
    return [
        (
            turn.level,
            (turn.planned_at - OPENED).total_seconds() / 60 if turn.planned_at else None,
            turn.late_s,
            turn.outcome.value,
        )
        for turn in turns
    ]


PLAYED: dict[str, tuple[Callable[[], Played], list[tuple[int, float | None, float | None, str]]]] = {
    "nobody answers": (
        lambda: Played().wait_until(61),
        [(1, 0, 0, "undelivered"), (2, 30, 0, "undelivered"), (3, 60, 0, "undelivered")],
    ),
    "restored in time": (
        lambda: Played().wait_until(3).act("ops-lead", ACK).wait_until(20).act("ops-lead", DONE),
        [(1, 0, 0, "undelivered"), (2, 30, None, "not_needed"), (3, 60, None, "not_needed")],
    ),
    "nobody at level 1 has a channel": (
        lambda: Played(unreachable=["ops-lead", "senior-ops"]),
        [(1, 0, None, "unreachable"), (2, 30, -1800, "undelivered"), (3, 60, None, "pending")],
    ),
    "the engine was down": (
        lambda: Played().sleep_until(41),
        [(1, 0, 0, "undelivered"), (2, 30, 660, "undelivered"), (3, 60, None, "pending")],
    ),
    "two levels were missed": (
        lambda: Played().sleep_until(75),
        [(1, 0, 0, "undelivered"), (2, 30, None, "superseded"), (3, 60, 900, "undelivered")],
    ),
    "escalated by hand": (
        lambda: Played().wait_until(3).act("ops-lead", ACK).act("ops-lead", Escalate(level=2)),
        [(1, 0, 0, "undelivered"), (2, 30, -1620, "undelivered"), (3, 60, None, "pending")],
    ),
    "held": (
        lambda: (
            Played()
            .wait_until(3)
            .act("ops-lead", ACK)
            .act("ops-lead", Hold(span=timedelta(minutes=40), reason="known"))
        ),
        [(1, 0, 0, "undelivered"), (2, 43, None, "pending"), (3, 60, None, "pending")],
    ),
    "raised, counted from the raise": (
        lambda: (
            Played(Priority.P1)
            .wait_until(10)
            .act("cto", Reprioritize(priority=Priority.P0, reason="worse"))
            .wait_until(41)
        ),
        [(1, 0, 0, "undelivered"), (2, 40, 0, "undelivered"), (3, 70, None, "pending")],
    ),
    "reopened, counted from the reopening": (
        lambda: (
            Played()
            .wait_until(3)
            .act("ops-lead", ACK)
            .act("ops-lead", DONE)
            .wait_until(100)
            .act("ops-lead", Reopen(reason="it is back"))
            .wait_until(131)
        ),
        [(1, 0, 0, "undelivered"), (2, 130, 0, "undelivered"), (3, 160, None, "pending")],
    ),
}


@pytest.mark.parametrize("case", PLAYED)
def test_a_level_is_paged_at_its_time_or_the_report_says_why_not(case: str) -> None:
    play, expected = PLAYED[case]
    assert told(play().report().levels) == expected


def test_the_example_paged_two_levels_on_time_and_did_not_need_the_third() -> None:
    first, second, third = build(FACTS).levels
    assert (first.on_time, second.on_time, third.on_time) == (True, True, None)
    assert (first.title, second.late_s, third.outcome.value) == ("Operations", 0.4, "not_needed")
    assert first.delivered_at == after(0.02)


@pytest.mark.parametrize(("late_s", "on_time"), [(0, True), (0.99, True), (1, False), (660, False)])
def test_a_page_is_on_time_when_it_is_less_than_a_second_late(late_s: float, *, on_time: bool) -> None:
    events = recorded((30, event(Kind.ESCALATED, "timer:escalation", level=2, late_s=late_s)))
    turn = next(turn for turn in build(facts(events=events)).levels if turn.level == 2)
    assert turn.on_time is on_time


def test_an_escalation_by_hand_is_neither_on_time_nor_late() -> None:
    played = Played().wait_until(3).act("ops-lead", ACK).act("ops-lead", Escalate(level=2))
    turn = next(turn for turn in played.report().levels if turn.level == 2)
    assert (turn.by_hand, turn.on_time, turn.reason) == (True, None, "Olu Adeyemi asked for level 2")


def test_a_low_priority_without_a_ladder_has_no_levels() -> None:
    assert Played(Priority.P3).report().levels == ()
