"""Opsgenie's senders don't notice: its official client over https, an Alertmanager that is set up for Opsgenie."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import opsgenie_sdk
import pytest
from opsgenie_sdk.exceptions import AuthenticationException

from engine.core.errors import Overloaded
from engine.services.intake import Intake
from tests.real.harness import KEYS, night, until, with_dropins
from tests.real.office import Office, office

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:opsgenie_sdk", "ignore::DeprecationWarning:dateutil"
)

KEY = KEYS["opsgenie"]
BY_ALIAS = {"identifier": "checkout", "identifier_type": "alias"}


@asynccontextmanager
async def talking(database_url: str, folder: Path, key: str = KEY) -> AsyncIterator[tuple[Office, Any]]:
    """The engine, and the official client that talks to it."""
    async with office(database_url, folder) as found:
        own = opsgenie_sdk.Configuration()
        own.host, own.ssl_ca_cert = found.address, str(found.authority)
        own.api_key["Authorization"] = key
        own.back_off = 0.001
        client = opsgenie_sdk.ApiClient(configuration=own)
        yield found, opsgenie_sdk.AlertApi(client)
        client.rest_client.pool_manager.clear()


async def call(what: Any, **fields: Any) -> Any:
    return await asyncio.to_thread(partial(what, **fields))


def alert(**fields: Any) -> Any:
    return opsgenie_sdk.CreateAlertPayload(message="12% of checkouts fail", alias="checkout", **fields)


async def test_the_official_client_creates_acknowledges_notes_on_and_closes(database_url: str, tmp_path: Path) -> None:
    async with talking(database_url, tmp_path) as (found, api):
        created = await call(api.create_alert, create_alert_payload=alert(priority="P1", details={"service": "shop"}))
        assert created.result == "Request will be processed"
        status = await call(created.retrieve_result)
        assert (status.data.is_success, status.data.action, status.data.alias) == (True, "Create", "checkout")
        await until(lambda: found.lines("page.sent"), lambda lines: len(lines) == 2)
        incident = await found.incident()
        assert (incident["title"], incident["priority"], incident["service"]) == ("12% of checkouts fail", "P0", "shop")
        assert found.mailed() == ["ops-lead"]

        said = opsgenie_sdk.AcknowledgeAlertPayload(user="ops-senior@example.com", note="on it")
        await call(api.acknowledge_alert, **BY_ALIAS, acknowledge_alert_payload=said)
        incident = await found.incident()
        assert (incident["acknowledged_by"], incident["commander"]) == ("ops-senior", "ops-senior")
        said = opsgenie_sdk.AddNoteToAlertPayload(user="runbook", note="replica promoted")
        await call(api.add_note, identifier=status.data.alert_id, add_note_to_alert_payload=said)
        assert [line["reason"] for line in await found.lines("note")] == ["on it", "replica promoted"]

        shown = (await call(api.get_alert, **BY_ALIAS)).data
        assert (shown.id, shown.status, shown.acknowledged) == (status.data.alert_id, "open", True)
        assert (shown.owner, shown.priority, shown.details["service"]) == ("ops-senior", "P1", "shop")
        assert shown.created_at.tzinfo is not None
        closed = await call(api.close_alert, **BY_ALIAS)
        assert (await call(closed.retrieve_resulting_action)).data.status == "closed"
        assert [one["status"] for one in (await found.incident())["alerts"]] == ["resolved"]


async def test_what_the_official_client_closes_before_anybody_looked_is_over(database_url: str, tmp_path: Path) -> None:
    async with talking(database_url, tmp_path) as (found, api):
        await call(api.create_alert, create_alert_payload=alert())
        await call(api.close_alert, **BY_ALIAS, close_alert_payload=opsgenie_sdk.CloseAlertPayload(note="over"))
        assert (await found.incident())["state"] == "review"


async def test_the_official_client_repeats_when_the_engine_can_not_take_the_alert(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[Any] = []
    accept = Intake.accept

    async def overloaded_at_first(self: Intake, *alerts: Any, **fields: Any) -> Any:
        tries.append(alerts)
        if len(tries) < 3:
            raise Overloaded("the database can't be reached")
        return await accept(self, *alerts, **fields)

    monkeypatch.setattr(Intake, "accept", overloaded_at_first)
    async with talking(sqlite_url, tmp_path) as (found, api):
        await call(api.create_alert, create_alert_payload=alert())
        assert len(tries) == 3
        assert (await found.incident())["title"] == "12% of checkouts fail"


async def test_the_official_client_is_told_that_its_key_is_wrong(sqlite_url: str, tmp_path: Path) -> None:
    async with talking(sqlite_url, tmp_path, key="0" * 32) as (_, api):
        with pytest.raises(AuthenticationException, match="Could not authenticate"):
            await call(api.create_alert, create_alert_payload=alert())


def by_opsgenie(address: str) -> str:
    return f"""
    opsgenie_configs:
      - api_url: {address}/
        api_key: {KEY}
        priority: P2
        responders: [{{type: team, name: payments}}]
"""


async def test_an_alertmanager_that_is_set_up_for_opsgenie_fires_and_resolves(
    database_url: str, tmp_path: Path
) -> None:
    async with night(database_url, tmp_path, receiver=by_opsgenie, edit=with_dropins) as found:
        await found.monitoring.send("web-1", "web-2")
        shown = await until(found.incidents, lambda items: len(items) == 1 and items[0]["level"] == 1)
        assert shown[0]["priority"] == "P1"
        assert "HighCPU" in shown[0]["title"]
        [sent] = (await found.incident())["alerts"]
        assert (sent["labels"]["alertname"], sent["labels"]["cluster"], sent["labels"]["team"]) == (
            "HighCPU",
            "eu",
            "payments",
        )
        await found.monitoring.send("web-1", "web-2", resolved=True)
        await until(found.incident, lambda incident: incident["state"] == "review")
        assert len(await found.incidents()) == 1
        await until(found.kinds, lambda kinds: kinds.count("page.sent") == 2)
        assert found.mailed() == ["ops-lead"]
