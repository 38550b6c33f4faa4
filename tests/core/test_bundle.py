"""What goes out one by one, what together, and when."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from engine.core.bundle import Lane, Turn, Waiting, holds, passed, taken_back, turn
from engine.core.headline import bundle_headline
from engine.core.model import Message, MessageKind, Priority
from engine.core.policy import Bundling
from tests.core.cases import NOON, incident

RULES = Bundling(urgent_every=timedelta(seconds=5))


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def lane(*sent: float, urgent: float | None = None) -> Lane:
    return Lane(sent=tuple(map(at, sent)), urgent_at=None if urgent is None else at(urgent))


def waiting(priorities: str, *, deadline: float | None = 120) -> list[Waiting]:
    """One for each digit: the number of its priority."""
    until = None if deadline is None else at(deadline)
    return [Waiting(urgent=digit == "0", deadline=until) for digit in priorities]


FULL = (0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("before", "priorities", "second", "expected"),
    [
        (lane(), "11", 0, Turn(singles=2)),
        (lane(), "01123", 0, Turn(singles=5)),
        (lane(0, 0, 0), "01", 10, Turn(singles=2)),
        (lane(*FULL), "1", 60, Turn(singles=1)),
        (lane(), "111111", 0, Turn(singles=5, holds=(at(30),))),
        (lane(), "0000001", 0, Turn(singles=5, holds=(at(5), at(30)))),
        (lane(*FULL), "1", 10, Turn(singles=0, holds=(at(30),))),
        (lane(*FULL), "111", 30, Turn(singles=0, bundle=True)),
        (lane(*FULL), "0", 1, Turn(singles=0, bundle=True)),
        (lane(*FULL, urgent=0), "011", 3, Turn(singles=0, holds=(at(5), at(30), at(30)))),
        (lane(*FULL, urgent=0), "0", 5, Turn(singles=0, bundle=True)),
        (lane(0, 0, 0, 0, 29), "0", 30, Turn(singles=0, bundle=True)),
    ],
    ids=[
        "few go one by one",
        "the whole burst does",
        "what was sent counts",
        "but not for longer than the burst is counted",
        "the sixth waits",
        "a P0 beyond the burst waits a few seconds only",
        "nothing goes before the window ends",
        "then all goes together",
        "a P0 never waits behind lower ones",
        "a P0 right after one with a P0 waits a few seconds",
        "and goes then",
        "whatever went out last without a P0",
    ],
)
def test_the_turn_of_a_lane(before: Lane, priorities: str, second: float, expected: Turn) -> None:
    assert turn(before, waiting(priorities), at(second), RULES) == expected


@pytest.mark.parametrize(("deadline", "hold"), [(20, 20), (3, 5), (-60, 5), (None, 30)])
def test_nothing_waits_for_its_lane_beyond_its_deadline_and_the_short_window(deadline: float | None, hold: int) -> None:
    found = turn(lane(*FULL), waiting("3", deadline=deadline), at(1), RULES)
    assert found == Turn(singles=0, holds=(at(hold),))


def test_what_another_engine_has_held_goes_together_when_its_turn_comes() -> None:
    held = [Waiting(urgent=True, held=True), Waiting(urgent=False, held=True)]
    assert turn(Lane(), held, at(5), RULES) == Turn(singles=0, bundle=True)


def test_a_storm_of_thousands_is_a_message_every_half_minute() -> None:
    one, sent = Lane(), 0
    for second in range(600):
        found = turn(one, waiting("2" * 50, deadline=None), at(second), RULES)
        for _ in range(found.singles + found.bundle):
            one, sent = passed(one, at(second), RULES, urgent=False, bundle=found.bundle), sent + 1
    assert sent == 5 + 19


def test_the_first_line_is_made_for_a_lock_screen() -> None:
    page = Message(kind=MessageKind.PAGE, channel="chat", address="x", reason="why", respond_by=at(300))
    later = Message(kind=MessageKind.PAGE, channel="chat", address="x", reason="why", respond_by=at(900))
    worst = incident(priority=Priority.P0, title="Checkout down")
    told = [(worst, later), *[(incident(priority=Priority.P1, title="Search slow"), page)] * 37]
    assert bundle_headline(told, "UTC") == "P0 +37 more: Checkout down and others; respond by 12:05 UTC"
    assert bundle_headline(told[:2], "UTC").startswith("P0 +1 more: Checkout down and another;")
    assert bundle_headline(told, "UTC", repeated=True).startswith("(repeated) P0 +37 more")


def test_what_comes_later_does_not_overtake_what_waits_for_its_turn() -> None:
    """Each that went past would put the turn of the others off."""
    later = NOON + timedelta(seconds=20)
    lane = holds(Lane(), [later])
    assert turn(lane, [Waiting(urgent=False)], NOON, RULES).bundle
    sent = passed(lane, NOON, RULES, urgent=False)
    assert turn(sent, [Waiting(urgent=False)], NOON + timedelta(seconds=10), RULES).singles == 0
    assert turn(sent, [Waiting(urgent=False)], later, RULES).singles == 1


def test_what_failed_has_disturbed_nobody_and_puts_nothing_off() -> None:
    before = lane(0, 10)
    tried = passed(before, at(20), RULES, urgent=True, bundle=True)
    assert taken_back(tried, at(20)) == replace(before, bundled_at=at(20))
    assert taken_back(before, at(20)) == before
