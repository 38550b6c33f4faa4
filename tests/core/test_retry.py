"""When a failed message is tried again."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest

from engine.core.retry import next_try
from tests.core.cases import NOON

LATER = NOON + timedelta(hours=1)


@pytest.mark.parametrize(("attempts", "longest"), [(1, 2), (2, 4), (3, 8), (4, 16), (5, 30), (6, 30), (10_000, 30)])
def test_waits_double_up_to_half_a_minute_and_are_spread_over_the_upper_half(attempts: int, longest: int) -> None:
    waits = [next_try(attempts, NOON, LATER, jitter) for jitter in (0.0, 0.5, 1.0)]
    assert waits == [NOON + timedelta(seconds=longest * part) for part in (0.5, 0.75, 1)]


@pytest.mark.parametrize(("asked", "wait"), [(45.0, 45), (0.5, 2), (0.0, 2), (-7.0, 2), (None, 2), (3600.0, 3600)])
def test_the_provider_is_left_alone_as_long_as_it_asks(asked: float | None, wait: float) -> None:
    assert next_try(1, NOON, LATER, 1.0, asked) == NOON + timedelta(seconds=wait)


@pytest.mark.parametrize("asked", [3600.1, 1e15, 1e300, math.inf, math.nan])
def test_a_provider_that_asks_for_more_time_than_there_is_left_is_given_up(asked: float) -> None:
    assert next_try(1, NOON, LATER, 0.0, asked) is None


@pytest.mark.parametrize(("left", "again"), [(2, True), (1.999, False), (0, False), (-5, False)])
def test_no_try_comes_after_the_deadline(left: float, *, again: bool) -> None:
    found = next_try(1, NOON, NOON + timedelta(seconds=left), 1.0)
    assert (found is not None) is again
