"""Against the real Prometheus: what its query API answers is what a probe makes of it."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.clock import utc_now
from engine.core.probing import Finding
from integrations.registry import PROBES
from tests.real.harness import free_port, ready, until
from tests.web import plain_http

PROGRAM = "prometheus"


@asynccontextmanager
async def prometheus(folder: Path) -> AsyncIterator[str]:
    """The address of one that watches itself."""
    program, port, config = shutil.which(PROGRAM), free_port(), folder / "prometheus.yml"
    assert program, f"this test needs {PROGRAM}; on Debian: apt-get install prometheus"
    place = f"127.0.0.1:{port}"
    own = {"job_name": "itself", "scrape_interval": "200ms", "scrape_timeout": "200ms"}
    config.write_text(json.dumps({"scrape_configs": [{**own, "static_configs": [{"targets": [place]}]}]}))
    process = await asyncio.create_subprocess_exec(
        program,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={place}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with plain_http(f"http://{place}") as http:
            await until(lambda: ready(http), lambda answer: answer)
            await until(lambda: count(http, "up == 1"), lambda series: series == 1)
        yield f"http://{place}"
    finally:
        process.kill()
        await process.wait()


async def count(http: httpx.AsyncClient, query: str) -> int:
    answer = await http.get("/api/v1/query", params={"query": query})
    return len(answer.json()["data"]["result"])


async def look(url: str, **given: Any) -> Finding:
    kind = PROBES["prometheus"]
    return await kind.run(kind.settings.model_validate({"url": url, **given}), utc_now())


CASES: dict[str, tuple[dict[str, Any], bool, str]] = {
    "what is up": ({"query": "up", "below": 1}, True, "it is 1 of"),
    "a figure above its limit": ({"query": "vector(7.25)", "above": 5}, False, "7.25 is above 5"),
    "a scalar": ({"query": "scalar(vector(3))", "above": 5}, True, "it is 3"),
    "several, the lowest of which counts": (
        {"query": 'label_replace(vector(2), "a", "x", "", "") or vector(9)', "below": 3},
        False,
        '2 of {a="x"} is below 3',
    ),
    "what finds nothing": ({"query": "up == 0", "above": 0, "empty": "well"}, True, "the query finds nothing"),
    "a metric that is gone": ({"query": "no_such_metric", "above": 0}, False, "the query finds nothing"),
    "nothing divided by nothing": ({"query": "vector(0) / vector(0)", "above": 0}, False, "the query finds nothing"),
    "a range": ({"query": "up[1m]", "above": 0}, False, "the query gives a matrix"),
    "a query that is none": ({"query": "rate(", "above": 0}, False, "it refuses the query"),
}


async def test_each_answer_of_the_real_one_is_understood(tmp_path: Path) -> None:
    async with prometheus(tmp_path) as url:
        for name, (given, ok, reason) in CASES.items():
            finding = await look(url, **given)
            assert (finding.ok, finding.up) == (ok, True), (name, finding)
            assert reason in finding.reason, name


async def test_one_that_is_killed_is_a_failure(tmp_path: Path) -> None:
    async with prometheus(tmp_path) as url:
        pass
    finding = await look(url, query="up", below=1)
    assert (finding.ok, finding.up) == (False, False)
    assert "Connection refused" in finding.reason


@pytest.mark.parametrize("query", ["up", "up " + "or up " * 500])
async def test_a_long_query_is_asked_as_a_short_one(tmp_path: Path, query: str) -> None:
    async with prometheus(tmp_path) as url:
        assert (await look(url, query=query, below=1)).ok
