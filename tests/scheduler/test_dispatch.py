"""The sender's pace, as a table of what there is to do."""

from __future__ import annotations

import pytest

from engine.scheduler.dispatch import BREATH, STORM, STORM_BREATH, STORM_RATE, WINDOW, Pace

SENT = 16


def rests(alerts_a_second: float, seconds: float = 3) -> list[float]:
    """What each round rests while alerts come in at this rate, ten rounds a second."""
    pace = Pace(0.0, work=1000)
    times = [number / 10 for number in range(1, round(seconds * 10) + 1)]
    return [pace.rest(SENT, now, 1000 + round(now * alerts_a_second)) for now in times]


@pytest.mark.parametrize("alerts_a_second", [0, 1, STORM - 10])
def test_messages_go_out_as_they_come_while_alerts_come_one_by_one(alerts_a_second: int) -> None:
    assert rests(alerts_a_second) == [BREATH] * 30


@pytest.mark.parametrize("alerts_a_second", [STORM + 10, 10 * STORM])
def test_in_a_storm_messages_go_out_at_the_rate_of_storms(alerts_a_second: int) -> None:
    assert rests(alerts_a_second)[-20:] == [SENT / STORM_RATE] * 20


def test_a_storm_is_noticed_and_over_within_two_windows() -> None:
    pace = Pace(0.0, work=0)
    assert pace.rest(SENT, WINDOW, work=STORM) > BREATH
    assert pace.rest(SENT, 2 * WINDOW, work=STORM) == BREATH


@pytest.mark.parametrize(("sent", "rest"), [(1, STORM_BREATH), (6, 6 / STORM_RATE)])
def test_a_round_rests_as_long_as_its_messages_are_worth_and_as_its_commit_is(sent: int, rest: float) -> None:
    pace = Pace(0.0, work=0)
    assert pace.rest(sent, WINDOW, work=STORM) == pytest.approx(rest)
