"""What a raise and a lowering of the priority do to the clocks."""

from __future__ import annotations

from typing import Any

import pytest

from engine.core.model import TimerKind
from engine.core.timeline import Kind
from tests.core.cases import LEAD, NOON, SENIOR, alert, minutes
from tests.core.drive import Engine

DAY = minutes(24 * 60)
FIRST, AGAIN = "ops-lead", "ops-senior"


@pytest.mark.parametrize(
    ("before", "after", "at", "expected"),
    [
        # counted from the raise
        ("P2", "P0", 10, [(10, 1, FIRST), (15, 1, AGAIN), (15, 1, FIRST), (40, 2, "eng-manager"), (70, 3, "cto")]),
        ("P3", "P1", 10, [(10, 1, FIRST), (25, 1, AGAIN), (25, 1, FIRST), (130, 2, "eng-manager"), (250, 3, "cto")]),
        # but no level later than it was: the response at 15 and 60, level 2 at 120, level 3 at 240
        ("P1", "P0", 12, [(12, 1, FIRST), (15, 1, AGAIN), (15, 1, FIRST), (42, 2, "eng-manager"), (72, 3, "cto")]),
        ("P2", "P1", 50, [(50, 1, FIRST), (60, 1, AGAIN), (60, 1, FIRST), (170, 2, "eng-manager"), (290, 3, "cto")]),
        (
            "P1",
            "P0",
            110,
            [(110, 1, FIRST), (115, 1, AGAIN), (115, 1, FIRST), (120, 2, "eng-manager"), (170, 3, "cto")],
        ),
        # a level that was paged for less is paged again for more
        (
            "P1",
            "P0",
            130,
            [(130, 1, FIRST), (135, 1, AGAIN), (135, 1, FIRST), (160, 2, "eng-manager"), (190, 3, "cto")],
        ),
        (
            "P1",
            "P0",
            230,
            [(230, 1, FIRST), (235, 1, AGAIN), (235, 1, FIRST), (240, 3, "cto"), (260, 2, "eng-manager")],
        ),
    ],
)
def test_a_raise_counts_from_the_raise_and_makes_nothing_later(
    before: str, after: str, at: int, expected: list[Any]
) -> None:
    engine = Engine().open(before)
    engine.wait(minutes(at))
    engine.do("reprioritize", SENIOR, priority=after, reason="worse than thought")
    engine.wait(DAY / 3)
    assert engine.paged(since=NOON + minutes(at)) == expected


def test_a_chain_of_raises_keeps_the_earliest_of_all_rows() -> None:
    engine = Engine().open("P2")
    engine.wait(minutes(58))
    engine.do("reprioritize", priority="P1", reason="worse")
    assert engine.due(TimerKind.RESPONSE) == {1: minutes(60)}
    engine.wait(minutes(1))
    engine.do("reprioritize", priority="P0", reason="worse still")
    assert engine.due(TimerKind.RESPONSE) == {1: minutes(60)}
    assert engine.due(TimerKind.PAGE) == {2: minutes(59 + 30), 3: minutes(59 + 60)}


def test_a_raise_by_the_owner_pages_level_1_and_leaves_the_incident_acknowledged() -> None:
    engine = Engine().open("P2")
    engine.do("acknowledge", LEAD)
    engine.wait(minutes(10))
    engine.do("reprioritize", LEAD, priority="P0", reason="worse")
    assert engine.incident.acknowledged_by == FIRST
    assert engine.paged() == [(0, 1, FIRST), (10, 1, FIRST)]
    assert engine.due(TimerKind.PAGE) == {2: minutes(40), 3: minutes(70)}
    assert (engine.due(TimerKind.RESPONSE), engine.due(TimerKind.LEASE)) == ({}, {0: minutes(25)})


def test_a_raise_by_somebody_else_has_to_be_acknowledged_anew() -> None:
    engine = Engine().open("P2")
    engine.do("acknowledge", LEAD)
    engine.wait(minutes(10))
    engine.do("reprioritize", SENIOR, priority="P0", reason="worse")
    assert (engine.incident.acknowledged_by, engine.incident.commander) == (None, FIRST)
    assert engine.due(TimerKind.RESPONSE) == {1: minutes(15)}
    (lost,) = engine.lines(Kind.UNACKNOWLEDGED)
    assert lost.reason == "raised to P0: worse"


def test_a_lowering_counts_the_lower_row_from_the_opening() -> None:
    engine = Engine().open("P0")
    engine.wait(minutes(2))
    engine.do("reprioritize", priority="P1", reason="half of it")
    assert engine.due(TimerKind.RESPONSE) == {1: minutes(15)}
    assert engine.due(TimerKind.PAGE) == {2: minutes(120), 3: minutes(240)}
    engine.do("reprioritize", priority="P2", reason="a few")
    assert (engine.due(TimerKind.RESPONSE), engine.due(TimerKind.PAGE)) == ({1: minutes(60)}, {})


def test_a_lowering_after_a_raise_forgets_the_raise_and_pages_no_level_again_for_less() -> None:
    engine = Engine().open("P2")
    engine.wait(minutes(30))
    engine.do("reprioritize", SENIOR, priority="P0", reason="worse")
    engine.wait(minutes(31))
    assert engine.paged()[-1] == (60, 2, "eng-manager")
    engine.do("reprioritize", SENIOR, priority="P1", reason="better")
    engine.wait(DAY)
    assert engine.paged()[-1] == (240, 3, "cto")
    assert [page for page in engine.paged() if page[1] == 2] == [(60, 2, "eng-manager")]


def test_a_tighter_target_of_the_new_alert_does_not_tighten_what_counted_before_it() -> None:
    engine = Engine().open("P2", respond_within=minutes(15))
    engine.wait(minutes(14))
    engine.hear(alert("f2", priority="P1"))
    assert engine.due(TimerKind.RESPONSE) == {1: minutes(15)}
    engine = Engine().open("P2")
    engine.wait(minutes(2))
    engine.hear(alert("f2", severity="critical"))
    assert engine.due(TimerKind.RESPONSE) == {1: minutes(2 + 5)}


def test_a_raise_looks_through_a_hold_to_the_times_behind_it() -> None:
    engine = Engine().open("P1")
    engine.wait(minutes(110))
    engine.hold("3h", "vendor")
    engine.do("reprioritize", SENIOR, priority="P0", reason="worse")
    engine.hold("0s", "the vendor has given up")
    assert engine.due(TimerKind.PAGE) == {2: minutes(120), 3: minutes(170)}
