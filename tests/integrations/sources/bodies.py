"""What the tests of sources share: captured bodies, requests, and what must hold of any alert."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from engine.core.model import Alert
from engine.core.texts import UNSTORABLE
from engine.ports import Request
from integrations.sources import reading

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CAPTURED = Path(__file__).parents[2] / "payloads"


def captured(name: str) -> bytes:
    return (CAPTURED / name).read_bytes()


def request(body: object, **headers: str) -> Request:
    """Bytes as they are, anything else as JSON; `x_name` stands for the header `x-name`."""
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Request(headers={name.replace("_", "-"): value for name, value in headers.items()}, body=raw)


def assert_fit_for_use(alert: Alert) -> None:
    """It can be stored in both databases, shown on a terminal, and compared."""
    assert alert.fingerprint
    assert alert.title
    assert "\n" not in alert.title
    pairs = (*alert.labels.items(), *alert.annotations.items())
    shown = [alert.fingerprint, alert.title, alert.summary, alert.group, alert.service or "", *sum(pairs, ())]
    for text in shown:
        assert isinstance(text, str)
        assert not UNSTORABLE.search(text)
        assert len(text) <= reading.SUMMARY
    assert len(alert.title) <= reading.TITLE
    assert len(alert.labels) <= reading.MOST_LABELS
    assert all(link.url.lower().startswith(("http://", "https://")) for link in alert.links)
    assert all(at is None or at.utcoffset() is not None for at in (alert.starts_at, alert.ends_at))
