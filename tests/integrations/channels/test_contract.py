"""What every kind of channel keeps to, whatever it sends through."""

from __future__ import annotations

import traceback
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from engine.core.model import MessageKind, State
from engine.ports import Envelope
from integrations.registry import CHANNELS
from tests.integrations.channels.envelopes import HOSTILE, bundle, envelope, hostile
from tests.integrations.channels.kits import KITS, SECRETS, Kit, Open, resources
from tests.integrations.channels.outcomes import AGAIN, meaning, refusal

every_kind = pytest.mark.parametrize("kit", [pytest.param(kit, id=name) for name, kit in KITS.items()])
every_message = pytest.mark.parametrize("kind", list(MessageKind))
every_state = pytest.mark.parametrize("state", list(State))
UNREACHABLE = [pytest.param(kit, kit.unreachable, id=name) for name, kit in KITS.items() if kit.unreachable]
FAILURES = [
    pytest.param(kit, provider, id=f"{name}: {failure}")
    for name, kit in KITS.items()
    for failure, provider in kit.failures.items()
]


def addressed(kit: Kit, given: Envelope) -> Envelope:
    return replace(given, message=replace(given.message, address=kit.address))


def test_every_kind_of_channel_keeps_to_the_contract() -> None:
    assert set(KITS) == set(CHANNELS)


@every_kind
@every_message
@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in HOSTILE.items()])
def test_any_text_can_be_sent(kit: Kit, kind: MessageKind, text: str) -> None:
    shown = kit.shown(addressed(kit, hostile(text, kind=kind)))
    assert len(shown.encode()) < 200_000
    assert "\x00" not in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in HOSTILE.items()])
def test_any_text_can_be_sent_in_a_message_for_many(text: str) -> None:
    many = hostile(text, bundle=bundle(5_000, title=text, service=text))
    for name, kit in KITS.items():
        shown = kit.shown(addressed(kit, many))
        assert len(shown.encode()) < 400_000, name
        assert not {"\x00", "\x1b", "\u202e"} & set(shown), name


def test_a_message_for_many_says_how_many_and_which() -> None:
    line = "P0 +4999 more: Checkout is down and others; respond by 03:35 CET"
    many = envelope(headline=line, bundle=bundle(5_000))
    for name, kit in KITS.items():
        shown = kit.shown(addressed(kit, many))
        assert line in shown, name
        assert "INC-43" in shown, name
        assert "INC-5000" not in shown, name
        assert "more" in shown.replace(line, ""), name


@every_kind
@every_message
@every_state
def test_every_kind_of_message_names_its_incident_in_every_state(kit: Kit, kind: MessageKind, state: State) -> None:
    shown = kit.shown(addressed(kit, envelope(kind=kind, state=state)))
    assert "INC-42" in shown
    assert "Checkout is down" in shown


@every_kind
@every_message
def test_a_message_that_knows_little_can_be_sent(kit: Kit, kind: MessageKind) -> None:
    full = envelope(kind=kind, contact=None, page=None, level=0, level_title="", seat=None, respond_by=None, reason="")
    bare = Envelope(id="d-1", message=full.message, incident=full.incident, headline=full.headline, now=full.now)
    assert "INC-42" in kit.shown(addressed(kit, bare))


@every_kind
@every_message
def test_a_repeat_says_so(kit: Kit, kind: MessageKind) -> None:
    assert "repeated" not in kit.shown(addressed(kit, envelope(kind=kind))).lower().replace('"repeated":false', "")
    assert "earlier copy" in kit.shown(addressed(kit, envelope(kind=kind, repeated=True)))


@every_kind
@every_message
def test_a_late_message_says_how_late_it_is(kit: Kit, kind: MessageKind) -> None:
    assert "late by 7 min" in kit.shown(addressed(kit, envelope(kind=kind, late_by=timedelta(minutes=7))))


@every_kind
@pytest.mark.parametrize(
    ("zone", "due"), [("UTC", "02:35"), ("Europe/Berlin", "03:35"), ("Asia/Kolkata", "08:05"), ("Asia/Tokyo", "11:35")]
)
def test_times_are_in_the_readers_zone(kit: Kit, zone: str, due: str) -> None:
    assert due in kit.shown(addressed(kit, envelope(zone=zone, headline="P0 Checkout is down · INC-42")))


@every_kind
def test_a_message_says_why_it_was_sent(kit: Kit) -> None:
    assert "Operations is paged at the opening" in kit.shown(addressed(kit, envelope()))


@every_kind
def test_what_is_missing_is_said_in_one_sentence_without_a_secret(kit: Kit) -> None:
    half = resources(smtp_url=SecretStr(f"smtp://tocsin:{SECRETS[0]}@mail"), slack_bot_token=None)
    for given in (resources(), half):
        missing = kit.bare(given).configured()
        assert missing is None or not any(tell in missing for tell in ("\n", *SECRETS))


@every_kind
async def test_closing_twice_does_no_harm(kit: Kit) -> None:
    channel = kit.bare(resources())
    await channel.close()
    await channel.close()


@pytest.mark.parametrize(("kit", "nobody"), UNREACHABLE)
async def test_a_provider_that_is_down_is_tried_again(kit: Kit, nobody: Open) -> None:
    async with nobody() as channel:
        error = await refusal(channel, addressed(kit, envelope()))
    assert meaning(error) == AGAIN


@pytest.mark.parametrize(("kit", "provider"), FAILURES)
async def test_no_failure_tells_a_secret(kit: Kit, provider: Open) -> None:
    with capture_logs() as logged:
        async with provider() as channel:
            error = await refusal(channel, addressed(kit, envelope()))
    told = "".join([*traceback.format_exception(error), repr(error), *(str(line) for line in logged)])
    assert [secret for secret in SECRETS if secret in told] == []
    assert 0 < len(str(error)) < 400
    assert "\n" not in str(error)


@pytest.mark.parametrize(("kit", "provider"), FAILURES)
async def test_a_failure_is_either_final_or_worth_another_try(kit: Kit, provider: Open) -> None:
    async with provider() as channel:
        error = await refusal(channel, addressed(kit, envelope()))
    assert not (error.permanent and (error.ambiguous or error.retry_after))
