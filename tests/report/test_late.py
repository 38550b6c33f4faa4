"""What came late, by how much and why, in every form of the report."""

from __future__ import annotations

import json

import pytest

from engine.core.commands import Acknowledge
from engine.core.timeline import Kind, format_time
from engine.report.build import build
from engine.report.html import to_html
from engine.report.markdown import to_markdown
from engine.report.model import Report
from engine.report.pdf import to_pdf
from tests.report.example import OPENED, after, event, facts, recorded
from tests.report.played import Played

PAGE = {"page": "42.1", "contact": "ops-lead"}


def told(report: Report) -> list[tuple[str, float, float]]:
    """(what, due at minute, late by so many minutes)"""
    return [(one.what, (one.due_at - OPENED).total_seconds() / 60, one.late_s / 60) for one in report.late]


def test_what_is_on_time_is_not_late() -> None:
    assert Played().wait_until(61).report().late == ()
    assert "No page, level or response came more than a minute late." in to_markdown(Played().report()).decode()


def test_what_fell_due_while_the_engine_was_down_is_late_and_says_why() -> None:
    report = Played().sleep_until(47).report()
    assert told(report) == [
        ("The response of level 1 was found missed", 5, 42),
        ("Level 1 was passed over", 5, 42),
        ("Level 2 was escalated to", 30, 17),
    ]
    assert all("the engine was down" in one.reason for one in report.late)
    kinds = {line.seq: line.kind for line in report.timeline}
    assert [kinds[one.line] for one in report.late] == [Kind.RESPONSE_BREACHED, Kind.SUPERSEDED, Kind.ESCALATED]


def test_a_page_that_waited_for_its_provider_is_late_and_says_what_was_in_the_way() -> None:
    lines = recorded(
        (0, event(Kind.PAGE_DECIDED, channels=["slack", "email"], level=1, **PAGE)),
        (0.01, event(Kind.PAGE_SENT, channel="email", delivery=2, attempts=1, **PAGE)),
        (0.5, event(Kind.PAGE_RETRIED, channel="slack", delivery=1, error="slack answered 503", **PAGE)),
        (4, event(Kind.PAGE_SENT, channel="slack", delivery=1, attempts=3, **PAGE)),
    )
    [late] = build(facts(events=lines)).late
    assert (late.what, late.late_s, late.line) == ("The page to Olu Adeyemi by slack was sent", 240, 4)
    assert late.reason == "it was tried 3 times; before that: slack answered 503"


def test_a_page_that_took_another_way_is_as_late_as_the_person_has_waited() -> None:
    lines = recorded(
        (0, event(Kind.PAGE_DECIDED, channels=["slack"], level=1, **PAGE)),
        (2, event(Kind.PAGE_DECIDED, reason="slack is out since 02:30 UTC; email instead", channels=["email"], **PAGE)),
        (2.01, event(Kind.PAGE_SENT, channel="email", delivery=2, attempts=1, **PAGE)),
    )
    [late] = build(facts(events=lines)).late
    assert (late.what, round(late.late_s)) == ("The page to Olu Adeyemi by email was sent", 121)
    assert late.reason == "slack is out since 02:30 UTC; email instead"


@pytest.mark.parametrize(
    ("waited", "why"),
    [
        ("slack is out since 02:30 UTC", "it was not tried before: slack is out since 02:30 UTC"),
        ("", "nothing is on record that held it back: the engine was busy, or did not run"),
    ],
)
def test_a_page_that_waited_untried_says_for_what(waited: str, why: str) -> None:
    lines = recorded(
        (0, event(Kind.PAGE_DECIDED, channels=["slack"], level=1, **PAGE)),
        (3, event(Kind.PAGE_SENT, channel="slack", attempts=1, waited=waited, **PAGE)),
    )
    assert [one.reason for one in build(facts(events=lines)).late] == [why]


def test_a_question_that_came_late_is_listed_and_not_explained_by_the_trouble_of_a_card() -> None:
    question = {"channel": "slack", "contact": "ops-lead", "page": ""}
    lines = recorded(
        (0.5, event(Kind.PAGE_RETRIED, channel="slack", page=None, delivery=3, error="no such channel")),
        (15, event(Kind.LEASE_ASKED, owner="ops-lead", due_at=format_time(after(15)))),
        (15.1, event(Kind.PAGE_RETRIED, delivery=8, error="slack answered 503", **question)),
        (18, event(Kind.PAGE_SENT, delivery=8, attempts=2, **question)),
    )
    report = build(facts(events=lines))
    assert told(report) == [("The question to Olu Adeyemi by slack was sent", 15, 3)]
    assert report.late[0].reason == "it was tried 2 times; before that: slack answered 503"


def test_an_acknowledgement_that_ran_out_while_the_engine_was_down_is_late() -> None:
    played = Played().wait_until(1).act("ops-lead", Acknowledge())
    assert told(played.sleep_until(28).report()) == [("Olu Adeyemi was asked: still on it?", 16, 12)]
    lapsed = played.sleep_until(45).report()
    assert "The acknowledgement of Olu Adeyemi ended" in [what for what, _, _ in told(lapsed)]


def test_that_nobody_was_left_is_late_as_well() -> None:
    played = Played().wait_until(61).sleep_until(600)
    assert "That nobody was left to page was said" in [what for what, _, _ in told(played.report())]


def test_every_form_of_the_report_says_so() -> None:
    report = Played().sleep_until(47).report()
    for form in (to_markdown(report).decode(), to_html(report).decode()):
        assert "Level 2 was escalated to" in form
        assert "17 min" in form
    assert json.loads(report.model_dump_json())["late"][2]["late_s"] == 17 * 60
    assert to_pdf(report).startswith(b"%PDF")
