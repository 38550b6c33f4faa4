"""Short ways to ask the API, and what every refusal has to look like."""

from __future__ import annotations

from typing import Any

import httpx

INCIDENTS = "/api/v1/incidents"


async def report(client: httpx.AsyncClient, title: str = "Checkout is down", **fields: Any) -> dict[str, Any]:
    """A person's report; the incident that it opened or joined."""
    answer = await client.post(INCIDENTS, json={"title": title, **fields})
    assert answer.status_code in {200, 201}, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def command(client: httpx.AsyncClient, ref: str, asked: str, key: str = "", **body: Any) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await client.post(f"{INCIDENTS}/{ref}/{asked}", json=body, headers=headers)


async def kinds(client: httpx.AsyncClient, ref: str) -> list[str]:
    """What stands on the timeline, by kind."""
    answer = await client.get(f"{INCIDENTS}/{ref}/timeline")
    return [line["kind"] for line in answer.json()["items"]]


def refused(answer: httpx.Response, status: int, code: str) -> str:
    """A problem document with this status and code; returns its sentence."""
    assert answer.status_code == status, f"{answer.request.method} {answer.request.url}: {answer.text}"
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == status
    assert document["code"] == code, document
    assert document["title"]
    assert "Traceback" not in answer.text
    sentence: str = document["detail"]
    assert len(sentence) > len("refused")
    return sentence
