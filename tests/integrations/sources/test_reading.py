from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.sources import reading
from integrations.sources.reading import digest, identity, line, links, text, texts, tidy


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("as it is \U0001f600 \u202f", "as it is \U0001f600 \u202f"),
        ("two\r\nlines\tand\n", "two\nlines\tand\n"),
        ("\x00 \x1b[31m \x7f \x85 \r", "\ufffd \ufffd[31m \ufffd \ufffd \ufffd"),
        (None, ""),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (97.5, "97.5"),
        (10**30, "1" + "0" * 30),
        (["a", 1], '["a",1]'),
        ({"a": None}, '{"a":null}'),
        ("x" * 51, "x" * 49 + "…"),
    ],
)
def test_a_value_becomes_text(value: object, shown: str) -> None:
    assert text(value, 50) == shown


def test_a_line_has_no_line_ends_and_no_runs_of_blanks() -> None:
    assert line("  Checkout\n is\t\tdown ", 50) == "Checkout is down"


def test_what_identifies_something_stays_distinct_when_it_is_cut() -> None:
    first, second = (identity("x" * 500 + end, 400) for end in "ab")
    assert first != second
    assert {len(first), len(second)} == {400}
    assert identity("short", 400) == "short"


def test_the_hash_does_not_depend_on_the_order_of_keys() -> None:
    assert digest({"a": 1, "b": {"c": 2, "d": 3}}) == digest({"b": {"d": 3, "c": 2}, "a": 1})
    assert digest(["a", "b"]) != digest(["b", "a"])


def test_an_empty_label_is_a_missing_label() -> None:
    assert texts({"a": "", "b": None, "c": 0}, 50) == {"c": "0"}


def test_of_too_many_labels_those_that_decide_stay_and_the_rest_is_counted() -> None:
    many = {f"name{number:03}": "x" for number in range(300)} | {"severity": "critical", "service": "checkout"}
    kept = texts(many, 50)
    assert len(kept) == reading.MOST_LABELS
    assert (kept["severity"], kept["service"], kept["name000"]) == ("critical", "checkout", "x")
    assert kept["left_out"] == "203 more"


@pytest.mark.parametrize(
    "url",
    [
        *("javascript:alert(1)", "ftp://example.org", "//example.org", "https://", "example.org", "", None, 7, ["x"]),
        *(
            "https://user:password@example.org/",
            "https://a b",
            "https://a\n.b",
            "https://a/\x1b[31m",
            "https://a/\u202e",
        ),
        "https://example.org/" + "x" * reading.URL,
    ],
)
def test_what_a_reader_should_not_follow_is_no_link(url: object) -> None:
    assert links([("Source", url)]) == ()


def test_the_same_address_is_one_link_under_its_first_name() -> None:
    found = links([("Source", "http://a.example/?q=@x"), ("Runbook", "http://a.example/?q=@x"), ("Other", "HTTPS://b")])
    assert [(link.title, link.url) for link in found] == [("Source", "http://a.example/?q=@x"), ("Other", "HTTPS://b")]


@pytest.mark.parametrize(
    ("sent", "tidied"),
    [
        (rb'"\ud83d\ude00"', rb'"\ud83d\ude00"'),
        (rb'"\ud83d"', rb'"\ufffd"'),
        (rb'"\ude00 \uD83D\uD83D\uDE00"', rb'"\ufffd \ufffd\uD83D\uDE00"'),
        (rb'"\\ud83d"', rb'"\\ud83d"'),
        (rb'"\\\ud83d\n"', rb'"\\\ufffd\n"'),
        (b'\xef\xbb\xbf"x"', b'"x"'),
    ],
)
def test_half_characters_are_replaced_and_nothing_else(sent: bytes, tidied: bytes) -> None:
    assert tidy(sent) == tidied


@given(st.text(alphabet=st.sampled_from(["\ud83d", "\ude00", "\\", "u", "d", "8", "é", '"'])))
def test_tidied_json_says_the_same_but_for_half_characters(said: str) -> None:
    whole = said.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    tidied = json.loads(tidy(json.dumps(said).encode()))
    assert re.sub("\ufffd+", "\ufffd", tidied) == re.sub("\ufffd+", "\ufffd", whole)
