"""The whole engine on a clock that is moved, over real HTTP, against sandboxes at the outermost wire.

What reached people is read from the sandboxes, never from the engine's own records; a surplus message fails a test like
a missing one, because tests compare the whole of `stage.received`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr
from slack_sdk.signature import Clock as WallClock

import engine
from engine.bootstrap import Application, application
from engine.clock import VirtualClock
from engine.config.document import parse
from engine.config.settings import Settings
from engine.listen import listening
from integrations.sandbox.clicks import AppAnswer
from integrations.sandbox.slack import SlackSandbox
from integrations.sandbox.slack_values import Channel, Message, User
from integrations.sandbox.smtp import MailSandbox
from tests.web import plain_http

DEFAULT = Path(engine.__file__).parent / "default.yaml"
NIGHT = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)
"""A Saturday, ten past three in the morning."""
SIGNING_SECRET = "stage-signing-secret"
BOT_TOKEN = "xoxb-stage"
APP_TOKEN = "xapp-sandbox"
ADMIN_TOKEN = "stage-admin-token"
KEY = "stage-webhook-key"
STRANGER = "U0STRANGER"

Document = dict[str, Any]
Edit = Callable[[Document], object]


def documented(document: Document) -> None:
    """The shipped configuration, with a webhook key that tests know."""
    document["integrations"]["alertmanager"]["key"] = KEY


@dataclass(frozen=True, order=True)
class Received:
    """A message that reached somebody: seconds after the start, by which channel, who (or which team channel)."""

    at: float
    channel: str
    who: str


@dataclass(kw_only=True)
class Stage:
    app: Application
    clock: VirtualClock
    slack: SlackSandbox
    mail: MailSandbox
    http: httpx.AsyncClient
    start: datetime
    reach: dict[str, dict[str, str]]
    received: list[Received] = field(default_factory=list)
    _slack_seen: set[tuple[str, str]] = field(default_factory=set)
    _mail_seen: int = 0

    @property
    def minute(self) -> float:
        """Minutes since the start."""
        return (self.clock.now() - self.start).total_seconds() / 60

    async def fire(
        self, name: str = "CheckoutDown", *, status: str = "firing", key: str = KEY, **labels: str
    ) -> dict[str, Any]:
        """One alert by webhook, as Alertmanager sends it; returns the answer's first alert."""
        answer = await self.post_alerts([alert(name, status=status, **labels)], key=key)
        assert answer.status_code == 202, answer.text
        first: dict[str, Any] = answer.json()["alerts"][0]
        return first

    async def post_alerts(self, alerts: list[dict[str, Any]], *, key: str = KEY) -> httpx.Response:
        answer = await self.http.post(f"/webhooks/alertmanager/{key}", json=body(alerts))
        await self.settle()
        return answer

    async def command(self, ref: str, name: str, **arguments: Any) -> httpx.Response:
        answer = await self.http.post(f"/api/v1/incidents/{ref}/{name}", json=arguments)
        await self.settle()
        return answer

    async def incident(self, ref: str) -> dict[str, Any]:
        answer = await self.http.get(f"/api/v1/incidents/{ref}")
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    async def timeline(self, ref: str) -> list[dict[str, Any]]:
        answer = await self.http.get(f"/api/v1/incidents/{ref}/timeline")
        assert answer.status_code == 200, answer.text
        found = answer.json()
        lines: list[dict[str, Any]] = found["items"] if isinstance(found, dict) else found
        return lines

    async def kinds(self, ref: str) -> list[str]:
        return [line["kind"] for line in await self.timeline(ref)]

    async def click(self, message: Message, action: str, who: str, *, stale: bool = False) -> AppAnswer:
        answer = await self.slack.click(message, action, user=self.slack_id(who), stale=stale)
        await self.app.slack.drain()
        await self.settle()
        return answer

    def slack_id(self, who: str) -> str:
        """Of a contact; anybody else's as it is."""
        return self.reach.get(who, {}).get("slack", who)

    def direct(self, who: str) -> list[Message]:
        """The direct messages that a person has on Slack, as they read now."""
        return [one for one in self.slack.messages(user=self.slack_id(who)) if not one.deleted]

    def told(self, who: str) -> list[str]:
        """What only this person was answered to a click."""
        return [one.text for one in self.slack.ephemerals(self.slack_id(who))]

    async def advance(self, *, minutes: float = 0, seconds: float = 0) -> None:
        """Moves the clock, stopping wherever something is due on the way."""
        target = self.clock.now() + timedelta(minutes=minutes, seconds=seconds)
        while (due := await self._next()) is not None and due <= target:
            self.clock.set(max(due, self.clock.now()))
            await self.settle()
        self.clock.set(target)
        await self.settle()

    async def sleep_through(self, *, minutes: float) -> None:
        """The engine does not run for a while, and then looks again."""
        self.clock.advance(timedelta(minutes=minutes))
        await self.settle()

    async def to(self, *, minute: float) -> None:
        await self.advance(minutes=minute - self.minute)

    async def settle(self) -> None:
        """Fires what is due now and delivers what is to be sent now."""
        await self.app.ticker.tick()
        await self.app.sender.drain()
        self._collect()

    async def _next(self) -> datetime | None:
        now = self.clock.now()
        found = [await self.app.ticker.next_due(), await self.app.sender.next_attempt()]
        return min((at for at in found if at is not None and at > now), default=None)

    def _collect(self) -> None:
        at = (self.clock.now() - self.start).total_seconds()
        new = [one for one in self.slack.messages() if (one.channel, one.ts) not in self._slack_seen]
        for one in new:
            self._slack_seen.add((one.channel, one.ts))
            self.received.append(Received(at, "slack", self._reader(one)))
        mails = self.mail.messages()
        for mail in mails[self._mail_seen :]:
            self.received.extend(Received(at, "email", self._addressee(to)) for to in mail.recipients)
        self._mail_seen = len(mails)

    def _reader(self, message: Message) -> str:
        names = {own["slack"]: name for name, own in self.reach.items() if "slack" in own}
        return names.get(message.user or "", f"#{message.channel}")

    def _addressee(self, address: str) -> str:
        return next((name for name, own in self.reach.items() if own.get("email") == address), f"#{address}")

    def pages(self, channel: str = "email") -> list[tuple[float, str]]:
        """(minutes after the start, who) of what reached people on one channel; team channels left out."""
        return sorted(
            (one.at / 60, one.who) for one in self.received if one.channel == channel and not one.who.startswith("#")
        )


def alert(name: str, *, status: str = "firing", **labels: str) -> dict[str, Any]:
    return {
        "status": status,
        "labels": {"alertname": name, "service": "checkout", **labels},
        "annotations": {"summary": f"{name} on checkout"},
        "startsAt": "2026-11-21T03:09:30.289635183Z",
        "endsAt": "0001-01-01T00:00:00Z" if status == "firing" else "2026-11-21T03:20:00Z",
        "generatorURL": "http://prometheus.example.com/graph",
    }


def body(alerts: list[dict[str, Any]]) -> dict[str, Any]:
    name = alerts[0]["labels"]["alertname"]
    return {
        "receiver": "tocsin",
        "status": "firing" if any(one["status"] == "firing" for one in alerts) else "resolved",
        "alerts": alerts,
        "groupLabels": {"alertname": name},
        "commonLabels": {"alertname": name},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example.com",
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{name}"}}',
        "truncatedAlerts": 0,
    }


@cache
def _shipped() -> str:
    """Read once: that takes longer than many a test."""
    return json.dumps(parse(DEFAULT.read_text(), DEFAULT.name).value)


def write_config(folder: Path, edit: Edit) -> Path:
    """The shipped configuration with a test's changes, as a file."""
    document = json.loads(_shipped())
    documented(document)
    edit(document)
    path = folder / "tocsin.yaml"
    path.write_text(json.dumps(document))  # which is YAML too
    return path


def unedited(_: Document) -> None:
    """As it is documented."""


def unbundled(document: Document) -> None:
    """A message for each page whatever the storm, so that copies can be counted one by one."""
    document["bundling"] = {"burst": 10_000}


@dataclass(frozen=True, kw_only=True)
class Outside:
    """The sandboxes at the outermost wire, and how the contacts are reached there."""

    slack: SlackSandbox
    mail: MailSandbox
    reach: dict[str, dict[str, str]]


def reach_in(config: Path) -> dict[str, dict[str, str]]:
    """Each contact's addresses by channel."""
    contacts = json.loads(config.read_text())["contacts"]
    return {name: contact["reach"] for name, contact in contacts.items()}


@asynccontextmanager
async def outside(config: Path) -> AsyncIterator[Outside]:
    """A Slack and a mail server in which the configuration's people exist, and a stranger."""
    reach = reach_in(config)
    users = [User(id=own["slack"], name=name, email=own["email"]) for name, own in reach.items() if "slack" in own]
    sandbox = SlackSandbox(
        signing_secret=SIGNING_SECRET,
        bot_token=BOT_TOKEN,
        clock=WallClock().now,
        users=[*users, User(id=STRANGER, name="stranger", email="stranger@example.com")],
        channels=[Channel(id="C0INCIDENTS", name="incidents"), Channel(id="C0OPERATIONS", name="operations")],
    )
    async with sandbox as slack, MailSandbox(clock=WallClock().now) as mail:
        yield Outside(slack=slack, mail=mail, reach=reach)


def connected(
    around: Outside, database_url: str, folder: Path, config: Path, *, with_slack: bool = True, with_mail: bool = True
) -> Settings:
    """The settings of an engine between these sandboxes."""
    return Settings(
        data_dir=folder,
        database_url=SecretStr(database_url),
        config=config,
        admin_token=SecretStr(ADMIN_TOKEN),
        slack_bot_token=SecretStr(BOT_TOKEN) if with_slack else None,
        slack_signing_secret=SecretStr(SIGNING_SECRET) if with_slack else None,
        slack_api_url=around.slack.api_url,
        smtp_url=SecretStr(around.mail.url) if with_mail else None,
        mail_from="tocsin@example.com",
    )


def caller(address: str) -> httpx.AsyncClient:
    """A client with the administrator's token."""
    return plain_http(address, headers={"Authorization": f"Bearer {ADMIN_TOKEN}"}, timeout=20)


@asynccontextmanager
async def stage(
    database_url: str,
    folder: Path,
    *,
    edit: Edit = unedited,
    start: datetime = NIGHT,
    with_slack: bool = True,
    with_mail: bool = True,
    over_socket: bool = False,
) -> AsyncIterator[Stage]:
    """`over_socket`: Slack's requests come by Socket Mode, and the engine has no address for them."""
    clock, config = VirtualClock(start), write_config(folder, edit)
    async with outside(config) as around:
        settings = connected(around, database_url, folder, config, with_slack=with_slack, with_mail=with_mail)
        if over_socket:
            settings = settings.model_copy(
                update={"slack_signing_secret": None, "slack_app_token": SecretStr(APP_TOKEN)}
            )
        async with (
            application(settings, clock=clock) as app,
            listening(app.api) as address,
            caller(address) as http,
        ):
            if app.socket is None:
                around.slack.request_url = f"{address}/slack/events"
            else:
                app.socket.start()
                await app.socket.connected()
            yield Stage(
                app=app,
                clock=clock,
                slack=around.slack,
                mail=around.mail,
                http=http,
                start=start,
                reach=around.reach,
            )
            if app.socket is not None:
                await app.socket.stop()
