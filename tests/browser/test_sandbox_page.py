"""The sandbox's page in a real browser: the 3 am flow by its buttons, and the card in each of its states."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.core.headline import standing
from engine.core.model import MessageKind, State
from engine.core.sealing import veil
from engine.ports import Envelope
from engine.sandbox import sandbox
from integrations.sandbox.slack import SlackSandbox
from integrations.sandbox.slack_page import Page
from integrations.sandbox.slack_values import Content
from integrations.slack.blocks import render
from tests.browser.chrome import chrome
from tests.integrations.slack.conftest import ANA, BEN, INCIDENTS
from tests.integrations.slack.envelopes import ACKNOWLEDGED, ALERT, PAGE, RESOLVED, at, envelope

SPEED = 20.0


@asynccontextmanager
async def played() -> AsyncIterator[str]:
    """`tocsin sandbox` at its page's address."""
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    ended = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(sandbox(0, SPEED, address.set_result, ended))
        yield await address
        ended.set()


async def test_the_night_is_lived_on_the_page(tmp_path: Path) -> None:
    async with played() as address, chrome(tmp_path) as tab:
        await tab.open(f"{address}/")
        await tab.press("Checkout goes down (P0)", within="nav")
        await tab.says("Nobody has acknowledged this yet.")
        await tab.press("Acknowledge")
        await tab.says("Acknowledged by Operations lead (example)")
        await tab.says("only you can see this")
        await tab.press("Done: 1.1 Confirm severity")
        await tab.says("1 of 15 steps done")
        await tab.press("Hold escalation")
        await tab.until("document.querySelector('dialog').open")
        await tab.press("Hold", within="dialog")
        await tab.until("document.querySelector('dialog .error')")
        await tab.picture("dialog-with-error")
        await tab.run("document.querySelector('dialog [name=reason]').value = 'the rollback runs'")
        await tab.press("Hold", within="dialog")
        await tab.says("Held by Operations lead (example) until")
        await tab.until("!document.querySelector('dialog').open")
        await tab.press("War room")
        await tab.press("# inc-1-100-of-payments-fail", within="nav")
        await tab.says("Acknowledged by Operations lead (example)")
        await tab.run("document.querySelector('#line').value = 'rolled back to 41'")
        await tab.press("Send")
        await tab.press("onto the timeline")
        await tab.says("Noted on the timeline of INC-1.")
        await tab.picture("war-room")
        await tab.press("# incidents", within="nav")
        await tab.says("INC-1 Acknowledged by Operations lead (example).")
        await tab.picture("team-channel")
        await tab.press("Tocsin (direct messages)", within="nav")
        await tab.press("I need help")
        await tab.says("This pages Engineering manager (example)")
        await tab.press("Not yet", within="dialog")
        await tab.run("document.querySelector('#line').value = '/tocsin resolve INC-1 payments succeed'")
        await tab.press("Send")
        await tab.says("INC-1 is resolved; the review is due by")
        await tab.says("Service restored at")
        await tab.picture("night-resolved")
        await tab.press("Tocsin (home tab)", within="nav")
        await tab.says("On call now")
        await tab.picture("home-tab")
        assert tab.errors == []


async def test_an_incident_is_declared_on_the_page(tmp_path: Path) -> None:
    async with played() as address, chrome(tmp_path) as tab:
        await tab.open(f"{address}/")
        await tab.press("Declare an incident (shortcut)", within="nav")
        await tab.until("document.querySelector('dialog [name=title]')")
        await tab.run("document.querySelector('dialog [name=title]').value = 'Nobody can log in'")
        await tab.run("document.querySelector('dialog [name=priority]').value = 'P0'")
        await tab.picture("declare")
        await tab.press("Declare", within="dialog")
        await tab.says("P0 Nobody can log in")
        assert tab.errors == []


ASKED = {**ACKNOWLEDGED, "lease_asked_at": at(18)}
HELD = {**ACKNOWLEDGED, "hold_until": at(60), "hold_by": "ana", "hold_reason": "the rollback runs"}
SEALED: dict[str, Any] = {"sealed_at": at(1), "invited": ("ana",)}
VEILED = veil(envelope(**SEALED).incident)
HOSTILE = "<img src=x onerror=alert(1)> *bold* <!channel> &lt;b&gt;"
STATES: dict[str, tuple[Envelope, str]] = {
    "unanswered": (PAGE, "Nobody has acknowledged this yet."),
    "passed-on": (envelope(declined=("ana",)), "Passed on by Ana Silva."),
    "acknowledged": (envelope(**ACKNOWLEDGED), "Acknowledged by Ana Silva"),
    "still-on-it": (envelope(after=18, message={"kind": MessageKind.QUESTION}, **ASKED), "Are you still on it?"),
    "held": (envelope(**HELD), "Held by Ana Silva until"),
    "late-and-repeated": (replace(PAGE, repeated=True, late_by=at(7) - at(0)), "This is late by 7 min"),
    "review": (envelope(**RESOLVED), "Service restored at"),
    "closed": (envelope(**{**RESOLVED, "state": State.CLOSED}), "The review is done."),
    "cancelled": (envelope(state=State.CANCELLED), "INC-42 is cancelled."),
    "sealed": (envelope(**SEALED), "Sealed: only those who work on it or are invited can see it."),
    "veiled": (
        replace(PAGE, incident=VEILED, headline=standing(VEILED, State.DETECTION.value), veiled=True),
        "This incident is sealed. Those who work on it were told; one of them can invite you.",
    ),
    "merged": (envelope(state=State.MERGED, merged_into=7), "INC-42 is merged into INC-7."),
    "hostile": (replace(PAGE, alerts=(replace(ALERT, title=HOSTILE),)), "<img src=x onerror=alert(1)>"),
}


@pytest.fixture
async def still() -> AsyncIterator[SlackSandbox]:
    """Nobody listens: only what is shown counts."""
    slack = SlackSandbox(
        signing_secret="s",
        bot_token="xoxb-made-up",
        clock=lambda: at(0).timestamp(),
        users=(ANA, BEN),
        channels=(INCIDENTS,),
    )
    Page(slack)
    async with slack:
        yield slack


async def test_the_card_in_each_state_is_what_a_person_can_read(still: SlackSandbox, tmp_path: Path) -> None:
    async with chrome(tmp_path) as tab:
        for name, (shown, said) in STATES.items():
            rendered = render(shown)
            for old in still.messages():
                still.workspace.delete(old)
            still.workspace.post(INCIDENTS, Content(text=rendered.text, blocks=tuple(rendered.as_json())))
            await tab.open(f"{still.url}/?as={ANA.id}&place={INCIDENTS.id}&still=1")
            await tab.until("document.body && document.body.dataset.ready")
            text = str(await tab.run("document.querySelector('#messages').innerText"))
            assert said in text, name
            assert "undefined" not in text
            assert "<!date" not in text
            assert await tab.run("document.querySelectorAll('#messages img, #messages script').length") == 0
            width, height = _size(await tab.picture(f"card-{name}"))
            assert (width, height) >= (1000, 800)
            assert await tab.run("document.documentElement.scrollWidth <= innerWidth")
        assert tab.errors == []


def _size(png: bytes) -> tuple[Any, ...]:
    """The width and height of a picture, from its own header."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", png[16:24])
