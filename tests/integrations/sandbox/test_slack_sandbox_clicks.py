"""What the sandbox sends to the app: clicks and events, received by slack_sdk's verifier and by a real Bolt app."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import Clock
from slack_sdk.web.async_client import AsyncWebClient

from integrations.sandbox.clicks import Forgery, sign
from integrations.sandbox.slack import SlackSandbox
from integrations.sandbox.slack_grants import RESPONSES, Click, Grants
from integrations.sandbox.slack_limits import Refusal
from integrations.sandbox.slack_values import Change, Content, Message
from tests.integrations.sandbox.conftest import DANA, NOW, OMAR, OPS, SECRET, TOKEN, App, page

# docs.slack.dev/authentication/verifying-requests-from-slack prints this request with its signature.
PUBLISHED_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar"
    b"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com"
    b"%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121"
    b".803a0bc887a14d10d2c447fce8b6703c"
)
PUBLISHED_SIGNATURE = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"


PAGED = Message(
    seq=1,
    change=Change.POSTED,
    channel=OPS.id,
    ts="1795172538.000000",
    user=None,
    content=Content(text="P0"),
    posted_at=NOW,
    changed_at=NOW,
    changed_monotonic=0.0,
)


def test_the_signature_is_the_one_that_slack_publishes() -> None:
    assert sign(SECRET, "1531420618", PUBLISHED_BODY) == PUBLISHED_SIGNATURE


MODAL = {"type": "modal", "callback_id": "resolve", "title": {"type": "plain_text", "text": "Resolve"}, "blocks": []}


@pytest.fixture
async def paged(sandbox: SlackSandbox, client: AsyncWebClient) -> Message:
    await client.chat_postMessage(channel=DANA.id, text="P0 database down", blocks=page("acknowledge", "escalate"))
    return sandbox.messages()[0]


async def _clicked(sandbox: SlackSandbox, app: App, message: Message, *, user: str = DANA.id) -> dict[str, Any]:
    assert (await sandbox.click(message, "acknowledge", user=user)).status == 200
    payload: dict[str, Any] = json.loads(app.forms()[-1]["payload"][0])
    return payload


async def test_a_click_arrives_signed_in_the_documented_shape(sandbox: SlackSandbox, app: App, paged: Message) -> None:
    payload = await _clicked(sandbox, app, paged)

    assert app.requests[0].content_type == "application/x-www-form-urlencoded"
    assert payload["type"] == "block_actions"
    assert payload["user"] == {"id": DANA.id, "username": "dana", "name": "dana", "team_id": payload["team"]["id"]}
    assert payload["container"] == {
        "type": "message",
        "message_ts": paged.ts,
        "channel_id": paged.channel,
        "is_ephemeral": False,
    }
    assert payload["channel"] == {"id": paged.channel, "name": "directmessage"}
    assert (payload["message"]["ts"], payload["message"]["text"]) == (paged.ts, "P0 database down")
    (action,) = payload["actions"]
    assert action.pop("action_ts")
    assert action == {
        "action_id": "acknowledge",
        "block_id": "incident:42",
        "text": {"type": "plain_text", "text": "Acknowledge", "emoji": True},
        "value": "INC-42",
        "type": "button",
        "style": "primary",
    }
    assert payload.keys() >= {"api_app_id", "token", "trigger_id", "response_url", "state"}


async def test_a_click_tells_how_long_the_app_took(sandbox: SlackSandbox, app: App, paged: Message) -> None:
    answer = await sandbox.click(paged, "acknowledge", user=DANA.id)
    assert 0 < answer.elapsed < 5
    assert len(app.requests) == 1


@pytest.mark.parametrize(("action_id", "user"), [("resolve", DANA.id), ("acknowledge", "U404")])
async def test_nobody_can_press_a_button_that_is_not_there(
    sandbox: SlackSandbox, app: App, paged: Message, action_id: str, user: str
) -> None:
    with pytest.raises(LookupError):
        await sandbox.click(paged, action_id, user=user)
    assert app.requests == []


async def test_a_button_that_an_update_removed_can_only_be_pressed_as_a_stale_one(
    sandbox: SlackSandbox, client: AsyncWebClient, app: App, paged: Message
) -> None:
    await client.chat_update(channel=paged.channel, ts=paged.ts, text="acknowledged", blocks=page())
    with pytest.raises(LookupError):
        await sandbox.click(paged, "acknowledge", user=DANA.id)

    await sandbox.click(paged, "acknowledge", user=DANA.id, stale=True)
    assert json.loads(app.forms()[0]["payload"][0])["message"]["text"] == "P0 database down"


async def test_a_deleted_message_cannot_be_clicked(
    sandbox: SlackSandbox, client: AsyncWebClient, app: App, paged: Message
) -> None:
    await client.chat_delete(channel=paged.channel, ts=paged.ts)
    with pytest.raises(LookupError):
        await sandbox.click(paged, "acknowledge", user=DANA.id)
    assert app.requests == []


@pytest.mark.parametrize("forgery", Forgery)
async def test_a_forged_click_does_not_pass_the_verifier(
    sandbox: SlackSandbox, app: App, paged: Message, forgery: Forgery
) -> None:
    assert (await sandbox.click(paged, "acknowledge", user=DANA.id, forgery=forgery)).status == 401
    assert app.requests == []


async def test_a_raw_request_goes_out_as_it_is(sandbox: SlackSandbox, app: App) -> None:
    assert (await sandbox.send_raw(b"payload=%", {"Content-Type": "text/plain"})).status == 401
    assert (await sandbox.send_signed(b"payload=%", "text/plain")).status == 200
    assert app.bodies == [b"payload=%"]


async def test_without_a_request_url_nothing_can_be_sent(sandbox: SlackSandbox) -> None:
    with pytest.raises(LookupError):
        await sandbox.verify_request_url("abc")


async def _respond(payload: dict[str, Any], **answer: Any) -> int:
    async with aiohttp.ClientSession() as session, session.post(payload["response_url"], json=answer) as response:
        return response.status


async def test_an_answer_to_a_click_is_seen_by_the_person_who_clicked(
    sandbox: SlackSandbox, app: App, paged: Message
) -> None:
    payload = await _clicked(sandbox, app, paged, user=OMAR.id)
    assert await _respond(payload, text="Dana already has it") == 200
    (shown,) = sandbox.ephemerals(OMAR.id)
    assert (shown.text, shown.answers, shown.channel) == ("Dana already has it", paged.ts, paged.channel)
    assert len(sandbox.messages()) == 1


async def test_an_answer_may_replace_repeat_or_delete_the_message(
    sandbox: SlackSandbox, app: App, paged: Message
) -> None:
    payload = await _clicked(sandbox, app, paged)
    await _respond(payload, text="acknowledged", replace_original=True)
    await _respond(payload, text="dana has it", response_type="in_channel")
    assert [one.text for one in sandbox.messages()] == ["acknowledged", "dana has it"]
    await _respond(payload, delete_original=True)
    assert [one.deleted for one in sandbox.messages()] == [True, False]
    assert sandbox.ephemerals() == []


async def test_a_response_url_is_good_for_five_answers(sandbox: SlackSandbox, app: App, paged: Message) -> None:
    payload = await _clicked(sandbox, app, paged)
    statuses = [await _respond(payload, text=str(number)) for number in range(RESPONSES + 1)]
    assert statuses == [200] * RESPONSES + [404]


@pytest.mark.parametrize(
    ("seconds", "modal", "answer"),
    [(2.9, None, None), (3.1, "expired_trigger_id", None), (1_801.0, "expired_trigger_id", "expired_url")],
)
def test_what_a_click_entitles_to_ends_in_time(seconds: float, modal: str | None, answer: str | None) -> None:
    now = 0.0
    grants = Grants(lambda: now)
    click = Click(user=DANA.id, message=PAGED)
    trigger_id, path = grants.trigger(click), grants.response_path(click)
    now = seconds
    assert grants.exchange(trigger_id) == (Refusal(error=modal) if modal else click)
    assert grants.respond(path) == (Refusal(error=answer) if answer else click)


async def test_a_click_opens_one_modal(sandbox: SlackSandbox, client: AsyncWebClient, app: App, paged: Message) -> None:
    payload = await _clicked(sandbox, app, paged)
    await client.views_open(trigger_id=payload["trigger_id"], view=MODAL)
    (opened,) = sandbox.views(DANA.id)
    assert opened.view["callback_id"] == "resolve"
    with pytest.raises(SlackApiError, match="exchanged_trigger_id"):
        await client.views_open(trigger_id=payload["trigger_id"], view=MODAL)


async def test_an_event_arrives_in_its_envelope_and_again_as_a_retry(sandbox: SlackSandbox, app: App) -> None:
    event = {"type": "app_mention", "user": DANA.id, "text": "status", "channel": OPS.id}
    await sandbox.send_event(event, event_id="Ev1")
    await sandbox.send_event(event, event_id="Ev1", retry=1)

    first, second = (json.loads(body) for body in app.bodies)
    assert first == second
    assert (first["type"], first["event_id"], first["event"]) == ("event_callback", "Ev1", event)
    assert [request.headers.get("X-Slack-Retry-Num") for request in app.requests] == [None, "1"]


@pytest.fixture
async def wall_clock_sandbox() -> AsyncIterator[SlackSandbox]:
    """Bolt compares timestamps with the real time."""
    slack = SlackSandbox(signing_secret=SECRET, bot_token=TOKEN, clock=Clock().now, users=(DANA, OMAR), channels=(OPS,))
    async with slack:
        yield slack


@pytest.fixture
async def bolt(wall_clock_sandbox: SlackSandbox) -> AsyncIterator[AsyncWebClient]:
    """A Bolt app at the sandbox's request URL that acknowledges, updates the message and answers; and its client."""
    client = AsyncWebClient(token=TOKEN, base_url=wall_clock_sandbox.api_url)
    bolt = AsyncApp(client=client, signing_secret=SECRET)

    @bolt.action("acknowledge")
    async def acknowledge(ack: Any, body: dict[str, Any], client: AsyncWebClient, respond: Any) -> None:
        await ack()
        where = {"channel": body["container"]["channel_id"], "ts": body["container"]["message_ts"]}
        await client.chat_update(**where, text=f"acknowledged by {body['user']['name']}", blocks=page())
        await respond("You have it")

    async with TestServer(bolt.web_app(path="/slack/events")) as server:
        wall_clock_sandbox.request_url = str(server.make_url("/slack/events"))
        yield client


async def test_a_real_bolt_app_takes_a_click_and_changes_the_message(
    wall_clock_sandbox: SlackSandbox, bolt: AsyncWebClient
) -> None:
    sandbox = wall_clock_sandbox
    await bolt.chat_postMessage(channel=OPS.id, text="P0", blocks=page("acknowledge"))
    answer = await sandbox.click(sandbox.messages()[0], "acknowledge", user=DANA.id)

    assert answer.status == 200
    await sandbox.wait_for(lambda one: one.text == "acknowledged by dana")
    await sandbox.wait_until(lambda: [one.text for one in sandbox.ephemerals(DANA.id)] == ["You have it"])


async def test_a_real_bolt_app_echoes_the_challenge(wall_clock_sandbox: SlackSandbox, bolt: AsyncWebClient) -> None:
    del bolt
    assert (await wall_clock_sandbox.verify_request_url("abc")).json() == {"challenge": "abc"}


# Bolt reads the body before it looks at the signature, and fails on a truncated one: the app has to check first.
@pytest.mark.parametrize("forgery", [one for one in Forgery if one is not Forgery.TRUNCATED])
async def test_a_real_bolt_app_refuses_a_forged_click(
    wall_clock_sandbox: SlackSandbox, bolt: AsyncWebClient, forgery: Forgery
) -> None:
    sandbox = wall_clock_sandbox
    await bolt.chat_postMessage(channel=OPS.id, text="P0", blocks=page("acknowledge"))
    answer = await sandbox.click(sandbox.messages()[0], "acknowledge", user=DANA.id, forgery=forgery)
    assert answer.status == 401
    assert [one.text for one in sandbox.messages()] == ["P0"]
