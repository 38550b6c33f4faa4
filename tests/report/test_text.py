"""Text from outside, and what of it may reach a reader."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.report.text import breakable, clean, fold, host, json_object, shorten, web_address


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("plain", "plain"),
        ("tab\tstays\nso do lines", "tab\tstays\nso do lines"),
        ("a\r\nb\rc\u2028d\x85e\x0bf", "a\nb\nc\nd\ne\nf"),
        ("\x1b[31mred\x1b[0m\x00\x07\x7f\x9b", "[31mred[0m"),
        ("invoice\u202egnp.exe", "invoicegnp.exe"),
        ("\ud800x", "\ufffdx"),
        ("e" + "\u0301" * 300 + "f", "e" + "\u0301" * 4 + "f"),
        ("नमस्ते สวัสดี 👩‍👩‍👧", "नमस्ते สวัสดี 👩‍👩‍👧"),
    ],
)
def test_what_no_reader_can_see_is_taken_out(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@given(st.text())
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@pytest.mark.parametrize(
    ("address", "safe"),
    [
        ("https://x.example/a?b=1&c=2#d", "https://x.example/a?b=1&c=2#d"),
        (" http://x.example ", "http://x.example"),
        ("https://x.example/ü", "https://x.example/%C3%BC"),
        ('https://x.example/"><b>|`\\', "https://x.example/%22%3E%3Cb%3E%7C%60%5C"),
        ("javascript:alert(1)", None),
        ("JAVASCRIPT:alert(1)", None),
        ("data:text/html,x", None),
        ("//x.example", None),
        ("/relative", None),
        ("https://", None),
        ("https://user:pass@x.example", None),
        ("https://x.example/a b", None),
        ("https://x.example/\x00", None),
        ("http://[::1", None),
        ("https://x.example/" + "a" * 2000, None),
        ("", None),
        (None, None),
    ],
)
def test_only_plain_addresses_of_the_web_may_be_followed(address: object, safe: str | None) -> None:
    assert web_address(address) == safe


def test_the_host_says_where_a_link_really_leads() -> None:
    assert host("https://evil.example:8443/bank.example") == "evil.example:8443"


@pytest.mark.parametrize(
    ("text", "limit", "short"), [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("ab cd", 4, "ab…"), ("", 3, "")]
)
def test_a_cut_is_marked(text: str, limit: int, short: str) -> None:
    assert shorten(text, limit) == short


def test_folded_text_is_on_one_line() -> None:
    assert fold(" a\n\n b\tc ") == "a b c"


@pytest.mark.parametrize(
    ("text", "limit", "marked"),
    [
        ("short words only", 8, "short words only"),
        ("a" * 12, 8, "aaaa|aaaa|aaaa"),
        ("see " + "b" * 5, 4, "see bb|bb|b"),
        ("xy" + "\u0301" * 3 + "z", 2, "x|y\u0301\u0301\u0301|z"),
    ],
)
def test_only_words_without_room_may_be_broken(text: str, limit: int, marked: str) -> None:
    assert breakable(text, limit) == marked.replace("|", "\u200b")


@given(st.text(), st.integers(min_value=1, max_value=40))
def test_marking_breaks_adds_nothing_else(text: str, limit: int) -> None:
    assert breakable(text, limit).replace("\u200b", "") == text.replace("\u200b", "")


def test_what_json_does_not_know_becomes_its_text() -> None:
    found = json_object({"a": (1, 2.5, None, True), "b": float("nan"), "c": {"\ud800": b"x"}})
    assert found == {"a": [1, 2.5, None, True], "b": "nan", "c": {"\ufffd": "b'x'"}}
