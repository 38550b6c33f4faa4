"""Incidents over REST: reporting, listing, reading, the record and the report."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import httpx

from engine.core.model import RecordedEvent, Role, State
from engine.core.timeline import verify
from tests.api.asking import INCIDENTS, command, kinds, refused, report
from tests.api.conftest import KEYS, House

GENERIC = f"/webhooks/generic/{KEYS['generic']}"

CONTRACT = (
    *("id", "key", "title", "summary", "priority", "state", "service", "source", "opened_at", "acknowledged_at"),
    *("acknowledged_by", "resolved_at", "closed_at", "commander", "level", "classification"),
)


async def test_a_report_opens_an_incident_and_says_where_it_is(admin: httpx.AsyncClient) -> None:
    answer = await admin.post(
        INCIDENTS, json={"title": " Checkout\n is  down ", "summary": "All regions.", "priority": "P1"}
    )
    assert answer.status_code == 201
    shown = answer.json()
    assert answer.headers["location"] == f"{INCIDENTS}/INC-1"
    assert (shown["id"], shown["title"], shown["summary"]) == ("INC-1", "Checkout is down", "All regions.")
    assert (shown["priority"], shown["state"], shown["level"]) == ("P1", "detection", 1)
    assert shown["classification"]["rule"]
    assert [timer["kind"] for timer in shown["timers"] if timer["state"] == "pending"]


async def test_a_second_report_of_the_same_joins_the_first(house: House, admin: httpx.AsyncClient) -> None:
    await report(admin, "Checkout is down")
    async with house.client(Role.RESPONDER) as other:
        answer = await other.post(INCIDENTS, json={"title": "checkout IS down"})
    assert answer.status_code == 200
    assert answer.json()["id"] == "INC-1"


async def test_a_report_pages_level_1(house: House, admin: httpx.AsyncClient) -> None:
    shown = await report(admin, priority="P0")
    pages = [one for one in shown["messages"] if one["kind"] == "page"]
    assert {one["contact"] for one in pages} == {"ops-lead"}
    assert shown["people"]["ops-lead"] == "Operations lead (example)"
    assert [rung["state"] for rung in shown["ladder"]] == ["paged", "due", "due"]
    assert not any("address" in one for one in shown["messages"])


async def test_a_viewer_may_look_and_not_report(house: House, admin: httpx.AsyncClient) -> None:
    await report(admin)
    async with house.client(Role.VIEWER) as viewer:
        assert (await viewer.get(f"{INCIDENTS}/INC-1")).status_code == 200
        refused(await viewer.post(INCIDENTS, json={"title": "Something else"}), 403, "role_too_low")


INVALID: dict[str, tuple[dict[str, Any], str]] = {
    "no title": ({}, "$.title"),
    "blank title": ({"title": " \n "}, "$.title"),
    "long title": ({"title": "x" * 301}, "$.title"),
    "unknown priority": ({"title": "x", "priority": "P9"}, "$.priority"),
    "unknown field": ({"title": "x", "severity": "high"}, "$.severity"),
    "number for a title": ({"title": 5}, "$.title"),
    "nobody's name": ({"title": "x", "by": "Not A Name"}, "$.by"),
}


async def test_an_invalid_report_is_refused_with_the_place_of_the_fault(light_house: House) -> None:
    async with light_house.client() as client:
        for name, (body, path) in INVALID.items():
            answer = await client.post(INCIDENTS, json=body)
            assert path in refused(answer, 422, "invalid"), name
            assert path in {one["path"] for one in answer.json()["errors"]}, name


async def test_a_report_in_anothers_name_is_on_record_as_such(admin: httpx.AsyncClient) -> None:
    await report(admin, by="ops-lead")
    lines = (await admin.get(f"{INCIDENTS}/INC-1/timeline")).json()["items"]
    assert lines[0]["actor"] == "person:ops-lead via token:admin"
    refused(await admin.post(INCIDENTS, json={"title": "x", "by": "stranger"}), 404, "contact_unknown")


async def test_an_incident_has_the_fields_of_the_contract(admin: httpx.AsyncClient) -> None:
    labels = {"labels": {"severity": "critical"}, "url": "https://grafana.example/d/1"}
    await admin.post(GENERIC, json={"title": "Checkout is down", **labels})
    shown = (await admin.get(f"{INCIDENTS}/inc-1")).json()
    assert set(CONTRACT) <= shown.keys()
    assert {"priority", "rule", "reason"} <= shown["classification"].keys()
    assert {"kind", "level", "due_at", "until", "state"} <= shown["timers"][0].keys()
    assert shown["opened_at"] == "2026-11-20T12:00:00Z"
    assert shown["links"] == [{"title": "Source", "url": "https://grafana.example/d/1"}]
    [alert] = shown["alerts"]
    assert (alert["status"], alert["labels"]["severity"], alert["count"]) == ("firing", "critical", 1)
    [listed] = (await admin.get(INCIDENTS)).json()["items"]
    assert listed == {name: shown[name] for name in listed}
    assert set(CONTRACT) <= listed.keys()


async def test_the_firing_alerts_of_an_incident_come_first(house: House, admin: httpx.AsyncClient) -> None:
    for host, status in (("a", "firing"), ("b", "firing"), ("b", "resolved"), ("c", "firing")):
        house.clock.advance(timedelta(seconds=1))
        await admin.post(GENERIC, json={"title": "Disk is full", "group": "disks", "host": host, "status": status})
    shown = (await admin.get(f"{INCIDENTS}/INC-1")).json()
    assert [(one["labels"]["host"], one["status"]) for one in shown["alerts"]] == [
        ("c", "firing"),
        ("a", "firing"),
        ("b", "resolved"),
    ]


async def test_an_unknown_incident_is_not_found(light_house: House) -> None:
    async with light_house.client() as client:
        for ref in ("INC-99", "99", "INC-", "INC-0", "nonsense", "INC-1%00", "9" * 30):
            for path in (f"{INCIDENTS}/{ref}", f"{INCIDENTS}/{ref}/timeline", f"{INCIDENTS}/{ref}/report"):
                refused(await client.get(path), 404, "incident_unknown")


async def open_three(client: httpx.AsyncClient) -> None:
    await report(client, "One", priority="P1", service="shop")
    await report(client, "Two", priority="P2")
    await report(client, "Three", priority="P1")
    await command(client, "INC-2", "cancel", code="test", reason="a drill")


FILTERS = {
    "": [3, 2, 1],
    "open=true": [3, 1],
    "state=cancelled": [2],
    "priority=P1": [3, 1],
    "service=shop": [1],
    "priority=P1&service=default": [3],
    "state=closed": [],
}


async def test_the_list_is_filtered_and_the_newest_comes_first(admin: httpx.AsyncClient) -> None:
    await open_three(admin)
    for query, numbers in FILTERS.items():
        answer = await admin.get(f"{INCIDENTS}?{query}")
        assert [one["id"] for one in answer.json()["items"]] == [f"INC-{number}" for number in numbers], query
        assert answer.json()["next"] is None


async def test_the_list_is_paged_to_its_end_and_no_page_repeats_or_misses_one(admin: httpx.AsyncClient) -> None:
    for number in range(5):
        await report(admin, f"Number {number}")
    seen: list[str] = []
    query = f"{INCIDENTS}?limit=2"
    while query:
        page = (await admin.get(query)).json()
        seen += [one["id"] for one in page["items"]]
        await report(admin, f"Opened while somebody reads, {len(seen)}")
        query = f"{INCIDENTS}?limit=2&cursor={page['next']}" if page["next"] else ""
    assert seen == ["INC-5", "INC-4", "INC-3", "INC-2", "INC-1"]


MEANINGLESS = (
    "cursor=nonsense",
    "cursor=djE6LTE",
    "cursor=djE6" + "OTk5OTk5OTk5" * 5,
    "cursor=%00",
    "limit=0",
    "limit=201",
    "limit=many",
    "state=open",
    "priority=P5",
    "open=perhaps",
    "status=review",
    "service=" + "x" * 201,
)


async def test_a_filter_that_means_nothing_is_refused_and_not_passed_over(light_house: House) -> None:
    async with light_house.client() as client:
        for query in MEANINGLESS:
            name = query.partition("=")[0]
            assert f"query.{name}" in refused(await client.get(f"{INCIDENTS}?{query}"), 422, "invalid")


async def test_a_service_that_no_database_could_hold_is_merely_not_found(admin: httpx.AsyncClient) -> None:
    assert (await admin.get(f"{INCIDENTS}?service=%00")).json()["items"] == []


async def test_the_timeline_is_paged_and_its_hashes_hold(admin: httpx.AsyncClient) -> None:
    await report(admin, priority="P0")
    await command(admin, "INC-1", "acknowledge")
    await command(admin, "INC-1", "note", text="Looking at the load balancer.")
    lines: list[dict[str, Any]] = []
    query = f"{INCIDENTS}/INC-1/timeline?limit=3"
    while query:
        page = (await admin.get(query)).json()
        assert len(page["items"]) <= 3
        lines += page["items"]
        query = f"{INCIDENTS}/INC-1/timeline?limit=3&cursor={page['next']}" if page["next"] else ""
    whole = (await admin.get(f"{INCIDENTS}/INC-1/timeline")).json()
    assert lines == whole["items"]
    assert whole["next"] is None
    recorded = [RecordedEvent(incident=1, **{**line, "at": datetime.fromisoformat(line["at"])}) for line in lines]
    assert verify(recorded, seq=len(lines), head=lines[-1]["hash"]) is None


REPORTS = {
    "md": ("text/markdown; charset=utf-8", b"# "),
    "html": ("text/html; charset=utf-8", b"<!doctype html>"),
    "pdf": ("application/pdf", b"%PDF"),
    "json": ("application/json", b"{"),
}


async def test_the_report_is_given_in_each_form(light_house: House) -> None:
    async with light_house.client() as client:
        await report(client, "Checkout <b>is</b> down")
        for form, (media, start) in REPORTS.items():
            answer = await client.get(f"{INCIDENTS}/INC-1/report", params={"format": form, "zone": "Europe/Berlin"})
            assert answer.status_code == 200, form
            assert answer.headers["content-type"] == media
            assert answer.headers["content-disposition"] == f'attachment; filename="INC-1.{form}"'
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            assert answer.content.lstrip().startswith(start)
            assert form != "html" or b"<b>is</b>" not in answer.content


async def test_the_report_is_markdown_where_nothing_else_is_asked_for(light_house: House) -> None:
    async with light_house.client() as client:
        await report(client)
        assert (await client.get(f"{INCIDENTS}/INC-1/report")).headers["content-type"].startswith("text/markdown")


async def test_an_unknown_form_or_zone_of_the_report_is_refused(light_house: House) -> None:
    async with light_house.client() as client:
        await report(client)
        for query in ("format=docx", "format=", "zone=Mars/Base", "zone=../../etc/passwd", "zone=%00"):
            refused(await client.get(f"{INCIDENTS}/INC-1/report?{query}"), 422, "invalid")


async def test_the_report_of_a_closed_incident_stays_as_it_was(house: House, admin: httpx.AsyncClient) -> None:
    await report(admin, priority="P2")
    await command(admin, "INC-1", "resolve", validation="Orders go through again.")
    await command(admin, "INC-1", "close")
    address = f"{INCIDENTS}/INC-1/report?format=json"
    before = (await admin.get(address)).json()
    house.clock.advance(timedelta(days=3))
    assert (await command(admin, "INC-1", "note", text="Read once more.")).status_code == 200
    assert (await admin.get(address)).json() == before


async def test_what_is_read_is_not_kept_by_caches(admin: httpx.AsyncClient) -> None:
    await report(admin)
    assert (await admin.get(f"{INCIDENTS}/INC-1")).headers["cache-control"] == "no-store"


async def test_a_merged_incident_names_the_one_it_went_into(admin: httpx.AsyncClient) -> None:
    await report(admin, "Cart fails")
    await report(admin, "Checkout fails")
    merged = await command(admin, "INC-1", "merge", into="INC-2")
    assert merged.status_code == 200
    shown = (await admin.get(f"{INCIDENTS}/INC-1")).json()
    assert (shown["state"], shown["merged_into"]) == (State.MERGED, "INC-2")
    assert "incident.absorbed" in await kinds(admin, "INC-2")
