"""How many reports the page takes in a minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from engine.core.reportpage import admit

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def ago(*seconds: float) -> list[datetime]:
    return [NOW - timedelta(seconds=one) for one in seconds]


@pytest.mark.parametrize(
    ("taken", "wait"),
    [
        ((), None),
        ((59,), None),
        ((59, 1), 1),
        ((60, 1), None),
        ((59.5, 30), 0.5),
        ((300, 200, 100), None),
        ((50, 40, 30), 20),
    ],
    ids=str,
)
def test_two_reports_a_minute_are_taken_and_the_next_one_is_told_how_long_to_wait(
    taken: tuple[float, ...], wait: float | None
) -> None:
    found = admit(ago(*taken), 2, NOW)
    assert found.wait == (None if wait is None else timedelta(seconds=wait))
    assert (NOW in found.taken) is (wait is None)
    assert all(NOW - at < timedelta(minutes=1) for at in found.taken)
