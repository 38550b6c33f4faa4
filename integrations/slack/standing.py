"""How an incident stands, in one bold line, and what comes next."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from engine.core.model import PHASES, State, incident_ref
from engine.ports import Envelope
from integrations.channels.wording import after, person
from integrations.slack.buttons import asks_owner
from integrations.slack.text import plain, when

NEXT = 400
VALIDATION = 400


def standing(envelope: Envelope) -> list[str]:
    """The line of the incident's state, and the next step where there is one."""
    lines = [_LINES[envelope.incident.state](envelope)]
    return [*lines, f"Next: {plain(envelope.next_step, NEXT)}"] if envelope.next_step else lines


def phase(state: State) -> str:
    """`Detection (1 of 5)`; a state that is no phase stands alone."""
    title = state.value.capitalize()
    return f"{title} ({PHASES.index(state) + 1} of {len(PHASES)})" if state in PHASES else title


def _active(envelope: Envelope) -> str:
    incident = envelope.incident
    if incident.acknowledged_at is None:
        return f"*Nobody has acknowledged this yet.*{_due(envelope)}{_declined(envelope)}"
    if asks_owner(envelope):
        return f"*Are you still on it?*{_due(envelope)} Without an answer level 1 is paged again."
    who = plain(person(envelope, incident.acknowledged_by), 80)
    took = after(incident.acknowledged_at - incident.cycle_started_at)
    return f"*Acknowledged by {who} at {when(envelope, incident.acknowledged_at)}, {took}.*{_lease(envelope)}"


def _due(envelope: Envelope) -> str:
    due = envelope.message.respond_by
    if due is None:
        return ""
    return f" Answer by {when(envelope, due)}." if due > envelope.now else f" It was due at {when(envelope, due)}."


def _declined(envelope: Envelope) -> str:
    names = [plain(person(envelope, contact), 80) for contact in envelope.incident.declined]
    return f" Passed on by {' and '.join(names)}." if names else ""


def _lease(envelope: Envelope) -> str:
    incident = envelope.incident
    if incident.lease_asked_at is not None:
        return " The owner was asked for a sign of life; whoever acknowledges now takes it."
    until = incident.lease_until
    return f" That holds until {when(envelope, until)}; every act on the incident renews it." if until else ""


def _review(envelope: Envelope) -> str:
    due = envelope.incident.review_due_at
    return _restored(envelope) + (f" The review is due by {when(envelope, due)}." if due else "")


def _restored(envelope: Envelope) -> str:
    incident = envelope.incident
    at = incident.restored_at or incident.resolved_at or incident.updated_at
    line = f"*Service restored at {when(envelope, at)}, {after(at - incident.opened_at)}.*"
    return f"{line} Validation: {plain(incident.validation, VALIDATION)}." if incident.validation else line


def _closed(envelope: Envelope) -> str:
    return f"{_restored(envelope)} The review is done."


def _cancelled(envelope: Envelope) -> str:
    return f"*{envelope.incident.ref} is cancelled.* Nobody is paged any more."


def _merged(envelope: Envelope) -> str:
    target = envelope.incident.merged_into
    onto = f" into {incident_ref(target)}" if target else ""
    return f"*{envelope.incident.ref} is merged{onto}.* It goes on there."


_LINES: Mapping[State, Callable[[Envelope], str]] = {
    State.DETECTION: _active,
    State.ASSESSMENT: _active,
    State.DIAGNOSIS: _active,
    State.RESOLUTION: _active,
    State.REVIEW: _review,
    State.CLOSED: _closed,
    State.CANCELLED: _cancelled,
    State.MERGED: _merged,
}
