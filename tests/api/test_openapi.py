"""The OpenAPI document is complete: every operation with every refusal, and each refusal a problem document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.api.bodies import COMMANDS, name_of
from engine.api.docs import kind
from tests.api.asking import INCIDENTS
from tests.api.conftest import House

ALWAYS = {"401", "503"}
WITH_BODY = {"400", "413", "415", "422"}
ON_ONE = {"404"}
COMMAND = {"403", "404", "409"}


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, about in methods.items():
            yield method, path, about


def expected(method: str, path: str) -> set[str]:
    """What an operation of the REST API has to say about its refusals."""
    wanted = set(ALWAYS)
    if method == "post":
        wanted |= WITH_BODY | {"403"}
    if "{id}" in path:
        wanted |= ON_ONE
    if method == "post" and "{id}" in path:
        wanted |= COMMAND
    return wanted


async def test_every_operation_lists_its_refusals_as_problem_documents(light_house: House) -> None:
    document = light_house.app.api.openapi()
    for method, path, about in operations(document):
        listed = {status for status in about["responses"] if status >= "400"}
        if path.startswith("/api/"):
            assert expected(method, path) <= listed, (method, path)
            assert about["security"] == [{"HTTPBearer": []}], path
        for status in listed if "drop-in" not in about["tags"] else ():
            content = about["responses"][status]["content"]["application/problem+json"]
            assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
            assert content["example"]["status"] == int(status)
            assert about["responses"][status]["description"]


async def test_every_operation_in_the_words_of_another_product_lists_that_products_refusals(light_house: House) -> None:
    document = light_house.app.api.openapi()
    found = {(method, path): about for method, path, about in operations(document) if "drop-in" in about["tags"]}
    assert {(method, path) for method, path in found if "alerts" not in path} == {
        ("post", "/v2/enqueue"),
        ("post", "/v2/change/enqueue"),
    }
    assert {(method, path.removeprefix("/v2/alerts")) for method, path in found if "alerts" in path} == {
        ("post", ""),
        ("post", "/{identifier}/close"),
        ("post", "/{identifier}/acknowledge"),
        ("post", "/{identifier}/notes"),
        ("get", "/{identifier}"),
        ("get", "/requests/{requestId}"),
    }
    for (method, path), about in found.items():
        form = "Refused" if "alerts" in path else "Rejected"
        refusals = {status: answer for status, answer in about["responses"].items() if status >= "400"}
        assert {"413", "415", "429"} <= refusals.keys() or method == "get", path
        for answer in refusals.values():
            schema = answer["content"]["application/json"]["schema"]
            assert schema == {"$ref": f"#/components/schemas/{form}"}, (path, answer)
        assert about.get("security", []) == ([{"GenieKey": []}] if "alerts" in path else []), path


async def test_the_webhook_lists_what_a_sender_has_to_expect(light_house: House) -> None:
    webhook = light_house.app.api.openapi()["paths"]["/webhooks/{source}/{key}"]["post"]
    assert set(webhook["responses"]) == {"202", "401", "404", "413", "415", "422", "503"}
    assert [one["name"] for one in webhook["parameters"]] == ["source", "key"]
    assert "security" not in webhook


async def test_every_command_has_an_operation_with_its_own_body(light_house: House) -> None:
    document = light_house.app.api.openapi()
    for command in COMMANDS:
        about = document["paths"][f"{INCIDENTS}/{{id}}/{name_of(command)}"]["post"]
        assert about["description"] == command.__doc__
        assert f"{command.__name__}Body" in str(about["requestBody"])
        required = any(field.is_required() for field in command.model_fields.values())
        assert about["requestBody"].get("required", False) is required
        assert "Idempotency-Key" in {one["name"].title() for one in about["parameters"]}


async def test_every_operation_is_named_described_and_sorted_under_a_tag(light_house: House) -> None:
    document = light_house.app.api.openapi()
    tags = {tag["name"] for tag in document["tags"]}
    names = [about["operationId"] for _, _, about in operations(document)]
    assert len(set(names)) == len(names)
    for _, path, about in operations(document):
        assert about.get("description"), path
        assert set(about["tags"]) <= tags, path


async def test_every_reference_leads_somewhere(light_house: House) -> None:
    document = light_house.app.api.openapi()
    for reference in _references(document):
        assert reference.removeprefix("#/components/schemas/") in document["components"]["schemas"], reference


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


async def test_the_page_for_people_shows_every_operation_and_needs_nothing_from_elsewhere(light_house: House) -> None:
    async with light_house.client(role=None) as reader:
        answer = await reader.get("/docs")
    for method, path, _ in operations(light_house.app.api.openapi()):
        assert f"<b>{method.upper()}</b> {path}</h3>" in answer.text
    assert "<script" not in answer.text
    assert "http://" not in answer.text
    assert "https://" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


KINDS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"type": "string"}, "string"),
    ({"type": "string", "format": "date-time"}, "date-time"),
    ({"$ref": "#/components/schemas/State"}, "State"),
    ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "integer or null"),
    ({"type": "array", "items": {"$ref": "#/components/schemas/Fault"}}, "list of Fault"),
    ({"enum": ["P0", "P1"]}, "P0, P1"),
    ({}, "anything"),
)


def test_a_schema_is_told_in_a_few_words() -> None:
    for schema, words in KINDS:
        assert kind(schema) == words
