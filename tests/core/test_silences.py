"""Silences: from when to when they mute, who may make them, and what is refused."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from engine.core.errors import Forbidden, NotFound, Refusal
from engine.core.matchers import Matcher
from engine.core.model import Role
from engine.core.silences import (
    NewSilence,
    Silence,
    SilenceState,
    check_bounded,
    muting_until,
    next_muting,
    silence,
    silence_id,
)
from engine.core.weekly import Weekly
from tests.core.cases import LEAD, NOON, person

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
NIGHTS = Weekly(days=("wed",), start=datetime.min.time().replace(hour=22), end=datetime.min.time().replace(hour=6))
"""NOON is a Wednesday."""
TONIGHT, MORNING = NOON + 10 * HOUR, NOON + 18 * HOUR


def asked(**changes: Any) -> NewSilence:
    good: dict[str, Any] = {"matchers": ['service="shop"'], "ends_at": NOON + HOUR, "reason": "an upgrade"}
    return NewSilence.model_validate(good | changes)


def made(**changes: Any) -> Silence:
    return silence(asked(**changes), LEAD, NOON)


ACTIVE, PENDING, EXPIRED = SilenceState.ACTIVE, SilenceState.PENDING, SilenceState.EXPIRED


@pytest.mark.parametrize(
    ("one", "at", "state"),
    [
        (made(), NOON, ACTIVE),
        (made(), NOON + HOUR - SECOND, ACTIVE),
        (made(), NOON + HOUR, EXPIRED),
        (made(starts_at=NOON + HOUR / 2), NOON + HOUR / 2 - SECOND, PENDING),
        (made(starts_at=NOON + HOUR / 2), NOON + HOUR / 2, ACTIVE),
        (made(starts_at=NOON - HOUR), NOON, ACTIVE),
        (made(ends_at=NOON + 8 * DAY, recurrence=NIGHTS), NOON, PENDING),
        (made(ends_at=NOON + 8 * DAY, recurrence=NIGHTS), TONIGHT, ACTIVE),
        (made(ends_at=NOON + 8 * DAY, recurrence=NIGHTS), MORNING, PENDING),
        (made(ends_at=NOON + 8 * DAY, recurrence=NIGHTS), TONIGHT + 7 * DAY, ACTIVE),
        (made(ends_at=NOON + 8 * DAY, recurrence=NIGHTS), NOON + 8 * DAY, EXPIRED),
        (replace(made(), expired_at=NOON + SECOND), NOON, ACTIVE),
        (replace(made(), expired_at=NOON + SECOND), NOON + SECOND, EXPIRED),
        (replace(made(starts_at=NOON + HOUR / 2), expired_at=NOON), NOON + HOUR / 2, EXPIRED),
    ],
)
def test_it_mutes_from_its_start_until_right_before_its_end_and_only_in_its_turns(
    one: Silence, at: datetime, state: SilenceState
) -> None:
    assert one.state(at) is state


@pytest.mark.parametrize(
    ("starts", "ends", "recurrence", "until", "following"),
    [
        (None, NOON + HOUR, None, NOON + HOUR, None),
        (NOON, None, NIGHTS, None, TONIGHT),
        (NOON + HOUR, NOON + DAY, None, None, NOON + HOUR),
        (NOON + DAY, None, NIGHTS, None, TONIGHT + 7 * DAY),
        (TONIGHT + HOUR, None, NIGHTS, None, TONIGHT + HOUR),
        (None, TONIGHT, NIGHTS, None, None),
        (NOON - DAY, NOON, None, None, None),
    ],
)
def test_when_it_mutes_next_and_until_when(
    starts: datetime | None, ends: datetime | None, recurrence: Weekly | None, until: object, following: object
) -> None:
    assert muting_until(starts, ends, recurrence, NOON) == until
    assert next_muting(starts, ends, recurrence, NOON) == following


def test_a_turn_ends_with_the_silence() -> None:
    assert muting_until(None, TONIGHT + HOUR, NIGHTS, TONIGHT) == TONIGHT + HOUR
    assert muting_until(None, MORNING + HOUR, NIGHTS, TONIGHT) == MORNING


@pytest.mark.parametrize(
    ("changes", "code", "says"),
    [
        ({"ends_at": NOON}, "silence_over", "is in the past"),
        ({"starts_at": NOON + 2 * HOUR}, "silence_over", "is not after its start at 2026-03-04T14:00:00"),
        ({"recurrence": NIGHTS}, "silence_idle", "No turn of wed 22:00-06:00 UTC falls between"),
        ({"matchers": ['job=~"(a+)+b"']}, "matcher_refused", "may take for ever"),
        ({"matchers": [f'job=~"{"a" * 501}"']}, "matcher_refused", "500 characters"),
    ],
)
def test_a_silence_that_would_not_work_is_refused_with_the_reason(
    changes: dict[str, Any], code: str, says: str
) -> None:
    with pytest.raises(Refusal, match=says) as caught:
        made(**changes)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "changes", [{"matchers": []}, {"matchers": ['job=~".*"', 'team!="web"']}, {"reason": "  "}, {"surprise": 1}]
)
def test_what_would_mute_everything_or_says_no_reason_is_no_silence(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        asked(**changes)


def test_a_viewer_makes_none() -> None:
    with pytest.raises(Forbidden, match="may look at silences"):
        silence(asked(), person("ops-senior", Role.VIEWER), NOON)


@pytest.mark.parametrize(
    "pattern", ["web-[0-9]+", "(eu|us)-1", ".*foo.*", "(?:a|b)?c", r"\(a+\)+", "[(a+)]*", "(ab)+", "a{2}"]
)
def test_a_usual_regular_expression_may_be_used(pattern: str) -> None:
    check_bounded(Matcher.parse(f'job=~"{pattern}"'))


@pytest.mark.parametrize(
    "pattern", ["(a+)+", "(a*)*", "(a|ab)*", "((a+))+", "(?:x{2,}){3,}", "(?P<x>a+)*", "([a-z]+[0-9]?)+"]
)
def test_a_regular_expression_that_may_take_for_ever_is_refused(pattern: str) -> None:
    with pytest.raises(Refusal, match="repeats a group that itself repeats or chooses"):
        check_bounded(Matcher.parse(f'job!~"{pattern}"'))


def test_what_is_let_through_does_not_take_long_on_text_that_nearly_matches() -> None:
    began = time.process_time()
    for pattern in ("(eu|us)?a+b", "[a-z]+[0-9]+x", ".*a.*b"):
        matcher = Matcher.parse(f'job=~"{pattern}"')
        check_bounded(matcher)
        assert not matcher.matches({"job": "a" * 2000})
    assert time.process_time() - began < 5


@pytest.mark.parametrize("ref", ["SIL-7", "sil-7", "7", " SIL-7 "])
def test_a_silence_is_named_in_any_of_these_ways(ref: str) -> None:
    assert silence_id(ref) == 7


@pytest.mark.parametrize("ref", ["", "SIL-", "SIL-0", "INC-7", "-7", "seven"])
def test_anything_else_names_none(ref: str) -> None:
    with pytest.raises(NotFound, match="silences are named like SIL-7"):
        silence_id(ref)
