"""Phrases are found however a sender joins the words, and not where the sender denies them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.phrases import wording


def found(phrase: str, text: str) -> bool:
    return wording({}, title=text).evidence((phrase,)) is not None


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("data loss", "Data loss on db-1"),
        ("data loss", "DataLoss"),
        ("data loss", "dataLossDetected"),
        ("data loss", "DATA_LOSS"),
        ("data loss", "data - loss"),
        ("data loss", "dataloss"),
        ("data loss", "S3DataLoss"),
        ("DataLoss", "data loss"),
        ("PostgreSQL", "PostgreSQL is slow"),
        ("postgresql", "PostgreSQL is slow"),
        ("PostgreSQL", "postgresql is slow"),
        ("api down", "KubeAPIDown"),
        ("down", "Instance 10.0.0.1:9100 down"),
        ("can't log in", "cant log in"),
        ("can't log in", "I can\u2019t log-in"),
        ("HTTP/2 failing", "http/2 failing"),
        ("data loss", "no data loss yesterday, but data loss now"),
        ("data loss", "Anything left? No. Data loss!"),
        ("not responding", "api is not responding"),
        ("störung", "Große STÖRUNG"),
    ],
)
def test_a_phrase_is_found(phrase: str, text: str) -> None:
    assert found(phrase, text)


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("data loss", "No data loss"),
        ("data loss", "backup ended without data loss"),
        ("data loss", "NoDataLoss"),
        ("data loss", "no_data_loss"),
        ("down", "Slowdown of the countdown"),
        ("down", "db isn't down"),
        ("auth", "author unknown"),
        ("data loss", "data: loss of contact"),
        ("data loss", "loss of data"),
        ("data loss", "data lossless"),
        ("data loss", ""),
        ("", "anything"),
        ("  ", "anything at all"),
    ],
)
def test_a_phrase_is_not_found(phrase: str, text: str) -> None:
    assert not found(phrase, text)


def test_a_phrase_does_not_reach_from_one_field_into_the_next() -> None:
    assert wording({"type": "data"}, title="loss").evidence(("data loss",)) is None


def test_only_the_labels_that_describe_what_happened_are_read() -> None:
    said = wording({"instance": "data-loss", "impact": "outage"}, title="x")
    assert said.evidence(("data loss",)) is None
    assert said.evidence(("data loss", "outage")) == "the impact label says 'outage'"


def test_the_field_that_affirms_is_named_not_the_one_that_denies() -> None:
    said = wording({"impact": "no data loss"}, summary="data loss")
    assert said.evidence(("data loss",)) == "the summary says 'data loss'"


WORDS = st.lists(st.text("abcxyz", min_size=4, max_size=8), min_size=1, max_size=4)


@settings(max_examples=40)
@given(WORDS, st.sampled_from(" _-"), st.text("no NOT|-_.'\n\u00df", max_size=30))
def test_every_phrase_is_found_behind_any_text(words: list[str], joint: str, before: str) -> None:
    assert found(" ".join(words), f"{before}. {joint.join(words)}")
