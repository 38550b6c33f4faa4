"""Requests that nobody would think of, made from the OpenAPI document: none breaks the engine, none gets an answer that
the document does not know."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from engine.core.model import Role
from engine.listen import listening
from tests.api.asking import INCIDENTS, report
from tests.api.conftest import KEYS, House

EXAMPLES = 5
"""For each operation, as its schema wants them and again as it does not. The same in every run."""
CHECKED = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
KNOWN = {"id": "INC-1", "source": "generic", "key": KEYS["generic"], "identifier": "1"}
ALERTS = "/v2/alerts"


def throw(operation: Any, mode: GenerationMode, address: str, headers: dict[str, str]) -> Callable[[], None]:
    """All examples of one operation; every other one at something that exists."""
    turn = 0

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        nonlocal turn
        turn += 1
        if turn % 2:
            case.path_parameters.update({name: KNOWN[name] for name in case.path_parameters if name in KNOWN})
            if isinstance(case.body, dict) and "routing_key" in case.body:
                case.body["routing_key"] = KEYS["pagerduty"]
        case.call_and_validate(base_url=address, headers=headers, checks=CHECKED)

    return run


@pytest.mark.filterwarnings("ignore")  # of the libraries that make and send the requests
async def test_no_request_breaks_the_engine_or_surprises_its_document(light_house: House) -> None:
    await light_house.app.ticker.tick()
    async with light_house.client() as client:
        await report(client, priority="P0")
    schema = schemathesis.openapi.from_dict(light_house.app.api.openapi())
    headers = {"Authorization": f"Bearer {light_house.tokens[Role.ADMIN]}"}
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) > 20
    async with listening(light_house.app.api) as address:
        for operation in operations:
            known = {"Authorization": f"GenieKey {KEYS['opsgenie']}"} if operation.path.startswith(ALERTS) else headers
            await asyncio.to_thread(throw(operation, GenerationMode.POSITIVE, address, known))
            if operation.path.startswith(INCIDENTS):  # elsewhere there is no schema that could be violated
                await asyncio.to_thread(throw(operation, GenerationMode.NEGATIVE, address, headers))
    async with light_house.client() as client:
        assert (await client.get(f"{INCIDENTS}/INC-1")).status_code == 200
