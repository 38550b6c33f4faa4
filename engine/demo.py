"""`tocsin demo`: one P0 from webhook to exported report on a fast clock, told as it happens.

Everything is real but the outside: the engine serves HTTP on loopback, pages go to a sandbox Slack and a sandbox mail
server, and the engineering manager's click comes over Socket Mode, as from Slack.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from engine.clock import sleep, unix_time
from engine.core.spans import spell
from engine.core.timeline import Kind
from engine.playground import CHANNELS, Playground, alert, people, playground, webhook
from engine.report.render import Format
from integrations.sandbox.slack import SlackSandbox
from integrations.sandbox.slack_values import Message

SPEED = 90.0
"""Engine seconds per real second: half an hour passes in 20 s."""
NOTICED_AFTER = timedelta(seconds=25)
"""How long Alertmanager took to notice and to group."""
GLANCE = 0.1  # seconds between two looks at the timeline
MANAGER = "eng-manager"
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
    ground: Playground
    story: Story

    async def watch(self, ref: str, until: Callable[[list[dict[str, Any]]], bool]) -> None:
        """Tells what happens until something has."""
        while True:
            found = await self.ground.call("GET", f"/api/v1/incidents/{ref}/timeline")
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
    posts, updates = (scene.ground.slack.calls(f"chat.{method}") for method in ("postMessage", "update"))
    mails = len(scene.ground.mail.messages())
    console.print(f"\nSlack got {posts} messages and {updates} updates, the mail server {mails}.")
    console.print("The report, in four forms:")
    for path in files:
        console.print(f"  {path}", highlight=False, soft_wrap=True)
    return 0


def _outage(at: datetime, status: str = "firing") -> dict[str, Any]:
    summary = "Checkout is down: 100 % of payments fail"
    labels = {"service": "checkout", "severity": "critical", "priority": "P0"}
    return webhook([alert("CheckoutDown", summary, at, status=status, **labels)])


async def _alert(scene: Scene) -> str:
    ref = await scene.ground.post(_outage(scene.ground.app.context.clock.now() - NOTICED_AFTER))
    scene.story.console.print(
        f"Alertmanager posts an alert; the answer is 202: [bold]{ref}[/bold] is durable. Operations sleep on.\n"
    )
    return ref


async def _wait_for_level_2(scene: Scene, ref: str) -> Message:
    address = scene.ground.slack_ids[MANAGER]
    await scene.watch(
        ref,
        lambda lines: any(line["kind"] == Kind.PAGE_SENT and line["data"].get("contact") == MANAGER for line in lines),
    )
    return await scene.ground.slack.wait_for(lambda message: message.user == address and bool(message.buttons))


async def _click(scene: Scene, ref: str, message: Message) -> None:
    scene.story.console.print(
        "\nThe engineering manager presses [bold]Acknowledge[/bold] in Slack; it comes over Socket Mode.\n"
    )
    answer = await scene.ground.slack.click(message, "tocsin_acknowledge", user=scene.ground.slack_ids[MANAGER])
    if answer.status != HTTPStatus.OK:
        raise AssertionError(f"the click was answered with {answer.status}")
    await scene.watch(ref, lambda lines: any(line["kind"] == Kind.ACKNOWLEDGED for line in lines))


async def _work(scene: Scene, ref: str) -> None:
    base = f"/api/v1/incidents/{ref}"
    steps = (await scene.ground.call("GET", base))["steps"]
    for step in steps:
        await scene.ground.call("POST", f"{base}/tick", {"step": step["id"], "by": MANAGER})
    await scene.ground.call(
        "POST", f"{base}/advance", {"impact": REVIEW["impact"], "priority_confirmed": True, "by": MANAGER}
    )
    await scene.ground.call("POST", f"{base}/advance", {"cause": REVIEW["cause"], "by": MANAGER})
    await scene.ground.post(_outage(scene.ground.app.context.clock.now(), "resolved"))
    resolved = {"validation": "Test payments succeed in all regions.", "by": MANAGER}
    await scene.ground.call("POST", f"{base}/resolve", resolved)


async def _review(scene: Scene, ref: str) -> None:
    base = f"/api/v1/incidents/{ref}"
    await scene.ground.call(
        "POST", f"{base}/close", {"lessons": REVIEW["lessons"], "actions": REVIEW["actions"], "by": MANAGER}
    )
    await scene.watch(ref, lambda lines: any(line["kind"] == Kind.CLOSED for line in lines))


async def _export(scene: Scene, ref: str, folder: Path) -> list[Path]:
    address = f"/api/v1/incidents/{ref}/report?format="
    return [_keep(folder, f"{ref}.{form.value}", await scene.ground.fetch(address + form.value)) for form in Format]


def _keep(folder: Path, name: str, content: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(content)
    return path.resolve()


@asynccontextmanager
async def _scene(console: Console, speed: float) -> AsyncIterator[Scene]:
    signing, token = secrets.token_hex(16), secrets.token_hex(8)
    sandbox = SlackSandbox(
        signing_secret=signing,
        bot_token=f"xoxb-{token}",
        app_token=f"xapp-{token}",
        clock=unix_time,
        users=people(),
        channels=CHANNELS,
    )
    async with playground(sandbox, f"xapp-{token}", speed) as ground:
        yield Scene(ground=ground, story=Story(console=console))
