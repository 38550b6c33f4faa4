"""Labels from tables: looked up before routes and rules, kept apart from what an alert says itself."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from engine.core.enrichment import enrich, row_key
from engine.core.intake import Opening, open_incident, place
from engine.core.model import OWN, Alert
from engine.core.policy import Canary, Enrichment, Route
from engine.core.timeline import Kind
from tests.core.cases import MONITOR, NOON, REACHABLE, alert, changed, line


def table(by: str, sets: str, rows: dict[str, dict[str, str]], **more: Any) -> Enrichment:
    given = {"file": "tables/hosts.csv", "by": by.split(), "set": sets.split(), "rows": rows}
    return Enrichment.model_validate({**given, **more})


HOSTS = table("instance", "team service", {"web-1": {"team": "payments", "service": "pay"}, "db-1": {"team": "data"}})
OVERRIDING = table("instance", "team severity", {"web-1": {"team": "payments", "severity": "warning"}}, override=True)
BOTH = table("cluster instance", "team", {"eu,web-1": {"team": "payments"}, '"a,b",c': {"team": "odd"}})
ON_CALL = table("team", "priority", {"payments": {"priority": "P0"}})

CASES: list[tuple[str, list[Enrichment], dict[str, str], dict[str, str]]] = [
    ("a row that is found", [HOSTS], {"instance": "db-1"}, {"team": "data"}),
    ("no row", [HOSTS], {"instance": "db-2"}, {}),
    ("no such label", [HOSTS], {"host": "db-1"}, {}),
    ("no table", [], {"instance": "db-1"}, {}),
    ("the alert's own label stays", [HOSTS], {"instance": "db-1", "team": "web"}, {}),
    ("some stay, some are new", [HOSTS], {"instance": "web-1", "team": "web"}, {"service": "pay"}),
    (
        "unless it is overridden",
        [OVERRIDING],
        {"instance": "web-1", "team": "web"},
        {"team": "payments", "severity": "warning"},
    ),
    ("several columns", [BOTH], {"cluster": "eu", "instance": "web-1"}, {"team": "payments"}),
    ("one of several is another", [BOTH], {"cluster": "us", "instance": "web-1"}, {}),
    ("one of several is missing", [BOTH], {"instance": "web-1"}, {}),
    ("a comma in a value", [BOTH], {"cluster": "a,b", "instance": "c"}, {"team": "odd"}),
    ("a comma in another value", [BOTH], {"cluster": "a", "instance": "b,c"}, {}),
    (
        "one table goes by what another gave",
        [HOSTS, ON_CALL],
        {"instance": "web-1"},
        {"team": "payments", "service": "pay", "priority": "P0"},
    ),
    ("in their order", [ON_CALL, HOSTS], {"instance": "web-1"}, {"team": "payments", "service": "pay"}),
    (
        "the first that gives a label",
        [HOSTS, table("instance", "team", {"db-1": {"team": "late"}})],
        {"instance": "db-1"},
        {"team": "data"},
    ),
    (
        "unless a later one overrides",
        [HOSTS, OVERRIDING],
        {"instance": "web-1"},
        {"team": "payments", "service": "pay", "severity": "warning"},
    ),
]


@pytest.mark.parametrize(("tables", "labels", "added"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_a_table_gives_an_alert_the_labels_of_the_row_that_is_found(
    tables: list[Enrichment], labels: dict[str, str], added: dict[str, str]
) -> None:
    one = replace(alert(**labels), service=None)
    found, additions = enrich(tables, one)
    assert dict(found.labels) == {**labels, **added}
    assert {name: value for addition in additions for name, value in addition.labels.items()} == added
    assert one.labels == labels


SERVICES: list[tuple[str, bool, str | None, dict[str, str], str | None]] = [
    ("none is named", False, None, {}, "pay"),
    ("it is guessed from another label", False, "node", {"job": "node"}, "pay"),
    ("the alert names it", False, "checkout", {}, "checkout"),
    ("its label names it", False, "checkout", {"service": "checkout"}, "checkout"),
    ("the alert names it and is overridden", True, "checkout", {}, "pay"),
    ("its label names it and is overridden", True, "checkout", {"service": "checkout"}, "pay"),
]


@pytest.mark.parametrize(
    ("override", "own", "labels", "expected"), [row[1:] for row in SERVICES], ids=[row[0] for row in SERVICES]
)
def test_a_service_from_a_table_counts_unless_the_alert_names_one(
    *, override: bool, own: str | None, labels: dict[str, str], expected: str | None
) -> None:
    hosts = HOSTS.model_copy(update={"override": override})
    one = replace(alert(instance="web-1", **labels), service=own)
    assert enrich([hosts], one)[0].service == expected


def test_two_rows_have_the_same_key_only_where_all_their_values_are_the_same() -> None:
    values = ["".join(signs) for length in range(4) for signs in product('a,"', repeat=length)]
    rows = list(product(values, repeat=2))
    assert len({row_key(row) for row in rows}) == len(rows)


ENRICHED = changed(
    "enrichment",
    to=(HOSTS, ON_CALL),
    of=changed("routes", to=(Route.model_validate({"name": "pay", "match": ["team=payments"], "group_by": ["team"]}),)),
)


def test_routes_and_rules_go_by_what_a_table_gave_and_the_record_says_so() -> None:
    placed = place(ENRICHED, replace(alert(instance="web-1"), service=None), MONITOR)
    assert (placed.service, placed.key, placed.found.priority) == ("pay", "pay/team=payments", "P0")
    how = Opening(number=7, revision=3, reachable=REACHABLE, now=NOON)
    opened = open_incident(ENRICHED, [placed], how, placed.found)
    assert line(opened, Kind.OPENED).data["placed"] == (
        'hosts.csv gives team="payments", service="pay"; hosts.csv gives priority="P0"; '
        'service pay: the alert names it; route pay (team="payments"): group by team'
    )


def test_what_no_table_knows_is_placed_as_without_tables() -> None:
    one: Alert = alert(instance="other")
    assert place(ENRICHED, one, MONITOR).alert is one


def test_a_canary_is_given_nothing() -> None:
    config = changed("canary", to=Canary.model_validate({"every": "15m", "service": "canary"}), of=ENRICHED)
    canary = replace(alert(instance="web-1"), service="canary")
    assert place(config, canary, OWN).alert is canary
