from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from engine.core.errors import Unauthorized, Unreadable
from engine.core.model import Alert, AlertStatus, Link
from integrations import sources
from integrations.sources.healthchecks import Healthchecks, Settings
from tests.integrations.sources.bodies import NOW, request

EXAMPLE = json.loads(Healthchecks.example)
CODE = "8e5e4d2c-0b0a-4a57-9d3c-1f0d2b7a9c11"


def parse(body: object, **settings: object) -> Alert:
    (alert,) = Healthchecks().parse(Settings.model_validate(settings), request(body), NOW).alerts
    return alert


def test_a_check_that_is_down_is_read_with_all_its_facts() -> None:
    assert parse(EXAMPLE) == Alert(
        fingerprint=CODE,
        status=AlertStatus.FIRING,
        title="Nightly export of checkout: down",
        service="checkout",
        labels={
            "alertname": "Nightly export of checkout",
            "exit_status": "1",
            "service": "checkout",
            "severity": "critical",
            "tags": "nightly",
        },
        links=(Link(title="Healthchecks", url=f"https://healthchecks.io/checks/{CODE}/details/"),),
        starts_at=datetime(2026, 11, 20, 3, 10, tzinfo=UTC),
    )


def test_the_body_that_the_page_gives_is_read_with_every_variable_filled_in() -> None:
    page = (Path(sources.__file__).parent / "healthchecks.md").read_text()
    body = page.split("```json\n")[1].split("```")[0]
    for name, value in {
        "$NAME_JSON": '"The \\"best\\" job"',
        "$CODE": CODE,
        "$STATUS": "down",
        "$TAGS": "service=shop",
        "$NOW": "2026-11-20T03:10:00+00:00",
        "$EXITSTATUS": "-1",
    }.items():
        body = body.replace(name, value)
    alert = parse(body.encode())
    assert (alert.title, alert.service, alert.fingerprint) == ('The "best" job: down', "shop", CODE)
    assert "exit_status" not in alert.labels


def test_up_ends_it() -> None:
    over = parse(EXAMPLE | {"status": "up", "now": "2026-11-20T03:20:00+00:00"})
    assert over.status is AlertStatus.RESOLVED
    assert (over.starts_at, over.ends_at) == (None, datetime(2026, 11, 20, 3, 20, tzinfo=UTC))


@pytest.mark.parametrize(
    ("tags", "setting", "severity"),
    [
        ("", {}, "critical"),
        ("nightly", {"severity": "info"}, "info"),
        ("severity:warning nightly", {}, "warning"),
        ("severity=loud", {}, "critical"),
        (None, {}, "critical"),
    ],
)
def test_a_tag_says_how_bad_it_is_and_the_setting_where_none_does(
    tags: object, setting: dict[str, object], severity: str
) -> None:
    assert parse(EXAMPLE | {"tags": tags}, **setting).labels["severity"] == severity


def test_the_check_is_the_problem_whatever_it_is_called() -> None:
    again = parse(EXAMPLE | {"name": "Renamed", "tags": "nightly service:checkout", "exit_status": "137"})
    assert again.fingerprint == parse(EXAMPLE).fingerprint
    assert again.service == parse(EXAMPLE).service


def test_a_check_without_a_name_is_called_by_its_code() -> None:
    assert parse(EXAMPLE | {"name": ""}).title == f"Check {CODE}: down"


def test_what_the_job_said_is_the_details() -> None:
    assert parse(EXAMPLE | {"output": "disk full\nexit 1"}).summary == "disk full\nexit 1"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"code": None}, "$.code"),
        ({"status": "paused"}, "$.status"),
        ({"status": None}, "$.status"),
    ],
)
def test_what_is_no_change_of_a_check_is_refused_with_the_place(changes: dict[str, object], path: str) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(EXAMPLE | changes)
    assert caught.value.path == path


def test_the_request_headers_bearer_token_is_checked_where_one_is_set() -> None:
    settings = Settings(token=SecretStr("s3cret"))
    Healthchecks().verify(settings, request(EXAMPLE, authorization="Bearer s3cret"), NOW)
    with pytest.raises(Unauthorized):
        Healthchecks().verify(settings, request(EXAMPLE, authorization="Bearer other"), NOW)
