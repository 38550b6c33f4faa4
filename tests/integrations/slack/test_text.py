"""Foreign text in Slack's mrkdwn: nobody is mentioned, nothing is linked, nothing is dressed up."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.ports import Envelope
from integrations.slack.text import clock, link, plain, stack, when
from tests.integrations.slack.envelopes import OPENED, PAGE, at


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a < b & c > d", "a &lt; b &amp; c &gt; d"),
        ("<!channel> wake up", "&lt;!channel&gt; wake up"),
        ("<@U0000ANA>", "&lt;@U0000ANA&gt;"),
        ("<https://evil.example|Acknowledge>", "&lt;https://evil.example|Acknowledge&gt;"),
        ("two\nlines\tand\u2028three", "two lines and three"),
        ("over\u202eride \x00 \ud800", "override"),
        ("*Acknowledged by Ana*", "\u2217Acknowledged by Ana\u2217"),
        ("`code` ~struck~ _leaning_", "\u02cbcode\u02cb \u223cstruck\u223c \u02cdleaning\u02cd"),
        ("db_primary_1 /var/log/*.log 2*3*4 ~/x", "db_primary_1 /var/log/*.log 2*3*4 ~/x"),
        ("", ""),
    ],
)
def test_foreign_text_is_inert(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(st.text(alphabet="&<>*_a \n", max_size=400), st.integers(10, 120))
def test_escaped_text_keeps_its_limit_and_no_half_an_entity(text: str, most: int) -> None:
    shown = plain(text, most)
    assert len(shown) <= most
    assert "<" not in shown
    assert all(rest.startswith(("amp;", "lt;", "gt;")) for rest in shown.split("&")[1:])


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://x.example/?a=1&b=<2>|3", "<https://x.example/?a=1&amp;b=&lt;2&gt;%7C3|Graph &amp; more>"),
        ("javascript:alert(1)", "Graph &amp; more"),
        ("https://x.example/ a", "Graph &amp; more"),
        ("slack://channel?team=1", "Graph &amp; more"),
        ("https://[broken", "Graph &amp; more"),
    ],
)
def test_only_web_addresses_become_links(url: str, shown: str) -> None:
    assert link("Graph & more", url) == shown


def moment(now: datetime, zone: str) -> Envelope:
    return replace(PAGE, now=now, zone=zone)


def test_a_time_is_shown_in_each_readers_zone_and_falls_back_to_the_recipients() -> None:
    stamp = int(at(30).timestamp())
    assert when(moment(OPENED, "Europe/Berlin"), at(30)) == f"<!date^{stamp}^{{time}}|03:30 CET>"


def test_a_time_on_another_day_comes_with_its_date() -> None:
    tomorrow = at(24 * 60)
    shown = f"<!date^{tomorrow.timestamp():.0f}^{{date_short_pretty}} {{time}}|Sun 18 Jan, 07:30 IST>"
    assert when(moment(OPENED, "Asia/Kolkata"), tomorrow) == shown


def test_the_zone_is_named_once_across_a_change_of_the_clocks() -> None:
    evening = datetime(2026, 3, 28, 22, tzinfo=UTC)
    assert clock(evening + timedelta(hours=3), now=evening, zone="Europe/Berlin") == "Sun 29 Mar, 03:00 CEST"


@pytest.mark.parametrize(
    ("lines", "most", "shown"),
    [
        (["one", "two"], 7, "one\ntwo"),
        (["one", "two", "three" * 3], 20, "one\ntwo\n…and 1 more"),
        (["one", "two" * 10], 16, "one\n…and 1 more"),
        (["one" * 10], 11, "…and 1 more"),
    ],
)
def test_lines_that_do_not_fit_are_counted(lines: list[str], most: int, shown: str) -> None:
    assert stack(lines, most) == shown
