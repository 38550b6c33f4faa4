"""Sealed incidents: what seals one, who is in, and what is told to the others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from engine.core.decide import decide
from engine.core.draft import Decision
from engine.core.errors import Forbidden, Refusal
from engine.core.intake import Opening, open_incident, take
from engine.core.merging import merge
from engine.core.model import Actor, ActorKind, AlertStatus, Incident, MessageKind, Role, State
from engine.core.policy import Config, SealRule
from engine.core.sealing import VEILED, admits, insiders, veil
from engine.core.timeline import Kind
from tests.core.cases import (
    CONFIG,
    LEAD,
    MANAGER,
    MONITOR,
    NOON,
    REACHABLE,
    SENIOR,
    alert,
    case,
    changed,
    classification,
    command,
    incident,
    kinds,
    person,
    placed,
)

SECURITY = SealRule.model_validate({"match": ['category=~"security.*"']})
WITH_RULE = changed("sealing", to=(SECURITY,))
SEALED = incident(sealed_at=NOON, invited=("ops-lead",))
BROADCAST = {MessageKind.CARD, MessageKind.LINE, MessageKind.REPORT}


def opened(config: Config, *, by: Actor = MONITOR, **labels: str) -> Decision:
    opening = Opening(number=42, revision=1, reachable=REACHABLE, now=NOON)
    first = replace(placed(alert(**labels)), actor=by)
    return open_incident(config, [first], opening, classification("P0"))


def token(role: Role) -> Actor:
    return Actor(kind=ActorKind.TOKEN, id="bot", name="bot", role=role, via="api")


@pytest.mark.parametrize(
    ("rule", "sealed"),
    [
        ({"match": ['category=~"security.*"']}, True),
        ({"match": ['category="cost"']}, False),
        ({"words": ["data breach"]}, True),
        ({"words": ["ransomware"]}, False),
        ({"services": ["checkout"]}, True),
        ({"services": ["search"]}, False),
        ({"services": ["checkout"], "words": ["ransomware"]}, False),
        ({"match": ['category=~"security.*"'], "words": ["data breach"], "services": ["checkout"]}, True),
    ],
)
def test_a_rule_seals_what_all_of_it_applies_to(rule: dict[str, Any], *, sealed: bool) -> None:
    config = changed("sealing", to=(SealRule.model_validate(rule),))
    decision = opened(config, category="security-event", alertname="DataBreach")
    assert (decision.incident.sealed_at is not None) is sealed
    assert (Kind.SEALED in kinds(decision)) is sealed


def test_a_rule_that_would_seal_everything_is_no_rule() -> None:
    with pytest.raises(ValidationError, match="it would seal everything"):
        SealRule()


def test_a_sealed_opening_pages_people_and_tells_no_channel() -> None:
    decision = opened(WITH_RULE, category="security")
    told = {one.kind for one in decision.messages}
    assert MessageKind.PAGE in told
    assert not told & BROADCAST
    [room] = [one for one in decision.messages if one.kind is MessageKind.ROOM]
    assert room.address == "inc-42-sealed"
    assert insiders(decision.incident) == {"ops-lead"}


def test_whoever_reports_it_is_in_but_no_integration_that_bears_the_name_of_a_contact() -> None:
    assert "cto" in opened(WITH_RULE, by=person("cto"), category="security").incident.invited
    namesake = Actor(kind=ActorKind.SOURCE, id="cto")
    assert "cto" not in opened(WITH_RULE, by=namesake, category="security").incident.invited


def test_an_alert_that_joins_seals_what_was_open_to_all() -> None:
    joining = placed(alert("DataBreach", category="security"))
    taken = take(case(incident(), WITH_RULE), {}, [joining], NOON)
    assert taken.decision.incident.sealed_at == NOON
    over = replace(joining, alert=replace(joining.alert, status=AlertStatus.RESOLVED))
    assert take(case(incident(), WITH_RULE), {}, [over], NOON).decision.incident.sealed_at is None


def test_by_hand_those_whose_level_was_paged_and_the_one_who_seals_are_in() -> None:
    decision = decide(case(incident(level=1)), command("seal", reason="it names a customer"), MANAGER, NOON)
    assert set(decision.incident.invited) == {"ops-lead", "ops-senior", "eng-manager"}
    again = decide(case(decision.incident), command("seal", reason="again"), MANAGER, NOON)
    assert (again.changed, again.code) == (False, "already_sealed")


def test_one_that_is_over_is_sealed_without_a_room() -> None:
    decision = decide(case(incident(state=State.REVIEW)), command("seal", reason="it names a customer"), LEAD, NOON)
    assert decision.incident.sealed_at == NOON
    assert decision.messages == ()


@pytest.mark.parametrize(
    ("reader", "admitted"),
    [
        (LEAD, True),
        (SENIOR, False),
        (person("cto", Role.ADMIN), False),
        (token(Role.ADMIN), True),
        (token(Role.MANAGER), False),
        (Actor(kind=ActorKind.PERSON, id="cli:root", role=Role.ADMIN, via="cli"), True),
        (Actor(kind=ActorKind.PERSON, id="cto", role=Role.ADMIN, via="cli:root"), False),
        (MONITOR, True),
    ],
)
def test_who_is_let_in(reader: Actor, *, admitted: bool) -> None:
    assert admits(SEALED, reader) is admitted
    assert admits(incident(), reader)


@pytest.mark.parametrize(
    "part", [{"commander": "cto"}, {"lease_owner": "cto"}, {"acknowledged_by": "cto"}, {"duties": {"scribe": "cto"}}]
)
def test_whoever_has_a_part_in_it_is_in(part: dict[str, Any]) -> None:
    assert admits(replace(SEALED, **part), person("cto"))


@pytest.mark.parametrize("name", ["acknowledge", "note", "resolve", "invite", "unseal"])
def test_a_person_outside_is_refused_in_words_that_name_whom_to_ask(name: str) -> None:
    fields = {"note": {"text": "x"}, "invite": {"who": "cto"}, "unseal": {"reason": "x"}}.get(name, {})
    with pytest.raises(Forbidden) as refused:
        decide(case(SEALED), command(name, **fields), person("cto"), NOON)
    assert refused.value.code == "sealed"
    assert refused.value.sentence == (
        "INC-42 is sealed: only those who were invited can see it or act on it. Ops-Lead can invite you."
    )


def test_who_is_invited_is_told_and_may_act() -> None:
    decision = decide(case(SEALED), command("invite", who="cto"), LEAD, NOON)
    [told] = decision.messages
    assert (told.kind, told.contact) == (MessageKind.NOTICE, "cto")
    assert decide(case(decision.incident), command("note", text="here"), person("cto"), NOON).changed
    again = decide(case(decision.incident), command("invite", who="cto"), LEAD, NOON)
    assert (again.changed, again.code) == (False, "already_invited")


def test_whoever_is_paged_is_in_from_then_on() -> None:
    decision = decide(case(SEALED), command("escalate"), LEAD, NOON)
    assert {one.contact for one in decision.messages} <= set(decision.incident.invited)


def test_only_a_manager_unseals_it_and_then_the_card_is_posted_that_it_never_had() -> None:
    inside = replace(SEALED, invited=("ops-lead", "ops-senior"))
    with pytest.raises(Forbidden, match="Only a manager"):
        decide(case(inside), command("unseal", reason="it was nothing"), SENIOR, NOON)
    decision = decide(case(inside), command("unseal", reason="it was nothing"), LEAD, NOON)
    assert (decision.incident.sealed_at, decision.incident.invited) == (None, ())
    had_one = replace(inside, opened_at=NOON.replace(hour=11))
    assert [one.kind for one in decision.messages] == ([MessageKind.CARD] if inside.opened_at == NOON else [])
    assert decide(case(had_one), command("unseal", reason="it was nothing"), LEAD, NOON).messages == ()


def test_it_is_not_merged_into_one_that_everybody_can_read() -> None:
    other = incident(id=7)
    with pytest.raises(Refusal) as refused:
        merge(case(SEALED), case(other), command("merge", into="INC-7"), LEAD, NOON)
    assert refused.value.code == "target_not_sealed"
    with pytest.raises(Forbidden):
        merge(case(other), case(SEALED), command("merge", into="INC-42"), SENIOR, NOON)
    both = merge(
        case(SEALED),
        case(replace(other, sealed_at=NOON, invited=("ops-lead",))),
        command("merge", into="INC-7"),
        LEAD,
        NOON,
    )
    assert both[0].incident.merged_into == 7


SAID: dict[str, Any] = {
    "title": "Mallory took the customer list", "summary": "mallory-summary", "service": "mallory-service",
    "source": "mallory-source", "group": "mallory-group", "key": "mallory-key", "policy": "mallory-policy",
    "commander": "mallory", "lease_owner": "mallory", "acknowledged_by": "mallory", "duties": {"scribe": "mallory"},
    "declined": ("mallory",), "hold_by": "mallory", "hold_reason": "mallory", "status": "mallory",
    "impact": "mallory", "cause": "mallory", "mitigation": "mallory", "validation": "mallory", "lessons": "mallory",
    "playbook": "mallory", "invited": ("mallory",),
}  # fmt: skip


def test_the_veil_leaves_nothing_that_somebody_said() -> None:
    told: Incident = veil(incident(sealed_at=NOON, **SAID))
    assert "mallory" not in repr(told).lower()
    assert told.title == VEILED
    assert CONFIG.sealing == ()
