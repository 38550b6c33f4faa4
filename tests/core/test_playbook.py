"""Which playbook an incident gets, and what its steps look like on it."""

from datetime import timedelta
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from engine.core.model import PHASES, Classification, PlaybookStep, Priority
from engine.core.playbook import Phase, Playbook, choose, hastened, steps_of
from engine.core.policy import Playbooks

RULES = Playbooks.model_validate(
    {
        "attach": [
            {"playbook": "security-incident", "words": ["breach", "intrusion"]},
            {"playbook": "database", "match": ["job=db"], "priority": "P1"},
            {"playbook": "p0-critical-incident", "priority": "P0"},
        ]
    }
)
TWICE = {"id": "a", "title": "A"}


def written(**changes: Any) -> dict[str, Any]:
    steps = [{"id": "look", "title": "Look"}, {"id": "tell", "title": "Tell", "phase": "review", "detail": "All."}]
    act = {"title": "Act", "phase": "resolution", "steps": [{"id": "mend", "title": "Mend"}]}
    sections = [{"title": "See", "phase": "assessment", "steps": steps}, act]
    return {"name": "mine", "title": "Mine", "sections": sections} | changes


@pytest.mark.parametrize(
    ("service_playbook", "priority", "labels", "text", "expected"),
    [
        (None, "P0", {}, "api down", ("p0-critical-incident", "the priority is P0")),
        (None, "P2", {}, "Intrusion on web-1", ("security-incident", "the text says 'intrusion'")),
        (None, "P0", {"type": "breach"}, "", ("security-incident", "the type label says 'breach'")),
        (None, "P1", {"job": "db"}, "slow", ("database", 'the priority is P1 and job="db"')),
        (None, "P2", {"job": "db"}, "slow", None),
        (None, "P2", {}, "no breach", None),
        ("checkout", "P2", {}, "slow", ("checkout", "it is the service's own playbook")),
        ("checkout", "P0", {}, "down", ("checkout", "it is the service's own playbook")),
        ("checkout", "P2", {}, "breach", ("security-incident", "the text says 'breach'")),
        ("checkout", "P1", {"job": "db"}, "slow", ("database", 'the priority is P1 and job="db"')),
    ],
)
def test_the_playbook_is_the_first_that_fits(
    service_playbook: str | None, priority: str, labels: dict[str, str], text: str, expected: tuple[str, str] | None
) -> None:
    assert choose(RULES, service_playbook, Priority(priority), labels, text) == expected


def test_a_rule_without_conditions_is_for_every_incident_without_a_playbook_of_its_service() -> None:
    rules = Playbooks.model_validate({"attach": [{"playbook": "any"}]})
    assert choose(rules, None, Priority.P3, {}, "") == ("any", "it is for every incident")
    assert choose(rules, "own", Priority.P3, {}, "") == ("own", "it is the service's own playbook")


def test_steps_are_numbered_by_section_and_carry_their_phase() -> None:
    assert steps_of(Playbook.model_validate(written())) == (
        PlaybookStep(id="look", number="1.1", phase="assessment", title="Look", section="See"),
        PlaybookStep(id="tell", number="1.2", phase="review", title="Tell", section="See", detail="All."),
        PlaybookStep(id="mend", number="2.1", phase="resolution", title="Mend", section="Act"),
    )


def test_a_step_can_belong_to_every_phase_of_an_incident() -> None:
    assert get_args(Phase) == PHASES


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"sections": []}, "at least 1 item"),
        ({"sections": [{"title": "See", "phase": "closed", "steps": []}]}, "Input should be"),
        ({"sections": [{"title": "S", "phase": "review", "steps": [TWICE, TWICE]}]}, "id 'a' is used more"),
        ({"name": "Not A Name"}, "pattern"),
        ({"respond_within": 15}, "not a span of time"),
        ({"surprise": 1}, "not permitted"),
    ],
)
def test_a_faulty_playbook_is_refused(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Playbook.model_validate(written(**changes))


@pytest.mark.parametrize(
    ("own", "level", "expected"),
    [("15m", None, 15), ("15m", 60, 15), ("15m", 5, 5), (None, 5, 5), (None, None, None)],
)
def test_a_playbooks_response_target_holds_where_it_is_the_earlier_one(
    own: str | None, level: int | None, expected: int | None
) -> None:
    within = None if level is None else timedelta(minutes=level)
    found = Classification(priority=Priority.P2, rule="r", reason="r", respond_within=within)
    playbook = Playbook.model_validate(written(respond_within=own))
    assert hastened(found, playbook).respond_within == (None if expected is None else timedelta(minutes=expected))
    assert hastened(found, None) == found
