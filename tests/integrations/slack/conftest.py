"""The Slack app as it is mounted, listening on loopback, with a Slack that presses its buttons."""

import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request, Response
from pydantic import SecretStr

from engine.clock import SystemClock
from integrations.sandbox.slack import SlackSandbox
from integrations.sandbox.slack_values import Channel, User
from integrations.slack.app import build_app
from integrations.slack.front import Front
from integrations.slack.http import SlackHttp
from integrations.slack.web import SlackWeb
from tests.integrations.slack.desk import FakeDesk

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
ANA = User(id="U0000ANA", name="ana", email="ana@example.com")
BEN = User(id="U0000BEN", name="ben", email="ben@example.com")
EVE = User(id="U0000EVE", name="eve", email="eve@example.com")
INCIDENTS = Channel(id="C0000INC", name="incidents")


@asynccontextmanager
async def listening(application: FastAPI) -> AsyncIterator[str]:
    """The address of a real server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(application, log_config=None, lifespan="off", ws="none")
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        await server.startup(sockets=[listener])
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        await server.shutdown(sockets=[listener])


@pytest.fixture
async def slack() -> AsyncIterator[SlackSandbox]:
    sandbox = SlackSandbox(
        signing_secret=SECRET,
        bot_token="xoxb-made-up",
        clock=time.time,  # noqa: TID251 - signatures are checked against the machine's clock
        users=(ANA, BEN, EVE),
        channels=(INCIDENTS,),
    )
    async with sandbox:
        yield sandbox


@pytest.fixture
async def desk() -> FakeDesk:
    return FakeDesk()


@pytest.fixture
async def front(slack: SlackSandbox, desk: FakeDesk) -> AsyncIterator[Front]:
    async with aiohttp.ClientSession() as session:
        web = SlackWeb(
            session=lambda: session, token=SecretStr("xoxb-made-up"), api_url=slack.api_url, now=SystemClock().now
        )
        front = Front(desk, web)
        yield front
        desk.open.set()
        await front.drain()


@pytest.fixture
def application(front: Front, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """The product's side, mounted as it is in the engine, with the token where bolt would look for one and use it."""
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-made-up")
    secret = SecretStr(SECRET)
    http = SlackHttp(build_app(front, signing_secret=secret), signing_secret=secret)
    application = FastAPI()

    @application.post("/slack/events")
    async def receive(request: Request) -> Response:
        return await http.handle(request)

    return application


@pytest.fixture
async def connected(slack: SlackSandbox, application: FastAPI) -> AsyncIterator[None]:
    """The app listens, and Slack knows where."""
    async with listening(application) as url:
        slack.request_url = f"{url}/slack/events"
        yield


@pytest.fixture
async def door(application: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """For requests that no client of Slack's would send."""
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://tocsin") as client:
        yield client
