"""Routes in `tocsin.yaml`: what is refused, what is warned of, and what older configurations go on meaning."""

import json
from textwrap import indent

import pytest

from engine.bootstrap import DEFAULT, registry
from engine.config.load import advise, load
from engine.config.stored import from_document, to_document
from engine.core.errors import ConfigError, Finding
from engine.core.policy import Config

FILE = "tocsin.yaml"
BASE = DEFAULT.read_text(encoding="utf-8").replace(
    "services:\n", "services:\n  shop: {title: Shop}\n  payments: {title: Payments}\n"
)


def routed(routes: str, base: str = BASE) -> str:
    assert base.count("routes: []\n") == 1
    return base.replace("routes: []\n", f"routes:\n{indent(routes, '  ')}\n")


def findings(text: str) -> tuple[Finding, ...]:
    with pytest.raises(ConfigError) as caught:
        load(text, FILE, registry())
    return caught.value.findings


def advice(text: str) -> list[tuple[int, str, str]]:
    return [(one.line, one.path, one.wrong) for one in advise(text, FILE, load(text, FILE, registry()))]


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_a_route_gives_what_it_names() -> None:
    text = routed("""\
- name: everything
  match: ['@integration="alertmanager"', team="payments"]
  service: payments
  policy: standard
  priority: P1
  playbook: performance-issue
  group_by: [cluster]
  continue: true
- {name: rest, service: shop}""")
    first, rest = load(text, FILE, registry()).routes
    assert [str(matcher) for matcher in first.match] == ['@integration="alertmanager"', 'team="payments"']
    given = (first.service, first.policy, first.priority, first.playbook, first.group_by, first.goes_on)
    assert given == ("payments", "standard", "P1", "performance-issue", ("cluster",), True)
    assert rest.goes_on is False
    assert advice(text) == []


REFUSED: list[tuple[str, str, str, str]] = [
    ("{name: r, servce: shop}", "routes[0].servce", "this key is not known", "did you mean 'service'?"),
    ("{name: r, service: shp}", "routes[0].service", "there is no service 'shp'", "did you mean 'shop'?"),
    ("{name: r, policy: std}", "routes[0].policy", "there is no policy 'std'", "known here: standard"),
    ("{name: r, playbook: reboot}", "routes[0].playbook", "there is no playbook 'reboot'", "known here"),
    ("{name: r, priority: P9}", "routes[0].priority", "'P9' is not known here", "'P0', 'P1', 'P2' or 'P3'"),
    ("{name: r, goes_on: true, service: shop}", "routes[0].goes_on", "this key is not known", "known here: continue"),
    ("{name: r, continue: maybe, service: shop}", "routes[0].continue", "'maybe' is not true", "true or false"),
    ("{name: r, continue: true}", "routes[0]", "it goes on and gives nothing", "give it one of service, policy"),
    (
        "{name: r, match: ['@integration=\"alertmanger\"'], service: shop}",
        "routes[0].match[0]",
        "there is no integration 'alertmanger'",
        "did you mean 'alertmanager'?",
    ),
    (
        "{name: r, match: ['@integration!=\"alertmanger\"'], service: shop}",
        "routes[0].match[0]",
        "there is no integration 'alertmanger'",
        "did you mean 'alertmanager'?",
    ),
    (
        "{name: r, match: ['@integration=~\"generic|grafana\"'], service: shop}",
        "routes[0].match[0]",
        "there is no integration 'grafana'",
        "known here: alertmanager, generic",
    ),
    (
        "{name: r, match: ['@integration=~\"grafana-.*\"'], service: shop}",
        "routes[0].match[0]",
        "no integration's name is like 'grafana-.*'",
        "known here: alertmanager, generic",
    ),
    (
        "{name: r, match: ['@source=\"x\"'], service: shop}",
        "routes[0].match[0]",
        "is not a matcher",
        'write it like severity="critical"',
    ),
]


@pytest.mark.parametrize(("route", "path", "wrong", "remedy"), REFUSED)
def test_a_route_that_can_not_be_meant_is_refused(route: str, path: str, wrong: str, remedy: str) -> None:
    text = routed(f"- {route}")
    [finding] = findings(text)
    assert (finding.file, finding.line, finding.path) == (FILE, line_of(text, route), path)
    assert wrong in finding.wrong
    assert remedy in f"{finding.wrong} {finding.remedy}"


ACCEPTED = [
    '@integration=""',
    '@integration=~"gen.*"',
    '@integration!~"generic|alertmanager"',
    '@integration=~"|generic"',
]


@pytest.mark.parametrize("matcher", ACCEPTED)
def test_the_integration_is_matched_like_any_label(matcher: str) -> None:
    text = routed(f"- {{name: r, match: [{json.dumps(matcher)}], service: shop}}")
    assert str(load(text, FILE, registry()).routes[0].match[0]) == str(matcher)


def test_only_routes_can_ask_for_the_integration() -> None:
    rule = "match: ['@integration=\"generic\"']\n      priority: P3"
    text = BASE.replace(
        "match: ['category=~\"deployment|scaling|scaling[-_ ]event|performance[-_ ]report\"']\n      priority: P3", rule
    )
    [finding] = findings(text)
    assert finding.path == "classification.rules[9].match[0]"
    assert "asks for the integration, which only routes can" in finding.wrong


def test_behind_a_route_for_everything_nothing_is_reached_unless_it_goes_on() -> None:
    last = "- {name: web, match: [team=web], service: shop}"
    stops = routed(f"- {{name: all, service: shop}}\n{last}")
    [finding] = findings(stops)
    assert (finding.line, finding.path) == (line_of(stops, last), "routes[1]")
    assert finding.wrong == "it is never reached: routes[0] before it has no condition and takes everything"
    goes_on = routed(f"- {{name: all, policy: standard, continue: true}}\n{last}")
    assert len(load(goes_on, FILE, registry()).routes) == 2


ADVICE: list[tuple[str, list[tuple[str, str]]]] = [
    (
        "- {name: a, match: [team=web], service: shop}\n- {name: b, match: [team=web], service: payments}",
        [("routes[1]", "it is never reached: routes[0] before it takes all that it asks for")],
    ),
    (
        "- {name: a, match: [team=web], service: shop}\n- {name: b, match: [env=prod, team=web], service: payments}",
        [("routes[1]", "it is never reached: routes[0] before it takes all that it asks for")],
    ),
    (
        "- {name: a, match: [env=prod, team=web], service: shop}\n- {name: b, match: [team=web], service: payments}",
        [],
    ),
    (
        (
            "- {name: a, match: [team=web], service: shop, continue: true}\n"
            "- {name: b, match: [env=prod, team=web], service: payments}"
        ),
        [
            (
                "routes[1]",
                "what it gives never counts: routes[0] before it, which takes all that it asks for, gives that too",
            )
        ],
    ),
    (
        (
            "- {name: a, match: [team=web], service: shop, continue: true}\n"
            "- {name: b, match: [team=web], service: payments, policy: standard}"
        ),
        [],
    ),
    ("- {name: a, match: [team=web], service: shop, continue: true}\n- {name: b, match: [team=web, x=y]}", []),
    ("- {name: a, policy: standard, continue: true}\n- {name: b, match: [team=web], service: shop}", []),
]


@pytest.mark.parametrize(("routes", "expected"), ADVICE)
def test_a_route_that_comes_to_nothing_is_warned_of(routes: str, expected: list[tuple[str, str]]) -> None:
    text = routed(routes)
    assert advice(text) == [(line_of(text, "- {name: b"), path, wrong) for path, wrong in expected]


def test_a_policy_that_every_alert_gets_can_not_be_given_again() -> None:
    text = routed("- {name: a, policy: standard, continue: true}\n- {name: b, match: [team=web], policy: standard}")
    [(line, path, wrong)] = advice(text)
    assert (line, path) == (line_of(text, "- {name: b"), "routes[1]")
    assert "what it gives never counts: routes[0] before it" in wrong


UNLISTED = BASE.replace(
    "  default:\n    title: Everything without a service of its own\n    policy: standard\n", ""
).replace("default_service: default\n", "")


def test_alerts_that_no_route_takes_always_have_a_service_and_a_policy() -> None:
    wrong = BASE.replace("default_service: default\n", "default_service: defualt\n")
    [finding] = findings(wrong)
    assert str(finding) == (
        f"{FILE}:{line_of(wrong, 'defualt')}: default_service: there is no service 'defualt'; did you mean 'default'?"
    )
    [empty] = findings(BASE.replace("default_service: default\n", "default_service:\n"))
    assert (empty.path, empty.remedy) == ("default_service", "write text, in quotes if it looks like a number")
    [nothing] = findings(BASE.replace("default_policy: standard\n", "default_policy: gold\n"))
    assert (nothing.path, nothing.wrong) == ("default_policy", "there is no policy 'gold'")


def test_a_default_service_that_is_nowhere_described_is_warned_of_unless_no_alert_gets_there() -> None:
    [(_, path, wrong)] = advice(UNLISTED)
    assert (path, wrong) == (
        "default_service",
        "'default', where alerts go that nothing gives a service, is not under services",
    )
    assert advice(routed("- {name: rest, service: shop}", UNLISTED)) == []
    assert len(advice(routed("- {name: rest, policy: standard}", UNLISTED))) == 1


def test_a_revision_of_an_older_release_means_what_it_meant() -> None:
    text = routed("- {name: pay, match: [team=payments], service: payments, group_by: [cluster]}")
    config = load(text, FILE, registry())
    document = json.loads(to_document(config))
    for route in document["routes"]:
        for key in ("policy", "priority", "playbook", "delay", "continue"):
            del route[key]
    assert document["routes"][0].keys() == {"name", "match", "service", "group_by"}
    assert from_document(json.dumps(document)) == config


def test_a_stored_route_reads_back_with_the_key_that_it_has_in_the_file() -> None:
    config: Config = load(routed("- {name: pay, service: payments, continue: true}"), FILE, registry())
    document = to_document(config)
    assert json.loads(document)["routes"][0]["continue"] is True
    assert from_document(document) == config
