"""How the sandbox's Slack fails on demand, as the real client sees it."""

import asyncio

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from integrations.sandbox.slack import SlackSandbox
from integrations.sandbox.slack_faults import Failure, RateLimit
from tests.integrations.sandbox.conftest import DANA, NOW, OMAR, OPS, SECRET, TOKEN


async def _post(client: AsyncWebClient, text: str = "P0", channel: str = OPS.id) -> str:
    """The outcome of one post in a word or two."""
    try:
        await client.chat_postMessage(channel=channel, text=text)
    except SlackApiError as refused:
        answer = refused.response
        if isinstance(answer, aiohttp.ClientResponse):
            return "unreadable"
        return f"{answer.status_code} {answer.get('error', '')}".strip()
    except aiohttp.ClientConnectionError:
        return "connection lost"
    except TimeoutError:
        return "no answer"
    return "posted"


@pytest.mark.parametrize(
    ("failure", "outcome", "kept"),
    [
        (Failure.RATE_LIMITED, "429 ratelimited", 0),
        (Failure.SERVER_ERROR, "500 internal_error", 0),
        (Failure.UNAVAILABLE, "503", 0),
        (Failure.GARBAGE, "unreadable", 0),
        (Failure.DROPPED, "connection lost", 0),
        (Failure.ACCEPTED_THEN_DROPPED, "connection lost", 1),
        (Failure.HANGING, "no answer", 0),
        (Failure.ACCEPTED_THEN_HANGING, "no answer", 1),
        (Failure.REFUSED, "200 token_revoked", 0),
    ],
)
async def test_each_failure_looks_to_the_client_as_the_real_one_does(
    sandbox: SlackSandbox, client: AsyncWebClient, failure: Failure, outcome: str, kept: int
) -> None:
    impatient = aiohttp.ClientTimeout(total=0.1 if outcome == "no answer" else 10)
    async with aiohttp.ClientSession(timeout=impatient) as session:
        first = AsyncWebClient(token=TOKEN, base_url=sandbox.api_url, session=session, retry_handlers=[])
        sandbox.fail(failure, times=1, error="token_revoked")
        assert await _post(first) == outcome
        assert len(sandbox.messages()) == kept
    assert await _post(client) == "posted"


async def test_a_429_says_when_to_come_back(sandbox: SlackSandbox, client: AsyncWebClient) -> None:
    sandbox.fail(Failure.RATE_LIMITED, retry_after=30)
    with pytest.raises(SlackApiError) as refused:
        await client.chat_postMessage(channel=OPS.id, text="x")
    assert refused.value.response.headers["Retry-After"] == "30"


async def test_a_failure_lasts_for_its_number_of_calls_or_until_it_is_ended(
    sandbox: SlackSandbox, client: AsyncWebClient
) -> None:
    sandbox.fail(Failure.SERVER_ERROR, times=2)
    assert [await _post(client) for _ in range(3)] == ["500 internal_error"] * 2 + ["posted"]
    sandbox.fail(Failure.SERVER_ERROR)
    assert [await _post(client) for _ in range(3)] == ["500 internal_error"] * 3
    sandbox.recover()
    assert await _post(client) == "posted"


async def test_a_failure_of_one_method_or_channel_leaves_the_others_alone(
    sandbox: SlackSandbox, client: AsyncWebClient
) -> None:
    sandbox.fail(Failure.SERVER_ERROR, method="chat.update")
    sandbox.fail(Failure.REFUSED, channel=DANA.id, error="is_archived")
    assert await _post(client) == "posted"
    assert await _post(client, channel=OMAR.id) == "posted"
    assert await _post(client, channel=DANA.id) == "200 is_archived"
    with pytest.raises(SlackApiError, match="internal_error"):
        await client.chat_update(channel=OPS.id, ts=sandbox.messages()[0].ts, text="x")


async def test_a_hanging_call_goes_on_when_slack_recovers(sandbox: SlackSandbox, client: AsyncWebClient) -> None:
    sandbox.fail(Failure.HANGING, times=1)
    hanging = asyncio.create_task(_post(client, "late"))
    await sandbox.wait_until(lambda: sandbox.hanging == 1)
    assert await _post(client, "meanwhile") == "posted"
    assert not hanging.done()
    sandbox.recover()
    assert await hanging == "posted"
    assert [one.text for one in sandbox.messages()] == ["meanwhile", "late"]
    assert sandbox.calls("chat.postMessage") == 2


async def test_a_client_that_gave_up_leaves_nothing_behind_when_slack_recovers(
    sandbox: SlackSandbox, client: AsyncWebClient
) -> None:
    sandbox.fail(Failure.HANGING, times=1)
    given_up = asyncio.create_task(client.chat_postMessage(channel=OPS.id, text="given up"))
    await sandbox.wait_until(lambda: sandbox.hanging == 1)
    given_up.cancel()
    await sandbox.wait_until(lambda: sandbox.hanging == 0)
    sandbox.recover()
    assert await _post(client, "next") == "posted"
    assert [one.text for one in sandbox.messages()] == ["next"]


async def test_leaving_the_sandbox_does_not_wait_for_a_hanging_call() -> None:
    async with SlackSandbox(signing_secret=SECRET, bot_token=TOKEN, clock=lambda: NOW) as sandbox:
        sandbox.fail(Failure.HANGING)
        client = AsyncWebClient(token=TOKEN, base_url=sandbox.api_url, retry_handlers=[])
        hanging = asyncio.create_task(_post(client))
        await sandbox.wait_until(lambda: sandbox.hanging == 1)
    assert await asyncio.wait_for(hanging, 5) == "connection lost"


async def test_posts_beyond_the_published_rate_are_limited_channel_by_channel(
    sandbox: SlackSandbox, client: AsyncWebClient
) -> None:
    sandbox.limit_rate(RateLimit(per_second=0.001, burst=2))
    assert [await _post(client) for _ in range(3)] == ["posted", "posted", "429 ratelimited"]
    assert await _post(client, channel=DANA.id) == "posted"
    sandbox.limit_rate(None)
    assert await _post(client) == "posted"
    assert len(sandbox.messages(channel=OPS.id)) == 3
