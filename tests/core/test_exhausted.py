"""When every level was paged and nobody has answered, that is said, once, and not passed over in silence."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from engine.core.escalation import NOBODY_LEFT, plan
from engine.core.firing import fire_due
from engine.core.model import MessageKind, State
from engine.core.timeline import Kind
from tests.core.cases import CONFIG, NOON, acknowledged, case, changed, incident, line, minutes

QUEUE = ({"channel": "mail", "address": "queue@example.com"},)
WITH_QUEUE = type(CONFIG).model_validate(CONFIG.model_dump() | {"queue": QUEUE})


def due(priority: str, **changes: Any) -> timedelta | None:
    """How long after the opening it is said."""
    planned = plan(case(incident(priority, **changes)), NOON)
    return next((timer.due_at - NOON for timer in planned if timer.key.startswith("exhausted")), None)


@pytest.mark.parametrize(("priority", "after"), [("P0", 65), ("P1", 255), ("P2", 120), ("P3", None)])
def test_it_is_due_a_response_time_after_the_last_page(priority: str, after: float | None) -> None:
    assert due(priority) == (None if after is None else minutes(after))


def test_a_held_last_level_holds_it_too() -> None:
    assert due("P0", hold_until=NOON + minutes(90), hold_reason="wait") == minutes(95)


def test_it_is_not_said_of_what_somebody_has_or_what_is_over() -> None:
    for one in (acknowledged(incident()), incident(state=State.REVIEW)):
        assert not [timer for timer in plan(case(one), NOON) if timer.key.startswith("exhausted")]


def test_it_is_said_on_the_timeline_and_to_the_operations_queue_once() -> None:
    one = case(incident(), WITH_QUEUE)
    [timer] = [timer for timer in plan(one, NOON) if timer.key.startswith("exhausted")]
    decision = fire_due(one, [timer], timer.due_at)
    assert line(decision, Kind.EXHAUSTED).reason == NOBODY_LEFT
    assert line(decision, Kind.EXHAUSTED).data["levels"] == [1, 2, 3]
    [message] = decision.messages
    assert (message.kind, message.address, message.reason) == (MessageKind.NOTICE, "queue@example.com", NOBODY_LEFT)
    spent = case(incident(), WITH_QUEUE, fired=frozenset({timer.key}))
    assert timer.key not in {timer.key for timer in plan(spent, NOON)}


def test_without_a_queue_the_timeline_says_so() -> None:
    one = case(incident(), changed("queue", to=()))
    [timer] = [timer for timer in plan(one, NOON) if timer.key.startswith("exhausted")]
    reasons = [event.reason for event in fire_due(one, [timer], timer.due_at).events]
    assert reasons == [NOBODY_LEFT, f"no working channel to the operations queue ({NOBODY_LEFT})"]
