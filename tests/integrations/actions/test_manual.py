"""A manual step is a person's."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from engine.core.errors import Refusal
from engine.core.model import Classification, Incident, Priority, State
from engine.ports import Action
from integrations.actions.manual import Manual

NOW = datetime(2026, 11, 20, 3, 10, tzinfo=UTC)
INCIDENT = Incident(
    id=42,
    key="default/db",
    title="db down",
    service="default",
    source="generic",
    policy="standard",
    revision=1,
    priority=Priority.P0,
    state=State.DETECTION,
    classification=Classification(priority=Priority.P0, rule="r", reason="r"),
    opened_at=NOW,
    cycle_started_at=NOW,
    counted_from=NOW,
    updated_at=NOW,
)


async def test_the_engine_never_does_a_persons_step() -> None:
    action: Action = Manual()
    with pytest.raises(Refusal, match="A person does this step of INC-42 and ticks it off") as refused:
        await action.run(action.params(), INCIDENT)
    assert refused.value.code == "step_is_manual"


def test_a_manual_step_takes_no_parameters() -> None:
    assert Manual.name == "manual"
    with pytest.raises(ValidationError):
        Manual().params.model_validate({"command": "reboot"})
