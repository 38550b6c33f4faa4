"""When a provider counts as out, and how it is found to be back."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from engine.core.breaker import (
    FAILURES,
    PROBE,
    REST,
    Breaker,
    Standing,
    admits,
    counts,
    failed,
    next_probe,
    probing,
    standing,
    succeeded,
    why_out,
)
from engine.core.errors import DeliveryError, Limited
from tests.core.cases import NOON


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def after(failures: int, *, every: float = 1) -> Breaker:
    one = Breaker()
    for number in range(failures):
        one = failed(one, "no answer", at(number * every))
    return one


OPEN = after(FAILURES)
LAST = at(FAILURES - 1)


@pytest.mark.parametrize(
    ("breaker", "now", "expected", "admitted"),
    [
        (Breaker(), NOON, Standing.CLOSED, True),
        (after(FAILURES - 1), LAST, Standing.CLOSED, True),
        (OPEN, LAST, Standing.OPEN, False),
        (OPEN, LAST + REST - timedelta(seconds=1), Standing.OPEN, False),
        (OPEN, LAST + REST, Standing.OPEN, True),
        (probing(OPEN, LAST + REST), LAST + REST, Standing.HALF_OPEN, False),
        (probing(OPEN, LAST + REST), LAST + REST + PROBE, Standing.OPEN, True),
        (failed(probing(OPEN, LAST + REST), "no answer", LAST + REST), LAST + REST, Standing.OPEN, False),
        (succeeded(), LAST, Standing.CLOSED, True),
    ],
    ids=[
        "new",
        "not often enough",
        "five in a row",
        "left alone for a while",
        "one may find out",
        "and one only",
        "unless that one is lost",
        "a failed probe begins the rest anew",
        "one that arrives ends it",
    ],
)
def test_how_a_breaker_stands(breaker: Breaker, now: datetime, expected: Standing, *, admitted: bool) -> None:
    assert (standing(breaker, now), admits(breaker, now)) == (expected, admitted)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (DeliveryError("no answer"), True),
        (DeliveryError("no answer", ambiguous=True), True),
        (DeliveryError("out of order", retry_after=60), True),
        (DeliveryError("no such address", permanent=True), False),
        (DeliveryError("slow down", retry_after=1, limited=Limited.ADDRESS), False),
    ],
)
def test_what_counts_is_what_the_provider_and_not_the_address_is_to_blame_for(
    error: DeliveryError, *, expected: bool
) -> None:
    assert counts(error) is expected


def test_it_says_since_when_and_after_how_many() -> None:
    assert why_out(after(7, every=60)) == "is out since 12:00 UTC after 7 failures in a row"


@pytest.mark.parametrize(
    ("breaker", "expected"), [(OPEN, LAST + REST), (probing(OPEN, LAST), LAST + REST), (after(1), at(1))]
)
def test_what_waits_is_looked_at_again_and_never_at_once(breaker: Breaker, expected: datetime) -> None:
    now = LAST if breaker.out_since else NOON
    assert next_probe(breaker, now) == expected
