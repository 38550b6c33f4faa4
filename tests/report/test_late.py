"""What came late, by how much and why, in every form of the report."""

from __future__ import annotations

import json

from engine.core.timeline import Kind
from engine.report.build import build
from engine.report.html import to_html
from engine.report.markdown import to_markdown
from engine.report.model import Report
from engine.report.pdf import to_pdf
from tests.report.example import OPENED, event, facts, recorded
from tests.report.played import Played

PAGE = {"page": "42.1", "contact": "ops-lead"}


def told(report: Report) -> list[tuple[str, float, float]]:
    """(what, due at minute, late by so many minutes)"""
    return [(one.what, (one.due_at - OPENED).total_seconds() / 60, one.late_s / 60) for one in report.late]


def test_what_is_on_time_is_not_late() -> None:
    assert Played().wait_until(61).report().late == ()
    assert "Nothing came more than a minute late." in to_markdown(Played().report()).decode()


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
        (0.01, event(Kind.PAGE_SENT, channel="email", attempts=1, **PAGE)),
        (0.5, event(Kind.PAGE_RETRIED, channel="slack", error="slack answered 503", **PAGE)),
        (4, event(Kind.PAGE_SENT, channel="slack", attempts=3, **PAGE)),
    )
    [late] = build(facts(events=lines)).late
    assert (late.what, late.late_s, late.line) == ("The page to Olu Adeyemi by slack was sent", 240, 4)
    assert late.reason == "it was tried 3 times; before that: slack answered 503"


def test_every_form_of_the_report_says_so() -> None:
    report = Played().sleep_until(47).report()
    for form in (to_markdown(report).decode(), to_html(report).decode()):
        assert "Level 2 was escalated to" in form
        assert "17 min" in form
    assert json.loads(report.model_dump_json())["late"][2]["late_s"] == 17 * 60
    assert to_pdf(report).startswith(b"%PDF")
