"""PagerDuty's senders don't notice: its official client over https, an Alertmanager that is set up for PagerDuty."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pagerduty import EventsApiV2Client, HttpError

from engine.core.errors import Overloaded
from engine.services.intake import Intake
from tests.real.harness import KEYS, night, until, with_dropins
from tests.real.office import Office, office

KEY = KEYS["pagerduty"]


@asynccontextmanager
async def talking(database_url: str, folder: Path, key: str = KEY) -> AsyncIterator[tuple[Office, EventsApiV2Client]]:
    """The engine, and the official client that talks to it."""
    async with office(database_url, folder) as found:
        context = ssl.create_default_context(cafile=found.authority)
        with EventsApiV2Client(key, base_url=found.address, verify=context) as sender:
            yield found, sender


async def test_the_official_client_triggers_acknowledges_and_resolves(database_url: str, tmp_path: Path) -> None:
    async with talking(database_url, tmp_path) as (found, sender):
        key = await asyncio.to_thread(
            sender.trigger, "12% of checkouts fail", "web-1", custom_details={"service": "checkout"}
        )
        await until(lambda: found.lines("page.sent"), lambda lines: len(lines) == 2)
        incident = await found.incident()
        assert (incident["title"], incident["priority"], incident["service"]) == (
            "12% of checkouts fail",
            "P1",
            "checkout",
        )
        assert found.mailed() == ["ops-lead"]
        assert await asyncio.to_thread(sender.acknowledge, key) == key
        assert (await found.incident())["acknowledged_by"] == "pagerduty"
        await asyncio.to_thread(
            sender.send_change_event, {"summary": "Deploy", "custom_details": {"service": "checkout"}}
        )
        assert [line["reason"] for line in await found.lines("note")] == ["Change: Deploy"]
        assert await asyncio.to_thread(sender.resolve, key) == key
        assert [alert["status"] for alert in (await found.incident())["alerts"]] == ["resolved"]
        assert await found.lines("alert.all_cleared")


async def test_what_the_official_client_resolves_before_anybody_looked_is_over(
    database_url: str, tmp_path: Path
) -> None:
    async with talking(database_url, tmp_path) as (found, sender):
        assert await asyncio.to_thread(sender.trigger, "Disk full", "db-1", dedup_key="disk") == "disk"
        await asyncio.to_thread(sender.resolve, "disk")
        assert (await found.incident())["state"] == "review"


async def test_the_official_client_repeats_until_the_engine_takes_the_event(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[Any] = []
    accept = Intake.accept

    async def overloaded_at_first(self: Intake, *alerts: Any, **fields: Any) -> Any:
        tries.append(alerts)
        if len(tries) < 9:
            raise Overloaded("the database can't be reached")
        return await accept(self, *alerts, **fields)

    monkeypatch.setattr(Intake, "accept", overloaded_at_first)
    async with talking(sqlite_url, tmp_path) as (found, sender):
        sender.sleep_timer = 0.001
        await asyncio.to_thread(sender.trigger, "Disk full", "db-1")
        assert len(tries) == 9
        assert (await found.incident())["title"] == "Disk full"


async def test_the_official_client_is_told_that_its_key_is_wrong(sqlite_url: str, tmp_path: Path) -> None:
    async with talking(sqlite_url, tmp_path, key="0" * 32) as (_, sender):
        with pytest.raises(HttpError, match="Invalid routing key"):
            await asyncio.to_thread(sender.trigger, "Disk full", "db-1")


def by_pagerduty(address: str) -> str:
    return f"""
    pagerduty_configs:
      - url: {address}/v2/enqueue
        routing_key: {KEY}
        details:
          service: '{{{{ .CommonLabels.cluster }}}}-shop'
"""


async def test_an_alertmanager_that_is_set_up_for_pagerduty_fires_and_resolves(
    database_url: str, tmp_path: Path
) -> None:
    async with night(database_url, tmp_path, receiver=by_pagerduty, edit=with_dropins) as found:
        await found.monitoring.send("web-1", "web-2")
        shown = await until(found.incidents, lambda items: len(items) == 1 and items[0]["level"] == 1)
        assert (shown[0]["priority"], shown[0]["service"]) == ("P1", "eu-shop")
        assert "HighCPU" in shown[0]["title"]
        [alert] = (await found.incident())["alerts"]
        assert (alert["labels"]["client"], alert["labels"]["pagerduty_severity"]) == ("Alertmanager", "error")
        await until(found.incident, lambda incident: "web-2" in incident["alerts"][0]["annotations"]["firing"])
        await found.monitoring.send("web-1", "web-2", resolved=True)
        await until(found.incident, lambda incident: incident["state"] == "review")
        assert len(await found.incidents()) == 1
        await until(found.kinds, lambda kinds: kinds.count("page.sent") == 2)
        assert found.mailed() == ["ops-lead"]
