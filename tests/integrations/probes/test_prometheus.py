"""What a PromQL probe makes of what Prometheus answers. That Prometheus answers so is shown in tests/real."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from engine.core.probing import Finding
from integrations.probes.prometheus import Settings, read
from integrations.probes.web import Exchange

BASE: dict[str, Any] = {"url": "http://prometheus.example.com:9090", "query": "up"}


def exchange(body: object, status: int = 200) -> Exchange:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Exchange(status=status, charset=None, body=sent, seconds=0.1, certificate=None)


def found(kind: str, result: object) -> Exchange:
    return exchange({"status": "success", "data": {"resultType": kind, "result": result}, "warnings": ["x"]})


def vector(**values: str) -> Exchange:
    """One series for each, with its name as the label."""
    result = [{"metric": {"__name__": "up", "zone": zone}, "value": [1.5, text]} for zone, text in values.items()]
    return found("vector", result)


def look(answer: Exchange, **given: Any) -> Finding:
    return read(Settings.model_validate(BASE | given), answer)


ANSWERS: dict[str, tuple[Exchange, dict[str, Any], tuple[bool, bool], str, Mapping[str, float]]] = {
    "at the limit": (vector(a="5"), {"above": 5}, (True, True), 'it is 5 of {zone="a"}', {"query_value": 5}),
    "above it": (vector(a="5.1"), {"above": 5}, (False, True), '5.1 of {zone="a"} is above 5', {"query_value": 5.1}),
    "at the lower limit": (vector(a="1"), {"below": 1}, (True, True), "it is 1", {"query_value": 1}),
    "below it": (vector(a="0"), {"below": 1}, (False, True), '0 of {zone="a"} is below 1', {"query_value": 0}),
    "the highest of several": (vector(a="1", b="7"), {"above": 5}, (False, True), "7 of", {"query_value": 7}),
    "the lowest of several": (vector(a="1", b="0"), {"below": 1}, (False, True), "0 of", {"query_value": 0}),
    "the one that is taken": (
        vector(a="99.99", b="98"),
        {"value": "availability_percent", "take": "lowest"},
        (True, True),
        "it is 98",
        {"availability_percent": 98},
    ),
    "by its name": (
        vector(a="7.2"),
        {"value": "error_rate_percent"},
        (True, True),
        "it is 7.2",
        {"error_rate_percent": 7.2},
    ),
    "a scalar": (found("scalar", [1.5, "7"]), {"above": 5}, (False, True), "7 is above 5", {"query_value": 7}),
    "nothing": (vector(), {"above": 5}, (False, True), "the query finds nothing", {}),
    "nothing where that is well": (vector(), {"above": 5, "empty": "well"}, (True, True), "finds nothing", {}),
    "no number": (vector(a="NaN"), {"above": 5}, (False, True), "the query finds nothing", {}),
    "no number beside one": (vector(a="NaN", b="4"), {"above": 5}, (True, True), "it is 4", {"query_value": 4}),
    "without end": (vector(a="+Inf"), {"above": 5}, (False, True), "inf of", {}),
    "a range": (found("matrix", []), {"above": 5}, (False, True), "gives a matrix", {}),
    "a query that is none": (
        exchange({"status": "error", "errorType": "bad_data", "error": "parse error: x"}, 400),
        {"above": 5},
        (False, True),
        "it refuses the query: parse error: x",
        {},
    ),
    "a server at its end": (
        exchange({"status": "error", "errorType": "internal", "error": "out of memory"}, 500),
        {"above": 5},
        (False, False),
        "it refuses the query: out of memory",
        {},
    ),
    "a page": (exchange(b"<html>", 502), {"above": 5}, (False, False), "it answered 502, and not as", {}),
    "another JSON": (exchange([]), {"above": 5}, (False, False), "it answered 200, and not as", {}),
    "another result": (found("vector", {}), {"above": 5}, (False, False), "it answered 200, and not as", {}),
    "a value that is none": (vector(a="many"), {"above": 5}, (False, False), "it answered 200, and not as", {}),
}


@pytest.mark.parametrize(("answer", "given", "stands", "reason", "values"), ANSWERS.values(), ids=ANSWERS)
def test_the_series_that_counts_decides(
    answer: Exchange, given: dict[str, Any], stands: tuple[bool, bool], reason: str, values: Mapping[str, float]
) -> None:
    finding = look(answer, **given)
    assert (finding.ok, finding.up) == stands, finding
    assert reason in finding.reason
    assert finding.values == values


def test_what_stands_in_labels_and_errors_breaks_out_of_no_line() -> None:
    hostile = found("vector", [{"metric": {"zone": "a\n\x1b[31m" + "x" * 500}, "value": [1, "9"]}])
    assert look(hostile, above=5).reason.isprintable()
    assert len(look(hostile, above=5).reason) < 200
    refused = exchange({"status": "error", "error": "no\n\x1b[31m" + "x" * 5_000}, 422)
    assert look(refused, above=5).reason.isprintable()


@pytest.mark.parametrize(
    "given", [{}, {"above": "much"}, {"above": float("nan")}, {"value": "Error Rate"}, {"above": 1, "query": ""}]
)
def test_a_query_without_a_sound_limit_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(BASE | given)
