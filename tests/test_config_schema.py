import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

import engine
from engine.config.document import parse
from engine.config.schema import schema_text

ENGINE = Path(engine.__file__).parent
PUBLISHED = ENGINE / "tocsin.schema.json"


@cache
def schema() -> dict[str, Any]:
    return dict(json.loads(PUBLISHED.read_text(encoding="utf-8")))


def default() -> Any:
    return parse((ENGINE / "default.yaml").read_text(encoding="utf-8"), "default.yaml").value


def test_the_published_schema_is_that_of_the_models() -> None:
    same = PUBLISHED.read_text(encoding="utf-8") == schema_text()
    assert same, "run: python -m engine.config.schema > engine/tocsin.schema.json"


def test_the_default_configuration_is_right_by_the_schema() -> None:
    jsonschema_rs.validator_for(schema()).validate(default())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("levels", "operations", "number"), 0),
        (("levels", "operations", "titel"), "x"),
        (("policies", "standard", "P0", "respond_within"), "five minutes"),
        (("policies", "standard", "P0", "respond_within"), 5),
        (("business_hours", "start"), "9:00"),
        (("classification", "otherwise"), "P5"),
        (("contacts", "Ann"), {"name": "Ann", "reach": {}}),
        (("routes",), [{"name": "x", "match": [5], "service": "default"}]),
    ],
)
def test_an_editor_marks_what_is_wrong(path: tuple[str, ...], value: object) -> None:
    document = default()
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert not jsonschema_rs.validator_for(schema()).is_valid(document)


def test_an_editor_shows_what_each_entry_and_setting_means() -> None:
    models = schema()["$defs"]
    enums = {name for name, model in models.items() if "enum" in model}
    assert {name for name, model in models.items() if "description" not in model} <= enums
    assert schema()["title"] == "Tocsin configuration"
    assert models["Ladder"]["properties"]["lease"]["description"]


def test_spans_and_matchers_are_texts_with_examples() -> None:
    models = schema()["$defs"]
    assert models["Ladder"]["properties"]["deliver_within"]["default"] == "2m"
    assert models["Ladder"]["properties"]["deliver_within"]["examples"] == ["90s", "15m", "1h30m", "2d"]
    assert models["Route"]["properties"]["match"]["items"]["type"] == "string"
    assert models["BusinessHours"]["properties"]["start"]["default"] == "09:00"
