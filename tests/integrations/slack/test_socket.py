"""The same listeners over a websocket that the app opens, against a Slack that renews it, cuts it, and refuses it."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from engine.clock import SystemClock
from engine.core.commands import Acknowledge
from integrations.sandbox.slack import SlackSandbox
from integrations.sandbox.slack_faults import Failure
from integrations.slack.app import build_app
from integrations.slack.buttons import Action
from integrations.slack.front import Front
from integrations.slack.socket import SocketMode
from integrations.slack.web import SlackWeb
from tests.integrations.slack.conftest import ANA, BEN
from tests.integrations.slack.desk import Act, FakeDesk
from tests.integrations.slack.test_app import post, told

APP_TOKEN = "xapp-sandbox"


def connect(slack: SlackSandbox, front: Front, session: aiohttp.ClientSession, token: str) -> SocketMode:
    web = SlackWeb(
        session=lambda: session, token=SecretStr("xoxb-made-up"), api_url=slack.api_url, now=SystemClock().now
    )
    return SocketMode(build_app(front, signing_secret=SecretStr("")), web, app_token=SecretStr(token))


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def socket(slack: SlackSandbox, front: Front, session: aiohttp.ClientSession) -> AsyncIterator[SocketMode]:
    socket = connect(slack, front, session, APP_TOKEN)
    socket.start()
    await socket.connected()
    yield socket
    await socket.stop()


async def test_a_press_over_the_socket_is_the_same_command(
    slack: SlackSandbox, desk: FakeDesk, front: Front, socket: SocketMode
) -> None:
    answer = await slack.click(post(slack), Action.ACKNOWLEDGE, user=ANA.id)
    assert (answer.status, answer.body) == (200, "")
    assert await told(slack, front, ANA.id) == ["INC-42 is yours."]
    assert desk.acts == [Act(person=("slack", ANA.id), incident="INC-42", command=Acknowledge(), generation=1)]
    assert socket.lacks == ""


async def test_a_connection_that_slack_renews_is_followed_by_another_before_it_ends(
    slack: SlackSandbox, front: Front, socket: SocketMode
) -> None:
    first = slack.sockets.connections[0]
    await slack.sockets.refresh()
    assert first not in slack.sockets.connections
    await slack.click(post(slack), Action.ACKNOWLEDGE, user=BEN.id)
    assert await told(slack, front, BEN.id) == ["INC-42 is yours."]


async def test_a_connection_that_breaks_is_made_again(slack: SlackSandbox, front: Front, socket: SocketMode) -> None:
    first = slack.sockets.connections[0]
    await slack.sockets.cut()
    await slack.wait_until(lambda: bool(slack.sockets.connections) and slack.sockets.connections[0] is not first)
    await slack.click(post(slack), Action.ACKNOWLEDGE, user=ANA.id)
    assert await told(slack, front, ANA.id) == ["INC-42 is yours."]


async def test_an_address_that_could_not_be_used_is_not_used_again(
    slack: SlackSandbox, front: Front, session: aiohttp.ClientSession
) -> None:
    slack.fail(Failure.SERVER_ERROR, method="apps.connections.open", times=1)
    slack.fail(Failure.GARBAGE, method="apps.connections.open", times=1)
    slack.fail(Failure.DROPPED, method="apps.connections.open", times=1)
    socket = connect(slack, front, session, APP_TOKEN)
    with capture_logs() as logs:
        socket.start()
        await socket.connected()
        await socket.stop()
    assert [one["event"] for one in logs] == [*["slack.socket_refused"] * 3, "slack.socket_open"]
    assert slack.calls("apps.connections.open") == 4


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("xapp-revoked", "put an app-level token (xapp-…) with the scope connections:write into SLACK_APP_TOKEN"),
        ("xoxb-made-up", "SLACK_APP_TOKEN has to be the app-level token, which begins with xapp-"),
    ],
)
async def test_a_token_that_slack_refuses_is_said_with_what_to_do(
    slack: SlackSandbox, front: Front, session: aiohttp.ClientSession, token: str, said: str
) -> None:
    socket = connect(slack, front, session, token)
    with capture_logs() as logs:
        socket.start()
        await slack.wait_until(lambda: slack.calls("apps.connections.open") == 2)
        await socket.stop()
    assert socket.lacks.startswith(said)
    assert token not in str(logs)
    assert token not in socket.lacks


async def test_fifty_clicks_in_flight_are_answered_within_slack_s_three_seconds(
    slack: SlackSandbox, desk: FakeDesk, socket: SocketMode
) -> None:
    message = post(slack)
    answers = await asyncio.gather(*(slack.click(message, Action.ACKNOWLEDGE, user=ANA.id) for _ in range(50)))
    assert max(answer.elapsed for answer in answers) < 3
    assert len(desk.acts) == 50


async def test_nothing_is_left_behind(slack: SlackSandbox, front: Front, session: aiohttp.ClientSession) -> None:
    socket = connect(slack, front, session, APP_TOKEN)
    socket.start()
    await socket.connected()
    await socket.stop()
    await slack.wait_until(lambda: not slack.sockets.connections)
    assert not [task for task in asyncio.all_tasks() if "SocketMode" in repr(task.get_coro())]
