"""The sandbox's Web API, called by the real Slack client."""

import asyncio
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from integrations.sandbox.slack import SlackSandbox
from integrations.sandbox.slack_limits import ALL_BLOCKS_TEXT
from integrations.sandbox.slack_values import Change
from tests.integrations.sandbox.conftest import CLOSED, DANA, NOW, OLD, OMAR, OPS, TOKEN, page

METADATA = {"event_type": "tocsin_page", "event_payload": {"page": "pg_1"}}


async def test_a_posted_message_is_kept_and_answered_as_slack_documents_it(
    sandbox: SlackSandbox, client: AsyncWebClient
) -> None:
    answer = await client.chat_postMessage(channel=OPS.id, text="P0 database down", blocks=page("acknowledge"))

    (message,) = sandbox.messages(channel=OPS.id)
    assert (message.channel, message.ts, message.text) == (OPS.id, answer["ts"], "P0 database down")
    assert (message.user, message.posted_at, message.history, message.deleted) == (None, NOW, (), False)
    assert [button.action_id for button in message.buttons] == ["acknowledge"]
    assert answer["channel"] == OPS.id
    assert answer["message"]["type"] == "message"
    assert answer["message"]["bot_id"] == (await client.auth_test())["bot_id"]
    assert answer["message"]["blocks"][1] == page("acknowledge")[1]


async def test_a_message_to_a_person_goes_to_the_direct_conversation_and_answers_with_its_id(
    sandbox: SlackSandbox, client: AsyncWebClient
) -> None:
    opened = await client.conversations_open(users=DANA.id)
    answer = await client.chat_postMessage(channel=DANA.id, text="You are level 1")

    assert answer["channel"] == opened["channel"]["id"]
    assert answer["channel"].startswith("D")
    (message,) = sandbox.messages(user=DANA.id)
    assert (message.user, message.channel) == (DANA.id, answer["channel"])
    assert sandbox.messages(user=OMAR.id) == []


@pytest.mark.parametrize("reference", [OPS.id, OPS.name, f"#{OPS.name}"])
async def test_a_channel_is_found_by_id_and_by_name(
    sandbox: SlackSandbox, client: AsyncWebClient, reference: str
) -> None:
    assert (await client.chat_postMessage(channel=reference, text="x"))["channel"] == OPS.id
    assert len(sandbox.messages(channel=reference)) == 1


async def test_the_ids_of_messages_increase_while_the_clock_stands_still(client: AsyncWebClient) -> None:
    answers = [await client.chat_postMessage(channel=OPS.id, text=str(number)) for number in range(5)]
    ids = [answer["ts"] for answer in answers]
    assert ids == sorted(set(ids))


async def test_a_form_says_the_same_as_json(sandbox: SlackSandbox) -> None:
    form = {"token": TOKEN, "channel": OPS.id, "text": "x", "blocks": '[{"type": "divider"}]'}
    async with (
        aiohttp.ClientSession() as people,
        people.post(f"{sandbox.api_url}chat.postMessage", data=form) as answer,
    ):
        assert (await answer.json())["ok"] is True
    (message,) = sandbox.messages()
    assert [block["type"] for block in message.blocks] == ["divider"]


async def test_an_update_replaces_what_it_names_keeps_the_rest_and_remembers_the_earlier_version(
    sandbox: SlackSandbox, client: AsyncWebClient
) -> None:
    posted = await client.chat_postMessage(channel=OPS.id, text="P0", blocks=page("ack"), metadata=METADATA)
    answer = await client.chat_update(channel=OPS.id, ts=posted["ts"], text="P0, acknowledged by dana")
    await client.chat_update(channel=OPS.id, ts=posted["ts"], text="P0, resolved", blocks=page())

    assert answer["text"] == "P0, acknowledged by dana"
    (message,) = sandbox.messages()
    assert message.text == "P0, resolved"
    assert message.buttons == ()
    assert message.metadata == METADATA
    assert [earlier.text for earlier in message.history] == ["P0", "P0, acknowledged by dana"]
    assert [len(earlier.buttons) for earlier in message.history] == [1, 1]


async def test_a_deleted_message_stays_on_record_as_deleted(sandbox: SlackSandbox, client: AsyncWebClient) -> None:
    posted = await client.chat_postMessage(channel=OPS.id, text="x")
    await client.chat_delete(channel=OPS.id, ts=posted["ts"])
    assert [(message.text, message.deleted) for message in sandbox.messages()] == [("x", True)]
    assert (await client.conversations_history(channel=OPS.id))["messages"] == []


@pytest.mark.parametrize(("asked", "told"), [(1, METADATA), (0, None)])
async def test_history_gives_the_metadata_back_when_it_is_asked_for(
    client: AsyncWebClient, asked: int, told: dict[str, Any] | None
) -> None:
    await client.chat_postMessage(channel=OPS.id, text="x", metadata=METADATA)
    answer = await client.conversations_history(channel=OPS.id, include_all_metadata=bool(asked))
    assert answer["messages"][0].get("metadata") == told


async def test_history_comes_newest_first_in_pages_without_the_replies(client: AsyncWebClient) -> None:
    first = await client.chat_postMessage(channel=OPS.id, text="0")
    for number in range(1, 5):
        await client.chat_postMessage(channel=OPS.id, text=str(number))
    await client.chat_postMessage(channel=OPS.id, text="reply", thread_ts=first["ts"])

    pages = [answer["messages"] async for answer in await client.conversations_history(channel=OPS.id, limit=2)]
    assert [[one["text"] for one in messages] for messages in pages] == [["4", "3"], ["2", "1"], ["0"]]
    since = await client.conversations_history(channel=OPS.id, oldest=pages[1][0]["ts"])
    assert [one["text"] for one in since["messages"]] == ["4", "3"]
    thread = await client.conversations_replies(channel=OPS.id, ts=first["ts"])
    assert [one["text"] for one in thread["messages"]] == ["0", "reply"]


async def test_people_and_channels_can_be_looked_up(client: AsyncWebClient) -> None:
    found = await client.users_lookupByEmail(email="Dana@Example.com")
    assert (found["user"]["id"], found["user"]["profile"]["email"]) == (DANA.id, DANA.email)
    assert (await client.users_info(user=OMAR.id))["user"]["name"] == "omar"
    assert (await client.conversations_info(channel=OPS.id))["channel"]["name"] == "ops"
    live = await client.conversations_list(exclude_archived=True)
    assert [one["id"] for one in live["channels"]] == [OPS.id, CLOSED.id]


async def test_an_ephemeral_is_seen_by_its_person_only(sandbox: SlackSandbox, client: AsyncWebClient) -> None:
    await client.chat_postEphemeral(channel=OPS.id, user=DANA.id, text="only you")
    assert [(one.user, one.text) for one in sandbox.ephemerals(DANA.id)] == [(DANA.id, "only you")]
    assert sandbox.ephemerals(OMAR.id) == []
    assert sandbox.messages() == []


async def test_a_reaction_is_no_edit(sandbox: SlackSandbox, client: AsyncWebClient) -> None:
    posted = await client.chat_postMessage(channel=OPS.id, text="x")
    await client.reactions_add(channel=OPS.id, timestamp=posted["ts"], name="eyes")
    (message,) = sandbox.messages()
    assert (message.reactions, message.history) == (("eyes",), ())


@pytest.mark.parametrize(
    ("method", "arguments", "error"),
    [
        ("chat.postMessage", {"channel": "C404", "text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"channel": "U404", "text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"channel": OLD.id, "text": "x"}, "is_archived"),
        ("chat.postMessage", {"channel": CLOSED.id, "text": "x"}, "not_in_channel"),
        ("chat.postMessage", {"channel": OPS.id}, "no_text"),
        ("chat.postMessage", {"channel": OPS.id, "text": "x" * 40_001}, "msg_too_long"),
        ("chat.postMessage", {"channel": OPS.id, "blocks": "[{"}, "invalid_blocks_format"),
        ("chat.postMessage", {"channel": OPS.id, "text": "x", "metadata": {"page": 1}}, "invalid_metadata_format"),
        ("chat.postEphemeral", {"channel": OPS.id, "user": "U404", "text": "x"}, "user_not_in_channel"),
        ("chat.update", {"channel": OPS.id, "ts": "1.000001", "text": "x"}, "message_not_found"),
        ("chat.update", {"channel": DANA.id, "ts": "1.000001", "text": "x"}, "channel_not_found"),
        ("chat.delete", {"channel": OPS.id, "ts": "1.000001"}, "message_not_found"),
        ("conversations.open", {}, "users_list_not_supplied"),
        ("conversations.open", {"users": "U404"}, "user_not_found"),
        ("conversations.history", {"channel": "C404"}, "channel_not_found"),
        ("conversations.replies", {"channel": OPS.id, "ts": "1.000001"}, "thread_not_found"),
        ("conversations.info", {"channel": "C404"}, "channel_not_found"),
        ("users.info", {"user": "U404"}, "user_not_found"),
        ("users.lookupByEmail", {"email": "nobody@example.com"}, "users_not_found"),
        ("views.open", {"trigger_id": "made up", "view": {"type": "modal"}}, "invalid_arguments"),
        ("reactions.add", {"channel": OPS.id, "timestamp": "1.000001", "name": "eyes"}, "message_not_found"),
        ("chat.shout", {}, "unknown_method"),
        ("api.test", {"error": "my_error"}, "my_error"),
    ],
)
async def test_a_call_that_slack_refuses_is_refused_with_slacks_code(
    sandbox: SlackSandbox, client: AsyncWebClient, method: str, arguments: dict[str, Any], error: str
) -> None:
    with pytest.raises(SlackApiError) as refused:
        await client.api_call(method, json=arguments)
    assert (refused.value.response.status_code, refused.value.response["error"]) == (200, error)
    assert sandbox.messages() == []


def _section(**fields: Any) -> dict[str, Any]:
    return {"type": "section", **fields}


def _text(length: int, kind: str = "mrkdwn") -> dict[str, str]:
    return {"type": kind, "text": "x" * length}


def _button(**fields: Any) -> dict[str, Any]:
    return {"type": "button", "text": _text(4, "plain_text"), **fields}


def _actions(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "actions", "elements": list(elements)}


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        (_section(text=_text(3_001)), "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"),
        (_section(text=_text(0)), "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
        (_section(), "missing required field: text [json-pointer:/blocks/0]"),
        (_section(fields=[_text(1)] * 11), "no more than 10 items allowed [json-pointer:/blocks/0/fields]"),
        (_section(fields=[_text(2_001)]), "must be less than 2001 characters [json-pointer:/blocks/0/fields/0/text]"),
        (
            {"type": "header", "text": _text(151, "plain_text")},
            "must be less than 151 characters [json-pointer:/blocks/0/text/text]",
        ),
        (
            {"type": "context", "elements": [_text(1)] * 11},
            "no more than 10 items allowed [json-pointer:/blocks/0/elements]",
        ),
        (_actions(), "no fewer than 1 items allowed [json-pointer:/blocks/0/elements]"),
        (_actions(*[_button()] * 26), "no more than 25 items allowed [json-pointer:/blocks/0/elements]"),
        (
            _actions(_button(action_id="ack"), _button(action_id="ack")),
            '`action_id` "ack" already exists [json-pointer:/blocks/0/elements/1/action_id]',
        ),
        (
            _actions(_button(text=_text(76, "plain_text"))),
            "must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]",
        ),
        (
            _actions(_button(value="x" * 2_001)),
            "must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]",
        ),
        (
            _actions(_button(style="loud")),
            "must be one of: primary, danger [json-pointer:/blocks/0/elements/0/style]",
        ),
        (
            _section(text=_text(1), block_id="x" * 256),
            "must be less than 256 characters [json-pointer:/blocks/0/block_id]",
        ),
        ({"type": "sections"}, "unsupported type: sections [json-pointer:/blocks/0/type]"),
    ],
)
async def test_a_block_beyond_slacks_limits_is_refused_with_its_place(
    sandbox: SlackSandbox, client: AsyncWebClient, block: dict[str, Any], problem: str
) -> None:
    with pytest.raises(SlackApiError) as refused:
        await client.chat_postMessage(channel=OPS.id, text="x", blocks=[block])
    assert refused.value.response["error"] == "invalid_blocks"
    assert refused.value.response["response_metadata"]["messages"] == [f"[ERROR] {problem}"]
    assert sandbox.messages() == []


@pytest.mark.parametrize(
    ("blocks", "error"),
    [
        ([{"type": "divider"}] * 50, None),
        ([{"type": "divider"}] * 51, "invalid_blocks"),
        ([_section(text=_text(3_000))] * (ALL_BLOCKS_TEXT // 3_000), None),
        ([_section(text=_text(3_000))] * (ALL_BLOCKS_TEXT // 3_000 + 1), "msg_blocks_too_long"),
    ],
)
async def test_the_blocks_of_a_message_are_limited_together(
    client: AsyncWebClient, blocks: list[dict[str, Any]], error: str | None
) -> None:
    try:
        answer = await client.chat_postMessage(channel=OPS.id, text="x", blocks=blocks)
    except SlackApiError as refused:
        answer = refused.response
    assert answer.get("error") == error


@pytest.mark.parametrize(("token", "error"), [(None, "not_authed"), ("xoxb-another", "invalid_auth")])
async def test_without_the_right_token_nothing_is_done(sandbox: SlackSandbox, token: str | None, error: str) -> None:
    stranger = AsyncWebClient(token=token, base_url=sandbox.api_url)
    with pytest.raises(SlackApiError, match=error):
        await stranger.chat_postMessage(channel=OPS.id, text="x")
    assert sandbox.messages() == []
    assert (await stranger.api_test())["ok"] is True


async def test_waiting_ends_with_the_message_that_was_waited_for(sandbox: SlackSandbox, client: AsyncWebClient) -> None:
    posted = await client.chat_postMessage(channel=OPS.id, text="P0")
    update = client.chat_update(channel=OPS.id, ts=posted["ts"], text="P0, acknowledged")

    message, _ = await asyncio.gather(sandbox.wait_for(lambda one: "acknowledged" in one.text), update)
    assert (message.ts, message.change) == (posted["ts"], Change.UPDATED)
    await sandbox.wait_until(lambda: len(sandbox.messages()) == 1)


async def test_a_wait_in_vain_ends_in_time_and_says_what_was_there(
    sandbox: SlackSandbox, client: AsyncWebClient
) -> None:
    await client.chat_postMessage(channel=OPS.id, text="something else")
    with pytest.raises(TimeoutError, match="something else"):
        await sandbox.wait_for(lambda one: one.text == "P0", within=0.01)


async def test_another_process_reads_every_change_in_order_with_its_time(
    sandbox: SlackSandbox, client: AsyncWebClient
) -> None:
    posted = await client.chat_postMessage(channel=DANA.id, text="P0", metadata=METADATA)
    await client.chat_update(channel=posted["channel"], ts=posted["ts"], text="P0, acknowledged")

    first, second = await _record(sandbox, after=0)
    assert [first["change"], second["change"]] == ["posted", "updated"]
    assert (first["user"], first["at"], first["metadata"]) == (DANA.id, NOW, METADATA)
    assert first["monotonic"] <= second["monotonic"]
    assert await _record(sandbox, after=first["seq"]) == [second]


async def test_the_record_wants_a_number_to_start_after(sandbox: SlackSandbox) -> None:
    async with aiohttp.ClientSession() as reader, reader.get(f"{sandbox.record_url}?after=yesterday") as answer:
        assert answer.status == 400


async def _record(sandbox: SlackSandbox, *, after: int) -> list[dict[str, Any]]:
    async with aiohttp.ClientSession() as reader, reader.get(f"{sandbox.record_url}?after={after}") as answer:
        record = await answer.json()
    assert record["last"] == len(sandbox.workspace.log)
    messages: list[dict[str, Any]] = record["messages"]
    return messages
