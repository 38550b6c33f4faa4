"""`tocsin sandbox`: to try by hand, with a Slack look-alike in the browser. Nothing leaves this machine."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from engine.clock import unix_time
from engine.playground import CHANNELS, Playground, alert, people, playground, webhook
from integrations.sandbox.slack import SlackSandbox
from integrations.sandbox.slack_faults import Failure
from integrations.sandbox.slack_page import Lever, Page

SPEED = 30.0
"""Engine seconds per real second: the second level is paged after a minute."""
FLOOD, GROUP = 500, 50
CHECKOUT = {"service": "checkout", "severity": "critical", "priority": "P0"}
SEARCH = {"service": "search", "severity": "critical"}


async def sandbox(port: int, speed: float, told: Callable[[str], None], ended: asyncio.Event) -> None:
    """`told` hears the page's address once it can be opened; it is there until `ended`. Port 0 takes a free one."""
    token = secrets.token_hex(8)
    slack = SlackSandbox(
        signing_secret=secrets.token_hex(16),
        bot_token=f"xoxb-{token}",
        app_token=f"xapp-{token}",
        clock=unix_time,
        users=people(),
        channels=CHANNELS,
        port=port,
    )
    grounds: list[Playground] = []
    Page(slack, levers(slack, lambda: grounds[0]))
    async with playground(slack, f"xapp-{token}", speed) as ground:
        grounds.append(ground)
        told(slack.url)
        await ended.wait()


def levers(slack: SlackSandbox, ground: Callable[[], Playground]) -> Mapping[str, Lever]:
    """What the page offers to make happen."""
    return {
        "Checkout goes down (P0)": lambda: _fire(ground(), "CheckoutDown", "100 % of payments fail", CHECKOUT),
        f"{FLOOD} more alerts of it": lambda: _flood(ground()),
        "Checkout recovers": lambda: _fire(ground(), "CheckoutDown", "payments succeed", CHECKOUT, "resolved"),
        "Search gets slow (P1)": lambda: _fire(ground(), "SearchSlow", "response time 6.2 s", SEARCH),
        "Slack goes down": partial(_break, slack),
        "Slack is back": partial(_mend, slack),
    }


async def _fire(ground: Playground, name: str, summary: str, labels: Mapping[str, str], status: str = "firing") -> str:
    ref = await ground.post(webhook([alert(name, summary, ground.app.context.clock.now(), status=status, **labels)]))
    return f"{name} is {status}: {ref}"


async def _flood(ground: Playground) -> str:
    now = ground.app.context.clock.now()
    hosts = [
        alert("CheckoutDown", f"web-{host} fails", now, instance=f"web-{host}", **CHECKOUT) for host in range(FLOOD)
    ]
    refs = {await ground.post(_part(hosts, first)) for first in range(0, FLOOD, GROUP)}
    return f"{FLOOD} alerts: {', '.join(sorted(refs))}"


def _part(hosts: list[dict[str, Any]], first: int) -> dict[str, Any]:
    return webhook(hosts[first : first + GROUP])


async def _break(slack: SlackSandbox) -> str:
    slack.fail(Failure.UNAVAILABLE)
    return "Slack answers 503 to everything. Mail goes on."


async def _mend(slack: SlackSandbox) -> str:
    slack.recover()
    return "Slack is back."
