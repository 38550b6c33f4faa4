"""A topic of Amazon SNS from its subscription to the all-clear, against an SNS that serves its certificate over TLS."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from engine.services.documents import Documents
from integrations.sources.cloudwatch import CloudWatch
from tests.api.asking import INCIDENTS, refused
from tests.api.conftest import KEYS, House
from tests.integrations.sources import amazon
from tests.integrations.vendors import Vendor, serving

ADDRESS = f"/webhooks/cloudwatch/{KEYS['cloudwatch']}"
CERTIFICATE, CONFIRMATION = (url.partition(".com")[2] for url in (amazon.CERTIFICATE_URL, amazon.SUBSCRIBE_URL))
ALARM = json.loads(json.loads(CloudWatch.example)["Message"])


@dataclass(frozen=True, kw_only=True)
class Topic:
    """SNS delivers as it does: JSON that says it is text."""

    http: httpx.AsyncClient
    sns: Vendor

    async def deliver(self, message: dict[str, Any]) -> httpx.Response:
        content = json.dumps(amazon.signed(message)).encode()
        return await self.http.post(ADDRESS, content=content, headers={"Content-Type": "text/plain; charset=UTF-8"})


@pytest.fixture
async def topic(light_house: House) -> AsyncIterator[Topic]:
    async with serving("sns.eu-west-1.amazonaws.com") as sns:
        sns.answers[CERTIFICATE] = web.Response(body=amazon.certificate())
        sns.answers[CONFIRMATION] = web.Response(text="<ConfirmSubscriptionResponse/>")
        async with light_house.client(api=light_house.api(documents=Documents(sns.fetcher()))) as http:
            yield Topic(http=http, sns=sns)


async def test_a_topic_is_subscribed_its_alarm_opens_an_incident_and_its_ok_ends_it(topic: Topic) -> None:
    confirmed = await topic.deliver(amazon.confirmation())
    assert confirmed.status_code == 202
    assert confirmed.json() == {"alerts": [], "note": "the subscription to alarms is confirmed"}
    fired = await topic.deliver(amazon.message(ALARM))
    assert [(one["action"], one["incident"]) for one in fired.json()["alerts"]] == [("opened", "INC-1")]
    again = await topic.deliver(amazon.message(ALARM))
    assert [one["action"] for one in again.json()["alerts"]] == ["repeated"]
    over = await topic.deliver(amazon.message(ALARM | {"NewStateValue": "OK"}))
    assert [one["action"] for one in over.json()["alerts"]] == ["resolved"]
    shown = (await topic.http.get(f"{INCIDENTS}/INC-1")).json()
    assert (shown["title"], shown["service"], shown["state"]) == ("checkout-errors", "checkout", "review")
    assert topic.sns.asked == [CERTIFICATE, CONFIRMATION]


async def test_without_the_certificate_sns_is_told_to_come_again_and_loses_nothing(topic: Topic) -> None:
    certificate = topic.sns.answers.pop(CERTIFICATE)
    with capture_logs() as logs:
        refused(await topic.deliver(amazon.message(ALARM)), 503, "unreachable")
    assert [one["reason"] for one in logs if one["event"] == "document.unreachable"] == [
        "sns.eu-west-1.amazonaws.com answered 404"
    ]
    topic.sns.answers[CERTIFICATE] = certificate
    assert (await topic.deliver(amazon.message(ALARM))).json()["alerts"][0]["action"] == "opened"


async def test_a_confirmation_that_fails_is_no_success_and_its_token_is_in_no_log(topic: Topic) -> None:
    del topic.sns.answers[CONFIRMATION]
    with capture_logs() as logs:
        answer = await topic.deliver(amazon.confirmation())
    refused(answer, 503, "unreachable")
    assert int(answer.headers["retry-after"]) > 0
    assert amazon.TOKEN not in f"{logs}{answer.text}"


async def test_what_sns_has_not_signed_is_refused_and_opens_nothing(topic: Topic) -> None:
    forged = json.dumps(amazon.signed(amazon.message(ALARM)) | {"Message": "forged"}).encode()
    refused(await topic.http.post(ADDRESS, content=forged), 401, "unauthorized")
    assert (await topic.http.get(INCIDENTS)).json()["items"] == []


async def test_nothing_is_fetched_for_a_message_that_names_another_place(topic: Topic) -> None:
    for url in ("https://evil.example/x.pem", amazon.CERTIFICATE_URL.replace("eu-west-1", "us-east-1")):
        refused(await topic.deliver(amazon.message(ALARM, SigningCertURL=url)), 401, "unauthorized")
    refused(await topic.http.post(ADDRESS, content=b"{}"), 422, "unreadable")
    refused(await topic.http.post(ADDRESS.replace("key-of", "no-key"), content=CloudWatch.example), 401, "unauthorized")
    assert topic.sns.asked == []
