"""What was muted, by the rule that did it: how often, and the first different alerts of each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, Row, bindparam, select

from engine.db.bulk import Change, insert_rows, update_rows
from engine.db.mute_tables import muted_alerts, mutings
from engine.db.types import json_text

MOST_ALERTS = 500
"""Different alerts that are kept of one rule; beyond that they are only counted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MutedAlert:
    """One alert that `rule` has muted, by cause of an incident where there is one. It is known by its fingerprint at
    its source."""

    rule: str
    source: str
    fingerprint: str
    title: str
    service: str
    labels: Mapping[str, str]
    first_at: datetime
    last_at: datetime
    count: int
    incident: int | None = None

    @property
    def place(self) -> tuple[str, str, str]:
        return self.rule, self.source, self.fingerprint


@dataclass(frozen=True, kw_only=True, slots=True)
class Muting:
    """All that one rule has muted so far."""

    rule: str
    count: int
    first_at: datetime
    last_at: datetime


RULES: BindParameter[Any] = bindparam("rules", expanding=True)
OF = select(mutings).where(mutings.c.rule.in_(RULES)).order_by(mutings.c.rule)
LOCK = OF.with_for_update()
CAUSED = select(mutings).where(mutings.c.incident_id == bindparam("number")).order_by(mutings.c.rule)
ALERTS = (
    select(muted_alerts)
    .where(muted_alerts.c.rule == bindparam("wanted"))
    .order_by(muted_alerts.c.last_at.desc(), muted_alerts.c.source, muted_alerts.c.fingerprint)
    .limit(bindparam("most"))
)


def record(connection: Connection, muted: Sequence[MutedAlert]) -> list[tuple[MutedAlert, int]]:
    """Each alert counts once more with its rule; the alerts of a transaction, each once. Returns those that were not on
    record, each with its number among the alerts of its rule, from 1."""
    if not muted:
        return []
    rules = sorted({one.rule for one in muted})
    kept = {row.rule: row.kept for row in connection.execute(LOCK, {"rules": rules})}
    places = _known(connection, muted)
    new: list[tuple[MutedAlert, int]] = []
    number = {rule: kept.get(rule, 0) for rule in rules}
    for one in muted:
        if one.place not in places and number[one.rule] < MOST_ALERTS:
            number[one.rule] += 1
            new.append((one, number[one.rule]))
    _count(connection, muted, before=kept, after=number)
    update_rows(connection, muted_alerts, [_again(one) for one in muted if one.place in places])
    insert_rows(connection, muted_alerts, [_row(one) for one, _ in new])
    return new


def _count(
    connection: Connection, muted: Iterable[MutedAlert], *, before: Mapping[str, int], after: Mapping[str, int]
) -> None:
    """Of two who begin a rule's record at once the second one's transaction fails by the key, and is run again."""
    totals: dict[str, MutedAlert] = {}
    for one in muted:
        known = totals.get(one.rule)
        totals[one.rule] = replace(one, count=one.count + known.count) if known else one
    changes, rows = [], []
    for rule, total in totals.items():
        kept = after[rule] - before.get(rule, 0)
        if rule in before:
            added = {"count": total.count, "kept": kept}
            changes.append(Change(where={"rule": rule}, columns={"last_at": total.last_at}, added=added))
        else:
            counted = {"count": total.count, "kept": kept, "first_at": total.first_at, "last_at": total.last_at}
            rows.append({"rule": rule, "incident_id": total.incident, **counted})
    update_rows(connection, mutings, changes)
    insert_rows(connection, mutings, rows)


def _again(one: MutedAlert) -> Change:
    rule, source, fingerprint = one.place
    return Change(
        where={"rule": rule, "source": source, "fingerprint": fingerprint},
        columns={"title": one.title, "service": one.service, "labels": dict(one.labels), "last_at": one.last_at},
        added={"count": one.count},
    )


def _row(one: MutedAlert) -> dict[str, Any]:
    return {
        "rule": one.rule,
        "source": one.source,
        "fingerprint": one.fingerprint,
        "title": one.title,
        "service": one.service,
        "labels": dict(one.labels),
        "first_at": one.first_at,
        "last_at": one.last_at,
        "count": one.count,
    }


def _known(connection: Connection, muted: Sequence[MutedAlert]) -> set[tuple[str, str, str]]:
    """Those that have a row. Asked in one statement, however many there are."""
    places = [one.place for one in muted]
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(ON_SQLITE, (json_text(places),))
    else:
        rows = connection.exec_driver_sql(ON_POSTGRESQL, tuple(list(column) for column in zip(*places, strict=True)))
    return {place for place, (there,) in zip(places, rows, strict=True) if there}


_LOOK_UP = """
SELECT EXISTS (
    SELECT 1 FROM muted_alert WHERE muted_alert.rule = wanted.rule
    AND muted_alert.source = wanted.source AND muted_alert.fingerprint = wanted.fingerprint
)
FROM wanted ORDER BY wanted.place
"""
ON_SQLITE = f"""
WITH wanted AS (
    SELECT key AS place, json_extract(value, '$[0]') AS rule, json_extract(value, '$[1]') AS source,
           json_extract(value, '$[2]') AS fingerprint
    FROM json_each(?)
)
{_LOOK_UP}"""  # noqa: S608 - a constant of ours
ON_POSTGRESQL = f"""
WITH wanted AS (
    SELECT place, rule, source, fingerprint
    FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS given (rule, source, fingerprint, place)
)
{_LOOK_UP}"""  # noqa: S608 - as above


def of(connection: Connection, rules: Collection[str]) -> dict[str, Muting]:
    """By rule; a rule that has muted nothing yet has none."""
    rows = connection.execute(OF, {"rules": list(rules)}) if rules else ()
    return {row.rule: _read(row) for row in rows}


def caused_by(connection: Connection, incident: int) -> list[Muting]:
    """What was muted by cause of one incident, by the name of its rule there."""
    return [_read(row) for row in connection.execute(CAUSED, {"number": incident})]


def _read(row: Row[Any]) -> Muting:
    return Muting(
        rule=row.rule,
        count=row._mapping["count"],  # noqa: SLF001 - public by SQLAlchemy's word; `count` is a tuple's method
        first_at=row.first_at,
        last_at=row.last_at,
    )


def alerts_of(connection: Connection, rule: str, limit: int = MOST_ALERTS) -> list[MutedAlert]:
    """Those that were seen last come first."""
    return [
        MutedAlert(
            rule=row.rule,
            source=row.source,
            fingerprint=row.fingerprint,
            title=row.title,
            service=row.service,
            labels=row.labels,
            first_at=row.first_at,
            last_at=row.last_at,
            count=row._mapping["count"],  # noqa: SLF001 - as above
        )
        for row in connection.execute(ALERTS, {"wanted": rule, "most": limit})
    ]
