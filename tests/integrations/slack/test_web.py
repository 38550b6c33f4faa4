"""Slack's rate limits: what it has asked to be left alone is left alone, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from pydantic import SecretStr
from slack_sdk.errors import SlackApiError

from engine.clock import VirtualClock
from integrations.sandbox.slack import SlackSandbox
from integrations.sandbox.slack_faults import Failure
from integrations.sandbox.slack_values import Channel
from integrations.slack.errors import read_refusal
from integrations.slack.web import SlackWeb

TOKEN = "xoxb-made-up"
NOW = 1_795_172_538.0
ONE, OTHER = Channel(id="C00000ONE", name="one"), Channel(id="C0000TWO0", name="two")


@pytest.fixture
async def slack() -> AsyncIterator[SlackSandbox]:
    sandbox = SlackSandbox(signing_secret="s" * 32, bot_token=TOKEN, clock=lambda: NOW, channels=(ONE, OTHER))
    async with sandbox:
        yield sandbox


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(datetime(2026, 1, 17, 12, tzinfo=UTC))


@pytest.fixture
async def web(slack: SlackSandbox, clock: VirtualClock) -> AsyncIterator[SlackWeb]:
    async with aiohttp.ClientSession() as session:
        yield SlackWeb(session=lambda: session, token=SecretStr(TOKEN), api_url=slack.api_url, now=clock.now)


async def limited(web: SlackWeb, method: str, channel: Channel, **more: str) -> float | None:
    """The seconds that it asks for; None where the call went through."""
    call = getattr(web.client(), method)
    try:
        await call(channel=channel.id, text="x", **more)
    except SlackApiError as error:
        refused = read_refusal(error)
        assert refused.status == 429
        return refused.retry_after
    return None


async def test_a_conversation_that_is_posted_to_too_often_is_left_alone_and_the_others_are_not(
    slack: SlackSandbox, web: SlackWeb, clock: VirtualClock
) -> None:
    slack.fail(Failure.RATE_LIMITED, method="chat.postMessage", channel=ONE.id, times=1, retry_after=30)
    assert await limited(web, "chat_postMessage", ONE) == 30
    clock.set(clock.now() + timedelta(seconds=12))
    assert await limited(web, "chat_postMessage", ONE) == 18
    assert slack.calls("chat.postMessage") == 1
    assert await limited(web, "chat_postMessage", OTHER) is None
    clock.set(clock.now() + timedelta(seconds=18))
    assert await limited(web, "chat_postMessage", ONE) is None


async def test_a_method_that_is_called_too_often_is_left_alone_everywhere_and_posting_goes_on(
    slack: SlackSandbox, web: SlackWeb, clock: VirtualClock
) -> None:
    posted = await web.client().chat_postMessage(channel=OTHER.id, text="x")
    slack.fail(Failure.RATE_LIMITED, method="chat.update", times=1, retry_after=30)
    assert await limited(web, "chat_update", ONE, ts="1.1") == 30
    assert await limited(web, "chat_update", OTHER, ts=str(posted["ts"])) == 30
    assert slack.calls("chat.update") == 1
    assert await limited(web, "chat_postMessage", ONE) is None
    clock.set(clock.now() + timedelta(seconds=31))
    assert await limited(web, "chat_update", OTHER, ts=str(posted["ts"])) is None
