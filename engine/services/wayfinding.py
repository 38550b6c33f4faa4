"""Which way an alert would take: its routes, its place, whom it would page first. Nothing is opened or sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from engine.core.draft import Decision
from engine.core.intake import Opening, Placed, open_incident, place
from engine.core.model import Actor, Alert, Message, MessageKind, TimerKind
from engine.core.playbook import hastened
from engine.core.policy import Config
from engine.core.routing import Trial, facts_of, trace
from engine.services.playbooks import Playbooks, playbook_for

ROUTE_TRIED = 1
"""The number of the incident that is not opened."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """`policy_from` says where the policy comes from, `playbook` and `why` which playbook would be attached for what
    reason. `pages` are the first messages that page somebody; where there are none, `otherwise` says what happens."""

    trials: tuple[Trial, ...]
    placed: Placed
    policy: str
    policy_from: str
    playbook: str
    why: str
    pages: tuple[Message, ...]
    otherwise: str


def find_way(
    config: Config, playbooks: Playbooks, alert: Alert, actor: Actor, now: datetime, fallback: str | None = None
) -> Way:
    """As the alert would be taken in if it were the first of its incident, with every channel able to send."""
    placed = place(config, alert, actor, fallback)
    own, found = placed.alert, placed.found
    text = f"{own.title} | {own.summary}"
    playbook, why = playbook_for(playbooks, config, placed.service, found.priority, own.labels, text, placed.routed)
    opening = Opening(number=ROUTE_TRIED, revision=0, reachable=frozenset(config.channels), now=now)
    decision = open_incident(config, [placed], opening, hastened(found, playbook))
    return Way(
        trials=trace(config.routes, facts_of(own.labels, actor)),
        placed=placed,
        policy=decision.incident.policy,
        policy_from=_policy_from(config, placed),
        playbook=playbook.name if playbook else "",
        why=why,
        pages=tuple(message for message in decision.messages if message.kind is MessageKind.PAGE),
        otherwise=_otherwise(decision),
    )


def _policy_from(config: Config, placed: Placed) -> str:
    giver = placed.routed.giver("policy")
    if giver is not None:
        return f"route {giver.name}"
    known = placed.service in config.services
    return (
        f"that of the service {placed.service}" if known else f"the default, as {placed.service} is not under services"
    )


def _otherwise(decision: Decision) -> str:
    """What comes first where nobody is paged at once."""
    coming = (timer for timer in decision.planned if timer.kind in (TimerKind.PAGE, TimerKind.QUEUE))
    first = min(coming, key=lambda timer: timer.due_at, default=None)
    return first.reason if first else "nothing"
