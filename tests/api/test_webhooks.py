"""Alerts in by webhook: what is taken, what is refused, and that nothing is answered 2xx which is not durable."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import json
import logging
import threading
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from engine.bootstrap import registry
from engine.config.difference import digest
from engine.config.load import load
from engine.config.stored import to_document
from engine.core.errors import Overloaded
from engine.ports import Parsed, Referring
from engine.services import configs
from engine.services.intake import Intake
from integrations.registry import SOURCES
from integrations.sources.alertmanager import Alertmanager
from tests.api.asking import INCIDENTS, refused
from tests.api.conftest import KEYS, SIGNATURE_SECRET, House, config_text

ALERTMANAGER = f"/webhooks/alertmanager/{KEYS['alertmanager']}"
GENERIC = f"/webhooks/generic/{KEYS['generic']}"
SIGNED = f"/webhooks/generic/{KEYS['signed']}"


def alert(name: str = "HighErrorRate", **labels: str) -> dict[str, Any]:
    return {"status": "firing", "labels": {"alertname": name, "service": "checkout", **labels}, "annotations": {}}


def group(*alerts: dict[str, Any]) -> dict[str, Any]:
    return {"version": "4", "groupKey": "{}:{}", "alerts": list(alerts)}


def sign(body: bytes) -> dict[str, str]:
    return {"X-Signature": hmac.new(SIGNATURE_SECRET.encode(), body, hashlib.sha256).hexdigest()}


async def test_a_webhook_is_answered_with_what_became_of_each_alert(admin: httpx.AsyncClient) -> None:
    first = await admin.post(ALERTMANAGER, json=group(alert(instance="a"), alert(instance="b")))
    assert first.status_code == 202
    assert [(one["action"], one["incident"]) for one in first.json()["alerts"]] == [
        ("opened", "INC-1"),
        ("joined", "INC-1"),
    ]
    assert "faults" not in first.json()
    again = await admin.post(ALERTMANAGER, json=group(alert(instance="a")))
    assert again.json()["alerts"][0]["action"] == "repeated"
    assert again.json()["alerts"][0]["fingerprint"] == first.json()["alerts"][0]["fingerprint"]


async def test_a_body_that_is_in_order_and_holds_no_alert_is_answered_with_the_reason(
    admin: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Alertmanager, "parse", lambda *_: Parsed(alerts=(), note="a ping"))
    answer = await admin.post(ALERTMANAGER, json={"zen": "Keep it logically awesome."})
    assert answer.status_code == 202
    assert answer.json() == {"alerts": [], "note": "a ping"}
    assert (await admin.get(INCIDENTS)).json()["items"] == []


@pytest.mark.parametrize("name", [name for name, source in SOURCES.items() if not isinstance(source, Referring)])
async def test_what_each_vendor_sends_opens_an_incident_and_ends_it(light_house: House, name: str) -> None:
    source, address = SOURCES[name], f"/webhooks/{name}/{KEYS[name]}"
    async with light_house.client(role=None) as vendor:
        for body, action in (
            (source.example, "opened"),
            (source.example, "repeated"),
            (source.example_resolved, "resolved"),
        ):
            answer = await vendor.post(address, content=body, headers=dict(source.example_headers))
            assert answer.status_code == 202, answer.text
            assert [one["action"] for one in answer.json()["alerts"]] == [action]


async def test_a_webhook_needs_no_token_and_takes_no_part_of_one(house: House) -> None:
    async with house.client(role=None) as stranger:
        answer = await stranger.post(GENERIC, json={"title": "Disk is full"})
    assert answer.status_code == 202


async def test_the_incident_names_the_integration_as_its_source(admin: httpx.AsyncClient) -> None:
    await admin.post(GENERIC, json={"title": "Disk is full"})
    shown = (await admin.get(f"{INCIDENTS}/INC-1")).json()
    assert shown["source"] == "generic"
    lines = (await admin.get(f"{INCIDENTS}/INC-1/timeline")).json()["items"]
    assert lines[0]["actor"] == "source:generic via generic"


DEEP = b'{"alerts":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
HALF = json.dumps(group(alert())).encode()[:-20]
MALFORMED = {
    "empty": b"",
    "no JSON": b"HighErrorRate is firing",
    "truncated": HALF,
    "another vendor's": b'{"version": "1", "alerts": [{"labels": {"a": "b"}, "status": "firing"}]}',
    "no alerts": b'{"version": "4", "alerts": []}',
    "a list": b"[]",
    "null": b"null",
    "deeply nested": DEEP,
    "not UTF-8": b'{"version": "4", "alerts": [{"labels": {"alertname": "\xff\xfe"}}]}',
    "UTF-16": json.dumps(group(alert())).encode("utf-16"),
    "NUL bytes": b"\x00" * 100,
    "a form": b"payload=%7B%7D",
}


async def test_what_can_not_be_read_is_refused_with_the_place_and_the_reason(light_house: House) -> None:
    async with light_house.client(role=None) as sender:
        for name, body in MALFORMED.items():
            answer = await sender.post(ALERTMANAGER, content=body, headers={"Content-Type": "application/json"})
            refused(answer, 422, "unreadable")
            assert answer.json()["path"].startswith("$"), name
            assert answer.json()["reason"], name


async def test_one_unreadable_alert_costs_its_neighbours_nothing(admin: httpx.AsyncClient) -> None:
    answer = await admin.post(ALERTMANAGER, json=group(alert(instance="a"), {"status": "firing"}, alert(instance="b")))
    assert answer.status_code == 202
    assert [one["action"] for one in answer.json()["alerts"]] == ["opened", "joined"]
    [fault] = answer.json()["faults"]
    assert fault["path"].startswith("$.alerts[1]")


async def test_a_body_of_10000_alerts_is_taken_whole(light_house: House) -> None:
    body = group(*(alert(instance=f"host-{number}") for number in range(10_000)))
    async with light_house.client() as client:
        answer = await client.post(ALERTMANAGER, json=body, timeout=60)
        assert answer.status_code == 202
        assert {one["incident"] for one in answer.json()["alerts"]} == {"INC-1"}
        shown = (await client.get(f"{INCIDENTS}/INC-1")).json()
    assert shown["alert_count"] == 10_000
    assert len(shown["alerts"]) == 1000


WRONG_ADDRESSES = (
    (f"/webhooks/alertmanager/{KEYS['generic']}", 401, "unauthorized"),
    ("/webhooks/alertmanager/wrong", 401, "unauthorized"),
    ("/webhooks/alertmanager/%00", 401, "unauthorized"),
    ("/webhooks/alertmanager/schlüssel", 401, "unauthorized"),
    (f"/webhooks/carrier-pigeon/{KEYS['generic']}", 404, "source_unknown"),
    (f"/webhooks/alertmanager/{KEYS['alertmanager']}/more", 404, "no_such_address"),
    ("/webhooks/alertmanager", 404, "no_such_address"),
)


async def test_a_wrong_address_is_refused_before_the_body_is_read(light_house: House) -> None:
    async with light_house.client(role=None) as sender:
        for address, status, code in WRONG_ADDRESSES:
            refused(await sender.post(address, content=b"anything"), status, code)


async def test_a_signed_body_is_taken(light_house: House) -> None:
    body = b'{"title": "Disk is full"}'
    async with light_house.client(role=None) as sender:
        assert (await sender.post(SIGNED, content=body, headers=sign(body))).status_code == 202


async def test_a_body_that_is_not_signed_rightly_is_refused(light_house: House) -> None:
    async with light_house.client(role=None) as sender:
        for presented in (None, sign(b"another body")["X-Signature"], "", "ä"):
            headers = {} if presented is None else {b"X-Signature": presented.encode()}
            answer = await sender.post(SIGNED, content=b'{"title": "Disk is full"}', headers=headers)
            assert SIGNATURE_SECRET not in refused(answer, 401, "unauthorized")
    async with light_house.client() as client:
        assert (await client.get(INCIDENTS)).json()["items"] == []


async def test_an_integration_whose_secret_is_missing_lets_nobody_in_and_asks_the_sender_to_come_again(
    light_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SIGNED_SECRET")
    body = b'{"title": "Disk is full"}'
    async with light_house.client(role=None) as sender:
        answer = await sender.post(SIGNED, content=body, headers=sign(body))
        assert "SIGNED_SECRET" in refused(answer, 503, "misconfigured")
        monkeypatch.setenv("SIGNED_SECRET", SIGNATURE_SECRET)
        assert (await sender.post(SIGNED, content=body, headers=sign(body))).status_code == 202


async def test_a_compressed_body_is_refused_and_says_so(light_house: House) -> None:
    async with light_house.client(role=None) as sender:
        body = gzip.compress(json.dumps(group(alert())).encode())
        answer = await sender.post(ALERTMANAGER, content=body, headers={"Content-Encoding": "gzip"})
    assert "uncompressed" in refused(answer, 415, "not_json")
    assert answer.headers["accept-encoding"] == "identity"


async def test_a_busy_database_is_never_answered_with_a_2xx(
    light_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def overloaded(*_: object, **__: object) -> None:
        raise Overloaded("the database can't take it now", retry_after=7)

    monkeypatch.setattr(Intake, "accept", overloaded)
    async with light_house.client(role=None) as sender:
        answer = await sender.post(GENERIC, json={"title": "Disk is full"})
    refused(answer, 503, "overloaded")
    assert answer.headers["retry-after"] == "7"


async def test_a_commit_that_fails_is_never_answered_with_a_2xx(
    light_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret-detail")

    monkeypatch.setattr("engine.services.intake.accept", broken)
    async with light_house.client(role=None) as sender:
        answer = await sender.post(GENERIC, json={"title": "Disk is full"})
    assert "secret-detail" not in refused(answer, 500, "broke")


async def test_a_large_body_is_parsed_beside_the_event_loop(
    light_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[bool] = []
    parse = Alertmanager.parse

    def watched(source: Alertmanager, *arguments: Any) -> Parsed:
        threads.append(threading.current_thread() is threading.main_thread())
        return parse(source, *arguments)

    monkeypatch.setattr(Alertmanager, "parse", watched)
    large = alert(description="x" * 70_000)
    async with light_house.client(role=None) as sender:
        for one in (alert(), large):
            assert (await sender.post(ALERTMANAGER, json=group(one))).status_code == 202
    assert threads == [True, False]


async def test_no_key_and_no_secret_reaches_the_log(light_house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.WARNING, logger="httpx")  # the sender's own log
    body = b'{"title": "Disk is full"}'
    with capture_logs() as events:
        async with light_house.client(role=None) as sender:
            await sender.post(f"/webhooks/generic/{KEYS['alertmanager']}", content=body)
            await sender.post(GENERIC, content=b"unreadable")
            await sender.post(f"{GENERIC}/more", content=body)
            await sender.put(GENERIC, content=body)
            await sender.post(SIGNED, content=body, headers=sign(b"wrong"))
    assert len(events) == 5
    told = f"{events} {caplog.text}"
    for secret in (*KEYS.values(), SIGNATURE_SECRET, *sign(b"wrong").values()):
        assert secret not in told


async def test_a_key_that_cannot_be_read_keeps_nobody_else_out(
    light_house: House,
) -> None:
    """One whose variable was never set, in a configuration that was applied elsewhere."""
    document = json.loads(config_text())
    document["integrations"]["lost"] = {"source": "generic", "key": {"env": "NOWHERE_TO_BE_FOUND"}}
    document["heartbeats"] = {"lost": {"every": "1h", "key": {"env": "NOWHERE_TO_BE_FOUND_EITHER"}}}
    config = load(json.dumps(document), "tocsin.yaml", registry())
    await configs.apply(
        light_house.app.context, document=to_document(config), digest=digest(config), by="somebody elsewhere"
    )
    await light_house.app.ticker.tick()
    async with light_house.client(role=None) as sender:
        assert (await sender.post(ALERTMANAGER, json=group(alert()))).status_code == 202
        assert (await sender.post("/webhooks/generic/lost", content=b"{}")).status_code == 401
        assert (await sender.post("/heartbeats/lost")).status_code == 401


async def test_what_is_taken_and_what_is_refused_is_counted(light_house: House) -> None:
    async with light_house.client(role=None) as sender:
        await sender.post(ALERTMANAGER, json=group(alert(instance="a"), alert(instance="b")))
        await sender.post(ALERTMANAGER, content=b"unreadable")
        await sender.post("/webhooks/carrier-pigeon/key", content=b"{}")
        told = (await sender.get("/metrics")).text
    assert 'tocsin_alerts_total{action="opened",integration="alertmanager"} 1.0' in told
    assert 'tocsin_alerts_total{action="joined",integration="alertmanager"} 1.0' in told
    assert 'tocsin_webhooks_refused_total{code="unreadable",source="alertmanager"} 1.0' in told
    assert 'tocsin_webhooks_refused_total{code="source_unknown",source="unknown"} 1.0' in told
    assert "tocsin_webhook_seconds_count 3.0" in told


async def test_a_hostile_text_is_kept_as_text(admin: httpx.AsyncClient) -> None:
    title = "<script>alert(1)</script>\x00\x1b[31m \ud800"
    answer = await admin.post(GENERIC, content=json.dumps({"title": title}).encode())
    assert answer.status_code == 202, answer.text
    shown = (await admin.get(f"{INCIDENTS}/INC-1")).json()
    assert shown["title"] == "<script>alert(1)</script>\ufffd\ufffd[31m \ufffd"
