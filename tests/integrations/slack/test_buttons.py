"""Which buttons are under a message, what they carry, and what their dialogs say."""

import json
from dataclasses import replace
from typing import Any

import pytest

from engine.core.model import MessageKind, State
from engine.ports import Rung
from integrations.slack.buttons import Action, ButtonValue, buttons, next_rung
from tests.integrations.slack.envelopes import ACKNOWLEDGED, LADDER, PAGE, RESOLVED, at, envelope

ASKED: dict[str, Any] = {**ACKNOWLEDGED, "lease_asked_at": at(18)}
CARD = {"kind": MessageKind.CARD, "contact": None}
QUESTION = {"kind": MessageKind.QUESTION}
OTHER = {"contact": "ben"}
ACKNOWLEDGE, STILL, ESCALATE, RESOLVE = "Acknowledge", "Still on it", "I need help", "Resolve"
DECLINE, HOLD, ONWARD = "Not me, pass on", "Hold escalation", "To diagnosis"
UPDATE = "Status update"


@pytest.mark.parametrize(
    ("message", "incident", "labels"),
    [
        ({}, {}, [ACKNOWLEDGE, DECLINE, ESCALATE, HOLD, RESOLVE]),
        ({}, {"declined": ("ana",)}, [ACKNOWLEDGE, ESCALATE, HOLD, RESOLVE]),
        (CARD, {}, [ACKNOWLEDGE, ESCALATE, HOLD, RESOLVE]),
        ({}, ACKNOWLEDGED, [ESCALATE, HOLD, UPDATE, ONWARD, RESOLVE]),
        ({}, {**ACKNOWLEDGED, "state": State.RESOLUTION}, [ESCALATE, HOLD, UPDATE, RESOLVE]),
        ({}, {"level": 3}, [ACKNOWLEDGE, DECLINE, RESOLVE]),
        (QUESTION, ASKED, [STILL, ESCALATE, HOLD, UPDATE, ONWARD, RESOLVE]),
        ({}, ASKED, [STILL, ESCALATE, HOLD, UPDATE, ONWARD, RESOLVE]),
        (OTHER, ASKED, [ACKNOWLEDGE, ESCALATE, HOLD, UPDATE, ONWARD, RESOLVE]),
        (QUESTION, {}, [ACKNOWLEDGE, ESCALATE, HOLD, RESOLVE]),
        ({}, RESOLVED, []),
        ({}, {"state": State.CLOSED}, []),
        ({}, {"state": State.CANCELLED}, []),
        ({}, {"state": State.MERGED}, []),
        (QUESTION, RESOLVED, []),
    ],
)
def test_only_the_buttons_that_make_sense_are_shown(
    message: dict[str, Any], incident: dict[str, Any], labels: list[str]
) -> None:
    assert [button.to_dict()["text"]["text"] for button in buttons(envelope(message=message, **incident))] == labels


def test_every_button_carries_the_incident_as_its_presser_saw_it() -> None:
    values = {button.value for button in buttons(envelope(generation=2, level=2))}
    assert values == {'{"incident":"INC-42","generation":2,"level":2,"page":"42.3"}'}


def test_a_card_that_belongs_to_no_page_leaves_the_page_out() -> None:
    value = buttons(envelope(message={"page": None}))[0].value
    assert json.loads(value or "") == {"incident": "INC-42", "generation": 1, "level": 1}


def test_a_value_with_fields_of_another_release_is_still_understood() -> None:
    assert ButtonValue.model_validate_json('{"incident":"INC-42","generation":1,"room":"C1"}').incident == "INC-42"


def test_escalating_asks_first_and_names_whom_it_calls() -> None:
    (escalate,) = (one for one in buttons(PAGE) if one.action_id == Action.ESCALATE)
    confirm = escalate.to_dict()["confirm"]
    assert confirm["title"]["text"] == "Call for help?"
    assert confirm["text"] == {
        "type": "plain_text",
        "text": "This pages Erin Chen (Engineering) at once, ahead of 03:30 CET.",
        "emoji": False,
    }


def test_resolving_asks_first_whether_it_was_checked() -> None:
    confirm = buttons(PAGE)[-1].to_dict()["confirm"]
    assert (confirm["title"]["text"], confirm["style"]) == ("Resolve INC-42?", "danger")
    assert "have you checked it?" in confirm["text"]["text"]


@pytest.mark.parametrize(
    ("level", "ladder", "expected"),
    [
        (0, LADDER, 1),
        (1, LADDER, 2),
        (1, tuple(reversed(LADDER)), 2),
        (3, LADDER, None),
        (0, (), None),
    ],
)
def test_the_next_rung_is_the_lowest_that_was_not_paged(
    level: int, ladder: tuple[Rung, ...], expected: int | None
) -> None:
    rung = next_rung(replace(envelope(level=level), ladder=ladder))
    assert (rung.level if rung else None) == expected
