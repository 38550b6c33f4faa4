"""The shipped configuration against the documented standard: every number, name and order of it."""

from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest

import engine
from engine.config.load import load
from engine.config.registry import Registry
from engine.core.classify import classify
from engine.core.model import Alert, AlertLevel, AlertStatus, Priority, Role, Until
from engine.core.playbook import choose
from engine.core.policy import Config, Hours, Level, Step
from engine.playbookfile import load_playbooks, shipped_folder
from integrations.registry import CHANNELS, SOURCES

FILE = Path(engine.__file__).parent / "default.yaml"
P0, P1, P2, P3 = Priority


@cache
def default() -> Config:
    registry = Registry(
        sources={name: source.settings for name, source in SOURCES.items()},
        channels={name: kind.settings for name, kind in CHANNELS.items()},
        playbooks=frozenset(load_playbooks([shipped_folder()])),
    )
    return load(FILE.read_text(encoding="utf-8"), FILE.name, registry)


def steps(priority: Priority) -> tuple[Step, ...]:
    return default().policies["standard"].ladder(priority).steps


def span(text: str) -> timedelta:
    units = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}
    amount, unit = text.split()
    return timedelta(**{units[unit]: int(amount)})


@pytest.mark.parametrize(
    ("priority", "within"), [(P0, span("5 min")), (P1, span("15 min")), (P2, span("1 h")), (P3, "next_business_day")]
)
def test_each_priority_has_its_documented_response_target(priority: Priority, within: timedelta | str) -> None:
    assert default().policies["standard"].ladder(priority).respond_within == within


@pytest.mark.parametrize(
    ("name", "number", "title", "primary", "secondary", "channels"),
    [
        (
            "operations",
            1,
            "Operations",
            "Operations lead",
            "Senior operations engineer",
            ("phone", "email", "slack"),
        ),
        (
            "engineering",
            2,
            "Engineering leadership",
            "Engineering manager",
            "Senior engineering lead",
            ("phone", "email", "slack"),
        ),
        ("executive", 3, "Executive leadership", "CTO", "VP engineering", ("phone", "email")),
    ],
)
def test_each_level_has_its_people_and_channels(
    name: str, number: int, title: str, primary: str, secondary: str, channels: tuple[str, ...]
) -> None:
    level: Level = default().levels[name]
    assert (level.number, level.title, level.reached_by, level.together) == (number, title, channels, True)
    assert default().contacts[level.primary].name == f"{primary} (example)"
    assert default().contacts[level.secondary or ""].name == f"{secondary} (example)"


def test_there_are_three_levels_and_the_documented_external_support() -> None:
    config = default()
    on_levels = {name for level in config.levels.values() for name in (level.primary, level.secondary)}
    external = {name: contact for name, contact in config.contacts.items() if name not in on_levels}
    assert set(config.levels) == {"operations", "engineering", "executive"}
    assert len(on_levels) == 6
    assert {contact.name for contact in external.values()} == {
        "Cloud provider support (example)",
        "Security incident response (example)",
        "Legal and compliance (example)",
    }
    assert {contact.role for contact in external.values()} == {Role.VIEWER}


@pytest.mark.parametrize(
    ("priority", "ladder"),
    [
        (
            P0,
            [
                ("operations", "0 s", "acknowledged"),
                ("engineering", "30 min", "resolved"),
                ("executive", "1 h", "resolved"),
            ],
        ),
        (
            P1,
            [
                ("operations", "0 s", "acknowledged"),
                ("engineering", "2 h", "resolved"),
                ("executive", "4 h", "resolved"),
            ],
        ),
        (P2, [("operations", "0 s", "acknowledged")]),
        (P3, [("operations", "0 s", "acknowledged")]),
    ],
)
def test_each_level_is_paged_at_its_documented_time(priority: Priority, ladder: list[tuple[str, str, str]]) -> None:
    assert [(step.level, step.after, step.until) for step in steps(priority)] == [
        (level, span(after), Until(until)) for level, after, until in ladder
    ]


@pytest.mark.parametrize(("priority", "lease"), [(P0, "15 min"), (P1, "30 min"), (P2, "4 h"), (P3, None)])
def test_an_acknowledgement_holds_as_long_as_documented(priority: Priority, lease: str | None) -> None:
    assert default().policies["standard"].ladder(priority).lease == (span(lease) if lease else None)


def test_the_owner_has_five_minutes_to_answer_the_question() -> None:
    assert default().policies["standard"].lease_answer_within == span("5 min")


def test_only_the_lowest_priority_waits_for_business_hours() -> None:
    hours = {priority: default().policies["standard"].ladder(priority).hours for priority in Priority}
    assert hours == {P0: Hours.ALWAYS, P1: Hours.ALWAYS, P2: Hours.ALWAYS, P3: Hours.BUSINESS}
    assert default().queue


THRESHOLDS = {
    "critical": {
        ("response_time_seconds", 5, None),
        ("error_rate_percent", 5, None),
        ("availability_percent", None, 99.9),
    },
    "warning": {("response_time_seconds", 3, None), ("cpu_percent", 80, None), ("memory_percent", 85, None)},
    "information": set(),
}


@pytest.mark.parametrize(("level", "within"), [("critical", "5 min"), ("warning", "15 min"), ("information", None)])
def test_each_alert_level_has_its_thresholds_and_escalation_time(level: str, within: str | None) -> None:
    rule = default().classification.levels[AlertLevel(level)]
    assert {(limit.value, limit.above, limit.below) for limit in rule.thresholds} == THRESHOLDS[level]
    assert rule.respond_within == (span(within) if within else None)
    assert level in rule.severities


DOCUMENTED_RULES = [
    ("security-breach", P0, True),
    ("data-loss", P0, True),
    ("system-down", P0, True),
    ("auth-failing", P1, True),
    ("feature-unavailable", P1, True),
    ("critical", P1, True),
    ("warning", P2, True),
    ("information", P3, False),
]


def test_the_rules_come_in_the_documented_order() -> None:
    rules = [(rule.name, rule.priority, rule.page) for rule in default().classification.rules]
    assert [rule for rule in rules if rule in DOCUMENTED_RULES] == DOCUMENTED_RULES
    assert default().classification.otherwise is P2


def alert(title: str = "x", values: dict[str, float] | None = None, **labels: str) -> Alert:
    return Alert(fingerprint="f", status=AlertStatus.FIRING, title=title, labels=labels, values=values or {})


@pytest.mark.parametrize(
    ("given", "priority", "rule", "page"),
    [
        (alert("disk", priority="P0", severity="information"), P0, "priority-label", True),
        (alert("Security breach on the bastion", priority="P3"), P3, "priority-label", True),
        (alert("Security breach on the bastion"), P0, "security-breach", True),
        (alert("Host db1 compromised", severity="warning"), P0, "security-breach", True),
        (alert("x", category="data-loss"), P0, "data-loss", True),
        (alert("x", alertname="DataCorruption"), P0, "data-loss", True),
        (alert("No data loss so far"), P2, "nothing-known", True),
        (alert("The payment system is down"), P0, "system-down", True),
        (alert("Shop completely unavailable", severity="information"), P0, "system-down", True),
        (alert("Filesystem down to 5 % free"), P2, "nothing-known", True),
        (alert("Authentication failures rising"), P1, "auth-failing", True),
        (alert("x", type="authorization_issues"), P1, "auth-failing", True),
        (alert("Users can't log in"), P1, "auth-failing", True),
        (alert("Major feature unavailable: export"), P1, "feature-unavailable", True),
        (alert("Significant performance degradation"), P1, "performance-degraded", True),
        (alert("x", severity="critical"), P1, "critical", True),
        (alert(values={"response_time_seconds": 5.1}), P1, "critical", True),
        (alert(values={"error_rate_percent": 5.1}), P1, "critical", True),
        (alert(values={"availability_percent": 99.89}), P1, "critical", True),
        (alert(values={"response_time_seconds": 5.0}), P2, "warning", True),
        (alert("x", severity="warning"), P2, "warning", True),
        (alert(values={"response_time_seconds": 3.1}), P2, "warning", True),
        (alert(values={"cpu_percent": 80.1}), P2, "warning", True),
        (alert(values={"memory_percent": 85.1}), P2, "warning", True),
        (
            alert(values={"cpu_percent": 80.0, "memory_percent": 85.0, "availability_percent": 99.9}),
            P2,
            "nothing-known",
            True,
        ),
        (alert("x", severity="information"), P3, "information", False),
        (alert("v1.2.3 is out", category="deployment"), P3, "routine-event", False),
        (alert("web went from 3 to 5", category="scaling_event"), P3, "routine-event", False),
        (alert("Deployment failed"), P2, "nothing-known", True),
        (alert("Documentation update"), P3, "routine", True),
        (alert("Monitoring maintenance on Sunday"), P3, "routine", True),
        (alert("Performance optimization of the search"), P3, "routine", True),
        (alert("Something new"), P2, "nothing-known", True),
    ],
)
def test_an_alert_gets_its_documented_priority(given: Alert, priority: Priority, rule: str, *, page: bool) -> None:
    found = classify(default().classification, given)
    assert (found.priority, found.rule, found.page) == (priority, rule, page)


@pytest.mark.parametrize(
    ("priority", "labels", "text", "playbook"),
    [
        (P0, {}, "Security breach on the bastion", "security-incident"),
        (P2, {"category": "security-event"}, "x", "security-incident"),
        (P1, {}, "High latency in checkout", "performance-issue"),
        (P0, {}, "The system is down", "p0-critical-incident"),
        (P1, {}, "Users can't log in", "p1-high-priority-incident"),
        (P2, {}, "Disk is filling", None),
        (P3, {}, "Documentation update", None),
    ],
)
def test_an_incident_gets_its_documented_runbook(
    priority: Priority, labels: dict[str, str], text: str, playbook: str | None
) -> None:
    chosen = choose(default().playbooks, None, priority, labels, text)
    assert (chosen[0] if chosen else None) == playbook


def test_the_example_people_cannot_be_reached_by_mistake() -> None:
    for contact in default().contacts.values():
        assert contact.name.endswith("(example)")
        assert contact.reach["email"].endswith("@example.com")
        assert contact.reach["phone"].startswith("+1-555-01")
        assert contact.reach.get("slack", "U0EXAMPLE").startswith("U0EXAMPLE")


def test_the_default_holds_no_secret_and_takes_alerts_from_two_senders() -> None:
    config = default()
    assert {name: integration.source for name, integration in config.integrations.items()} == {
        "alertmanager": "alertmanager",
        "generic": "generic",
    }
    assert all(integration.key is None for integration in config.integrations.values())
    assert {name: channel.kind for name, channel in config.channels.items()} == {
        "slack": "slack",
        "email": "email",
        "phone": "webhook",
        "log": "log",
    }


def test_what_is_not_listed_follows_the_standard_policy() -> None:
    assert {default().policy_of(name) for name in ("default", "payments")} == {"standard"}
