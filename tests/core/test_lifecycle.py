"""Every state and every command, by the standard's table; what each needs; who may do without it."""

from __future__ import annotations

from typing import Any

import pytest

from engine.core.decide import decide
from engine.core.draft import Decision
from engine.core.errors import Forbidden, Refusal
from engine.core.lifecycle import TRANSITIONS
from engine.core.merging import merge
from engine.core.model import ActionItem, Incident, PlaybookStep, Priority, Role, State
from engine.core.timeline import Kind
from tests.core.cases import LEAD, NOON, SENIOR, acknowledged, case, command, incident, kinds, line, person
from tests.core.drive import Engine

# Where each command leads from each state: "stays", a state, or with a "!" the code of the refusal.
TABLE = """
             detection         assessment   diagnosis    resolution   review            closed          cancelled          merged
acknowledge  assessment        stays        stays        stays        !already_resolved !already_closed !already_cancelled !already_merged
advance      !not_acknowledged diagnosis    resolution   !last_phase  !already_resolved !already_closed !already_cancelled !already_merged
resolve      review            review       review       review       !already_resolved !already_closed !already_cancelled !already_merged
reopen       !wrong_state      !wrong_state !wrong_state !wrong_state diagnosis         !already_closed !already_cancelled !already_merged
close        !wrong_state      !wrong_state !wrong_state !wrong_state closed            !already_closed !already_cancelled !already_merged
cancel       cancelled         cancelled    cancelled    cancelled    !already_resolved !already_closed !already_cancelled !already_merged
merge        merged            merged       merged       merged       !already_resolved !already_closed !already_cancelled !already_merged
decline      stays             stays        stays        stays        !already_resolved !already_closed !already_cancelled !already_merged
reprioritize stays             stays        stays        stays        !already_resolved !already_closed !already_cancelled !already_merged
assign       stays             stays        stays        stays        !already_resolved !already_closed !already_cancelled !already_merged
hold         stays             stays        stays        stays        !already_resolved !already_closed !already_cancelled !already_merged
escalate     stays             stays        stays        stays        !already_resolved !already_closed !already_cancelled !already_merged
open_room    stays             stays        stays        stays        !already_resolved !already_closed !already_cancelled !already_merged
seal         stays             stays        stays        stays        stays             !already_closed !already_cancelled !already_merged
unseal       stays             stays        stays        stays        stays             !already_closed !already_cancelled !already_merged
invite       stays             stays        stays        stays        stays             stays           stays              stays
update       stays             stays        stays        stays        stays             !already_closed !already_cancelled !already_merged
snooze       stays             stays        stays        stays        !already_resolved !already_closed !already_cancelled !already_merged
note         stays             stays        stays        stays        stays             stays           stays              stays
document     stays             stays        stays        stays        stays             !already_closed !already_cancelled !already_merged
finish       stays             stays        stays        stays        stays             stays           stays              stays
tick         stays             stays        stays        stays        stays             !already_closed !already_cancelled !already_merged
"""  # noqa: E501 - a table is read along its lines
FIELDS: dict[str, dict[str, Any]] = {
    "advance": {"impact": "all of checkout", "priority_confirmed": True, "cause": "a bad deployment"},
    "resolve": {"validation": "orders go through"},
    "reopen": {"reason": "it is back"},
    "close": {"cause": "a bad deployment", "lessons": "test the rollback"},
    "cancel": {"code": "false_alarm", "reason": "the probe was wrong"},
    "merge": {"into": "INC-7"},
    "reprioritize": {"priority": "P1", "reason": "only half of it"},
    "assign": {"to": "ops-senior"},
    "hold": {"for": "30m", "reason": "the vendor is on it"},
    "snooze": {"for": "30m"},
    "seal": {"reason": "it names a customer"},
    "unseal": {"reason": "it was nothing"},
    "invite": {"who": "cto"},
    "update": {"text": "half of it works again"},
    "note": {"text": "the graph is flat"},
    "finish": {"action": 1},
    "document": {"cause": "a bad deployment"},
    "tick": {"step": "look"},
}
AGREED = ActionItem(what="more disks", owner="cto", due_on="2026-12-31")
STEP = PlaybookStep(id="look", number="1.1", phase="assessment", title="Look")


def cells() -> list[tuple[str, State, str]]:
    head, *rows = TABLE.strip().splitlines()
    table = [(row.split()[0], row.split()[1:]) for row in rows]
    return [(name, State(state), cell) for name, row in table for state, cell in zip(head.split(), row, strict=True)]


def standing(state: State) -> Incident:
    one = incident(state=state)
    return one if state is State.DETECTION else acknowledged(one)


def perform(one: Incident, name: str, **fields: Any) -> Decision:
    wanted = command(name, **(fields or FIELDS.get(name, {})))
    if name == "merge":
        return merge(case(one), case(incident(id=7)), wanted, LEAD, NOON)[0]
    return decide(case(one, steps=(STEP,), actions=(AGREED,)), wanted, LEAD, NOON)


@pytest.mark.parametrize(("name", "state", "expected"), cells())
def test_each_command_leads_from_each_state_to_where_the_standard_says(name: str, state: State, expected: str) -> None:
    one = standing(state)
    if expected.startswith("!"):
        with pytest.raises(Refusal) as refused:
            perform(one, name)
        assert refused.value.code == expected[1:]
        assert one.ref in refused.value.sentence
    else:
        assert perform(one, name).incident.state == (state if expected == "stays" else expected)


def test_the_table_has_every_command_and_every_state() -> None:
    names = {name for name, _, _ in TRANSITIONS}
    assert {(name, state) for name, state, _ in cells()} == {(name, state) for name in names for state in State}


@pytest.mark.parametrize("state", [State.CLOSED, State.CANCELLED, State.MERGED, State.REVIEW])
def test_what_is_over_says_how_it_ended_and_that_nothing_was_changed(state: State) -> None:
    with pytest.raises(Refusal, match=r"INC-42 is \w+.*; acknowledge changes nothing"):
        perform(acknowledged(incident(state=state, merged_into=7 if state is State.MERGED else None)), "acknowledge")


@pytest.mark.parametrize("name", sorted({name for name, _, _ in TRANSITIONS} - {"merge"}))
def test_a_viewer_may_do_nothing(name: str) -> None:
    one = incident(state=State.REVIEW if name in ("reopen", "close") else State.DETECTION)
    with pytest.raises(Forbidden) as refused:
        decide(case(one), command(name, **FIELDS.get(name, {})), person("cloud-support", Role.VIEWER), NOON)
    assert refused.value.code == "role_too_low"


ASSESSED = acknowledged(incident(state=State.ASSESSMENT))
DIAGNOSED = acknowledged(incident(state=State.DIAGNOSIS))
REVIEWED = incident(state=State.REVIEW, cause="a bad deployment", lessons="test the rollback")
GUARDED = [
    (ASSESSED, "advance", {"impact": "all of it"}, "priority_unconfirmed"),
    (ASSESSED, "advance", {"priority_confirmed": True}, "impact_missing"),
    (DIAGNOSED, "advance", {"impact": "all of it"}, "cause_missing"),
    (incident(), "resolve", {"reason": "looks fine"}, "validation_missing"),
    (incident(state=State.REVIEW), "close", {"lessons": "x"}, "cause_missing"),
    (incident(state=State.REVIEW), "close", {"cause": "x"}, "lessons_missing"),
    (incident("P1", State.REVIEW), "close", {"cause": "x"}, "lessons_missing"),
    (REVIEWED, "close", {"actions": [{"what": "add a test", "owner": "ops-lead"}]}, "action_incomplete"),
    (REVIEWED, "close", {"actions": [{"what": "add a test", "due_on": "2026-04-01"}]}, "action_incomplete"),
]


@pytest.mark.parametrize(("one", "name", "fields", "code"), GUARDED)
def test_a_guard_refuses_until_a_manager_overrides_it_with_a_reason_that_goes_on_record(
    one: Incident, name: str, fields: dict[str, Any], code: str
) -> None:
    plain = {key: value for key, value in fields.items() if key != "reason"}
    attempts: list[tuple[dict[str, Any], Role, str]] = [
        (plain, Role.ADMIN, code),
        (plain | {"override": True, "reason": "I say so"}, Role.RESPONDER, "override_needs_manager"),
        (plain | {"override": True}, Role.MANAGER, "override_needs_reason"),
    ]
    for attempt, role, expected in attempts:
        with pytest.raises(Refusal) as refused:
            decide(case(one), command(name, **attempt), person("cto", role), NOON)
        assert refused.value.code == expected
    overridden = command(name, **plain, override=True, reason="the CTO takes the risk")
    decision = decide(case(one), overridden, person("cto", Role.MANAGER), NOON)
    assert decision.incident.state is not one.state
    on_record = line(decision, Kind.OVERRIDDEN)
    assert (on_record.reason, on_record.data["code"]) == ("the CTO takes the risk", code)
    assert on_record.actor == "person:cto via test"


def test_every_guard_that_is_overridden_is_named_on_record() -> None:
    wanted = command("close", override=True, reason="written up elsewhere")
    decision = decide(case(incident(state=State.REVIEW)), wanted, LEAD, NOON)
    codes = [event.data["code"] for event in decision.events if event.kind == Kind.OVERRIDDEN]
    assert codes == ["cause_missing", "lessons_missing"]


def test_an_override_where_nothing_is_missing_leaves_no_trace() -> None:
    wanted = command("close", override=True, reason="to be sure")
    assert Kind.OVERRIDDEN not in kinds(decide(case(REVIEWED), wanted, LEAD, NOON))


@pytest.mark.parametrize("priority", ["P2", "P3"])
def test_lower_priorities_close_without_paperwork(priority: str) -> None:
    assert perform(incident(priority, State.REVIEW), "close", reason="done").incident.state is State.CLOSED


@pytest.mark.parametrize("priority", list(Priority)[:2])
def test_the_urgent_ones_close_with_cause_lessons_and_complete_actions(priority: Priority) -> None:
    one = incident(priority, State.REVIEW, cause="a bad deployment")
    agreed = ActionItem(what="add a test", owner="ops-lead", due_on="2026-04-01")
    decision = decide(case(one, actions=(agreed,)), command("close", lessons="test it"), SENIOR, NOON)
    assert decision.incident.state is State.CLOSED
    assert kinds(decision)[-3:] == [Kind.PHASE, Kind.CLOSED, Kind.REPORT_FROZEN]


def test_an_action_is_completed_by_naming_it_again() -> None:
    engine = Engine().open()
    engine.do("resolve", validation="orders go through")
    engine.do("document", cause="c", lessons="l", actions=[{"what": "add a test"}, {"what": "tell users"}])
    engine.do("document", actions=[{"what": "add a test", "owner": "ops-lead", "due_on": "2026-04-01"}])
    with pytest.raises(Refusal, match="'tell users' has no owner or no date"):
        engine.do("close")
    engine.do("close", actions=[{"what": "tell users", "owner": "ops-senior", "due_on": "2026-04-02"}])
    assert engine.incident.state is State.CLOSED


@pytest.mark.parametrize(
    ("before", "skipped"),
    [
        (State.DETECTION, ["assessment", "diagnosis", "resolution"]),
        (State.ASSESSMENT, ["diagnosis", "resolution"]),
        (State.DIAGNOSIS, ["resolution"]),
        (State.RESOLUTION, []),
    ],
)
def test_phases_jumped_over_are_recorded_as_skipped_never_as_worked(before: State, skipped: list[str]) -> None:
    decision = perform(standing(before), "resolve")
    assert [event.data["phase"] for event in decision.events if event.kind == Kind.PHASE_SKIPPED] == skipped
    assert line(decision, Kind.PHASE).data["phase"] == "review"


def test_a_phase_entered_says_where_it_came_from_and_going_back_skips_nothing() -> None:
    decision = perform(acknowledged(incident(state=State.REVIEW)), "reopen")
    assert line(decision, Kind.PHASE).data == {"phase": "diagnosis", "from": "review"}
    assert Kind.PHASE_SKIPPED not in kinds(decision)
