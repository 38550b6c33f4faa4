"""Classification in the documented order, with reasons that can be read at 3 am."""

import math
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.classify import classify, read_values, tightened
from engine.core.model import Alert, AlertLevel, AlertStatus, Classification, Priority
from engine.core.policy import ClassificationRules

RULES = ClassificationRules.model_validate(
    {
        "levels": {
            "critical": {
                "severities": ["critical", "page", "fatal"],
                "thresholds": [
                    {"value": "response_time_seconds", "above": 5},
                    {"value": "error_rate_percent", "above": 5},
                    {"value": "availability_percent", "below": 99.9},
                ],
                "respond_within": "5m",
            },
            "warning": {
                "severities": ["warning"],
                "thresholds": [
                    {"value": "response_time_seconds", "above": 3},
                    {"value": "cpu_percent", "above": 80},
                    {"value": "memory_percent", "above": 85},
                ],
                "respond_within": "15m",
            },
            "information": {"severities": ["info", "information"]},
        },
        "rules": [
            {"name": "breach", "words": ["security breach", "intrusion"], "priority": "P0", "reason": "breach"},
            {"name": "loss", "words": ["data loss"], "priority": "P0", "reason": "loss"},
            {"name": "payments", "match": ['team="payments"'], "words": ["down"], "priority": "P0", "reason": "pay"},
            {"name": "login", "words": ["can't log in"], "priority": "P1", "reason": "login is failing"},
            {
                "name": "batch",
                "match": ["job=batch"],
                "thresholds": [{"value": "cpu_percent", "above": 95}],
                "priority": "P3",
                "reason": "batch may be slow",
            },
            {"name": "vip", "match": ["tier=gold", "env!=dev"], "priority": "P1", "reason": "a gold customer"},
            {"name": "critical", "alert_level": "critical", "priority": "P1", "reason": "critical"},
            {"name": "warning", "alert_level": "warning", "priority": "P2", "reason": "warning"},
            {"name": "info", "alert_level": "information", "priority": "P3", "page": False, "reason": "information"},
        ],
    }
)
FIVE, FIFTEEN = timedelta(minutes=5), timedelta(minutes=15)


def alert(
    labels: dict[str, str] | None = None,
    values: dict[str, float] | None = None,
    title: str = "Something",
    summary: str = "",
) -> Alert:
    return Alert(
        fingerprint="f",
        status=AlertStatus.FIRING,
        title=title,
        summary=summary,
        labels=labels or {},
        values=values or {},
    )


@pytest.mark.parametrize(
    ("given", "priority", "rule", "reason"),
    [
        (alert({"priority": "P0"}), "P0", "priority-label", "the priority label is P0"),
        (alert({"priority": " p2 "}), "P2", "priority-label", "the priority label is P2"),
        (alert({"priority": "P3"}, title="data loss"), "P3", "priority-label", "the priority label is P3"),
        (alert({"severity": "p1"}), "P1", "priority-label", "the severity label is P1"),
        (alert({"priority": "P2", "severity": "P0"}), "P2", "priority-label", "the priority label is P2"),
        (alert({"priority": "high"}), "P2", "nothing-known", None),
        (alert({"priority": "P4"}), "P2", "nothing-known", None),
        (alert(title="Data loss on db-1"), "P0", "loss", "loss: the title says 'data loss'"),
        (alert({"category": "security_breach"}), "P0", "breach", "breach: the category label says 'security breach'"),
        (alert({"alertname": "DataLoss"}), "P0", "loss", "loss: the alertname label says 'data loss'"),
        (alert(summary="We have DATA-LOSS!"), "P0", "loss", "loss: the summary says 'data loss'"),
        (alert(title="Users can\u2019t log in"), "P1", "login", "login is failing: the title says 'can't log in'"),
        (alert({"team": "payments"}, title="api down"), "P0", "payments", "pay: the title says 'down'"),
        (alert({"team": "search"}, title="api down"), "P2", "nothing-known", None),
        (alert({"job": "batch"}, {"cpu_percent": 97}), "P3", "batch", "batch may be slow: cpu_percent 97 is above 95"),
        (alert({"job": "batch"}, {"cpu_percent": 95}), "P2", "warning", "warning: cpu_percent 95 is above 80"),
        (alert({"tier": "gold"}), "P1", "vip", 'a gold customer: tier="gold", env!="dev"'),
        (alert({"severity": "Critical"}), "P1", "critical", "critical: the severity label is critical"),
        (alert({}, {"response_time_seconds": 6.2}), "P1", "critical", "critical: response_time_seconds 6.2 is above 5"),
        (
            alert({}, {"availability_percent": 99.87}),
            "P1",
            "critical",
            "critical: availability_percent 99.87 is below 99.9",
        ),
        (alert({"severity": "warning"}), "P2", "warning", "warning: the severity label is warning"),
        (alert({"severity": "info"}), "P3", "info", "information: the severity label is info"),
        (alert(), "P2", "nothing-known", "no rule matches, and neither a severity nor a measured value is known"),
    ],
    ids=str,
)
def test_the_first_rule_that_matches_gives_the_priority_and_its_reason(
    given: Alert, priority: str, rule: str, reason: str | None
) -> None:
    found = classify(RULES, given)
    assert (found.priority, found.rule) == (priority, rule)
    assert reason is None or found.reason == reason


@pytest.mark.parametrize(
    ("values", "level", "within"),
    [
        ({"response_time_seconds": 5.0001}, "critical", FIVE),
        ({"response_time_seconds": 5}, "warning", FIFTEEN),
        ({"response_time_seconds": 3}, None, None),
        ({"error_rate_percent": 5.1}, "critical", FIVE),
        ({"error_rate_percent": 5}, None, None),
        ({"availability_percent": 99.89}, "critical", FIVE),
        ({"availability_percent": 99.9}, None, None),
        ({"cpu_percent": 80.1}, "warning", FIFTEEN),
        ({"cpu_percent": 80}, None, None),
        ({"memory_percent": 85.1}, "warning", FIFTEEN),
        ({"memory_percent": 85}, None, None),
        ({"cpu_percent": 99, "error_rate_percent": 9}, "critical", FIVE),
        ({"cpu_percent": math.nan}, None, None),
    ],
)
def test_a_level_begins_strictly_beyond_its_documented_threshold(
    values: dict[str, float], level: str | None, within: timedelta | None
) -> None:
    found = classify(RULES, alert({}, values))
    assert (found.alert_level, found.respond_within) == (level, within)


def test_the_severity_label_outranks_what_was_measured() -> None:
    report = alert({"severity": "info"}, {"availability_percent": 99.5})
    assert classify(RULES, report).alert_level is AlertLevel.INFORMATION


def test_a_severity_nobody_configured_leaves_the_level_to_what_was_measured() -> None:
    assert classify(RULES, alert({"severity": "odd"}, {"cpu_percent": 90})).alert_level is AlertLevel.WARNING


def test_a_severity_that_a_level_claims_is_no_priority() -> None:
    claimed = {"levels": {"critical": {"severities": ["P1", "P3"]}}, "rules": (), "otherwise": "P2"}
    found = classify(ClassificationRules.model_validate(claimed), alert({"severity": "p3"}))
    assert (found.priority, found.rule, found.alert_level) == (Priority.P2, "nothing-known", AlertLevel.CRITICAL)
    assert found.reason == "no rule matches; the severity label is p3"


@pytest.mark.parametrize(
    ("labels", "level", "within", "page"),
    [
        ({"priority": "P2", "severity": "critical"}, "critical", FIVE, True),
        ({"priority": "P0", "severity": "info"}, "information", None, True),
        ({"priority": "P3", "severity": "info"}, "information", None, False),
        ({"priority": "P3", "severity": "warning"}, "warning", FIFTEEN, True),
        ({"priority": "P3"}, None, None, True),
        ({"severity": "info"}, "information", None, False),
        ({"severity": "info", "type": "intrusion"}, "information", None, True),
    ],
)
def test_the_alert_level_stands_beside_a_priority_that_came_from_elsewhere(
    labels: dict[str, str], level: str | None, within: timedelta | None, *, page: bool
) -> None:
    found = classify(RULES, alert(labels))
    assert (found.alert_level, found.respond_within, found.page) == (level, within, page)


TEXT = st.text("aAP019_-|'\u00df\u0130\n ", max_size=20)


@settings(max_examples=40)
@given(
    labels=st.dictionaries(st.sampled_from(["priority", "severity", "type", "alertname", "team"]), TEXT),
    title=TEXT,
    values=st.dictionaries(st.sampled_from(["cpu_percent", "response_time_seconds"]), st.floats()),
)
def test_whatever_an_alert_says_it_gets_a_priority_with_a_reason(
    labels: dict[str, str], title: str, values: dict[str, float]
) -> None:
    found = classify(RULES, alert(labels, values, title))
    assert found.rule
    assert found.reason


@pytest.mark.parametrize(
    ("key", "text", "name", "measured"),
    [
        ("response_time", "6.2s", "response_time_seconds", 6.2),
        ("response_time_seconds", "6.2", "response_time_seconds", 6.2),
        ("response_time_ms", "450", "response_time_seconds", 0.45),
        ("responseTime", "450ms", "response_time_seconds", 0.45),
        ("response-time-ms", "2 s", "response_time_seconds", 2),
        ("latency", "1.5 min", "response_time_seconds", 90),
        ("latency", "1.5e-05", "response_time_seconds", 0.000015),
        ("error_rate", "7%", "error_rate_percent", 7),
        ("error_rate", "0.07", "error_rate_percent", 0.07),
        ("error_ratio", "0.07", "error_rate_percent", 7),
        ("error_rate_ratio", "7 %", "error_rate_percent", 7),
        ("error_percent", "7", "error_rate_percent", 7),
        ("availability", "99.87 percent", "availability_percent", 99.87),
        ("availability_ratio", "0.9987", "availability_percent", 99.87),
        ("cpu", "91", "cpu_percent", 91),
        ("CPU-Usage", "91.5%", "cpu_percent", 91.5),
        ("memory_usage_percent", "88", "memory_percent", 88),
        ("mem", "88%", "memory_percent", 88),
    ],
)
def test_a_figure_is_read_in_the_unit_that_thresholds_use(key: str, text: str, name: str, measured: float) -> None:
    assert read_values({key: text}, {}) == {name: measured}
    assert read_values({}, {key: text}) == {name: measured}


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("memory", "8 GB"),
        ("latency", "7%"),
        ("cpu", "3s"),
        ("errors", "12"),
        ("cpu", ""),
        ("cpu", "high"),
        ("cpu", "NaN"),
        ("cpu", "+Inf"),
        ("cpu", "1e999"),
        ("cpu", "-5"),
        ("cpu", "9" * 40),
        ("latency", "1,5 s"),
        ("instance", "91%"),
    ],
)
def test_a_figure_that_can_not_be_read_for_sure_is_left_out(key: str, text: str) -> None:
    assert read_values({key: text}, {}) == {}


def test_a_ratio_on_the_limit_is_not_above_it() -> None:
    assert read_values({"error_ratio": "0.05"}, {}) == {"error_rate_percent": 5.0}
    assert read_values({"availability_ratio": "0.999"}, {}) == {"availability_percent": 99.9}


def test_labels_are_read_before_annotations() -> None:
    values = read_values({"cpu": "91"}, {"cpu_percent": "12", "memory": "70"})
    assert values == {"cpu_percent": 91, "memory_percent": 70}


@pytest.mark.parametrize("key", ["error_ratio", "cpu-", "LATENCY ms", ""])
def test_reading_figures_never_fails_and_never_makes_up_an_infinity(key: str) -> None:
    chance = Random(1)
    for _ in range(200):
        text = "".join(chance.choices("0123456789.eE+-%sm \u0663", k=chance.randrange(41)))
        values = read_values({key: text, "cpu": text}, {"latency": text})
        assert all(math.isfinite(value) for value in values.values()), text


@pytest.mark.parametrize(
    ("ladder", "level", "expected"),
    [(FIVE, FIFTEEN, FIVE), (FIFTEEN, FIVE, FIVE), (FIVE, None, FIVE), (None, FIVE, FIVE), (None, None, None)],
)
def test_the_earlier_of_two_response_targets_holds(
    ladder: timedelta | None, level: timedelta | None, expected: timedelta | None
) -> None:
    found = Classification(priority=Priority.P1, rule="r", reason="r", respond_within=level)
    assert tightened(ladder, found) == expected
