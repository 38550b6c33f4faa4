"""The OpenAPI document as a page: no script, nothing from elsewhere, so that it works wherever the engine does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
Json = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    method: str
    path: str
    about: Json


def render_docs(document: Json) -> str:
    environment = Environment(
        loader=PackageLoader("engine.api"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("docs.html.j2")
    return page.render(document=document, by_tag=_by_tag(document), kind=kind, body=body)


def _by_tag(document: Json) -> dict[str, list[Operation]]:
    found: dict[str, list[Operation]] = {tag["name"]: [] for tag in document["tags"]}
    for operation in _operations(document):
        for tag in operation.about["tags"]:
            found[tag].append(operation)
    return found


def _operations(document: Json) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method, about in methods.items():
            yield Operation(method=method.upper(), path=path, about=about)


def body(content: Json) -> str:
    """The schema's name behind a request's or a response's content; empty where there is none."""
    return next((_name(media["schema"]) for media in content.values() if media.get("schema")), "")


def _name(schema: Json) -> str:
    options = [schema, *schema.get("anyOf", ())]
    return next((one["$ref"].rpartition("/")[2] for one in options if "$ref" in one), "")


def kind(schema: Json) -> str:
    """What a value has to be, in a few words."""
    if "$ref" in schema:
        return _name(schema)
    if "anyOf" in schema:
        return " or ".join(kind(option) for option in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return f"list of {kind(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or "anything")
