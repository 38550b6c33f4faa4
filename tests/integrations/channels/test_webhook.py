"""Webhooks: the JSON, the signature as a receiver checks it, and what each answer means for the page."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from engine.core.policy import SecretRef
from engine.ports import Envelope
from integrations.channels.signing import verify_signature
from integrations.channels.webhook import Settings, WebhookChannel, render
from tests.integrations.channels.envelopes import HOSTILE, NOW, envelope, hostile
from tests.integrations.channels.kits import KITS, SIGNING_SECRET, closing, resources, webhook_channel
from tests.integrations.channels.outcomes import AGAIN, FINAL, PERHAPS_ARRIVED, meaning, refusal
from tests.integrations.channels.providers import Sink, receiving

PHONE = "+49301234567"
PAGE = {
    "version": 1,
    "id": "d-1001",
    "kind": "page",
    "sent_at": "2025-11-22T02:30:20Z",
    "headline": "P0 Checkout is down · answer by 03:35 CET · you are primary, Operations (level 1) · INC-42",
    "text": (
        "P0 Checkout is down · answer by 03:35 CET · you are primary, Operations (level 1) · INC-42\n"
        "Acknowledge it by 03:35 (in 5 min).\n"
        "Times are in CET (Europe/Berlin)."
    ),
    "expected": "Acknowledge it by 03:35 (in 5 min).",
    "next_step": "03:35 Ben Okafor is paged, and Ana Silva again",
    "repeated": False,
    "late_by_seconds": None,
    "url": "https://tocsin.example.com/incidents/INC-42",
    "to": {"contact": "ana", "name": "Ana Silva", "address": PHONE, "time_zone": "Europe/Berlin"},
    "message": {
        "channel": "phone",
        "reason": "P0: Operations is paged at the opening",
        "page": "42.3",
        "level": 1,
        "level_title": "Operations",
        "seat": "primary",
        "until": "acknowledged",
        "respond_by": "2025-11-22T02:35:00Z",
    },
    "incident": {
        "ref": "INC-42",
        "generation": 1,
        "title": "Checkout is down",
        "summary": "Every request to /pay fails since the deployment of 02:27 UTC.",
        "priority": "P0",
        "classification": {
            "priority": "P0",
            "rule": "outage",
            "reason": "the title says 'is down' (rule outage)",
        },
        "state": "detection",
        "service": "checkout",
        "source": "alertmanager",
        "level": 1,
        "opened_at": "2025-11-22T02:30:00Z",
        "acknowledged_at": None,
        "acknowledged_by": None,
        "commander": None,
        "resolved_at": None,
        "impact": None,
    },
    "alerts": {
        "count": 3,
        "shown": [
            {
                "status": "firing",
                "title": "Checkout answers 5xx on web-3",
                "summary": "12 of 12 requests failed in the last minute",
                "service": "checkout",
                "starts_at": "2025-11-22T02:28:00Z",
                "links": [{"title": "Graph", "url": "https://prometheus.example.com/graph?g0.expr=up"}],
            },
        ],
    },
    "ladder": [
        {
            "level": 1,
            "title": "Operations",
            "who": "Ana Silva",
            "due_at": "2025-11-22T02:30:00Z",
            "state": "paged",
            "reason": "",
        },
    ],
    "tried": [
        {
            "who": "Ana Silva",
            "channel": "phone",
            "at": "2025-11-22T02:30:00Z",
            "outcome": "failed",
            "detail": "the gateway answered 503",
        },
    ],
    "bundle": {"count": 0, "shown": []},
}


def page(**changes: Any) -> Envelope:
    """With one of each list."""
    full = envelope()
    short = {"alerts": full.alerts[:1], "ladder": full.ladder[:1], "tried": full.tried[:1]}
    return envelope(**{"channel": "phone", "address": PHONE, **short, **changes})


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with receiving(Sink()) as receiver:
        yield receiver


def test_the_body_is_the_documented_version_1() -> None:
    assert json.loads(render(page(), address=PHONE)) == PAGE


def test_a_repeat_and_a_late_page_say_so_to_programs_too() -> None:
    body = json.loads(render(page(repeated=True, late_by=timedelta(minutes=7)), address=PHONE))
    assert (body["repeated"], body["late_by_seconds"]) == (True, 420.0)
    assert "This is late by 7 min: it was due at 03:23." in body["text"]


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in HOSTILE.items()])
def test_the_body_has_the_same_shape_whatever_is_in_it(text: str) -> None:
    body = json.loads(render(hostile(text), address=PHONE))
    assert body.keys() == PAGE.keys()
    assert all(
        link["url"] is None or link["url"].startswith("https://") for link in body["alerts"]["shown"][0]["links"]
    )


async def test_the_receiver_can_check_who_sent_it(sink: Sink) -> None:
    async with closing(webhook_channel(sink.url)) as channel:
        await channel.send(page())
    (request,), (body,) = sink.requests, sink.bodies
    assert json.loads(body) == PAGE
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["X-Tocsin-Delivery"] == "d-1001"
    assert verify_signature(SecretStr(SIGNING_SECRET), request.headers["X-Tocsin-Signature"], body, NOW)


async def test_the_receipt_names_the_request_at_the_receiver(sink: Sink) -> None:
    sink.headers = {"X-Request-Id": "call-77"}
    async with closing(webhook_channel(sink.url)) as channel:
        receipt = await channel.send(page())
    assert (receipt.reference, receipt.data) == ("call-77", {"status": "202"})


async def test_without_a_name_of_the_receivers_the_receipt_has_our_own(sink: Sink) -> None:
    async with closing(webhook_channel(sink.url)) as channel:
        assert (await channel.send(page())).reference == "d-1001"


async def test_without_a_configured_url_the_persons_address_is_the_url(sink: Sink) -> None:
    async with closing(webhook_channel(None)) as channel:
        await channel.send(page(address=f"{sink.url}?for=ana"))
    assert sink.requests[0].path_qs == "/page?for=ana"
    assert json.loads(sink.bodies[0])["to"]["address"] is None


@pytest.mark.parametrize(
    "address", ["", PHONE, "ftp://host/x", "http://", "http:// host/", "file:///etc/passwd", "http://[::"]
)
async def test_what_is_no_web_address_is_refused_for_good(address: str) -> None:
    async with closing(webhook_channel(None)) as channel:
        error = await refusal(channel, page(address=address))
    assert meaning(error) == FINAL


@pytest.mark.parametrize(
    ("status", "means"),
    [
        (300, FINAL),
        (304, FINAL),
        (307, FINAL),
        (400, FINAL),
        (401, FINAL),
        (404, FINAL),
        (408, AGAIN),
        (409, FINAL),
        (410, FINAL),
        (422, FINAL),
        (425, AGAIN),
        (429, AGAIN),
        (500, AGAIN),
        (502, AGAIN),
        (503, AGAIN),
        (504, AGAIN),
    ],
)
async def test_each_status_says_whether_trying_again_can_help(sink: Sink, status: int, means: str) -> None:
    sink.status = status
    async with closing(webhook_channel(sink.url)) as channel:
        error = await refusal(channel, page())
    assert meaning(error) == means
    assert f"127.0.0.1 answered {status}" in str(error)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_every_success_is_a_receipt(sink: Sink, status: int) -> None:
    sink.status = status
    async with closing(webhook_channel(sink.url)) as channel:
        assert (await channel.send(page())).data == {"status": str(status)}


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        (" 120 ", 120.0),
        ("Sat, 22 Nov 2025 02:31:20 GMT", 60.0),
        ("Sat, 22 Nov 2025 02:00:00 GMT", 0.0),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("٣", None),
        ("nan", None),
        ("", None),
    ],
)
async def test_the_receiver_may_say_when_to_try_again(sink: Sink, header: str, seconds: float | None) -> None:
    sink.status, sink.headers = 503, {"Retry-After": header}
    async with closing(webhook_channel(sink.url)) as channel:
        assert (await refusal(channel, page())).retry_after == seconds


async def test_a_redirect_is_not_followed(sink: Sink) -> None:
    sink.status, sink.headers = 307, {"Location": f"{sink.url}/elsewhere"}
    async with closing(webhook_channel(sink.url)) as channel:
        await refusal(channel, page())
    assert len(sink.requests) == 1


async def test_an_endless_answer_is_cut(sink: Sink) -> None:
    sink.status, sink.text = 400, "no " * 1_000_000
    async with closing(webhook_channel(sink.url)) as channel:
        assert len(str(await refusal(channel, page()))) < 250


@pytest.mark.parametrize(
    ("failure", "means", "said"),
    [
        ("silent", PERHAPS_ARRIVED, "did not answer in time"),
        ("gone", PERHAPS_ARRIVED, "broke off without an answer"),
        ("link-local", FINAL, "it is a link-local or metadata address"),
        ("no such host", AGAIN, "gateway.invalid could not be looked up"),
    ],
)
async def test_each_way_of_not_answering_is_understood(failure: str, means: str, said: str) -> None:
    async with KITS["webhook"].failures[failure]() as channel:
        error = await refusal(channel, page())
    assert meaning(error) == means
    assert said in str(error)


async def test_a_receiver_without_tls_gets_nothing_where_tls_is_configured(sink: Sink) -> None:
    async with closing(webhook_channel(sink.url.replace("http://", "https://"))) as channel:
        error = await refusal(channel, page())
    assert (meaning(error), sink.requests) == (AGAIN, [])
    assert "TLS" in str(error)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:169.254.169.254]/",
        "http://[fe80::1]/",
        "http://[fd00:ec2::254]/",
        "http://metadata.google.internal/",
        "http://2852039166/",
        "http://0xa9fea9fe/",
    ],
)
async def test_a_persons_address_cannot_point_at_a_clouds_metadata(url: str) -> None:
    async with closing(webhook_channel(None)) as channel:
        assert meaning(await refusal(channel, page(address=url))) == FINAL


async def test_an_installation_can_keep_its_webhooks_out_of_its_own_network(sink: Sink) -> None:
    settings = Settings(url=SecretStr(sink.url), secret=SecretStr(SIGNING_SECRET))
    async with closing(WebhookChannel("phone", settings, resources(allow_private_targets=False))) as channel:
        error = await refusal(channel, page())
    assert (meaning(error), sink.requests) == (FINAL, [])


FOUND = {"PHONE_URL": "https://gateway.example.com/key", "PHONE_SECRET": "hush"}


@pytest.mark.parametrize(
    ("url", "secret", "missing"),
    [
        (SecretRef(env="PHONE_URL"), SecretRef(env="PHONE_SECRET"), None),
        (None, SecretStr("hush"), None),
        (None, SecretStr(""), "channel phone: the secret that signs its requests is missing"),
        (None, SecretRef(env="NO_SECRET"), "channel phone: the secret that signs its requests is missing (NO_SECRET)"),
        (SecretRef(file=Path("/run/no-url")), SecretStr("hush"), "channel phone: its address is missing (/run/no-url)"),
    ],
)
async def test_what_is_missing_is_said(
    url: SecretRef | None, secret: SecretStr | SecretRef, missing: str | None
) -> None:
    given = resources(secret=lambda ref: SecretStr(FOUND[ref.env]) if ref.env in FOUND else None)
    channel = WebhookChannel("phone", Settings(url=url, secret=secret), given)
    assert channel.configured() == missing
    if missing:
        assert str(await refusal(channel, page())) == missing


@pytest.mark.parametrize(
    "settings",
    [
        {"secret": "s", "url": "hush-hush"},
        {"secret": "s", "url": "ftp://hush-hush"},
        {"secret": "s", "timeout": "0s"},
        {"secret": "s", "timeout": "2h"},
        {"secret": "s", "adress": "x"},
        {},
    ],
)
def test_wrong_settings_are_refused_without_repeating_them(settings: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as raised:
        Settings.model_validate(settings)
    assert "hush" not in str(raised.value)
