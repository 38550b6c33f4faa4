from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest

from engine.core.errors import Unauthorized, Unreadable
from engine.core.model import Alert, AlertStatus, Link
from engine.ports import Parsed
from integrations.sources.nagios import Nagios, Settings
from tests.integrations.sources.bodies import NOW, assert_fit_for_use, request

SERVICE = {
    "type": "PROBLEM",
    "host": "web-1",
    "address": "192.0.2.7",
    "groups": "shop,linux",
    "check": "HTTP checkout",
    "state": "CRITICAL",
    "output": "HTTP CRITICAL: 503",
    "long_output": "first\\nsecond",
    "time": "1795144201",
    "since": "1795144200",
    "url": "https://nagios.example.com/extinfo.cgi?type=2&host=web-1&service=HTTP checkout",
    "notes_url": "",
    "label_service": "checkout",
    "label_team": "$_SERVICETEAM$",
}
HOST = {"type": "PROBLEM", "host": "web-1", "state": "DOWN", "output": "timed out", "time": "1795144201"}


def parse(fields: dict[str, str], **changes: str) -> Parsed:
    return Nagios().parse(Settings(), request(urlencode(fields | changes).encode()), NOW)


def one(fields: dict[str, str] = SERVICE, **changes: str) -> Alert:
    (alert,) = parse(fields, **changes).alerts
    assert_fit_for_use(alert)
    return alert


def test_the_problem_of_a_service_is_read() -> None:
    assert one() == Alert(
        fingerprint="web-1!HTTP checkout",
        status=AlertStatus.FIRING,
        title="HTTP checkout on web-1 is CRITICAL",
        summary="HTTP CRITICAL: 503\n\nfirst\nsecond",
        service="checkout",
        labels={
            "service": "checkout",
            "alertname": "HTTP checkout",
            "severity": "critical",
            "host": "web-1",
            "address": "192.0.2.7",
            "check": "HTTP checkout",
            "groups": "shop,linux",
        },
        links=(
            Link(
                title="Monitoring",
                url="https://nagios.example.com/extinfo.cgi?type=2&host=web-1&service=HTTP%20checkout",
            ),
        ),
        starts_at=datetime(2026, 11, 20, 3, 10, tzinfo=UTC),
    )


def test_the_problem_of_a_host_is_read() -> None:
    assert one(HOST) == Alert(
        fingerprint="web-1",
        status=AlertStatus.FIRING,
        title="web-1 is DOWN",
        summary="timed out",
        labels={"alertname": "host", "severity": "critical", "host": "web-1"},
        starts_at=datetime(2026, 11, 20, 3, 10, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("state", "severity"),
    [
        ("CRITICAL", "critical"),
        ("DOWN", "critical"),
        ("WARNING", "warning"),
        ("UNKNOWN", "warning"),
        ("UNREACHABLE", "warning"),
        ("warning", "warning"),
        ("odd", "critical"),
        ("", "critical"),
    ],
)
def test_the_severity_is_that_of_the_state(state: str, severity: str) -> None:
    assert one(state=state).labels["severity"] == severity


@pytest.mark.parametrize(
    ("kind", "state", "status"),
    [
        ("PROBLEM", "CRITICAL", AlertStatus.FIRING),
        ("Problem", "critical", AlertStatus.FIRING),
        ("RECOVERY", "OK", AlertStatus.RESOLVED),
        ("RECOVERY", "UP", AlertStatus.RESOLVED),
        ("FLAPPINGSTART", "OK", AlertStatus.FIRING),
        ("FLAPPINGSTART", "CRITICAL", AlertStatus.FIRING),
        ("FLAPPINGSTOP", "OK", AlertStatus.RESOLVED),
        ("FLAPPINGSTOP", "WARNING", AlertStatus.FIRING),
        ("FLAPPINGEND", "UP", AlertStatus.RESOLVED),
        ("FLAPPINGDISABLED", "CRITICAL", AlertStatus.FIRING),
        ("CUSTOM", "CRITICAL", AlertStatus.FIRING),
        ("CUSTOM", "OK", None),
        ("ACKNOWLEDGEMENT", "CRITICAL", None),
        ("DOWNTIMESTART", "CRITICAL", None),
        ("DOWNTIMEEND", "CRITICAL", None),
        ("DOWNTIMECANCELLED", "OK", None),
        ("DOWNTIMEREMOVED", "OK", None),
    ],
)
def test_the_type_says_whether_it_is_a_problem(kind: str, state: str, status: AlertStatus | None) -> None:
    parsed = parse(SERVICE, type=kind, state=state)
    assert [alert.status for alert in parsed.alerts] == ([status] if status else [])
    assert bool(parsed.note) is (status is None)
    assert all(alert.fingerprint == one().fingerprint for alert in parsed.alerts)


def test_flapping_is_told_as_such() -> None:
    flapping = one(type="FLAPPINGSTART", state="OK")
    assert (flapping.title, flapping.labels["severity"]) == ("HTTP checkout on web-1 is flapping", "warning")


def test_a_recovery_has_its_end() -> None:
    over = one(type="RECOVERY", state="OK", time="1795145000")
    assert (over.starts_at, over.ends_at) == (None, datetime(2026, 11, 20, 3, 23, 20, tzinfo=UTC))


def test_what_the_field_label_names_is_a_label_but_never_the_severity() -> None:
    labels = one(label_priority="P1", label_severity="info", label_app="shop").labels
    assert (labels["priority"], labels["severity"], labels["app"]) == ("P1", "critical", "shop")
    assert "team" not in labels


def test_what_plugins_write_is_taken_in_any_encoding() -> None:
    body = urlencode(SERVICE).encode() + b"&output=caf%E9%00%1b[2J+%26+ok"
    (alert,) = Nagios().parse(Settings(), request(body), NOW).alerts
    assert_fit_for_use(alert)
    assert alert.summary.startswith("caf\ufffd\ufffd\ufffd[2J & ok")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"", "$.host"),
        (b'{"host": "web-1"}', "$.host"),
        (b"host=&type=PROBLEM", "$.host"),
        (b"host=$HOSTNAME$&type=PROBLEM", "$.host"),
        (b"host=web-1", "$.type"),
        (b"&".join(b"a%d=1" % number for number in range(101)), "$"),
    ],
)
def test_what_is_no_such_form_is_refused_with_the_place(body: bytes, path: str) -> None:
    with pytest.raises(Unreadable) as caught:
        Nagios().parse(Settings(), request(body), NOW)
    assert caught.value.path == path


def test_the_token_is_that_of_the_scripts_configuration() -> None:
    settings = Settings.model_validate({"token": "t0ken"})
    Nagios().verify(settings, request(b"", authorization="Bearer t0ken"), NOW)
    with pytest.raises(Unauthorized):
        Nagios().verify(settings, request(b"", authorization="Bearer wrong"), NOW)
