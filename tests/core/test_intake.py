"""What alerts come to: their place, the opening, joining, repeating, clearing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine.core.intake import (
    KEY_LENGTH,
    AlertAction,
    Opening,
    most_urgent,
    open_incident,
    place,
    report_by_hand,
    says_nothing_new,
    take,
)
from engine.core.matchers import Matcher
from engine.core.merging import merge
from engine.core.model import ENGINE, Alert, AlertStatus, MessageKind, Priority, State
from engine.core.policy import Clearing, Route, SealRule
from engine.core.timeline import Kind
from tests.core.cases import (
    CONFIG,
    LEAD,
    MONITOR,
    NOON,
    REACHABLE,
    SENIOR,
    alert,
    case,
    changed,
    cleared,
    command,
    incident,
    kinds,
    line,
    minutes,
    pages,
    placed,
)
from tests.core.drive import Engine

ROUTES = (
    Route(name="pay", match=(Matcher.parse('team="payments"'),), service="payments", group_by=("cluster", "job")),
    Route(name="db", match=(Matcher.parse('job="db"'),), service="database"),
)
ROUTED = changed("routes", to=ROUTES)


@pytest.mark.parametrize(
    ("labels", "changes", "fallback", "service", "key"),
    [
        ({}, {}, None, "checkout", "checkout/g"),
        ({}, {"group": ""}, None, "checkout", "checkout/f1"),
        ({}, {"service": None}, "billing", "billing", "billing/g"),
        ({}, {"service": None}, None, "default", "default/g"),
        ({"job": "db"}, {}, "billing", "database", "database/g"),
        ({"team": "payments", "job": "db"}, {}, None, "payments", "payments/cluster=,job=db"),
        ({"team": "payments", "cluster": "eu", "job": "api"}, {}, None, "payments", "payments/cluster=eu,job=api"),
    ],
)
def test_an_alert_finds_its_service_and_the_key_of_its_incident(
    labels: dict[str, str], changes: dict[str, Any], fallback: str | None, service: str, key: str
) -> None:
    found = place(ROUTED, replace(alert(**labels), **changes), MONITOR, fallback)
    assert (found.service, found.key) == (service, key)


def test_an_incident_is_copied_with_other_values_and_nothing_that_it_does_not_have() -> None:
    before = incident()
    after = before.but(level=2, title="Checkout is slow")
    assert after == replace(before, level=2, title="Checkout is slow")
    assert after != before
    with pytest.raises(TypeError, match="an incident has no levle"):
        before.but(levle=2)


def test_long_keys_stay_apart_and_fit_an_index() -> None:
    keys = {place(CONFIG, replace(alert(), group="x" * 9999 + end), MONITOR).key for end in ("a", "b", "\ud800")}
    assert len(keys) == 3
    assert {len(key) for key in keys} == {KEY_LENGTH}


def test_an_incident_opens_classified_paged_and_with_its_card_in_one_decision() -> None:
    arrivals = [placed(alert("f1", severity="warning")), placed(alert("f2", title="System down"))]
    urgent = most_urgent(arrivals)
    opening = Opening(
        number=7, revision=3, reachable=REACHABLE, now=NOON, previous=5, playbook="p0", playbook_reason="r"
    )
    decision = open_incident(CONFIG, arrivals, opening, urgent.found)
    one = decision.incident
    assert (urgent.alert.fingerprint, one.priority, one.state, one.previous) == ("f2", "P0", State.DETECTION, 5)
    assert kinds(decision) == [
        Kind.OPENED,
        Kind.CLASSIFIED,
        Kind.PHASE,
        Kind.PLAYBOOK_ATTACHED,
        Kind.ALERT_JOINED,
        Kind.PAGE_DECIDED,
    ]
    assert line(decision, Kind.OPENED).reason == "Checkout is slow (again after INC-5)"
    assert line(decision, Kind.CLASSIFIED).data["rule"] == "down"
    assert [message.address for message in decision.messages if message.kind is MessageKind.CARD] == ["#incidents"]
    assert pages(decision.messages) == [(1, "ops-lead")]


@pytest.mark.parametrize(
    ("labels", "winner"),
    [
        ([{"severity": "warning"}, {"severity": "critical"}], 1),
        ([{"severity": "critical"}, {"priority": "P1"}], 0),
        ([{"priority": "P1"}, {"severity": "critical"}], 1),
        ([{"severity": "info"}, {"priority": "P3"}], 1),
        ([{"priority": "P2"}, {}], 0),
    ],
)
def test_the_most_urgent_alert_is_the_one_that_pages_and_is_to_be_answered_soonest(
    labels: list[dict[str, str]], winner: int
) -> None:
    arrivals = [placed(alert(f"f{number}", **own)) for number, own in enumerate(labels)]
    assert most_urgent(arrivals) is arrivals[winner]


def outcomes(known: dict[str, AlertStatus], *alerts: Any) -> list[str]:
    taken = take(case(incident("P2")), known, [placed(one) for one in alerts], NOON)
    return [outcome.value for outcome in taken.outcomes]


FIRING, RESOLVED = AlertStatus.FIRING, AlertStatus.RESOLVED


@pytest.mark.parametrize(
    ("known", "alerts", "expected"),
    [
        ({"f1": FIRING}, [alert("f2")], ["joined"]),
        ({"f1": FIRING}, [alert("f1")], ["repeated"]),
        ({"f1": RESOLVED}, [alert("f1")], ["joined"]),
        ({"f1": FIRING}, [cleared("f1")], ["resolved"]),
        ({"f1": RESOLVED}, [cleared("f1")], ["ignored"]),
        ({"f1": FIRING}, [cleared("f2")], ["ignored"]),
        ({}, [alert("f1"), alert("f1"), cleared("f1")], ["joined", "repeated", "resolved"]),
    ],
)
def test_each_alert_has_its_outcome(known: dict[str, AlertStatus], alerts: list[Any], expected: list[str]) -> None:
    assert outcomes(known, *alerts) == expected


def test_a_repeat_changes_nothing() -> None:
    engine = Engine().open("P2")
    decision = engine.hear(alert("f1", priority="P2"))
    assert (decision.changed, decision.code) == (False, "repeated")


@pytest.mark.parametrize("status", AlertStatus)
@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("category", ["", "security"])
@pytest.mark.parametrize("urgency", Priority)
@pytest.mark.parametrize("priority", Priority)
def test_what_says_nothing_new_is_a_repeat_that_changes_nothing(
    priority: Priority, urgency: Priority, category: str, *, sealed: bool, status: AlertStatus
) -> None:
    config = changed("sealing", to=(SealRule(match=(Matcher.parse('category="security"'),)),))
    labels = {"category": category} if category else {}
    repeat = placed(replace(alert("f1", priority=urgency.value, **labels), status=status))
    known = replace(case(incident(priority, sealed_at=NOON if sealed else None)), config=config)
    quiet = says_nothing_new(repeat, config, priority, sealed=sealed)
    taken = take(known, {"f1": FIRING}, [repeat], NOON)
    assert quiet == (taken.outcomes == (AlertAction.REPEATED,) and not taken.decision.changed)


def test_the_last_alert_to_clear_resolves_what_nobody_has_looked_at() -> None:
    engine = Engine().open("P0")
    engine.hear(alert("f2"))
    engine.hear(cleared("f1"))
    assert engine.incident.state is State.DETECTION
    engine.wait(minutes(2))
    decision = engine.hear(cleared("f2"))
    one = engine.incident
    assert (one.state, one.restored_at, one.validation) == (State.REVIEW, NOON + minutes(2), "all alerts cleared")
    assert line(decision, Kind.RESOLVED).actor == "source:monitor"
    assert [event.data["phase"] for event in decision.events if event.kind == Kind.PHASE_SKIPPED] == [
        "assessment",
        "diagnosis",
        "resolution",
    ]
    engine.wait(minutes(100))
    assert engine.paged() == [(0, 1, "ops-lead")]


def test_what_somebody_is_working_on_stays_and_the_commander_is_asked() -> None:
    engine = Engine().open("P0")
    engine.do("acknowledge", SENIOR)
    decision = engine.hear(cleared("f1"))
    assert engine.incident.state is State.ASSESSMENT
    assert kinds(decision) == [Kind.ALERT_RESOLVED, Kind.ALERTS_CLEARED]
    (notice,) = decision.messages
    assert (notice.kind, notice.contact) == (MessageKind.NOTICE, "ops-senior")
    assert notice.reason == "All alerts of INC-42 have cleared. Is it resolved?"


@pytest.mark.parametrize(
    ("clearing", "looked", "state"),
    [
        (Clearing.ALWAYS, True, State.REVIEW),
        (Clearing.ALWAYS, False, State.REVIEW),
        (Clearing.NEVER, False, State.DETECTION),
        (Clearing.NEVER, True, State.ASSESSMENT),
    ],
)
def test_the_policy_says_what_follows_when_all_has_cleared(clearing: Clearing, *, looked: bool, state: State) -> None:
    engine = Engine(config=changed("policies", "standard", "resolve_on_clear", to=clearing)).open("P1")
    if looked:
        engine.do("acknowledge")
    engine.hear(cleared("f1"))
    assert engine.incident.state is state


def test_a_worse_alert_raises_the_incident_and_has_to_be_acknowledged() -> None:
    engine = Engine().open("P2")
    engine.do("acknowledge")
    engine.wait(minutes(10))
    engine.hear(alert("f2", title="System down"))
    assert (engine.incident.priority, engine.incident.acknowledged_by) == ("P0", None)
    assert engine.paged(since=engine.now) == [(10, 1, "ops-lead")]
    (changed_line,) = engine.lines(Kind.REPRIORITIZED)
    assert changed_line.reason.startswith("an alert is P0 now: the system is down")


def test_an_alert_that_gets_worse_raises_the_incident_too() -> None:
    engine = Engine().open("P2")
    engine.hear(alert("f1", severity="critical"))
    assert engine.incident.priority is Priority.P1


def test_alerts_that_come_together_raise_the_incident_once() -> None:
    engine = Engine().open("P2")
    engine.wait(minutes(10))
    engine.hear(alert("f2", severity="critical"), alert("f3", title="System down"))
    assert (engine.incident.priority, engine.incident.cycle) == ("P0", 2)
    assert [sent.message.channel for sent in engine.sent if sent.at == engine.now] == ["mail", "chat"]


def test_an_alert_that_is_over_by_the_end_of_its_batch_raises_nothing() -> None:
    engine = Engine().open("P2")
    engine.hear(alert("f2", title="System down"), cleared("f2"))
    assert engine.incident.priority is Priority.P2


def test_a_person_s_lower_judgement_stands_against_more_of_what_the_person_had_seen() -> None:
    engine = Engine().open("P1")
    engine.do("reprioritize", priority="P2", reason="a test system")
    engine.hear(alert("f2", priority="P1"))
    assert engine.incident.priority == "P2"
    engine.hear(alert("f3", priority="P0"))
    assert engine.incident.priority == "P0"


def test_repeats_of_alerts_that_a_merge_has_moved_are_no_news_against_a_lower_judgement() -> None:
    engine = Engine().open("P2")
    moving = replace(incident("P0"), id=7)
    _, stays = merge(case(moving), engine.case(), command("merge", into="INC-42"), LEAD, NOON)
    engine.apply(stays)
    engine.alerts["f7"] = FIRING
    engine.do("reprioritize", priority="P1", reason="half of it")
    engine.hear(alert("f7", priority="P0"))
    assert engine.incident.priority is Priority.P1


def test_a_silent_incident_that_is_raised_pages() -> None:
    engine = Engine().open("P3", page=False)
    engine.hear(alert("f2", severity="critical"))
    assert engine.paged() == [(0, 1, "ops-lead")]
    assert engine.incident.classification.page


def test_a_report_by_a_person_takes_the_same_path() -> None:
    one = report_by_hand("Shop \n is gone", "since noon", "checkout", Priority.P0)
    assert (one.title, one.labels, one.group) == ("Shop is gone", {"priority": "P0"}, "shop is gone")
    assert place(CONFIG, one, ENGINE).key == "checkout/shop is gone"
    assert report_by_hand("x", "", None, None).labels == {}


def test_the_actions_of_the_webhook_s_answer_are_the_documented_ones() -> None:
    assert {action.value for action in AlertAction} == {
        *("opened", "joined", "repeated", "resolved", "ignored"),
        *("silenced", "inhibited", "delayed", "damped", "heartbeat"),
    }


def notices(engine: Engine) -> list[tuple[str | None, str]]:
    return [(one.message.contact, one.message.reason) for one in engine.sent if one.message.kind is MessageKind.NOTICE]


def another(name: str, priority: str = "P1", **changes: Any) -> Alert:
    return replace(alert(priority=priority), fingerprint=name, title=f"Down{name}", **changes)


def test_whoever_has_it_is_told_what_is_new_in_one_notice_for_all_that_came_together() -> None:
    engine = Engine().open("P1")
    engine.do("acknowledge")
    engine.hear(*(another(str(number)) for number in range(5)))
    assert notices(engine) == [(LEAD.id, "New in INC-42: Down0, Down1, Down2 and 2 more")]
    engine.hear(another("0"), another("1"))
    assert len(notices(engine)) == 1


def test_where_it_is_new_is_told_too() -> None:
    engine = Engine().open("P1")
    engine.do("acknowledge")
    engine.hear(another("2", labels={"priority": "P1", "instance": "web-2"}))
    assert notices(engine) == [(LEAD.id, "New in INC-42: Down2 on web-2")]


def test_while_nobody_has_it_and_where_a_raise_pages_level_1_anew_there_is_no_notice_beside_the_pages() -> None:
    engine = Engine().open("P1")
    engine.hear(another("2"))
    engine.do("acknowledge")
    before = len(engine.sent)
    engine.hear(another("3", "P0"))
    assert notices(engine) == []
    assert MessageKind.PAGE in {one.message.kind for one in engine.sent[before:]}
