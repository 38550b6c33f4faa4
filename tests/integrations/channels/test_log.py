"""The log as a channel."""

from __future__ import annotations

from datetime import timedelta

from structlog.testing import capture_logs

from integrations.channels.log import LogChannel, Settings, render
from tests.integrations.channels.envelopes import envelope, hostile
from tests.integrations.channels.kits import resources


async def test_a_page_is_one_event_with_its_headline_and_facts() -> None:
    channel = LogChannel("log", Settings(), resources())
    assert channel.configured() is None
    with capture_logs() as logged:
        receipt = await channel.send(envelope(address=""))
    assert receipt.reference == "d-1001"
    assert logged == [
        {
            "event": "page",
            "log_level": "warning",
            "headline": envelope().headline,
            "incident": "INC-42",
            "kind": "page",
            "to": "Ana Silva",
            "place": "primary, Operations, level 1",
            "expected": "Acknowledge it by 03:35 (in 5 min).",
            "zone": "CET",
            "service": "checkout",
            "reason": "P0: Operations is paged at the opening",
            "next_step": "03:35 Ben Okafor is paged, and Ana Silva again",
            "url": "https://tocsin.example.com/incidents/INC-42",
        }
    ]


def test_a_repeated_and_late_page_says_so() -> None:
    facts = render(envelope(repeated=True, late_by=timedelta(minutes=7)))
    assert facts["marks"] == (
        "Repeated: an earlier copy may have reached you. This is late by 7 min: it was due at 03:23."
    )


def test_no_text_can_start_a_line_of_its_own_or_colour_the_terminal() -> None:
    facts = render(hostile("up\r\n2025-11-22 [info] all is well\x1b[32m"))
    assert not [value for value in facts.values() if not value.isprintable()]
