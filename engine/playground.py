"""An engine with its loops going between a sandbox Slack and a sandbox mail server, for people to try. Nothing of it
stays, and nothing leaves this machine."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
from pydantic import SecretStr

from engine.bootstrap import Application, application, shipped_config
from engine.clock import unix_time
from engine.config.settings import Settings
from engine.listen import listening
from integrations.sandbox.slack import SlackSandbox
from integrations.sandbox.slack_values import Channel, User
from integrations.sandbox.smtp import MailSandbox

CHANNELS = (Channel(id="C0INCIDENTS", name="incidents"), Channel(id="C0OPERATIONS", name="operations"))


@dataclass(frozen=True, kw_only=True)
class Playground:
    """`slack_ids`: by contact. `address` is that of the engine."""

    app: Application
    slack: SlackSandbox
    mail: MailSandbox
    http: aiohttp.ClientSession
    address: str
    slack_ids: Mapping[str, str]

    async def call(self, method: str, path: str, body: object = None) -> Any:
        async with self.http.request(method, f"{self.address}{path}", json=body) as response:
            response.raise_for_status()
            return await response.json()

    async def fetch(self, path: str) -> bytes:
        async with self.http.get(f"{self.address}{path}") as response:
            response.raise_for_status()
            return await response.read()

    async def post(self, body: dict[str, Any]) -> str:
        """An Alertmanager's webhook; returns the incident that its first alert belongs to."""
        webhook = next(
            f"/webhooks/{source}/{key}"
            for source, key in (await self.app.keys.url_keys()).values()
            if source == "alertmanager"
        )
        answer = await self.call("POST", webhook, body)
        return str(answer["alerts"][0]["incident"])


def alert(name: str, summary: str, started_at: datetime, *, status: str = "firing", **labels: str) -> dict[str, Any]:
    """As Alertmanager sends it."""
    return {
        "status": status,
        "labels": {"alertname": name, **labels},
        "annotations": {"summary": summary},
        "startsAt": started_at.isoformat(),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example.com/graph",
    }


def webhook(alerts: list[dict[str, Any]]) -> dict[str, Any]:
    """One group of them."""
    name = alerts[0]["labels"]["alertname"]
    return {
        "receiver": "tocsin",
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{name}"}}',
        "externalURL": "http://alertmanager.example.com",
        "status": "firing" if any(one["status"] == "firing" for one in alerts) else "resolved",
        "alerts": alerts,
    }


def people() -> list[User]:
    """The shipped configuration's contacts who have a Slack address."""
    contacts = shipped_config().contacts
    return [
        User(id=own.reach["slack"], name=name, email=own.reach["email"])
        for name, own in contacts.items()
        if "slack" in own.reach
    ]


@asynccontextmanager
async def playground(sandbox: SlackSandbox, token: str, speed: float) -> AsyncIterator[Playground]:
    """`sandbox` is not entered yet; `token` is the app-level one that it knows: the engine connects by Socket Mode."""
    admin = secrets.token_hex(16)
    with TemporaryDirectory(prefix="tocsin-playground-") as data:
        async with sandbox as slack, MailSandbox(clock=unix_time) as mail:
            settings = Settings(
                data_dir=Path(data),
                database_url=SecretStr(f"sqlite:///{data}/tocsin.db"),
                admin_token=SecretStr(admin),
                slack_bot_token=SecretStr(slack.bot_token),
                slack_app_token=SecretStr(token),
                slack_api_url=slack.api_url,
                smtp_url=SecretStr(mail.url),
                mail_from="tocsin@example.com",
            )
            async with _running(settings, speed) as (app, address, http):
                ids = {one.name: one.id for one in slack.workspace.users.values()}
                yield Playground(app=app, slack=slack, mail=mail, http=http, address=address, slack_ids=ids)


@asynccontextmanager
async def _running(settings: Settings, speed: float) -> AsyncIterator[tuple[Application, str, aiohttp.ClientSession]]:
    token = settings.admin_token.get_secret_value() if settings.admin_token else ""
    async with application(settings, speed=speed) as app, listening(app.api) as address:
        await app.start()
        if app.socket is not None:
            await app.socket.connected()
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as http:
            yield app, address, http
        await app.stop()
