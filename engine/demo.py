"""`tocsin demo`: one P0 from webhook to exported report on a fast clock, told as it happens.

Everything is real but the outside: the engine serves HTTP on loopback, pages go to a sandbox Slack and a sandbox mail
server, and the engineering manager's click is a signed request like Slack's own.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
from pydantic import SecretStr
from rich.console import Console
from rich.markup import escape

from engine.bootstrap import Application, application, shipped_config
from engine.clock import sleep, unix_time
from engine.config.settings import Settings
from engine.core.spans import spell
from engine.core.timeline import Kind
from engine.listen import listening
from engine.report.render import Format
from integrations.sandbox.slack import SlackSandbox
from integrations.sandbox.slack_values import Channel, Message, User
from integrations.sandbox.smtp import MailSandbox

SPEED = 90.0
"""Engine seconds per real second: half an hour passes in 20 s."""
NOTICED_AFTER = timedelta(seconds=25)
"""How long Alertmanager took to notice and to group."""
GLANCE = 0.1  # seconds between two looks at the timeline
MANAGER = "eng-manager"
GROUP = {
    "receiver": "tocsin",
    "version": "4",
    "groupKey": '{}:{alertname="CheckoutDown"}',
    "externalURL": "http://alertmanager.example.com",
}
REVIEW = {
    "impact": "No customer can pay.",
    "cause": "An expired certificate between checkout and the payment provider.",
    "lessons": "Certificates that people renew by hand will expire.",
    "actions": [{"what": "Renew certificates automatically", "owner": MANAGER, "due_on": "2026-12-31"}],
}


@dataclass(kw_only=True)
class Story:
    """Tells the timeline line by line, with the engine's minutes."""

    console: Console
    seen: int = 0
    opened: datetime | None = None
    reached: list[str] = field(default_factory=list)

    def tell(self, lines: list[dict[str, Any]]) -> None:
        for line in lines[self.seen :]:
            at = datetime.fromisoformat(line["at"])
            self.opened = self.opened or at
            after = spell(timedelta(minutes=round((at - self.opened).total_seconds() / 60)))
            mark = MARKS.get(line["kind"], "  ")
            self.console.print(
                f"[dim]{after:>10}[/dim]  {mark} [bold]{line['kind']:<24}[/bold] {escape(_told(line))}", highlight=False
            )
        self.seen = len(lines)


MARKS = {
    Kind.OPENED.value: "🔔",
    Kind.PAGE_DECIDED.value: "📟",
    Kind.PAGE_SENT.value: "✉️ ",
    Kind.RESPONSE_BREACHED.value: "⏰",
    Kind.ESCALATED.value: "⏫",
    Kind.ACKNOWLEDGED.value: "🙋",
    Kind.RESOLVED.value: "✅",
    Kind.CLOSED.value: "📁",
}


def _told(line: dict[str, Any]) -> str:
    data = line["data"]
    ways = data.get("channel") or ", ".join(data.get("channels", []))
    return f"{data['contact']} by {ways}: {line['reason']}" if data.get("contact") else str(line["reason"])


@dataclass(frozen=True, kw_only=True)
class Scene:
    app: Application
    slack: SlackSandbox
    mail: MailSandbox
    http: aiohttp.ClientSession
    address: str
    story: Story
    slack_ids: Mapping[str, str]

    async def call(self, method: str, path: str, body: object = None) -> Any:
        async with self.http.request(method, f"{self.address}{path}", json=body) as response:
            response.raise_for_status()
            return await response.json()

    async def fetch(self, path: str) -> bytes:
        async with self.http.get(f"{self.address}{path}") as response:
            response.raise_for_status()
            return await response.read()

    async def watch(self, ref: str, until: Callable[[list[dict[str, Any]]], bool]) -> None:
        """Tells what happens until something has."""
        while True:
            found = await self.call("GET", f"/api/v1/incidents/{ref}/timeline")
            lines = found["items"]
            self.story.tell(lines)
            if until(lines):
                return
            await sleep(GLANCE)


async def demo(folder: Path, console: Console, *, speed: float = SPEED) -> int:
    """Leaves four report files in `folder`; returns the exit code."""
    async with _scene(console, speed) as scene:
        console.print(
            f"[bold]Tocsin demo[/bold]: a night on a clock {speed:g} times as fast. Nothing leaves this machine.\n"
        )
        ref = await _alert(scene)
        message = await _wait_for_level_2(scene, ref)
        await _click(scene, ref, message)
        await _work(scene, ref)
        await _review(scene, ref)
        files = await _export(scene, ref, folder)
    console.print(
        f"\nSlack got {scene.slack.calls('chat.postMessage')} messages and {scene.slack.calls('chat.update')} updates,"
        f" the mail server {len(scene.mail.messages())}."
    )
    console.print("The report, in four forms:")
    for path in files:
        console.print(f"  {path}", highlight=False, soft_wrap=True)
    return 0


def _body(started_at: datetime, status: str = "firing") -> dict[str, Any]:
    """As Alertmanager sends it."""
    alert = {
        "status": status,
        "labels": {"alertname": "CheckoutDown", "service": "checkout", "severity": "critical", "priority": "P0"},
        "annotations": {"summary": "Checkout is down: 100 % of payments fail"},
        "startsAt": started_at.isoformat(),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example.com/graph",
    }
    return {**GROUP, "status": status, "alerts": [alert]}


async def _post(scene: Scene, body: dict[str, Any]) -> str:
    """Returns the incident that the alert belongs to."""
    webhook = next(
        f"/webhooks/{source}/{key}"
        for source, key in (await scene.app.keys.url_keys()).values()
        if source == "alertmanager"
    )
    answer = await scene.call("POST", webhook, body)
    return str(answer["alerts"][0]["incident"])


async def _alert(scene: Scene) -> str:
    ref = await _post(scene, _body(scene.app.context.clock.now() - NOTICED_AFTER))
    scene.story.console.print(
        f"Alertmanager posts an alert; the answer is 202: [bold]{ref}[/bold] is durable. Operations sleep on.\n"
    )
    return ref


async def _wait_for_level_2(scene: Scene, ref: str) -> Message:
    address = scene.slack_ids[MANAGER]
    await scene.watch(
        ref,
        lambda lines: any(line["kind"] == Kind.PAGE_SENT and line["data"].get("contact") == MANAGER for line in lines),
    )
    return await scene.slack.wait_for(lambda message: message.user == address and bool(message.buttons))


async def _click(scene: Scene, ref: str, message: Message) -> None:
    scene.story.console.print("\nThe engineering manager presses [bold]Acknowledge[/bold] in Slack: a signed click.\n")
    answer = await scene.slack.click(message, "tocsin_acknowledge", user=scene.slack_ids[MANAGER])
    if answer.status != HTTPStatus.OK:
        raise AssertionError(f"the click was answered with {answer.status}")
    await scene.watch(ref, lambda lines: any(line["kind"] == Kind.ACKNOWLEDGED for line in lines))


async def _work(scene: Scene, ref: str) -> None:
    base = f"/api/v1/incidents/{ref}"
    steps = (await scene.call("GET", base))["steps"]
    for step in steps:
        await scene.call("POST", f"{base}/tick", {"step": step["id"], "by": MANAGER})
    await scene.call("POST", f"{base}/advance", {"impact": REVIEW["impact"], "priority_confirmed": True, "by": MANAGER})
    await scene.call("POST", f"{base}/advance", {"cause": REVIEW["cause"], "by": MANAGER})
    await _post(scene, _body(scene.app.context.clock.now(), "resolved"))
    resolved = {"validation": "Test payments succeed in all regions.", "by": MANAGER}
    await scene.call("POST", f"{base}/resolve", resolved)


async def _review(scene: Scene, ref: str) -> None:
    base = f"/api/v1/incidents/{ref}"
    await scene.call(
        "POST", f"{base}/close", {"lessons": REVIEW["lessons"], "actions": REVIEW["actions"], "by": MANAGER}
    )
    await scene.watch(ref, lambda lines: any(line["kind"] == Kind.CLOSED for line in lines))


async def _export(scene: Scene, ref: str, folder: Path) -> list[Path]:
    address = f"/api/v1/incidents/{ref}/report?format="
    return [_keep(folder, f"{ref}.{form.value}", await scene.fetch(address + form.value)) for form in Format]


def _keep(folder: Path, name: str, content: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(content)
    return path.resolve()


@asynccontextmanager
async def _scene(console: Console, speed: float) -> AsyncIterator[Scene]:
    """The engine with its loops going, between a sandbox Slack and a sandbox mail server; nothing of it stays."""
    people = shipped_config().contacts
    signing, token, admin = secrets.token_hex(16), f"xoxb-{secrets.token_hex(8)}", secrets.token_hex(16)
    users = [
        User(id=own.reach["slack"], name=name, email=own.reach["email"])
        for name, own in people.items()
        if "slack" in own.reach
    ]
    channels = [Channel(id="C0INCIDENTS", name="incidents"), Channel(id="C0OPERATIONS", name="operations")]
    sandbox = SlackSandbox(signing_secret=signing, bot_token=token, clock=unix_time, users=users, channels=channels)
    with TemporaryDirectory(prefix="tocsin-demo-") as data:
        async with sandbox as slack, MailSandbox(clock=unix_time) as mail:
            settings = Settings(
                data_dir=Path(data),
                database_url=SecretStr(f"sqlite:///{data}/demo.db"),
                admin_token=SecretStr(admin),
                slack_bot_token=SecretStr(token),
                slack_signing_secret=SecretStr(signing),
                slack_api_url=slack.api_url,
                smtp_url=SecretStr(mail.url),
                mail_from="tocsin@example.com",
            )
            async with _running(settings, speed) as (app, address, http):
                slack.request_url = f"{address}/slack/events"
                ids = {name: own.reach["slack"] for name, own in people.items() if "slack" in own.reach}
                story = Story(console=console)
                yield Scene(app=app, slack=slack, mail=mail, http=http, address=address, story=story, slack_ids=ids)


@asynccontextmanager
async def _running(settings: Settings, speed: float) -> AsyncIterator[tuple[Application, str, aiohttp.ClientSession]]:
    token = settings.admin_token.get_secret_value() if settings.admin_token else ""
    async with application(settings, speed=speed) as app, listening(app.api) as address:
        await app.start()
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as http:
            yield app, address, http
        await app.stop()
