"""Probes, metrics, Slack's address, and the front door."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.requests import Request
from starlette.responses import Response

from engine.api import health as api_health
from engine.core.errors import DeliveryError, Overloaded
from engine.core.model import Message, MessageKind
from engine.ports import Envelope, Receipt
from engine.services import health
from engine.services.metrics import Metrics
from engine.services.ticking import Ticked
from tests.api.asking import refused, report
from tests.api.conftest import NOW, House
from tests.report.example import incident


async def test_it_is_ready_once_it_has_looked_and_for_as_long_as_it_looks(house: House) -> None:
    async with house.client(role=None) as probe:
        refused(await probe.get("/readyz"), 503, "not_ready")
        await house.app.ticker.tick()
        answer = await probe.get("/readyz")
        assert answer.status_code == 200
        assert answer.json()["checks"]["database"] == {
            "ok": True,
            "detail": "Configuration revision 1 is in force.",
        }
        house.clock.advance(timedelta(seconds=29))
        assert (await probe.get("/readyz")).status_code == 200
        house.clock.advance(timedelta(seconds=2))
        assert "31.0 s ago" in refused(await probe.get("/readyz"), 503, "not_ready")


async def test_channels_that_can_not_send_are_named_and_do_not_make_it_unready(light_house: House) -> None:
    await light_house.app.ticker.tick()
    async with light_house.client(role=None) as probe:
        answer = await probe.get("/readyz")
    assert answer.status_code == 200
    assert "SLACK_BOT_TOKEN" in answer.json()["channels"]["slack"]


async def test_a_fast_clock_is_given_as_much_more_time_between_two_looks(light_house: House) -> None:
    await light_house.app.ticker.tick()
    light_house.clock.advance(timedelta(minutes=4))
    fast = light_house.api(context=replace(light_house.app.context, speed=10))
    async with light_house.client(role=None, api=fast) as probe:
        assert (await probe.get("/readyz")).status_code == 200


@pytest.mark.parametrize("slow", [True, False])
async def test_without_its_database_it_is_alive_and_not_ready(
    light_house: House, monkeypatch: pytest.MonkeyPatch, *, slow: bool
) -> None:
    async def away(_: object) -> None:
        if slow:
            await asyncio.sleep(60)
        raise Overloaded("the database can't be reached")

    monkeypatch.setattr(api_health, "ANSWER_WITHIN", 0.01)
    monkeypatch.setattr(health, "standing", away)
    monkeypatch.setattr(health, "backlog", away)
    await light_house.app.ticker.tick()
    async with light_house.client(role=None) as probe:
        assert "database" in refused(await probe.get("/readyz"), 503, "not_ready")
        assert (await probe.get("/healthz")).json() == {"status": "alive", "version": light_house.app.context.version}
        assert "tocsin_outbox_messages NaN" in (await probe.get("/metrics")).text


async def test_the_metrics_tell_what_waits_and_since_when_the_engine_has_not_looked(house: House) -> None:
    await house.app.ticker.tick()
    async with house.client() as client:
        await report(client, priority="P0")
        house.clock.advance(timedelta(seconds=5))
        answer = await client.get("/metrics")
    told = {one.name: one.samples for one in text_string_to_metric_families(answer.text)}
    assert answer.headers["content-type"].startswith("text/plain")
    assert told["tocsin_outbox_messages"][0].value >= 1
    assert told["tocsin_outbox_oldest_seconds"][0].value == 5
    assert told["tocsin_last_tick_age_seconds"][0].value == 5


class FakeChannel:
    name = "fake"
    kind = "fake"
    updatable = True
    error: DeliveryError | None = None

    def configured(self) -> str | None:
        return "nothing is behind it"

    async def send(self, envelope: Envelope) -> Receipt:
        if self.error:
            raise self.error
        return Receipt(reference=envelope.id)

    async def close(self) -> None:
        self.name = "closed"


PAGE = Envelope(
    id="INC-42/1",
    message=Message(kind=MessageKind.PAGE, channel="fake", address="1", reason="P0"),
    incident=incident(),
    headline="P0",
    now=NOW,
)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


async def test_sends_are_counted_by_what_came_of_them() -> None:
    metrics, channel = Metrics(), FakeChannel()
    counted = metrics.counted({channel.name: channel})[channel.name]
    assert (await counted.send(PAGE)).reference == PAGE.id
    channel.error = DeliveryError("the address is gone", permanent=True)
    with pytest.raises(DeliveryError):
        await counted.send(PAGE)
    channel.error = DeliveryError("no answer", ambiguous=True)
    with pytest.raises(DeliveryError):
        await counted.send(replace(PAGE, receipt=Receipt(reference="1")))
    assert value(metrics, "tocsin_sends_total", channel="fake", kind="page", result="sent") == 1
    assert value(metrics, "tocsin_sends_total", channel="fake", kind="page", result="refused") == 1
    assert value(metrics, "tocsin_sends_total", channel="fake", kind="update", result="failed") == 1
    assert (counted.name, counted.updatable, counted.configured()) == ("fake", True, "nothing is behind it")
    await counted.close()
    assert channel.name == "closed"


def test_ticks_are_counted_with_the_lateness_of_each_timer() -> None:
    metrics = Metrics()
    metrics.ticked(Ticked(fired=2, set_aside=("INC-7",), lateness=(timedelta(seconds=0.2), timedelta(seconds=4))))
    assert value(metrics, "tocsin_timers_total", result="fired") == 2
    assert value(metrics, "tocsin_timers_total", result="set_aside") == 1
    assert value(metrics, "tocsin_timer_lateness_seconds_bucket", le="0.25") == 1
    assert value(metrics, "tocsin_timer_lateness_seconds_sum") == pytest.approx(4.2)


async def test_slacks_address_says_what_is_missing_where_slack_is_not_set_up(light_house: House) -> None:
    async with light_house.client(role=None) as slack:
        answer = await slack.post("/slack/events", content=b"payload=%7B")
    assert "SLACK_SIGNING_SECRET" in refused(answer, 404, "slack_not_configured")


async def test_slacks_requests_reach_its_handler_as_they_came(light_house: House) -> None:
    seen: list[bytes] = []

    async def handler(request: Request) -> Response:
        seen.append(await request.body())
        return Response("understood")

    async with light_house.client(role=None, api=light_house.api(slack=handler)) as slack:
        answer = await slack.post("/slack/events", content=b"payload=%7B%7D")
    assert (answer.status_code, answer.text, seen) == (200, "understood", [b"payload=%7B%7D"])


async def test_the_front_door_says_what_this_is(light_house: House) -> None:
    async with light_house.client(role=None) as visitor:
        told = (await visitor.get("/")).json()
        assert told["name"] == "Tocsin"
        for name in ("documentation", "openapi"):
            assert (await visitor.get(told[name])).status_code == 200
