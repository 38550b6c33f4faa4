from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from engine.core.model import AlertStatus
from integrations.sources import reading
from integrations.sources.told import Told
from tests.integrations.sources.bodies import assert_fit_for_use

FIRST, LAST = "2026-11-20T03:10:00Z", "2026-11-20T03:20:00Z"


def told(status: AlertStatus = AlertStatus.FIRING, **changes: object) -> Told:
    facts: dict[str, Any] = {"fingerprint": "a", "title": "Checkout fails", "labels": {}}
    return Told(status=status, **(facts | changes))


@pytest.mark.parametrize(
    ("status", "times", "starts", "ends"),
    [
        (AlertStatus.FIRING, {"at": FIRST}, 10, None),
        (AlertStatus.RESOLVED, {"at": LAST}, None, 20),
        (AlertStatus.FIRING, {"starts_at": FIRST, "ends_at": LAST}, 10, None),
        (AlertStatus.RESOLVED, {"starts_at": FIRST, "ends_at": LAST}, 10, 20),
        (AlertStatus.RESOLVED, {"starts_at": FIRST, "ends_at": "later"}, 10, None),
        (AlertStatus.FIRING, {}, None, None),
    ],
)
def test_a_firing_alert_has_no_end(
    status: AlertStatus, times: dict[str, object], starts: int | None, ends: int | None
) -> None:
    alert = told(status, **times).alert()
    minutes = [None if at is None else datetime(2026, 11, 20, 3, at, tzinfo=UTC) for at in (starts, ends)]
    assert [alert.starts_at, alert.ends_at] == minutes


def test_the_labels_say_the_service_and_what_was_measured() -> None:
    alert = told(labels={"service": "checkout", "latency": "450ms"}, annotations={"error_rate": 7}).alert()
    assert alert.service == "checkout"
    assert alert.values == {"response_time_seconds": 0.45, "error_rate_percent": 7.0}


def test_whatever_a_sender_writes_the_alert_is_fit_for_use() -> None:
    many = {f"name{number}": {"x": "\x00"} for number in range(300)}
    alert = told(
        fingerprint="f" * 5_000,
        title="t\n" * 5_000,
        summary=["\x1b[31m"] * 9_000,
        group="g" * 5_000,
        labels=many | {"severity": "critical"},
        annotations=many,
        links=[("Source", "javascript:alert(1)"), ("Source", 3)],
        at=10**30,
    ).alert()
    assert_fit_for_use(alert)
    assert alert.labels["severity"] == "critical"
    assert len(alert.labels) == reading.MOST_LABELS
    assert alert.links == ()
