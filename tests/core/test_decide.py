"""What each command does, beside the state it leads to."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from engine.core.decide import BRIEFS, decide
from engine.core.errors import NotFound, Refusal
from engine.core.merging import merge
from engine.core.model import (
    ActionItem,
    Actor,
    ActorKind,
    Duty,
    MessageKind,
    PlaybookStep,
    Priority,
    Role,
    State,
    TimerKind,
    Until,
)
from engine.core.timeline import Kind
from tests.core.cases import (
    CONFIG,
    LEAD,
    MANAGER,
    NOON,
    SENIOR,
    acknowledged,
    alert,
    case,
    changed,
    command,
    incident,
    kinds,
    line,
    minutes,
    pages,
    person,
)
from tests.core.drive import Engine

LEVEL_1, EVERYTHING = frozenset({Until.ACKNOWLEDGED}), frozenset(Until)


def test_the_first_to_acknowledge_takes_command_and_level_1_is_withdrawn() -> None:
    engine = Engine().open()
    engine.wait(minutes(3))
    decision = engine.do("acknowledge", SENIOR)
    assert decision.sentence == "INC-42 is yours, acknowledged after 3 min."
    assert (decision.stopped, decision.stop_reason) == (LEVEL_1, "Ops-Senior acknowledged")
    assert (engine.incident.acknowledged_by, engine.incident.commander) == ("ops-senior", "ops-senior")
    data = line(decision, Kind.ACKNOWLEDGED).data
    assert (data["after_s"], data["met"]) == (180, True)


@pytest.mark.parametrize(("after", "met"), [(timedelta(minutes=5), True), (timedelta(minutes=5, seconds=1), False)])
def test_an_acknowledgement_says_whether_the_response_target_was_met(after: timedelta, *, met: bool) -> None:
    decision = decide(case(incident()), command("acknowledge"), LEAD, NOON + after)
    assert line(decision, Kind.ACKNOWLEDGED).data["met"] is met


def test_a_commander_who_was_assigned_before_stays_in_command() -> None:
    engine = Engine().open()
    engine.do("assign", MANAGER, to="eng-manager")
    engine.do("acknowledge", LEAD)
    assert (engine.incident.acknowledged_by, engine.incident.commander) == ("ops-lead", "eng-manager")


@pytest.mark.parametrize("second", [SENIOR, LEAD])
def test_a_second_acknowledgement_changes_nothing_and_says_whose_it_is(second: Any) -> None:
    decision = decide(case(acknowledged(incident())), command("acknowledge"), second, NOON + minutes(9))
    assert (decision.changed, decision.code) == (False, "already_acknowledged")
    assert decision.sentence == "INC-42 is already acknowledged by Ops-Lead, after 3 min."


def test_a_person_takes_over_from_a_program_that_nobody_could_ask_later() -> None:
    engine = Engine().open()
    engine.do("acknowledge", Actor(kind=ActorKind.TOKEN, id="deploy-bot", role=Role.RESPONDER))
    engine.do("acknowledge", LEAD)
    assert (engine.incident.acknowledged_by, engine.incident.lease_owner) == ("ops-lead", "ops-lead")


def test_resolve_states_when_service_was_restored_and_how_that_was_validated() -> None:
    engine = Engine().open()
    engine.wait(minutes(20))
    restored = (NOON + minutes(18)).isoformat()
    decision = engine.do("resolve", validation="orders go through", restored_at=restored)
    one = engine.incident
    assert (one.restored_at, one.resolved_at) == (NOON + minutes(18), NOON + minutes(20))
    assert one.review_due_at == NOON + minutes(20) + timedelta(days=5)
    assert (one.validation, decision.stopped) == ("orders go through", EVERYTHING)
    assert kinds(decision)[-1] == Kind.REPORT_DRAFTED
    assert {timer.kind for timer in engine.pending()} == {TimerKind.REVIEW}


@pytest.mark.parametrize(
    ("shift", "code"), [(timedelta(seconds=1), "restored_in_future"), (minutes(-11), "restored_before_opening")]
)
def test_a_restoration_time_outside_of_the_incident_is_refused(shift: timedelta, code: str) -> None:
    now = NOON + minutes(10)
    wanted = command("resolve", validation="v", restored_at=(now + shift).isoformat())
    with pytest.raises(Refusal) as refused:
        decide(case(incident()), wanted, LEAD, now)
    assert refused.value.code == code


def test_a_reopened_incident_has_a_new_generation_new_timers_and_nobody_on_it() -> None:
    engine = Engine().open()
    engine.wait(minutes(40))
    engine.do("acknowledge")
    engine.hold("8h", "vendor")
    engine.do("resolve", validation="orders go through")
    engine.wait(minutes(60))
    engine.do("reopen", reason="it is back")
    one = engine.incident
    assert (one.generation, one.level, one.acknowledged_by, one.validation) == (2, 1, None, None)
    assert engine.paged(since=engine.now) == [(100, 1, "ops-lead")]
    engine.wait(minutes(90))
    assert engine.paged()[-4:] == [
        (105, 1, "ops-senior"),
        (105, 1, "ops-lead"),
        (130, 2, "eng-manager"),
        (160, 3, "cto"),
    ]


def test_a_second_resolution_has_to_be_validated_anew() -> None:
    engine = Engine().open()
    engine.do("resolve", validation="orders go through")
    engine.do("reopen", reason="it is back")
    with pytest.raises(Refusal, match="validated"):
        engine.do("resolve")


def test_a_button_from_before_the_reopening_changes_nothing_and_says_what_happened_meanwhile() -> None:
    engine = Engine().open()
    engine.do("resolve", validation="orders go through")
    engine.do("reopen", reason="it is back")
    stale = "This button is from before INC-42 was reopened. INC-42 is "
    with pytest.raises(Refusal) as refused:
        engine.do("acknowledge", SENIOR, generation=1)
    assert (refused.value.code, refused.value.sentence) == ("stale", stale + "in diagnosis and not acknowledged.")
    engine.do("acknowledge", SENIOR, generation=2)
    with pytest.raises(Refusal) as refused:
        engine.do("acknowledge", LEAD, generation=1)
    assert refused.value.sentence == stale + "in diagnosis, acknowledged by Ops-Senior."
    engine.do("resolve", validation="really")
    with pytest.raises(Refusal) as refused:
        engine.do("resolve", generation=1, validation="v")
    assert refused.value.sentence == stale + "in review."


@pytest.mark.parametrize("code", ["false_alarm", "test", "duplicate"])
def test_cancelling_needs_a_code_and_a_reason_and_ends_all_timers(code: str) -> None:
    engine = Engine().open()
    decision = engine.do("cancel", code=code, reason="the probe was wrong")
    assert line(decision, Kind.CANCELLED).data == {"code": code}
    assert (engine.incident.state, engine.pending(), decision.stopped) == (State.CANCELLED, [], EVERYTHING)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("cancel", {"code": "boring", "reason": "x"}),
        ("cancel", {"code": "test"}),
        ("reopen", {"reason": "  "}),
        ("reprioritize", {"priority": "P1"}),
        ("hold", {"for": "30m"}),
        ("hold", {"for": 30, "reason": "x"}),
        ("close", {"actions": [{"what": "x", "due_on": "2026-02-30"}]}),
        ("note", {"text": "x", "happened_at": "2026-03-04T12:00:00"}),
        ("resolve", {"restored_at": "0001-01-01T00:00:00+14:00"}),
    ],
)
def test_a_command_without_what_it_needs_is_not_one(name: str, fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        command(name, **fields)


@pytest.mark.parametrize(("own", "others", "raised"), [("P2", "P0", False), ("P0", "P2", True), ("P1", "P1", False)])
def test_the_target_of_a_merge_takes_the_higher_priority_and_the_commander(
    own: str, others: str, *, raised: bool
) -> None:
    ending = replace(acknowledged(incident(own)), id=42)
    target = replace(incident(others), id=7)
    wanted = command("merge", into="INC-7", reason="the same switch")
    gone, stays = merge(case(ending, firing=3), case(target), wanted, LEAD, NOON + minutes(10))
    assert (gone.incident.state, gone.incident.merged_into, gone.stopped) == (State.MERGED, 7, EVERYTHING)
    assert (stays.incident.state, stays.incident.commander) == (State.DETECTION, "ops-lead")
    assert stays.incident.priority == min(own, others)
    assert line(stays, Kind.ABSORBED).data == {"merged": "INC-42", "alerts_firing": 3}
    assert pages(stays.messages) == ([(1, "ops-lead")] if raised else [])


def test_the_commander_of_a_merge_s_target_stays() -> None:
    ending, target = acknowledged(incident(), "ops-senior"), acknowledged(incident(id=7))
    gone, stays = merge(case(ending), case(target), command("merge", into="INC-7"), SENIOR, NOON)
    assert (gone.incident.commander, stays.incident.commander) == ("ops-senior", "ops-lead")
    assert Kind.ASSIGNED not in kinds(stays)


@pytest.mark.parametrize(
    ("target", "code"),
    [(incident(), "merge_into_itself"), *((incident(state=s, id=7), "target_not_active") for s in list(State)[4:])],
)
def test_a_merge_needs_another_active_incident(target: Any, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        merge(case(incident()), case(target), command("merge", into="INC-7"), LEAD, NOON)
    assert refused.value.code == code


def test_reprioritizing_to_the_same_confirms_it() -> None:
    decision = decide(case(incident("P1")), command("reprioritize", priority="P1", reason="yes"), LEAD, NOON)
    assert (decision.incident.priority_confirmed, decision.incident.overridden) == (True, False)
    assert pages(decision.messages) == []


def test_an_override_of_the_classification_is_on_record() -> None:
    decision = decide(case(incident("P1")), command("reprioritize", priority="P2", reason="a few"), LEAD, NOON)
    on_record = line(decision, Kind.REPRIORITIZED)
    assert (on_record.reason, on_record.data, on_record.actor) == (
        "a few",
        {"from": "P1", "to": "P2"},
        "person:ops-lead via test",
    )
    assert decision.incident.overridden


def test_the_command_is_handed_over_with_the_acknowledgement_and_the_new_commander_is_told() -> None:
    engine = Engine().open()
    engine.do("acknowledge")
    decision = engine.do("assign", to="eng-manager", reason="it is the database")
    assert (engine.incident.commander, engine.incident.lease_owner) == ("eng-manager", "eng-manager")
    assert engine.incident.acknowledged_by == "ops-lead"
    (notice,) = decision.messages
    assert (notice.kind, notice.contact) == (MessageKind.NOTICE, "eng-manager")
    with pytest.raises(NotFound, match="'nobody' is not in contacts"):
        engine.do("assign", to="nobody")


def test_a_hold_states_who_how_long_and_why() -> None:
    engine = Engine().open()
    decision = engine.hold("45m", "the vendor is on it", SENIOR)
    one = engine.incident
    assert (one.hold_until, one.hold_by, one.hold_reason) == (NOON + minutes(45), "ops-senior", "the vendor is on it")
    assert line(decision, Kind.HELD).reason == "the vendor is on it"


@pytest.mark.parametrize(
    ("level", "seen", "asked", "paged", "code"),
    [
        (1, None, None, [(2, "eng-manager")], "done"),
        (1, 1, None, [(2, "eng-manager")], "done"),
        (2, 1, None, [], "already_escalated"),
        (2, 2, None, [(3, "cto")], "done"),
        (3, 3, None, [], "top_level"),
        (3, 3, 1, [(1, "ops-lead")], "done"),
    ],
)
def test_escalate_pages_the_next_level_once_however_often_it_is_pressed(
    level: int, seen: int | None, asked: int | None, paged: list[Any], code: str
) -> None:
    wanted = command("escalate", seen_level=seen, level=asked)
    decision = decide(case(incident(level=level)), wanted, LEAD, NOON)
    assert (pages(decision.messages), decision.code) == (paged, code)


def test_a_level_that_a_person_had_paged_early_is_not_paged_again_at_its_time() -> None:
    engine = Engine().open()
    engine.wait(minutes(10))
    engine.do("escalate")
    engine.wait(minutes(100))
    assert [page for page in engine.paged() if page[1] > 1] == [(10, 2, "eng-manager"), (60, 3, "cto")]


def test_who_is_paged_in_spite_of_an_acknowledgement_is_not_spared_by_it() -> None:
    engine = Engine().open("P1")
    engine.do("acknowledge")
    raised = engine.do("reprioritize", priority="P0", reason="all of it")
    asked = engine.do("escalate", level=1)
    assert {message.until for message in (*raised.messages, *asked.messages)} == {Until.RESOLVED}


def test_a_person_may_page_any_level_there_is_whatever_the_ladder_says() -> None:
    with pytest.raises(NotFound, match=r"There is no level 7; there are 1, 2, 3\."):
        decide(case(incident("P2")), command("escalate", level=7), LEAD, NOON)
    beyond = decide(case(incident("P2", level=1)), command("escalate"), LEAD, NOON)
    assert [level for level, _ in pages(beyond.messages)] == [2]
    config = changed("policies", "standard", "P3", "steps", to=())
    decision = decide(case(incident("P3", level=0), config), command("escalate"), LEAD, NOON)
    assert (pages(decision.messages), decision.sentence) == (
        [(1, "ops-lead")],
        "Level 1 is being paged for INC-42.",
    )


def test_a_hold_ends_with_the_acknowledgement() -> None:
    engine = Engine().open("P1")
    engine.do("acknowledge")
    engine.hold("8h", "a slow rollback")
    engine.do("reprioritize", person("ops-senior"), priority="P0", reason="all of it")
    assert engine.incident.hold_until is None


def test_an_escalation_that_reaches_nobody_says_so_instead_of_promising_a_page() -> None:
    decision = decide(case(incident(), reachable=frozenset({"phone"})), command("escalate"), LEAD, NOON)
    assert decision.code == "unreachable"
    assert decision.sentence == "Nobody of level 2 or above can be reached for INC-42."
    assert decision.incident.level == 1


def test_an_agreed_action_is_finished_once_by_its_number_on_record() -> None:
    agreed = (ActionItem(what="more disks"), ActionItem(what="alert earlier", owner="cto", due_on="2026-01-01"))
    over = incident(state=State.CLOSED)
    done = decide(case(over, actions=agreed), command("finish", action=2), SENIOR, NOON)
    assert done.finished == replace(agreed[1], done_at=NOON, done_by="ops-senior")
    assert kinds(done) == [Kind.ACTION_DONE]
    assert done.finished is not None
    again = decide(case(over, actions=(agreed[0], done.finished)), command("finish", action=2), LEAD, NOON)
    assert (again.changed, again.code) == (False, "already_done")
    with pytest.raises(Refusal, match="INC-42 has actions 1 to 2"):
        decide(case(over, actions=agreed), command("finish", action=3), LEAD, NOON)
    with pytest.raises(Refusal, match="INC-42 has no actions"):
        decide(case(over), command("finish", action=1), LEAD, NOON)


def test_a_step_is_ticked_and_unticked_on_record_and_a_second_tick_changes_nothing() -> None:
    step = PlaybookStep(id="look", number="1.1", phase="assessment", title="Look")
    done = decide(case(incident(), steps=(step,)), command("tick", step="look"), LEAD, NOON)
    assert (done.ticks[0].done_at, done.ticks[0].done_by) == (NOON, "ops-lead")
    ticked = replace(step, done_at=NOON, done_by="ops-lead")
    again = decide(case(incident(), steps=(ticked,)), command("tick", step="look"), SENIOR, NOON)
    assert (again.changed, again.sentence) == (False, "Step 1.1 is already done by Ops-Lead.")
    undone = decide(case(incident(), steps=(ticked,)), command("tick", step="look", done=False), SENIOR, NOON)
    assert (undone.ticks[0].done_at, undone.ticks[0].done_by) == (None, None)
    with pytest.raises(NotFound, match="no step 'other'; it has look"):
        decide(case(incident(), steps=(step,)), command("tick", step="other"), LEAD, NOON)


ACTS = [
    ("note", {"text": "the graph is flat"}),
    ("document", {"cause": "a bad deployment"}),
    ("advance", {"impact": "all", "priority_confirmed": True}),
    ("hold", {"for": "10m", "reason": "vendor"}),
    ("assign", {"to": "ops-lead"}),
    ("escalate", {}),
    ("reprioritize", {"priority": "P0", "reason": "yes"}),
]


@pytest.mark.parametrize(("name", "fields"), ACTS)
def test_any_act_renews_the_lease_and_answers_the_question(name: str, fields: dict[str, Any]) -> None:
    engine = Engine().open()
    engine.do("acknowledge")
    engine.wait(minutes(17))
    assert engine.incident.lease_asked_at == NOON + minutes(15)
    decision = engine.do(name, **fields)
    assert Kind.LEASE_RENEWED in kinds(decision)
    assert engine.due(TimerKind.LEASE) == {0: minutes(17 + 15)}
    assert engine.due(TimerKind.LEASE_ANSWER) == {}


MONITORING = Actor(kind=ActorKind.SOURCE, id="datadog", name="PagerDuty", role=Role.RESPONDER, via="pagerduty")


def test_a_note_of_a_monitoring_system_is_no_sign_of_life_of_the_owner() -> None:
    engine = Engine().open()
    engine.do("acknowledge")
    engine.wait(minutes(17))
    decision = engine.do("note", MONITORING, text="Deployed 4f2a1c")
    assert kinds(decision) == [Kind.NOTE]
    assert engine.incident.lease_asked_at == NOON + minutes(15)
    engine.wait(minutes(20))
    assert engine.lines(Kind.UNACKNOWLEDGED)


def test_a_monitoring_system_that_acknowledges_holds_the_lease_until_a_person_takes_over_and_commands() -> None:
    engine = Engine().open()
    assert engine.do("acknowledge", MONITORING).changed
    assert (engine.incident.acknowledged_by, engine.incident.commander) == ("datadog", None)
    assert engine.do("acknowledge", MONITORING).code == "already_acknowledged"
    assert engine.do("acknowledge", LEAD).changed
    assert (engine.incident.acknowledged_by, engine.incident.commander) == ("ops-lead", "ops-lead")


def test_a_priority_confirmed_by_a_judgement_needs_no_second_confirmation() -> None:
    engine = Engine().open("P1")
    engine.do("acknowledge")
    engine.do("reprioritize", priority="P2", reason="a few users")
    engine.do("advance", impact="a few users")
    assert engine.incident.state is State.DIAGNOSIS


def test_a_stranger_to_the_contacts_can_still_be_an_owner_by_a_token() -> None:
    engine = Engine().open()
    engine.do("acknowledge", person("ci", Role.RESPONDER))
    engine.wait(minutes(15))
    (asked,) = engine.lines(Kind.LEASE_ASKED)
    assert (asked.data["reached"], "No working channel to ci" in asked.reason) == (False, True)


def test_p3_has_no_lease() -> None:
    engine = Engine().open(Priority.P3)
    engine.do("acknowledge")
    assert engine.pending() == []
    assert CONFIG.policies["standard"].P3.lease is None
    assert engine.hear(alert(priority="P3")).changed is False


@pytest.mark.parametrize("duty", ["communications", "scribe"])
def test_a_duty_is_given_with_a_brief_and_the_command_stays_where_it_is(duty: str) -> None:
    before = acknowledged(incident(commander="ops-lead"))
    decision = decide(case(before), command("assign", to="ops-senior", duty=duty), LEAD, NOON)
    assert (decision.incident.commander, decision.incident.duties) == ("ops-lead", {duty: "ops-senior"})
    assert line(decision, Kind.ASSIGNED).data == {"to": "ops-senior", "duty": duty}
    [brief] = decision.messages
    assert (brief.kind, brief.contact) == (MessageKind.NOTICE, "ops-senior")
    assert BRIEFS[Duty(duty)] in brief.reason


def test_who_is_handed_the_command_is_told_what_that_means() -> None:
    decision = decide(case(acknowledged(incident())), command("assign", to="ops-senior", reason="shift"), LEAD, NOON)
    assert BRIEFS[Duty.COMMANDER] in decision.messages[0].reason
