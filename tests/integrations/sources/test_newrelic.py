from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from engine.core.errors import Unauthorized, Unreadable
from engine.core.model import Alert, AlertStatus
from integrations.sources.newrelic import NewRelic, Settings
from tests.integrations.sources.bodies import NOW, request

EXAMPLE = json.loads(NewRelic.example)
ADDED = {
    "tags": {"service": ["checkout"], "team": ["shop", "payments"], "empty": [], "account": "Example"},
    "description": ["More than 5% of the requests fail."],
    "runbookUrl": ["https://runbooks.example/errors"],
    "violationChartUrl": "https://charts.example/1.png",
    "closedAt": 1795144500000,
}
"""What the lines of the page add to New Relic's own template."""


def one(**changes: object) -> Alert:
    """The example's alert with its fields changed."""
    (alert,) = NewRelic().parse(Settings(), request(EXAMPLE | changes), NOW).alerts
    return alert


def test_the_default_template_is_read_with_all_its_facts() -> None:
    alert = one()
    assert alert == Alert(
        fingerprint="0ea2df1c-adab-45d2-aae0-042b609d2322",
        status=AlertStatus.FIRING,
        title="checkout query result is > 5.0 for 2 minutes on 'Error rate'",
        labels={
            "alertname": "Error rate",
            "entity": "checkout",
            "policy": "Golden signals",
            "severity": "critical",
            "workflow": "Tocsin",
        },
        links=alert.links,
        starts_at=datetime(2026, 11, 20, 3, 10, tzinfo=UTC),
    )
    assert [link.title for link in alert.links] == ["New Relic"]


def test_the_lines_of_the_page_bring_service_details_and_links() -> None:
    alert = one(**ADDED)
    assert (alert.service, alert.summary) == ("checkout", "More than 5% of the requests fail.")
    assert (alert.labels["team"], alert.labels["account"]) == ("payments, shop", "Example")
    assert [link.title for link in alert.links] == ["New Relic", "Runbook", "Chart"]
    assert one(**ADDED, state="CLOSED").ends_at == datetime(2026, 11, 20, 3, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("ACTIVATED", AlertStatus.FIRING),
        ("CREATED", AlertStatus.FIRING),
        ("ACKNOWLEDGED", AlertStatus.FIRING),
        ("CLOSED", AlertStatus.RESOLVED),
        ("closed", AlertStatus.RESOLVED),
    ],
)
def test_an_issue_is_a_problem_until_it_is_closed(state: str, status: AlertStatus) -> None:
    alert = one(state=state)
    assert (alert.status, alert.ends_at is None) == (status, status is AlertStatus.FIRING)


@pytest.mark.parametrize(
    ("changes", "severity"),
    [
        ({"priority": "CRITICAL"}, "critical"),
        ({"priority": "HIGH"}, "warning"),
        ({"priority": "MEDIUM"}, "warning"),
        ({"priority": "LOW"}, "info"),
        ({"priority": "NOVEL"}, "critical"),
        ({"priority": None}, "critical"),
        ({"priority": "HIGH", "tags": {"severity": ["critical"]}}, "critical"),
    ],
)
def test_the_priority_says_how_bad_it_is_unless_a_tag_does(changes: dict[str, object], severity: str) -> None:
    assert one(**changes).labels["severity"] == severity


@pytest.mark.parametrize(
    "changes",
    [
        {"impactedEntities": ["b", "a"], "totalIncidents": 2, "updatedAt": 1795144999000},
        {"state": "CLOSED", "trigger": "INCIDENT_CLOSED"},
        {"title": "another incident's title", "priority": "HIGH"},
    ],
)
def test_the_issue_stays_the_same_while_incidents_join_it(changes: dict[str, object]) -> None:
    assert one(**changes).fingerprint == one().fingerprint
    assert one(**changes).group == one().group


def test_the_order_of_lists_does_not_matter() -> None:
    names = ["b", "a"]
    first = one(impactedEntities=names, alertConditionNames=names, tags={"host": names})
    second = one(impactedEntities=names[::-1], alertConditionNames=names[::-1], tags={"host": names[::-1]})
    assert first.labels == second.labels


@pytest.mark.parametrize(
    ("title", "read"), [(["first", "second"], "first"), ([], "Error rate"), (None, "Error rate"), ("", "Error rate")]
)
def test_an_issue_without_a_title_is_called_by_its_condition(title: object, read: str) -> None:
    assert one(title=title).title == read


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"id": None}, "$.id"),
        ({"state": "PENDING"}, "$.state"),
        ({"state": None}, "$.state"),
        ({"title": None, "alertConditionNames": None}, "$.title"),
    ],
)
def test_what_is_no_issue_is_refused_with_the_place(changes: dict[str, object], path: str) -> None:
    with pytest.raises(Unreadable) as caught:
        one(**changes)
    assert caught.value.path == path


def test_the_destinations_bearer_token_is_checked_where_one_is_set() -> None:
    settings = Settings(token=SecretStr("s3cret"))
    NewRelic().verify(settings, request(EXAMPLE, authorization="Bearer s3cret"), NOW)
    with pytest.raises(Unauthorized):
        NewRelic().verify(settings, request(EXAMPLE), NOW)
