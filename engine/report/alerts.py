"""The alerts of an incident: how many, how bad, when, and where they lead."""

from __future__ import annotations

from engine.core.model import AlertLevel, AlertStatus, RecordedAlert
from engine.report import model
from engine.report.facts import Facts
from engine.report.text import web_address


def alerts(facts: Facts) -> model.Alerts:
    seen = facts.alerts
    return model.Alerts(
        distinct=len(seen),
        received=sum(alert.count for alert in seen),
        firing=sum(1 for alert in seen if alert.alert.status is AlertStatus.FIRING),
        worst=_worst(facts),
        first_seen_at=min((alert.first_seen_at for alert in seen), default=None),
        last_seen_at=max((alert.last_seen_at for alert in seen), default=None),
        items=tuple(_alert(alert) for alert in sorted(seen, key=_by_weight)),
    )


def _severity(seen: RecordedAlert) -> str:
    return seen.alert.labels.get("severity", "")


def _by_weight(seen: RecordedAlert) -> tuple[int, object]:
    """The worst first, then the earliest."""
    order = list(AlertLevel)
    level = _severity(seen).lower()
    return (order.index(AlertLevel(level)) if level in order else len(order), seen.first_seen_at)


def _worst(facts: Facts) -> AlertLevel | None:
    said = {_severity(seen).lower() for seen in facts.alerts}
    said.add(facts.incident.classification.alert_level or "")
    return next((level for level in AlertLevel if level in said), None)


def _alert(seen: RecordedAlert) -> model.AlertSeen:
    alert = seen.alert
    addresses = ((link.title, web_address(link.url)) for link in alert.links)
    return model.AlertSeen(
        title=alert.title,
        summary=alert.summary,
        fingerprint=alert.fingerprint,
        status=alert.status,
        severity=_severity(seen),
        labels=dict(alert.labels),
        times_seen=seen.count,
        starts_at=alert.starts_at,
        first_seen_at=seen.first_seen_at,
        last_seen_at=seen.last_seen_at,
        links=tuple(model.AlertLink(title=title, url=url) for title, url in addresses if url),
    )
