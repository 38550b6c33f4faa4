"""moto's SNS as a sender: it signs what is published to a topic, and keeps the certificate where SNS would keep it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web
from pydantic import SecretStr

from engine.api.app import create_api
from engine.bootstrap import application
from engine.config.settings import Settings
from engine.listen import listening
from engine.services.documents import Documents
from integrations.sources.cloudwatch import CloudWatch
from tests.integrations.vendors import Vendor, serving
from tests.real.harness import free_port, until
from tests.scenarios.stage import ADMIN_TOKEN, Document, caller, write_config

REGION = "eu-west-1"
KEY = "key-of-the-sns-topic"
SIGNED_BY_NOBODY = f"AWS4-HMAC-SHA256 Credential=me/20261128/{REGION}/sns/aws4_request, SignedHeaders=host, Signature=0"
"""moto reads which service and region is meant out of it, and checks nothing."""
ALARM: dict[str, Any] = json.loads(json.loads(CloudWatch.example)["Message"])


@dataclass(frozen=True, kw_only=True)
class Sns:
    """A running moto, and SNS's own name in front of it."""

    http: httpx.AsyncClient
    name: Vendor

    async def ask(self, action: str, **fields: str) -> str:
        form = {"Action": action, "Version": "2010-03-31", **fields}
        answer = await self.http.post("/", data=form)
        assert answer.status_code == 200, answer.text
        return answer.text

    async def topic(self, endpoint: str) -> str:
        """A topic that delivers there."""
        answer = await self.ask("CreateTopic", Name="alarms")
        arn = answer.partition("<TopicArn>")[2].partition("<")[0]
        await self.ask("Subscribe", TopicArn=arn, Protocol="http", Endpoint=endpoint)
        return arn

    async def up(self) -> bool:
        try:
            await self.http.get("/moto-api/data.json")
        except httpx.TransportError:
            return False
        return True

    async def relay(self, path: str) -> web.Response:
        """What moto has there. It goes by how a request is signed where SNS goes by its own name."""
        answer = await self.http.get(path)
        return web.Response(status=answer.status_code, body=answer.content)


@pytest.fixture(scope="session")
def moto() -> Iterator[int]:
    """Its port. In a process of its own: it is large, and posts from the thread in which it is asked to publish."""
    port = free_port()
    command = (sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port))
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        yield port
        process.kill()


@pytest.fixture
async def sns(moto: int) -> AsyncIterator[Sns]:
    async with (
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{moto}", headers={"Authorization": SIGNED_BY_NOBODY}, timeout=20
        ) as http,
        serving(f"sns.{REGION}.amazonaws.com") as name,
    ):
        found = Sns(http=http, name=name)
        name.otherwise = found.relay
        await until(found.up, bool)
        assert (await http.post("/moto-api/reset")).status_code == 200
        yield found


@asynccontextmanager
async def engine(database_url: str, folder: Path, sns: Sns) -> AsyncIterator[tuple[str, httpx.AsyncClient]]:
    """On the real clock, as moto is. Yields the integration's address and a reader."""

    def with_a_topic(document: Document) -> None:
        document["integrations"]["aws"] = {"source": "cloudwatch", "key": KEY}

    settings = Settings(
        data_dir=folder,
        database_url=SecretStr(database_url),
        config=write_config(folder, with_a_topic),
        admin_token=SecretStr(ADMIN_TOKEN),
    )
    async with application(settings) as app:
        api = create_api(replace(app.api.state.parts, documents=Documents(sns.name.fetcher())))
        async with listening(api) as address, caller(address) as http:
            yield f"{address}/webhooks/cloudwatch/{KEY}", http


async def requests(http: httpx.AsyncClient) -> list[tuple[int, str | None]]:
    """What came, with the status that it was answered with; the oldest first."""

    async def look() -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await http.get("/api/v1/requests")).json()["items"]
        return items

    found = await until(look, bool)
    return [(one["status"], one["problem"]) for one in reversed(found)]


async def test_an_alarm_that_is_published_is_an_incident_and_its_ok_the_end_of_it(
    database_url: str, tmp_path: Path, sns: Sns
) -> None:
    async with engine(database_url, tmp_path, sns) as (address, http):
        topic = await sns.topic(address)
        await sns.ask("Publish", TopicArn=topic, Message=json.dumps(ALARM))
        fired = (await http.get("/api/v1/incidents/INC-1")).json()
        assert (fired["title"], fired["service"], fired["source"]) == ("checkout-errors", "checkout", "aws")
        assert fired["state"] == "detection"
        await sns.ask("Publish", TopicArn=topic, Message=json.dumps(ALARM))
        await sns.ask("Publish", TopicArn=topic, Message=json.dumps(ALARM | {"NewStateValue": "OK"}))
        over = (await http.get("/api/v1/incidents/INC-1")).json()
        assert (over["state"], over["alert_count"]) == ("review", 1)
        assert [one["status"] for one in over["alerts"]] == ["resolved"]
        assert len((await http.get("/api/v1/incidents")).json()["items"]) == 1


async def test_what_moto_signs_only_in_part_is_taken_for_forged(sqlite_url: str, tmp_path: Path, sns: Sns) -> None:
    """It leaves the subject out of what it signs, so nobody could tell it from one that was written in on the way."""
    async with engine(sqlite_url, tmp_path, sns) as (address, http):
        topic = await sns.topic(address)
        await sns.ask("Publish", TopicArn=topic, Message=json.dumps(ALARM), Subject='ALARM: "checkout-errors"')
        ((status, problem),) = await requests(http)
        assert status == 401
        assert "not signed with the key of the certificate" in str(problem)
        assert (await http.get("/api/v1/incidents")).json()["items"] == []


async def test_what_was_not_published_by_it_has_no_certificate_there(sqlite_url: str, tmp_path: Path, sns: Sns) -> None:
    async with engine(sqlite_url, tmp_path, sns) as (address, http):
        answer = await http.post(address, content=CloudWatch.example)
        assert (answer.status_code, answer.json()["code"]) == (503, "unreachable")
        assert (await http.get("/api/v1/incidents")).json()["items"] == []
