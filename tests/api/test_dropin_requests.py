"""Ids that hold what became of a request."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api.dropin.requests import Answered, Asked, mark_of, read_id

AT = datetime(2026, 11, 21, 3, 10, 0, 123_000, tzinfo=UTC)
ANSWERS = st.builds(
    Answered,
    asked=st.sampled_from(Asked),
    at=st.integers(0, 10**13).map(lambda number: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=number)),
    incident=st.none() | st.integers(1, 2**38 - 1),
    mark=st.text(max_size=20).map(mark_of),
)


@given(ANSWERS)
def test_an_id_holds_all_that_was_answered(answered: Answered) -> None:
    assert read_id(answered.to_id()) == answered


def test_an_id_is_a_uuid_and_two_of_one_moment_differ() -> None:
    answered = Answered(asked=Asked.CLOSE, at=AT, incident=42, mark=mark_of("db"))
    ids = {answered.to_id() for _ in range(20)}
    assert len(ids) > 1
    assert {uuid.UUID(one).version for one in ids} == {8}
    assert all(str(uuid.UUID(one)) == one for one in ids)


@pytest.mark.parametrize("text", ["", "INC-42", str(uuid.UUID(int=0)), "ec7e1d8e-1c75-442e-a271-731070a7fa4d"])
def test_another_id_is_none_of_ours(text: str) -> None:
    assert read_id(text) is None


@given(st.uuids() | st.integers(0, 2**128 - 1).map(lambda number: uuid.UUID(int=number)))
def test_whatever_is_asked_for_breaks_nothing(asked: uuid.UUID) -> None:
    found = read_id(str(asked))
    assert found is None or read_id(found.to_id()) == found


def test_it_tells_its_alert_from_the_others_of_the_incident() -> None:
    answered = Answered(asked=Asked.CREATE, at=AT, incident=42, mark=mark_of("db"))
    assert answered.alert_among({1: "web", 2: "db", 3: "disk"}) == (2, "db")
    assert answered.alert_among({1: "web"}) is None
