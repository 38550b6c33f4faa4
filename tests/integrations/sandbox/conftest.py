"""A Slack sandbox with two people and three channels, the real client for it, and an app that checks signatures."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from slack_sdk.signature import Clock, SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from integrations.sandbox.slack import SlackSandbox
from integrations.sandbox.slack_values import Channel, User

NOW = 1_795_172_538.0
TOKEN = "xoxb-made-up"
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
DANA = User(id="U0000DANA", name="dana", email="dana@example.com")
OMAR = User(id="U0000OMAR", name="omar", email="omar@example.com")
OPS = Channel(id="C00000OPS", name="ops")
OLD = Channel(id="C00000OLD", name="old", archived=True)
CLOSED = Channel(id="C0000SHUT", name="closed", member=False)


class FixedClock(Clock):
    def now(self) -> float:
        return NOW


@dataclass(kw_only=True)
class App:
    """The receiving end: remembers what was signed rightly, answers 401 to the rest."""

    url: str = ""
    requests: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        if not SignatureVerifier(SECRET, FixedClock()).is_valid_request(body, dict(request.headers)):
            return web.Response(status=401)
        self.requests.append(request)
        self.bodies.append(body)
        return web.json_response({"challenge": "echoed"})

    def forms(self) -> list[dict[str, list[str]]]:
        return [parse_qs(body.decode()) for body in self.bodies]


@pytest.fixture
async def sandbox() -> AsyncIterator[SlackSandbox]:
    slack = SlackSandbox(
        signing_secret=SECRET,
        bot_token=TOKEN,
        clock=lambda: NOW,
        users=(DANA, OMAR),
        channels=(OPS, OLD, CLOSED),
    )
    async with slack:
        yield slack


@pytest.fixture
def client(sandbox: SlackSandbox) -> AsyncWebClient:
    return AsyncWebClient(token=TOKEN, base_url=sandbox.api_url, timeout=5, retry_handlers=[])


@pytest.fixture
async def app(sandbox: SlackSandbox) -> AsyncIterator[App]:
    received = App()
    application = web.Application()
    application.router.add_post("/slack/events", received.receive)
    async with TestServer(application) as server:
        received.url = sandbox.request_url = str(server.make_url("/slack/events"))
        yield received


def page(*action_ids: str, text: str = "*P0* database down") -> list[dict[str, Any]]:
    """The blocks of a page with one button an action."""
    buttons = [
        {
            "type": "button",
            "action_id": action_id,
            "text": {"type": "plain_text", "text": action_id.title()},
            "value": "INC-42",
            "style": "primary",
        }
        for action_id in action_ids
    ]
    section = {"type": "section", "text": {"type": "mrkdwn", "text": text}}
    return [section, {"type": "actions", "block_id": "incident:42", "elements": buttons}] if buttons else [section]
