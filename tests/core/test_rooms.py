"""A channel of its own: for whom, how it is called, once."""

from __future__ import annotations

from typing import Any

import pytest

from engine.core.decide import decide
from engine.core.draft import Decision
from engine.core.errors import Refusal
from engine.core.intake import Opening, open_incident
from engine.core.model import MessageKind, Priority
from engine.core.notices import room_name
from engine.core.policy import Room
from engine.core.timeline import Kind
from tests.core.cases import (
    CONFIG,
    LEAD,
    NOON,
    REACHABLE,
    alert,
    case,
    changed,
    classification,
    command,
    incident,
    kinds,
    placed,
)


def rooms(decision: Decision) -> list[tuple[str, str]]:
    return [(one.channel, one.address) for one in decision.messages if one.kind is MessageKind.ROOM]


def opened(priority: str, *, page: bool = True, reachable: frozenset[str] = REACHABLE) -> Decision:
    config = CONFIG.model_copy(update={"room": Room(channel="chat", priorities=(Priority.P0,))})
    opening = Opening(number=42, revision=1, reachable=reachable, now=NOON)
    return open_incident(config, [placed(alert(priority=priority))], opening, classification(priority, page=page))


def test_somebody_asks_for_one_and_a_second_time_changes_nothing() -> None:
    decision = decide(case(incident(title="Checkout is down!")), command("open_room"), LEAD, NOON)
    assert rooms(decision) == [("chat", "inc-42-checkout-is-down")]
    assert Kind.ROOM_ASKED in kinds(decision)
    again = decide(case(decision.incident), command("open_room"), LEAD, NOON)
    assert (again.changed, again.code) == (False, "room_there")


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Checkout is down", "inc-42-checkout-is-down"),
        ("  <!channel> Ünïcode & 日本  ", "inc-42-channel-n-code"),
        ("???", "inc-42"),
        ("a" * 200, "inc-42-" + "a" * 73),
    ],
)
def test_its_name_begins_with_the_incident_and_is_one_that_slack_takes(title: str, name: str) -> None:
    assert room_name(incident(title=title)) == name


@pytest.mark.parametrize(
    ("config", "reachable"), [(changed("room", to=None), REACHABLE), (CONFIG, REACHABLE - {"chat"})]
)
def test_where_there_are_none_it_is_said_so(config: Any, reachable: frozenset[str]) -> None:
    with pytest.raises(Refusal) as refused:
        decide(case(incident(), config, reachable=reachable), command("open_room"), LEAD, NOON)
    assert refused.value.code == "no_rooms"


def test_the_priorities_of_the_configuration_get_one_as_they_open() -> None:
    assert rooms(opened("P0")) != []
    assert rooms(opened("P1")) == []
    assert rooms(opened("P0", page=False)) == []
    assert rooms(opened("P0", reachable=REACHABLE - {"chat"})) == []
