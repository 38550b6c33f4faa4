"""Routes: which an alert takes, what they give it, what is on record about it."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from random import Random
from typing import Any

import pytest

from engine.core.intake import Opening, most_urgent, open_incident, place
from engine.core.matchers import all_match
from engine.core.model import ENGINE, OWN, Actor, ActorKind, Alert
from engine.core.policy import Canary, Route
from engine.core.routing import NOWHERE, Router, facts_of, integration_of, settle, trace
from engine.core.timeline import Kind
from tests.core.cases import CONFIG, LEAD, MONITOR, NOON, REACHABLE, alert, changed, line, minutes


def route(name: str, *match: str, go_on: bool = False, **given: Any) -> Route:
    return Route.model_validate({"name": name, "match": match, "continue": go_on, **given})


def taken(routes: list[Route], **labels: str) -> list[str]:
    return [one.name for one in Router(routes).route(facts_of(labels, MONITOR)).routes]


PAYMENTS = ('team="payments"',)
LISTS: list[tuple[str, list[Route], dict[str, str], list[str]]] = [
    ("no route", [], {"team": "payments"}, []),
    ("none that matches", [route("a", *PAYMENTS)], {"team": "web"}, []),
    ("the first that matches is the last", [route("a", *PAYMENTS), route("b")], {"team": "payments"}, ["a"]),
    (
        "with continue the next is tried",
        [route("a", *PAYMENTS, go_on=True), route("b")],
        {"team": "payments"},
        ["a", "b"],
    ),
    ("continue matters only where it matches", [route("a", *PAYMENTS, go_on=True), route("b")], {}, ["b"]),
    (
        "those between that don't match are passed",
        [route("a", go_on=True), route("b", *PAYMENTS), route("c")],
        {},
        ["a", "c"],
    ),
    ("continue at the end is the end", [route("a", *PAYMENTS), route("b", go_on=True)], {}, ["b"]),
    ("every matcher has to match", [route("a", *PAYMENTS, 'job="db"'), route("b")], {"team": "payments"}, ["b"]),
    ("not equal", [route("a", 'team!="payments"'), route("b")], {"team": "web"}, ["a"]),
    ("a missing label is not equal", [route("a", 'team!="payments"'), route("b")], {}, ["a"]),
    ("a pattern", [route("a", 'team=~"pay.*"'), route("b")], {"team": "payments"}, ["a"]),
    ("words", [route("a", 'team=~"web|payments"'), route("b")], {"team": "payments"}, ["a"]),
    ("not a pattern", [route("a", 'team!~"pay.*"'), route("b")], {"team": "payments"}, ["b"]),
    ("a missing label is the empty one", [route("a", 'team=""'), route("b")], {}, ["a"]),
    ("a missing label is among words", [route("a", 'team=~"web|"'), route("b")], {}, ["a"]),
]


@pytest.mark.parametrize(("routes", "labels", "expected"), [row[1:] for row in LISTS], ids=[row[0] for row in LISTS])
def test_an_alert_takes_the_first_route_that_matches_and_goes_on_only_where_that_says_so(
    routes: list[Route], labels: dict[str, str], expected: list[str]
) -> None:
    assert taken(routes, **labels) == expected


FIRST_STANDS: list[tuple[str, list[Route], dict[str, Any]]] = [
    (
        "what is open is filled in",
        [route("urgent", go_on=True, policy="gold"), route("rest", service="shop")],
        {"policy": "gold", "service": "shop"},
    ),
    (
        "what is given stays",
        [route("pay", go_on=True, service="payments"), route("rest", service="shop", policy="gold")],
        {"service": "payments", "policy": "gold"},
    ),
    (
        "each value by itself",
        [
            route("a", go_on=True, priority="P0"),
            route("b", go_on=True, priority="P3", playbook="restart", group_by=("cluster",)),
            route("c", service="shop", playbook="other", group_by=("job",)),
        ],
        {"priority": "P0", "playbook": "restart", "group_by": ("cluster",), "service": "shop"},
    ),
    ("nothing given is nothing taken away", [route("a", go_on=True, service="shop"), route("b")], {"service": "shop"}),
]


@pytest.mark.parametrize(
    ("routes", "expected"), [row[1:] for row in FIRST_STANDS], ids=[row[0] for row in FIRST_STANDS]
)
def test_of_what_several_routes_give_the_first_stands(routes: list[Route], expected: dict[str, Any]) -> None:
    routed = settle(routes)
    found = {what: getattr(routed, what) for what in ("service", "policy", "priority", "playbook", "group_by")}
    assert {what: value for what, value in found.items() if value} == expected


INTEGRATIONS: list[tuple[Actor, str]] = [
    (MONITOR, "monitor"),
    (Actor(kind=ActorKind.SOURCE, id="prom-eu", via="alertmanager"), "prom-eu"),
    (Actor(kind=ActorKind.PERSON, id="monitor"), ""),
    (Actor(kind=ActorKind.TOKEN, id="monitor"), ""),
    (Actor(kind=ActorKind.SOURCE, id="tocsin", via="alertmanager"), "tocsin"),
    (OWN, ""),
    (ENGINE, ""),
]


@pytest.mark.parametrize(("actor", "name"), INTEGRATIONS)
def test_only_what_came_through_an_integration_has_the_name_of_one(actor: Actor, name: str) -> None:
    assert integration_of(actor) == name
    chosen = Router([route("mine", f'@integration="{name}"'), route("rest")]).route(facts_of({}, actor))
    assert chosen.routes[0].name == "mine"


@pytest.mark.parametrize("actor", [MONITOR, LEAD])
def test_no_label_of_an_alert_passes_for_its_integration(actor: Actor) -> None:
    routes = [route("trusted", '@integration="trusted"'), route("rest")]
    forged = {"@integration": "trusted", "integration": "trusted"}
    assert [one.name for one in Router(routes).route(facts_of(forged, actor)).routes] == ["rest"]


def test_an_alert_is_grouped_by_the_labels_that_a_route_names() -> None:
    config = changed("routes", to=(route("r", go_on=True, group_by=("cluster", "job")), route("s", service="shop")))
    assert place(config, alert(cluster="eu", job="db"), MONITOR).key == "shop/cluster=eu,job=db"


GOLD = changed("policies", to={**CONFIG.policies, "gold": CONFIG.policies["standard"]})
SERVICES: list[tuple[list[Route], str | None, str | None, tuple[str, str]]] = [
    ([route("r", service="shop")], "own", "fallback", ("shop", "route r (every alert): service shop")),
    (
        [route("r", policy="gold")],
        "own",
        "fallback",
        ("own", "service own: the alert names it; route r (every alert): policy gold"),
    ),
    ([], "own", "fallback", ("own", "service own: the alert names it")),
    ([], None, "fallback", ("fallback", "service fallback: its integration names it")),
    ([], None, None, ("default", "service default: it is the default")),
    ([route("r", 'team="x"', service="shop")], None, None, ("default", "service default: it is the default")),
]


@pytest.mark.parametrize(("routes", "own", "fallback", "expected"), SERVICES)
def test_the_opening_says_where_the_service_comes_from(
    routes: list[Route], own: str | None, fallback: str | None, expected: tuple[str, str]
) -> None:
    config = changed("routes", to=tuple(routes), of=GOLD)
    opened = opening(config, replace(alert(), service=own), fallback=fallback)
    assert (opened.incident.service, line(opened, Kind.OPENED).data["placed"]) == expected


def opening(config: Any, *alerts: Alert, fallback: str | None = None) -> Any:
    arrivals = [place(config, one, MONITOR, fallback) for one in alerts]
    how = Opening(number=7, revision=3, reachable=REACHABLE, now=NOON)
    return open_incident(config, arrivals, how, most_urgent(arrivals).found)


ROUTED = changed(
    "routes",
    to=(
        route("night", 'env="prod"', 'severity=~"crit.*"', go_on=True, policy="gold", priority="P0"),
        route("pay", '@integration="monitor"', 'team="payments"', service="payments", group_by=("cluster",)),
        route("rest", service="shop", priority="P3"),
    ),
    of=GOLD,
)


def test_the_opening_names_every_route_what_it_gave_and_why_it_was_taken() -> None:
    opened = opening(ROUTED, alert(env="prod", severity="critical", team="payments", cluster="eu"))
    assert (opened.incident.service, opened.incident.policy, opened.incident.priority) == ("payments", "gold", "P0")
    facts = line(opened, Kind.OPENED).data
    assert (facts["routes"], facts["policy"]) == (["night", "pay"], "gold")
    assert facts["placed"] == (
        'route night (env="prod", severity=~"crit.*"): policy gold, priority P0; '
        'route pay (@integration="monitor", team="payments"): service payments, group by cluster'
    )


def test_of_alerts_that_come_together_the_routes_of_the_most_urgent_count() -> None:
    calm, urgent = alert("f1", team="payments"), alert("f2", env="prod", severity="critical", team="payments")
    opened = opening(ROUTED, calm, urgent)
    assert (opened.incident.policy, opened.incident.priority) == ("gold", "P0")
    assert line(opened, Kind.OPENED).data["routes"] == ["night", "pay"]


PRIORITIES: list[tuple[dict[str, str], tuple[str, str, bool]]] = [
    ({"env": "prod", "severity": "critical"}, ("P0", "route:night", True)),
    ({"env": "prod", "severity": "critical", "priority": "P2"}, ("P2", "priority-label", True)),
    ({"severity": "critical"}, ("P3", "route:rest", True)),
    ({"severity": "info"}, ("P3", "route:rest", False)),
    ({"team": "payments", "severity": "critical"}, ("P1", "critical", True)),
]


@pytest.mark.parametrize(("labels", "expected"), PRIORITIES)
def test_a_routes_priority_comes_after_an_explicit_one_and_before_every_rule(
    labels: dict[str, str], expected: tuple[str, str, bool]
) -> None:
    found = place(ROUTED, alert(**labels), MONITOR).found
    assert (found.priority, found.rule, found.page) == expected


def test_a_routes_priority_keeps_the_escalation_time_of_the_alert_level() -> None:
    found = place(ROUTED, alert(env="prod", severity="critical"), MONITOR).found
    assert (found.alert_level, found.respond_within) == ("critical", minutes(5))
    assert found.reason == "the route night gives P0"


def test_a_canary_takes_no_route_and_other_news_of_tocsins_own_do() -> None:
    config = changed("canary", to=Canary(every="15m", service="canary"), of=ROUTED)  # type: ignore[arg-type]  # pydantic reads the span
    canary = replace(alert(), service="canary")
    assert place(config, canary, OWN).service == "canary"
    assert place(config, canary, OWN).routed is NOWHERE
    assert place(config, replace(canary, service="tocsin"), OWN).service == "shop"
    assert place(config, canary, replace(MONITOR, id="tocsin")).service == "shop"


def test_a_thousand_routes_are_not_looked_at_one_by_one() -> None:
    every = [
        *(route(f"team-{number}", 'severity="critical"', f'team="team-{number}"') for number in range(600)),
        *(route(f"words-{number}", 'env=~"prod|test"', f'team=~"red-{number}|blue-{number}"') for number in range(400)),
        *(route(f"pattern-{number}", f'job=~"green-{number}(-.*)?"', 'env!="test"') for number in range(200)),
        route("rest"),
    ]
    router = Router(every)
    facts = {"severity": "critical", "env": "prod", "team": "blue-7", "job": "green-9-x"}
    for _ in range(2):
        assert [one.name for one in router.candidates(facts)] == ["words-7", "pattern-9", "rest"]
    assert [one.name for one in router.route(facts).routes] == ["words-7"]


def test_each_route_tells_what_came_of_it() -> None:
    routes = [
        route("web", 'env="prod"', 'team="web"', service="web"),
        route("all", go_on=True, priority="P1", policy="gold"),
        route("late", go_on=True, priority="P3", service="pay"),
        route("stop", 'team="payments"'),
        route("rest", 'env="test"', service="rest"),
    ]
    found = trace(routes, facts_of({"env": "prod", "team": "payments"}, MONITOR))
    told = [(one.route.name, one.tried, one.taken, one.found, one.gave, one.late) for one in found]
    assert told == [
        ("web", True, False, "payments", (), ()),
        ("all", True, True, "", ("policy", "priority"), ()),
        ("late", True, True, "", ("service",), ("priority",)),
        ("stop", True, True, "", (), ()),
        ("rest", False, False, "", (), ()),
    ]
    assert [str(one.missed) for one in found if one.missed] == ['team="web"']


NAMES, VALUES = ["team", "job", "@integration"], ["", "a", "b", "monitor"]
PATTERNS = [*VALUES, "a|b", "|b", "a.*", "[ab]", "a|m.*"]
MATCHERS = [f'{name}{op}"{value}"' for name, op, value in product(NAMES, ["=", "!=", "=~", "!~"], PATTERNS)]
LABELS: list[dict[str, str]] = [
    *({"team": team, "job": job} for team, job in product(VALUES, VALUES)),
    *({name: value} for name, value in product(["team", "job"], VALUES)),
    {},
]


def test_the_index_finds_what_trying_one_after_the_other_would() -> None:
    chance = Random(1)
    for _ in range(200):
        matches = (chance.choices(MATCHERS, k=chance.randrange(4)) for _ in range(chance.randrange(9)))
        routes = [route(f"r{place}", *match, go_on=chance.random() < 0.5) for place, match in enumerate(matches)]
        for labels in chance.sample(LABELS, 5):
            finds_what_trying_would(routes, labels)


def finds_what_trying_would(routes: list[Route], labels: dict[str, str]) -> None:
    facts, expected = facts_of(labels, MONITOR), []
    for one in routes:
        if all_match(one.match, facts):
            expected.append(one)
            if not one.goes_on:
                break
    assert list(Router(routes).route(facts).routes) == expected
    assert [trial.route for trial in trace(routes, facts) if trial.taken] == expected
