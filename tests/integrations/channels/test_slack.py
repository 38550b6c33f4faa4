"""The Slack channel against a Slack on loopback: what arrives, and what each failure means for the page."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr
from slack_sdk.models.blocks import DividerBlock

from engine.core.errors import DeliveryError
from engine.core.model import MessageKind
from engine.ports import Envelope, Receipt
from integrations.channels import Resources
from integrations.channels.slack import Settings, SlackChannel
from integrations.sandbox.slack import SlackSandbox
from integrations.sandbox.slack_faults import Failure
from integrations.sandbox.slack_values import Channel, User
from integrations.slack.blocks import Rendered
from tests.integrations.slack.envelopes import ACKNOWLEDGED, MESSAGE, PAGE, envelope

TOKEN = "xoxb-do-not-tell"
NOW = 1_795_172_538.0
ANA = User(id="U0000ANA", name="ana", email="ana@example.com")
INCIDENTS = Channel(id="C0000INC", name="incidents")
OLD = Channel(id="C0000OLD", name="old", archived=True)
SHUT = Channel(id="C000SHUT", name="shut", member=False)
SHORT = Settings(timeout=timedelta(milliseconds=50))


class Noon:
    def now(self) -> datetime:
        return datetime(2026, 1, 17, 12, tzinfo=UTC)

    def wait_for(self, span: timedelta) -> float:
        return span.total_seconds()


@pytest.fixture
async def slack() -> AsyncIterator[SlackSandbox]:
    sandbox = SlackSandbox(
        signing_secret="s" * 32, bot_token=TOKEN, clock=lambda: NOW, users=(ANA,), channels=(INCIDENTS, OLD, SHUT)
    )
    async with sandbox:
        yield sandbox


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


Make = Callable[..., SlackChannel]


@pytest.fixture
def make(slack: SlackSandbox, session: aiohttp.ClientSession) -> Make:
    def make(
        *, url: str | None = slack.api_url, token: str | None = TOKEN, settings: Settings | None = None
    ) -> SlackChannel:
        resources = Resources(
            clock=Noon(),
            session=lambda: session,
            secret=lambda _: None,
            slack_bot_token=SecretStr(token) if token else None,
            slack_api_url=url,
        )
        return SlackChannel("slack", settings or Settings(), resources)

    return make


def card(address: str) -> Envelope:
    return replace(PAGE, message=replace(MESSAGE, kind=MessageKind.CARD, address=address, contact=None, seat=None))


async def refusal(channel: SlackChannel, sent: Envelope = PAGE) -> DeliveryError:
    with pytest.raises(DeliveryError) as raised:
        await channel.send(sent)
    assert TOKEN not in str(raised.value)
    return raised.value


async def test_a_page_goes_to_the_person_with_its_headline_and_our_name_of_the_delivery(
    slack: SlackSandbox, make: Make
) -> None:
    receipt = await make().send(PAGE)
    (message,) = slack.messages(user=ANA.id)
    assert message.text == PAGE.headline
    assert [button.text for button in message.buttons] == [
        "Acknowledge",
        "Not me, pass on",
        "I need help",
        "Hold escalation",
        "Resolve",
    ]
    payload = {"delivery": "17", "incident": "INC-42"}
    assert message.metadata == {"event_type": "tocsin_delivery", "event_payload": payload}
    reference = f"{message.channel}/{message.ts}"
    assert receipt == Receipt(reference=reference, data={"channel": message.channel, "ts": message.ts})


@pytest.mark.parametrize("address", ["#incidents", "C0000INC"])
async def test_a_card_goes_to_the_channel_by_name_or_id(slack: SlackSandbox, make: Make, address: str) -> None:
    await make().send(card(address))
    assert len(slack.messages(channel="incidents")) == 1


async def test_the_earlier_message_is_brought_up_to_date_in_place(slack: SlackSandbox, make: Make) -> None:
    channel = make()
    receipt = await channel.send(PAGE)
    updated = await channel.send(replace(envelope(after=4, **ACKNOWLEDGED), id="18", receipt=receipt))
    (message,) = slack.messages(user=ANA.id)
    assert updated == receipt
    assert "Acknowledged by Ana Silva" in str(message.blocks)
    assert [button.text for button in message.buttons] == [
        "I need help",
        "Hold escalation",
        "Status update",
        "To diagnosis",
        "Resolve",
    ]
    assert message.metadata is not None
    assert message.metadata["event_payload"]["delivery"] == "17"


async def test_a_deleted_message_cannot_be_updated_and_that_is_final(slack: SlackSandbox, make: Make) -> None:
    error = await refusal(
        make(), replace(PAGE, receipt=Receipt(reference="", data={"channel": "C0000INC", "ts": "1.1"}))
    )
    assert error.permanent
    assert "was deleted" in str(error)


async def test_a_proxy_of_the_environment_is_left_to_the_session(
    slack: SlackSandbox, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    await make().send(PAGE)
    assert len(slack.messages()) == 1


def test_without_a_token_it_says_what_to_set(make: Make) -> None:
    assert make().configured() is None
    assert "SLACK_BOT_TOKEN" in (make(token=None).configured() or "")


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("#nowhere", "Slack knows no #nowhere"),
        ("#old", "#old is archived"),
        ("#shut", "/invite @Tocsin"),
    ],
)
async def test_an_address_that_slack_refuses_is_final_and_the_error_says_what_to_do(
    make: Make, address: str, says: str
) -> None:
    error = await refusal(make(), card(address))
    assert (error.permanent, error.ambiguous) == (True, False)
    assert says in str(error)


async def test_a_wrong_token_is_final(make: Make) -> None:
    error = await refusal(make(token="xoxb-another"))
    assert error.permanent
    assert "SLACK_BOT_TOKEN" in str(error)
    assert "another" not in str(error)


async def test_refused_blocks_come_with_slacks_first_complaint(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "integrations.channels.slack.render", lambda _: Rendered(text="x", blocks=(DividerBlock(),) * 51)
    )
    error = await refusal(make())
    assert error.permanent
    assert str(error).startswith("Slack does not take the message: no more than 50 items allowed")


@pytest.mark.parametrize(
    ("failure", "permanent", "ambiguous", "retry_after"),
    [
        (Failure.RATE_LIMITED, False, False, 7),
        (Failure.SERVER_ERROR, False, True, None),
        (Failure.UNAVAILABLE, False, False, None),
        (Failure.GARBAGE, False, True, None),
        (Failure.DROPPED, False, True, None),
        (Failure.ACCEPTED_THEN_DROPPED, False, True, None),
    ],
)
async def test_each_failure_says_whether_trying_again_helps_and_whether_it_may_have_arrived(
    slack: SlackSandbox,
    make: Make,
    failure: Failure,
    permanent: bool,  # noqa: FBT001 - columns of the table
    ambiguous: bool,  # noqa: FBT001
    retry_after: float | None,
) -> None:
    slack.fail(failure, retry_after=7)
    error = await refusal(make())
    assert (error.permanent, error.ambiguous, error.retry_after) == (permanent, ambiguous, retry_after)


@pytest.mark.parametrize("failure", [Failure.HANGING, Failure.ACCEPTED_THEN_HANGING])
async def test_a_call_that_hangs_is_given_up_and_may_have_arrived(
    slack: SlackSandbox, make: Make, failure: Failure
) -> None:
    slack.fail(failure)
    assert (await refusal(make(settings=SHORT))).ambiguous
    slack.recover()


async def test_nobody_listening_is_worth_another_try_and_nothing_arrived(make: Make) -> None:
    error = await refusal(make(url="http://127.0.0.1:9/api/"))
    assert (error.permanent, error.ambiguous) == (False, False)


async def test_an_api_url_that_is_none_is_final(make: Make) -> None:
    assert (await refusal(make(url="nonsense"))).permanent


@pytest.mark.parametrize(
    ("answer", "content_type"),
    [
        ("fine", "text/plain"),
        ("[]", "application/json"),
        ("[1]", "application/json"),
        ("null", "application/json"),
        ("<html>", "text/html"),
        ('{"ok": true}', "application/json"),
        ('{"ok": true, "channel": 1, "ts": {}}', "application/json"),
        ("", "application/json"),
    ],
)
async def test_an_answer_that_is_not_slacks_may_mean_that_the_message_arrived(
    make: Make, answer: str, content_type: str
) -> None:
    async def stranger(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(text=answer, content_type=content_type)

    application = web.Application()
    application.router.add_post("/{method}", stranger)
    async with TestServer(application) as server:
        error = await refusal(make(url=str(server.make_url("/"))))
    assert (error.permanent, error.ambiguous) == (False, True)
