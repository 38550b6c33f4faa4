"""`tocsin request …`: what senders have sent, from the keyboard."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from engine.bootstrap import DEFAULT, application
from engine.config.document import parse
from engine.config.settings import Settings
from tests.cli.conftest import Cli

FIRING = {
    "version": "4",
    "groupKey": "{}:{}",
    "alerts": [{"status": "firing", "labels": {"alertname": "Down", "severity": "critical"}, "annotations": {}}],
}

SHOP = {"default": {"title": "All"}, "shop": {"title": "Shop"}}


@pytest.fixture
def sent(cli: Cli, tmp_path: Path, sqlite_url: str) -> Cli:
    """An engine to which a sender has sent one alert, and something that can't be read."""
    config = tmp_path / "sent.yaml"
    own = {"integrations": {"prom": {"source": "alertmanager", "key": "key-of-prom", "service": "default"}}}
    config.write_text(json.dumps(parse(DEFAULT.read_text(), DEFAULT.name).value | own))
    settings = Settings(data_dir=tmp_path / "data", database_url=SecretStr(sqlite_url), config=config)

    async def send() -> None:
        async with application(settings) as app:
            transport = httpx.ASGITransport(app.api)
            async with httpx.AsyncClient(transport=transport, base_url="http://tocsin.test") as client:
                for body in (FIRING, {"version": "4"}):
                    await client.post("/webhooks/alertmanager/key-of-prom", json=body)

    asyncio.run(send())
    return cli


def test_requests_are_listed_and_shown(sent: Cli) -> None:
    listed = sent.done("request", "list").out
    assert listed.index("missing required field") < listed.index(" 202 ")
    assert [one["number"] for one in sent.done("request", "list", "--json").json["items"]] == [2, 1]
    only = ("--integration", "prom", "--problems", "--since", "1h")
    assert [one["number"] for one in sent.done("request", "list", *only, "--json").json["items"]] == [2]
    assert sent.done("request", "list", "--integration", "nobody").out.strip() == "There are none."
    ran = sent.done("request", "list", "--limit", "1")
    assert "--before 2" in ran.err
    assert sent.done("request", "list", "--before", "2", "--json").json["items"][0]["status"] == 202
    shown = sent.done("request", "show", "1").out
    for part in ("Request 1  prom", "INC-1", "content-type", '"alertname":"Down"'):
        assert part in shown
    assert json.loads(sent.done("request", "show", "1", "--json").json["body"]) == FIRING
    ran = sent("request", "show", "99")
    assert (ran.code, "There is no request 99" in ran.err) == (1, True)


def test_a_request_is_rehearsed_as_its_own_integration_or_as_another_of_its_kind(sent: Cli, tmp_path: Path) -> None:
    at = ("--at", "2026-11-21 03:10", "--zone", "UTC", "--for", "1m", "--json")
    played = sent.done("rehearse", "--request", "1", *at).json
    assert (played["incident"]["title"], played["incident"]["source"]) == ("Down", "prom")
    assert [line["contact"] for line in played["lines"] if line["what"] == "page"] == ["ops-lead"]
    own = {"integrations": {"other": {"source": "alertmanager", "key": "key-of-other", "service": "shop"}}}
    other = tmp_path / "other.yaml"
    other.write_text(json.dumps(parse(DEFAULT.read_text(), DEFAULT.name).value | own | {"services": SHOP}))
    played = sent.done("rehearse", "--request", "1", "--source", "other", "--config", str(other), *at).json
    assert (played["incident"]["service"], played["incident"]["source"]) == ("shop", "other")
    ran = sent("rehearse", "--request", "1", "--config", str(other), *at)
    assert (ran.code, "'prom' is not in integrations" in ran.err) == (2, True)
    ran = sent("rehearse", "--request", "2", *at)
    assert (ran.code, "missing required field" in ran.err) == (2, True)
    assert [one["id"] for one in sent.done("incident", "list", "--json").json["items"]] == ["INC-1"]


def test_a_request_is_tried_and_then_taken_once_more(sent: Cli) -> None:
    sent.done("incident", "cancel", "INC-1", "--code", "test", "--reason", "it was a test")
    tried = sent.done("request", "replay", "1").out
    for part in ("Down", "nothing was opened", "P1", "ops-lead by "):
        assert part in tried
    assert len(sent.done("incident", "list", "--json").json["items"]) == 0
    sent.done("silence", "add", 'alertname="Down"', "--for", "1h", "--reason", "an upgrade")
    quiet = " ".join(sent.done("request", "replay", "1").out.split())
    assert "silenced silence/SIL-1 by person:cli:" in quiet
    assert "pages nobody yet; then ops-lead by " in quiet
    sent.done("silence", "expire", "SIL-1")
    taken = sent.done("request", "replay", "1", "--into", "engine", "--json").json
    [outcome] = taken["taken"]
    assert outcome["action"] == "opened"
    assert "replayed from request 1 by person:cli:" in sent.done("report", outcome["incident"], "--format", "md").out
    ran = sent("request", "replay", "2")
    assert (ran.code, "missing required field" in ran.err) == (1, True)
