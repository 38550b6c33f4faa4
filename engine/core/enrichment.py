"""Labels that tables add to alerts: whose host it is, which service runs there. Looked up before routes and rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from engine.core.model import Alert
from engine.core.policy import Enrichment

SERVICE = "service"


@dataclass(frozen=True, kw_only=True, slots=True)
class Addition:
    """What a table gave to an alert."""

    file: str
    labels: Mapping[str, str]

    def __str__(self) -> str:
        given = ", ".join(f'{name}="{value}"' for name, value in self.labels.items())
        return f"{self.file} gives {given}"


def enrich(tables: Sequence[Enrichment], alert: Alert) -> tuple[Alert, tuple[Addition, ...]]:
    """The alert with what the tables give it, table by table, so that one may be looked up by what another gave. What
    the alert has itself is kept, unless the table is there to override it."""
    if not tables:
        return alert, ()
    labels: Mapping[str, str] = alert.labels
    named = _names_its_service(alert)
    additions: list[Addition] = []
    for table in tables:
        row = table.rows.get(row_key([labels.get(name, "") for name in table.by]), {})
        kept = () if table.override else (*labels, SERVICE) if named else labels
        new = {name: value for name, value in row.items() if name not in kept and labels.get(name) != value}
        if new:
            labels = {**labels, **new}
            additions.append(Addition(file=table.file.name, labels=new))
    if not additions:
        return alert, ()
    given = [one.labels[SERVICE] for one in additions if SERVICE in one.labels]
    return replace(alert, labels=labels, service=given[-1] if given else alert.service), tuple(additions)


def row_key(values: Sequence[str]) -> str:
    """What a row is found by, written as in a CSV file, so that no two are the same: `web-1`, `eu,web-1`."""
    return ",".join('"' + value.replace('"', '""') + '"' if set(value) & {",", '"'} else value for value in values)


def _names_its_service(alert: Alert) -> bool:
    """A service that was read from a label is often a guess, from `job` or `app`, and gives way to one from a table."""
    return alert.service is not None and alert.service not in alert.labels.values()
