"""A message that stands for several incidents, as Slack shows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from slack_sdk.models.blocks import ButtonElement

from engine.core.model import MessageKind
from engine.ports import Envelope, Mention
from integrations.channels.together import about, bundle_title
from integrations.slack.buttons import acknowledge_button
from integrations.slack.text import plain, when

LISTED = 40
PRESSABLE = 5
"""Buttons for the most urgent of them; the others are found on their cards."""


def bundle_list(envelope: Envelope) -> list[str]:
    shown = [_line(envelope, one) for one in envelope.bundle[:LISTED]]
    left = len(envelope.bundle) - len(shown)
    return [f"*{bundle_title(envelope)}*", *shown, *([f"and {left} more"] if left else [])]


def _line(envelope: Envelope, one: Mention) -> str:
    incident = one.incident
    said = ", ".join((incident.ref, *about(one)))
    title = plain(incident.title, 90) or "without a title"
    return f"• {when(envelope, incident.opened_at)} *{incident.priority}* {title} ({said})"


def bundle_buttons(envelope: Envelope) -> list[ButtonElement]:
    return list(_buttons(envelope))


def _buttons(envelope: Envelope) -> Iterator[ButtonElement]:
    pages = (one for one in envelope.bundle if one.message.kind is MessageKind.PAGE and one.incident.state.active)
    for place, one in zip(range(PRESSABLE), pages, strict=False):
        own = replace(envelope, incident=one.incident, message=one.message)
        yield acknowledge_button(own, f"Acknowledge {one.incident.ref}", place)
