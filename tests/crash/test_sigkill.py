"""Killed right after an answer, the engine comes back with everything that it had said was done."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiosmtplib
import httpx
from sqlalchemy import select

from engine.db.database import connect
from engine.db.tables import incidents, outbox
from integrations.sandbox.slack_faults import Failure
from integrations.sources.email import Email
from tests.crash.process import Machine, machine
from tests.real.harness import free_port
from tests.scenarios.stage import KEY, Document, alert, body

MAIL_KEY = "mail-key-of-the-crash-tests"
WEBHOOK = f"/webhooks/alertmanager/{KEY}"


async def fire(engine: Machine, name: str = "CheckoutDown", **labels: str) -> httpx.Response:
    return await engine.http.post(WEBHOOK, json=body([alert(name, priority="P0", **labels)]))


async def test_right_after_a_202_the_alert_the_incident_its_timers_and_its_page_are_there(
    database_url: str, tmp_path: Path
) -> None:
    async with machine(database_url, tmp_path) as engine:
        assert (await fire(engine)).status_code == 202
        await engine.kill()
        await engine.start()
        incident = await engine.incident()
        assert [one["labels"]["alertname"] for one in incident["alerts"]] == ["CheckoutDown"]
        pending = {(timer["kind"], timer["level"]) for timer in incident["timers"] if timer["state"] == "pending"}
        assert pending == {("response", 1), ("page", 2), ("page", 3), ("queue", 0)}
        lead = engine.around.reach["ops-lead"]["slack"]
        await engine.around.slack.wait_for(lambda message: message.user == lead, within=25)
        first, *again = engine.direct("ops-lead")
        assert "you are primary" in first
        assert all("repeated" in text for text in again)


async def test_right_after_a_mail_was_taken_its_incident_and_its_page_are_there(
    database_url: str, tmp_path: Path
) -> None:
    port = free_port()

    def by_mail(document: Document) -> None:
        document["integrations"]["mail"] = {"source": "email", "key": MAIL_KEY}
        document["smtp_listener"] = {"port": port}

    async with machine(database_url, tmp_path, by_mail) as engine:
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, timeout=20)
        async with client:
            message = Email.example.replace(b"\n", b"\r\n")
            await client.sendmail("backup@shop.example", [f"tocsin+{MAIL_KEY.upper()}@tocsin.example.com"], message)
            await engine.kill()
        await engine.start()
        incident = await engine.incident()
        assert incident["title"] == "Backup of the checkout database failed"
        kept, paged = await on_disk(engine)
        assert kept == paged == {"INC-1"}
        told = engine.log.read_text()
        assert f"is taken on 127.0.0.1, port {port}" in told
        assert MAIL_KEY not in told


async def test_a_page_that_was_being_sent_is_found_where_it_had_arrived_and_not_repeated(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with machine(sqlite_url, tmp_path) as engine:
        lead = engine.around.reach["ops-lead"]["slack"]
        engine.around.slack.fail(Failure.ACCEPTED_THEN_HANGING, times=1, channel=lead)
        assert (await fire(engine)).status_code == 202
        await engine.around.slack.wait_until(lambda: engine.around.slack.hanging == 1)
        await engine.kill()
        engine.around.slack.recover()
        await engine.start()
        await engine.found_at_the_provider()
        assert ["repeated" in text for text in engine.direct("ops-lead")] == [False]


async def test_right_after_an_acknowledgement_level_1_stays_stopped(database_url: str, tmp_path: Path) -> None:
    async with machine(database_url, tmp_path) as engine:
        await fire(engine)
        lead = engine.around.reach["ops-lead"]["slack"]
        page = await engine.around.slack.wait_for(lambda message: message.user == lead, within=10)
        answer = await engine.around.slack.click(page, "tocsin_acknowledge", user=lead)
        assert answer.status == 200
        await engine.around.slack.wait_until(lambda: bool(engine.around.slack.ephemerals(lead)))
        await engine.kill()
        await engine.sleep_through(timedelta(minutes=6))
        await engine.start()
        incident = await engine.incident()
        assert (incident["acknowledged_by"], incident["state"]) == ("ops-lead", "assessment")
        assert "response.breached" not in [line["kind"] for line in await engine.timeline()]


async def test_a_timer_that_fell_due_meanwhile_fires_at_once_once_and_says_how_late_and_why(
    database_url: str, tmp_path: Path
) -> None:
    async with machine(database_url, tmp_path) as engine:
        await fire(engine)
        lead = engine.around.reach["ops-lead"]["slack"]
        await engine.around.slack.wait_for(lambda message: message.user == lead, within=10)
        await engine.kill()
        await engine.sleep_through(timedelta(minutes=47))
        await engine.start()
        decided = [line for line in await engine.timeline() if line["kind"] == "page.decided"]
        assert [line["data"]["level"] for line in decided] == [1, 2]
        assert re.search(r"late by 17 min( \d+ s)?: the engine did not run from", decided[1]["reason"])
        breaches = [line for line in await engine.timeline() if line["kind"] == "response.breached"]
        assert len(breaches) == 1


async def test_of_200_webhooks_at_once_every_one_that_was_answered_202_is_there_with_its_page(
    database_url: str, tmp_path: Path
) -> None:
    async with machine(database_url, tmp_path) as engine:
        answered: list[str] = []
        enough = asyncio.Event()

        async def one(number: int) -> None:
            try:
                answer = await fire(engine, f"Alert{number}")
            except httpx.TransportError:
                return
            if answer.status_code == 202:
                answered.append(answer.json()["alerts"][0]["incident"])
            if len(answered) == 80:
                enough.set()

        tasks = [asyncio.create_task(one(number)) for number in range(200)]
        await asyncio.wait_for(enough.wait(), 30)
        await engine.kill()
        await asyncio.gather(*tasks)
        kept, paged = await on_disk(engine)
        assert set(answered) <= kept
        assert kept == paged


async def on_disk(engine: Machine) -> tuple[set[str], set[str]]:
    """The incidents, and those of them with a page to the operations lead, queued or sent."""

    def work(connection: Any) -> tuple[set[str], set[str]]:
        kept = {f"INC-{row.id}" for row in connection.execute(select(incidents.c.id))}
        pages = select(outbox.c.incident_id).where(outbox.c.kind == "page", outbox.c.contact == "ops-lead")
        return kept, {f"INC-{row.incident_id}" for row in connection.execute(pages)}

    database = connect(engine.database_url)
    found = await database.read(work)
    await database.close()
    return found
