"""What happens while the engine is killed: one bad night, from the first webhook to the last receipt."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

import httpx

from integrations.sandbox.mail import MailFailure
from integrations.sandbox.slack_faults import Failure
from tests.crash.world import World
from tests.scenarios.stage import KEY, NIGHT, alert, body

WEBHOOK = f"/webhooks/alertmanager/{KEY}"
ALERTS = {"CheckoutDown": "P0", "SearchDown": "P0", "QueueSlow": "P1"}
ACKNOWLEDGED, RESOLVED = "CheckoutDown", "SearchDown"


@dataclass(kw_only=True)
class Told:
    """What the engine has promised to those outside. `accepted`: alert and incident, answered 202; `acknowledged` and
    `resolved`: incidents whose presser has been told so."""

    accepted: dict[str, str] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    resolved: set[str] = field(default_factory=set)


async def tell(world: World, told: Told) -> None:
    """From the first webhook to the last receipt. Whatever breaks off in it is a sign that the engine is gone."""
    slack, lead = world.around.slack, world.around.reach["ops-lead"]
    slack.fail(Failure.SERVER_ERROR, times=1, channel=lead["slack"])
    world.around.mail.fail(MailFailure.TEMPORARY, times=1)
    world.switch.arm(on=True)
    await asyncio.gather(*(_alert(world, told, name) for name in ALERTS))
    await world.settle()
    world.move(timedelta(seconds=30))
    await world.settle()
    if await _press(world, told.accepted[ACKNOWLEDGED], "tocsin_acknowledge", "ops-lead"):
        told.acknowledged.add(told.accepted[ACKNOWLEDGED])
    await world.settle()
    await _at(world, minutes=5)
    if await _press(world, told.accepted[RESOLVED], "tocsin_resolve", "ops-senior"):
        told.resolved.add(told.accepted[RESOLVED])
    await world.settle()
    await _at(world, minutes=16)
    await _at(world, minutes=31)
    world.switch.arm(on=False)


async def _alert(world: World, told: Told, name: str) -> None:
    answer = await world.http.post(WEBHOOK, json=body([alert(name, priority=ALERTS[name])]))
    if answer.status_code == httpx.codes.ACCEPTED:
        told.accepted[name] = answer.json()["alerts"][0]["incident"]


async def _at(world: World, *, minutes: float) -> None:
    world.switch.set(NIGHT + timedelta(minutes=minutes))
    await world.settle()


async def _press(world: World, incident: str, action: str, who: str) -> bool:
    """True once the presser has been told what came of it."""
    slack, user = world.around.slack, world.around.reach[who]["slack"]
    page = next(one for one in slack.messages(user=user) if incident in one.text and one.button(action))
    before = len(slack.ephemerals(user))
    await slack.click(page, action, user=user)
    said = asyncio.ensure_future(slack.wait_until(lambda: len(slack.ephemerals(user)) > before))
    gone = asyncio.ensure_future(world.exited.wait())
    await asyncio.wait([said, gone], return_when=asyncio.FIRST_COMPLETED)
    gone.cancel()
    if said.done():
        said.result()
        return "Nothing was changed" not in slack.ephemerals(user)[-1].text
    said.cancel()
    return False
