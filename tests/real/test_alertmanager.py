"""Against the real Alertmanager: it fires, groups and resolves; here that is one incident and one ladder."""

from __future__ import annotations

from pathlib import Path

from tests.real.harness import alertmanager, by_webhook, free_port, night, until


async def test_a_group_of_two_hosts_is_one_incident_with_one_page_that_its_resolution_ends(
    database_url: str, tmp_path: Path
) -> None:
    async with night(database_url, tmp_path) as found:
        await found.monitoring.send("web-1", "web-2")
        shown = await until(found.incidents, lambda items: len(items) == 1 and items[0]["level"] == 1)
        assert (shown[0]["priority"], shown[0]["title"]) == ("P0", "CPU 97% on web-1")
        both = await until(found.incident, lambda incident: len(incident["alerts"]) == 2)
        assert {alert["labels"]["instance"] for alert in both["alerts"]} == {"web-1", "web-2"}
        await found.monitoring.send("web-1", resolved=True)
        await until(found.kinds, lambda kinds: "alert.resolved" in kinds)
        assert (await found.incident())["state"] == "detection"
        await found.monitoring.send("web-2", resolved=True)
        await until(found.incident, lambda incident: incident["state"] == "review")
        await until(found.kinds, lambda kinds: kinds.count("page.sent") == 2)
        assert len(await found.incidents()) == 1
        assert found.mailed() == ["ops-lead"]
        assert sorted(found.posted()) == ["C0INCIDENTS", "ops-lead"]
        assert (await found.incident())["resolved_at"]


async def test_after_an_acknowledgement_the_resolution_asks_the_commander_and_ends_nothing(
    database_url: str, tmp_path: Path
) -> None:
    async with night(database_url, tmp_path) as found:
        await found.monitoring.send("web-1")
        await until(found.incidents, lambda items: len(items) == 1)
        answer = await found.http.post("/api/v1/incidents/INC-1/acknowledge", json={"by": "ops-senior"})
        assert answer.status_code == 200, answer.text
        await found.monitoring.send("web-1", resolved=True)
        await until(found.kinds, lambda kinds: "alert.all_cleared" in kinds and "notice.sent" in kinds)
        assert (await found.incident())["state"] == "assessment"
        assert [who for who in (*found.mailed(), *found.posted()) if who not in ("ops-lead", "C0INCIDENTS")] == [
            "ops-senior"
        ]


async def test_an_alert_that_fires_again_after_its_incident_was_closed_opens_another_that_names_it(
    database_url: str, tmp_path: Path
) -> None:
    async with night(database_url, tmp_path) as found:
        await found.monitoring.send("web-1")
        await until(found.incidents, lambda items: len(items) == 1)
        await found.monitoring.send("web-1", resolved=True)
        await until(found.incident, lambda incident: incident["state"] == "review")
        await found.monitoring.send("web-1")
        await until(found.incidents, lambda items: len(items) == 2)
        lines = (await found.http.get("/api/v1/incidents/INC-2/timeline")).json()["items"]
        assert lines[0]["data"]["previous"] == 1


async def test_while_the_engine_is_away_alertmanager_tries_again_and_nothing_is_lost(
    database_url: str, tmp_path: Path
) -> None:
    port = free_port()
    (tmp_path / "early").mkdir()
    async with alertmanager(tmp_path / "early", by_webhook(f"http://127.0.0.1:{port}")) as monitoring:
        await monitoring.send("web-1")
        async with night(database_url, tmp_path, port=port) as found:
            await until(found.incidents, lambda items: len(items) == 1)
            await until(found.kinds, lambda kinds: kinds.count("page.sent") == 2)
