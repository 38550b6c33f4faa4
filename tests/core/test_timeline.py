"""The chained record: every change to it is found."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.model import Event, RecordedEvent
from engine.core.timeline import GENESIS, canonical, chain, event_hash, format_time, verify
from tests.core.cases import NOON, minutes

LINES = [Event(kind="note", actor="person:a", reason=f"line {n}", data={"n": n, "at": None}) for n in range(4)]
RECORD = chain(42, LINES, NOON)
HEAD = RECORD[-1].hash


def test_lines_are_numbered_from_1_and_each_holds_the_hash_of_the_one_before() -> None:
    assert [line.seq for line in RECORD] == [1, 2, 3, 4]
    assert [line.prev_hash for line in RECORD] == [GENESIS, *(line.hash for line in RECORD[:-1])]
    assert verify(RECORD, seq=4, head=HEAD) is None


def test_a_record_goes_on_where_it_ended() -> None:
    start = chain(42, LINES[:2], NOON)
    rest = chain(42, LINES[2:], NOON, seq=2, head=start[-1].hash)
    assert start + rest == RECORD
    assert chain(42, [], NOON, seq=2, head="x") == ()


SIGNS = 'ab "\\/\b\f\n\r\t\x00\x1f\x7f\x80é\u2028\u2029\ud800\udfff\uffff😀'
NUMBERS = [0, -1, 2**53 + 1, 10**30, 0.0, -0.0, 0.1, 1e16, 1e-7, 1.5e300, math.inf, -math.inf, math.nan, 123456789.0]


def any_text(chance: Random) -> str:
    return "".join(chance.choices(SIGNS, k=chance.randrange(6)))


def any_data(chance: Random, depth: int = 0) -> Any:
    match chance.randrange(7 if depth < 3 else 4):
        case 0:
            return chance.choice([None, True, False])
        case 1:
            return chance.choice(NUMBERS)
        case 2 | 3:
            return any_text(chance)
        case 4:
            return [any_data(chance, depth + 1) for _ in range(chance.randrange(4))]
        case _:
            return {any_text(chance): any_data(chance, depth + 1) for _ in range(chance.randrange(4))}


def test_what_is_hashed_is_the_standard_librarys_json_whatever_stands_in_the_line() -> None:
    chance = Random(1)
    for _ in range(2000):
        line = [any_text(chance) for _ in range(chance.randrange(5))]
        data = {any_text(chance): any_data(chance, 1) for _ in range(chance.randrange(5))}
        expected = json.dumps([*line, data], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert canonical(line, data) == expected.encode("utf-8", "surrogatepass"), (line, data)


def altered(**changes: Any) -> list[RecordedEvent]:
    return [RECORD[0], replace(RECORD[1], **changes), *RECORD[2:]]


@pytest.mark.parametrize(
    ("record", "seq", "reason"),
    [
        (altered(reason="nothing"), 2, "its content does not match its hash"),
        (altered(actor="person:b"), 2, "its content does not match its hash"),
        (altered(kind="incident.closed"), 2, "its content does not match its hash"),
        (altered(at=NOON + timedelta(microseconds=1)), 2, "its content does not match its hash"),
        (altered(data={"n": 1}), 2, "its content does not match its hash"),
        (altered(incident=7), 2, "its content does not match its hash"),
        (altered(hash="f" * 64), 2, "its content does not match its hash"),
        (altered(prev_hash="f" * 64), 2, "it does not follow the line before it"),
        ([RECORD[0], *RECORD[2:]], 2, "line 2 is missing"),
        (RECORD[1:], 1, "line 1 is missing"),
        ([RECORD[1], RECORD[0], *RECORD[2:]], 1, "line 1 is missing"),
        ([*RECORD, RECORD[3]], 5, "line 5 is missing"),
        (RECORD[:3], 3, "the record ends at line 3, not at 4"),
        ([], 0, "the record ends at line 0, not at 4"),
    ],
)
def test_whatever_is_done_to_the_record_is_found(record: list[RecordedEvent], seq: int, reason: str) -> None:
    found = verify(record, seq=4, head=HEAD)
    assert found is not None
    assert (found.seq, found.reason) == (seq, reason)


def test_a_line_rewritten_with_a_hash_of_its_own_is_found_by_the_next_one() -> None:
    event = Event(kind="note", actor="person:a", reason="forged")
    forged = replace(RECORD[1], reason="forged", data={}, hash=event_hash(42, 2, NOON, event, RECORD[0].hash))
    found = verify([RECORD[0], forged, *RECORD[2:]], seq=4, head=HEAD)
    assert found is not None
    assert found.seq == 3


def test_a_record_rewritten_as_a_whole_is_found_by_its_head() -> None:
    other = chain(42, [replace(line, reason="forged") for line in LINES], NOON)
    assert verify(other, seq=4, head=other[-1].hash) is None
    assert verify(other, seq=4, head=HEAD) is not None


def test_an_incident_without_lines_is_in_order() -> None:
    assert verify([], seq=0, head="") is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=25)
@given(reason=st.text(), data=st.dictionaries(st.text(), JSON, max_size=3))
def test_any_text_can_be_recorded_and_verified(reason: str, data: dict[str, Any]) -> None:
    record = chain(42, [Event(kind="note", actor="a", reason=reason, data=data)], NOON)
    assert verify(record, seq=1, head=record[0].hash) is None


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (NOON, "2026-03-04T12:00:00.000000Z"),
        (NOON.astimezone(timezone(timedelta(hours=5, minutes=30))), "2026-03-04T12:00:00.000000Z"),
        (NOON + minutes(1) + timedelta(microseconds=7), "2026-03-04T12:01:00.000007Z"),
        (datetime(33, 4, 3, tzinfo=UTC), "0033-04-03T00:00:00.000000Z"),
    ],
)
def test_times_are_written_in_utc_with_microseconds_always_the_same_length(at: datetime, text: str) -> None:
    assert format_time(at) == text
