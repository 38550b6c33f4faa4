"""What every kind of probe in the registry promises, the next one too: against real servers on loopback."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from pydantic import ValidationError

from engine.core.policy import Config
from engine.core.probes import Probe as ProbeConfig
from engine.core.probing import Finding
from engine.ports import Probe
from integrations import probes
from integrations.registry import PROBES
from tests.integrations.channels.providers import refused_port
from tests.integrations.probes.servers import LOOPBACK, answer, silent_server, web_server

NOW = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)
SECRET = "correct-horse-battery-staple"
METADATA = "169.254.169.254"
PAGE = (Path(probes.__file__).parent / "probes.md").read_text()

Given = dict[str, Any]
Place = Callable[[], AbstractAsyncContextManager[Given]]


async def vector(request: web.Request) -> web.Response:
    """As Prometheus answers an instant query."""
    assert (await request.post())["query"] == "up"
    result = [{"metric": {"instance": "a"}, "value": [1795230600.1, "1"]}]
    return web.json_response({"status": "success", "data": {"resultType": "vector", "result": result}})


@asynccontextmanager
async def well_http() -> AsyncIterator[Given]:
    async with web_server(answer) as port:
        yield {"url": f"http://{LOOPBACK}:{port}/health?key={SECRET}", "contains": "well"}


@asynccontextmanager
async def well_tcp() -> AsyncIterator[Given]:
    async with silent_server() as port:
        yield {"host": LOOPBACK, "port": port}


@asynccontextmanager
async def well_dns() -> AsyncIterator[Given]:
    yield {"host": "localhost", "expect": ["127.0.0.0/8", "::1"]}


@asynccontextmanager
async def well_prometheus() -> AsyncIterator[Given]:
    async with web_server(vector) as port:
        yield {"url": f"http://user:{SECRET}@{LOOPBACK}:{port}", "query": "up", "below": 1}


@asynccontextmanager
async def gone_http() -> AsyncIterator[Given]:
    yield {"url": f"http://{LOOPBACK}:{refused_port()}/{SECRET}", "token": {"env": "NOWHERE"}}


@asynccontextmanager
async def gone_tcp() -> AsyncIterator[Given]:
    yield {"host": LOOPBACK, "port": refused_port()}


@asynccontextmanager
async def gone_dns() -> AsyncIterator[Given]:
    yield {"host": "nobody.invalid"}


@asynccontextmanager
async def gone_prometheus() -> AsyncIterator[Given]:
    yield {"url": f"http://user:{SECRET}@{LOOPBACK}:{refused_port()}", "query": "up", "below": 1}


@asynccontextmanager
async def hanging_http() -> AsyncIterator[Given]:
    async with silent_server() as port:
        yield {"url": f"http://{LOOPBACK}:{port}/"}


@asynccontextmanager
async def hanging_prometheus() -> AsyncIterator[Given]:
    async with silent_server() as port:
        yield {"url": f"http://{LOOPBACK}:{port}/", "query": "up", "below": 1}


WELL: dict[str, Place] = {"dns": well_dns, "http": well_http, "prometheus": well_prometheus, "tcp": well_tcp}
GONE: dict[str, Place] = {"dns": gone_dns, "http": gone_http, "prometheus": gone_prometheus, "tcp": gone_tcp}
HANGING: dict[str, Place] = {"http": hanging_http, "prometheus": hanging_prometheus}
FORBIDDEN: dict[str, Given] = {
    "http": {"url": f"http://{METADATA}/latest/meta-data"},
    "prometheus": {"url": f"http://{METADATA}", "query": "up", "below": 1},
    "tcp": {"host": METADATA, "port": 80},
}


@pytest.fixture(params=sorted(PROBES))
def kind(request: pytest.FixtureRequest) -> Probe:
    return PROBES[request.param]


async def look(kind: Probe, given: Given) -> Finding:
    return await kind.run(kind.settings.model_validate(given), NOW)


def assert_fit(finding: Finding) -> None:
    assert finding.reason.isprintable()
    assert 0 < len(finding.reason) < 300
    assert SECRET not in finding.reason
    for name, value in finding.values.items():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert math.isfinite(value)


def test_every_kind_stands_under_its_own_name(kind: Probe) -> None:
    assert PROBES[kind.name] is kind
    assert kind.title


async def test_what_is_well_is_found_well_with_what_was_measured(kind: Probe) -> None:
    async with WELL[kind.name]() as given:
        finding = await look(kind, given)
    assert (finding.ok, finding.up) == (True, True), finding
    assert finding.values
    assert all(value >= 0 for value in finding.values.values())
    assert_fit(finding)


async def test_what_is_gone_is_a_failure_and_no_error(kind: Probe) -> None:
    async with GONE[kind.name]() as given:
        finding = await look(kind, given)
    assert (finding.ok, finding.up) == (False, False), finding
    assert_fit(finding)


@pytest.mark.parametrize("name", HANGING)
async def test_what_hangs_can_be_cut_off_and_leaves_nothing_behind(name: str) -> None:
    before = asyncio.all_tasks()
    async with HANGING[name]() as given:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await look(PROBES[name], given)
    assert asyncio.all_tasks() <= before


@pytest.mark.parametrize("name", FORBIDDEN)
async def test_a_metadata_address_is_not_looked_at_unless_that_is_permitted(name: str) -> None:
    finding = await look(PROBES[name], FORBIDDEN[name])
    assert not finding.ok
    assert "link-local or metadata address" in finding.reason
    assert "allow_link_local" in PROBES[name].settings.model_fields


def test_settings_are_closed_so_that_a_misspelt_one_is_found(kind: Probe) -> None:
    assert kind.settings.model_config.get("extra") == "forbid"
    with pytest.raises(ValidationError):
        kind.settings.model_validate({})


def test_no_setting_hides_behind_one_that_every_probe_has(kind: Probe) -> None:
    assert not kind.settings.model_fields.keys() & ProbeConfig.model_fields.keys()


def test_the_page_tells_every_setting(kind: Probe) -> None:
    for setting in (*kind.settings.model_fields, *ProbeConfig.model_fields):
        assert f"`{setting}`" in PAGE, setting
    assert f"## `{kind.name}`" in PAGE


def test_a_secret_of_a_probe_is_not_in_what_is_shown_of_the_configuration(kind: Probe) -> None:
    probe = ProbeConfig.model_validate({"kind": kind.name, "url": f"https://x.example.com/{SECRET}", "token": SECRET})
    assert SECRET not in repr(probe)
    assert "probes" in Config.model_fields


def test_the_example_of_the_page_is_right() -> None:
    [example] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    shown = yaml.safe_load(example)["probes"]
    assert {given["kind"] for given in shown.values()} == set(PROBES)
    for given in shown.values():
        probe = ProbeConfig.model_validate(given)
        PROBES[probe.kind].settings.model_validate(probe.model_extra)
