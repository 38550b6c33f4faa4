"""Facts → report: what stands where, and what is said about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from engine.core.commands import Acknowledge, Cancel, Document, Hold, Note, Reopen, Reprioritize, Resolve
from engine.core.errors import ReportError
from engine.core.model import ActionItem, Priority, State
from engine.core.timeline import Kind
from engine.report.build import build
from engine.report.facts import Related, Relation
from engine.report.front import lay_out
from engine.report.layout import Pairs
from tests.report.example import ALERTS, FACTS, RESOLVED, TIMELINE, event, facts, incident, recorded
from tests.report.played import Played

ACK, DONE = Acknowledge(), Resolve(validation="checked")


def test_the_example_is_told_in_a_few_sentences() -> None:
    assert build(FACTS).summary == (
        "P0 (critical) incident on payments, reported by alertmanager with 3 alerts: Checkout is down in all regions.",
        "It lasted 59 min, from 03:37 CET on 20 November 2026 to 04:36 CET.",
        "4 people were paged on 2 levels.",
        "Erin Castellano acknowledged it after 31 min 15 s, 26 min 15 s past the response target of 5 min.",
        "Erin Castellano declared service restored and the restoration was validated.",
        "The review is closed with 3 actions agreed.",
    )


SAID: dict[str, tuple[Callable[[], Played], tuple[str, ...]]] = {
    "under way": (
        lambda: Played().wait_until(2),
        (
            "It began at 02:40 UTC on 20 November 2026 and is not over.",
            "Nobody has acknowledged it yet.",
            "It is active, in detection.",
        ),
    ),
    "nobody answered": (
        lambda: Played().wait_until(20),
        ("Nobody answered within the response target of 5 min.",),
    ),
    "cleared": (
        lambda: Played().wait_until(2).clear(),
        ("It ended before a response was due.", "Its source reported that every alert had cleared, which resolved it."),
    ),
    "cancelled": (
        lambda: Played().wait_until(2).act("ops-lead", Cancel(code="test", reason="A drill.")),
        (
            "Olu Adeyemi ended it without acknowledging it, 3 min before the response was due.",
            "It was cancelled: A drill.",
        ),
    ),
    "in review": (
        lambda: Played().wait_until(2).act("ops-lead", ACK).act("ops-lead", DONE),
        (
            "1 person was paged on 1 level.",
            "Olu Adeyemi declared service restored and the restoration was validated.",
            "The review is open, due on 25 November 2026.",
        ),
    ),
    "reopened": (
        lambda: (
            Played()
            .act("ops-lead", ACK)
            .act("ops-lead", DONE)
            .wait_until(60)
            .act("ops-lead", Reopen(reason="back"))
            .wait_until(68)
            .act("ops-lead", ACK)
            .act("ops-lead", DONE)
        ),
        (
            "It lasted 1 h 8 min, 1 reopening included, from 02:40 UTC on 20 November 2026 to 03:48 UTC.",
            "1 of 2 response targets was missed.",
        ),
    ),
    "routine": (lambda: Played(Priority.P3), ("Nobody was paged.",)),
}


@pytest.mark.parametrize("case", SAID)
def test_the_summary_says_what_matters(case: str) -> None:
    play, expected = SAID[case]
    summary = play().report().summary
    assert [sentence for sentence in expected if sentence not in summary] == [], summary


@pytest.mark.parametrize(
    ("play", "figure"),
    [
        (lambda: Played().wait_until(2), ("waiting", "due in 3 min")),
        (lambda: Played().wait_until(3).act("ops-lead", ACK), ("met", "2 min to spare, due within 5 min")),
        (lambda: Played().wait_until(8).act("ops-lead", ACK), ("missed", "by 3 min, due within 5 min")),
        (lambda: Played().wait_until(2).clear(), ("—", "it ended before the response was due")),
        (lambda: Played(Priority.P3), ("—", "when it was due is not on record")),
        (
            lambda: Played().wait_until(3).act("ops-lead", ACK).wait_until(30).act("ops-lead", ACK),
            ("1 of 2 missed", "by 2 min, due within 5 min"),
        ),
    ],
)
def test_the_fourth_figure_is_the_response_target(play: Callable[[], Played], figure: tuple[str, str]) -> None:
    shown = lay_out(play().report()).figures[3]
    assert (shown.value, shown.note) == figure


def test_decisions_carry_who_and_why() -> None:
    played = Played(Priority.P1).wait_until(3).act("ops-lead", ACK)
    played.act("cto", Reprioritize(priority=Priority.P0, reason="it spreads"))
    played.act("ops-lead", Hold(span=timedelta(minutes=20), reason="rollback runs"))
    made = {(one.what, one.detail, one.by, one.reason) for one in played.report().decisions}
    assert ("Priority changed", "P1 → P0", "Noor Haddad (slack)", "it spreads") in made
    assert ("Escalation held", "until 2026-11-20 03:03:05 UTC", "Olu Adeyemi (slack)", "rollback runs") in made


def test_the_classification_says_what_the_rules_said_and_who_overrode_it() -> None:
    played = Played(Priority.P1).act("cto", Reprioritize(priority=Priority.P0, reason="it spreads"))
    said = played.report().classification
    assert (said.priority, said.rule) == (Priority.P1, "system-down")
    (override,) = said.overrides
    assert (override.by, override.before, override.after, override.reason) == (
        "Noor Haddad (slack)",
        "P1",
        "P0",
        "it spreads",
    )


def test_a_raise_by_the_rules_is_no_override() -> None:
    events = recorded((5, event(Kind.REPRIORITIZED, "source:alertmanager", "worse", **{"from": "P1", "to": "P0"})))
    assert build(facts(events=events)).classification.overrides == ()


def test_what_was_written_down_is_on_the_timeline_in_full_once() -> None:
    played = (
        Played().act("ops-lead", Document(impact="Nobody can pay.")).act("ops-lead", Note(text="Looks like the pool."))
    )
    documented, noted = played.report().timeline[-2:]
    assert (documented.what, documented.detail) == ("Findings written down", "impact: Nobody can pay.")
    assert (noted.what, noted.detail, noted.reason) == ("Note", "", "Looks like the pool.")


def test_a_whole_timeline_holds_and_the_report_says_how_to_check_it() -> None:
    found = build(FACTS).integrity
    assert (found.holds, found.lines, found.head) == (True, len(TIMELINE), TIMELINE[-1].hash)
    assert found.command == "tocsin verify INC-42"


@pytest.mark.parametrize(
    ("events", "statement"),
    [
        (TIMELINE[:-1], f"The timeline does NOT hold: at line {len(TIMELINE) - 1}, the record ends"),
        ((*TIMELINE[:4], *TIMELINE[5:]), "The timeline does NOT hold: at line 5, line 5 is missing"),
        ((replace(TIMELINE[0], reason="nothing"), *TIMELINE[1:]), "The timeline does NOT hold: at line 1, its content"),
    ],
)
def test_a_broken_timeline_is_stated_not_hidden(events: tuple[object, ...], statement: str) -> None:
    found = build(replace(FACTS, events=events)).integrity  # type: ignore[arg-type]  # rows of a table
    assert (found.holds, found.statement.startswith(statement)) == (False, True)


def test_related_incidents_are_named_once_also_when_only_the_row_knows_them() -> None:
    subject = replace(RESOLVED, previous=17, merged_into=9)
    known = Related(relation=Relation.PREVIOUS, id=17, title="Checkout is slow")
    found = build(replace(FACTS, incident=subject, related=(known,))).header.related
    assert [(one.relation.value, one.ref, one.title) for one in found] == [
        ("previous", "INC-17", "Checkout is slow"),
        ("merged_into", "INC-9", ""),
    ]


def test_an_action_is_complete_with_an_owner_and_a_date() -> None:
    actions = (
        ActionItem(what="a", owner="cto", due_on="2026-12-01"),
        ActionItem(what="b", owner="cto"),
        ActionItem(what="c"),
    )
    found = build(replace(FACTS, actions=actions)).actions
    assert [(action.owner, action.complete) for action in found] == [
        ("Noor Haddad", True),
        ("Noor Haddad", False),
        (None, False),
    ]


def test_alerts_come_worst_first_and_are_counted_with_their_repeats() -> None:
    found = build(FACTS).alerts
    assert [alert.title for alert in found.items] == ["CheckoutDown", "CheckoutErrors", "PaymentGatewayPoolExhausted"]
    assert (found.distinct, found.received, found.firing, found.worst) == (3, 35, 0, "critical")


def test_a_storm_of_alerts_is_cut_for_readers_and_whole_in_json() -> None:
    storm = tuple(replace(ALERTS[0], alert=replace(ALERTS[0].alert, fingerprint=str(number))) for number in range(250))
    report = build(replace(FACTS, alerts=storm))
    section = next(section for section in lay_out(report).sections if section.anchor == "alerts")
    assert len(report.alerts.items) == 250
    assert "150 more alerts" in str(section.blocks[-1])


@pytest.mark.parametrize(
    ("state", "final", "label"),
    [
        (State.DIAGNOSIS, False, "Draft report"),
        (State.REVIEW, False, "Draft report"),
        (State.CLOSED, True, "Final report"),
        (State.CANCELLED, False, "Report"),
    ],
)
def test_the_label_says_whether_it_may_still_change(state: State, *, final: bool, label: str) -> None:
    assert lay_out(build(facts(incident(state=state), frozen=final))).label == label


def test_what_is_not_on_record_is_said_to_be_missing() -> None:
    document = lay_out(build(facts()))
    said = str(document.sections)
    for sentence in ("No cause", "No lessons", "No actions", "Nobody was paged", "No playbook", "No alert", "is empty"):
        assert sentence in said
    assert isinstance(document.key_facts, Pairs)


def test_times_are_in_the_reader_s_zone_and_the_zone_is_named() -> None:
    document = lay_out(build(replace(FACTS, zone="America/New_York")))
    opened = dict(document.key_facts.rows)["Opened"]
    assert opened.text == "2026-11-19 21:40:05 EST"
    assert document.imprint.endswith("Times are in America/New_York.")


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(ReportError):
        build(replace(FACTS, zone="Mars/Olympus"))


def test_nothing_on_record_at_all_still_makes_a_report() -> None:
    assert build(facts()).header.ref == "INC-42"
