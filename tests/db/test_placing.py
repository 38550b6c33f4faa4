"""Which incident an alert belongs to, as a table; and that no list of incidents is walked through to find it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select

from engine.core.errors import Conflict
from engine.core.matchers import Matcher
from engine.core.model import State
from engine.core.silences import Silence
from engine.core.weekly import Weekly
from engine.db import records, silences
from engine.db.bulk import Change
from engine.db.database import Database, connect
from engine.db.incidents import repeat_alerts
from engine.db.placing import NOTHING_FOUND, ON_SQLITE, Found, Wanted, find
from engine.db.tables import alerts, incidents, key_aliases
from tests.db.test_bulk import rows_of

NOW = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)

# number, key, state, source
INCIDENTS = [
    (1, "shop/checkout", State.CLOSED, "prometheus"),
    (2, "shop/checkout", State.DETECTION, "prometheus"),
    (3, "shop/search", State.REVIEW, "prometheus"),
    (4, "shop/login", State.MERGED, "prometheus"),
    (5, "shop/identity", State.DIAGNOSIS, "prometheus"),
    (6, "shop/stock", State.RESOLUTION, "grafana"),
    (7, "shop/basket", State.CANCELLED, "prometheus"),
    (8, "shop/till", State.MERGED, "pagerduty"),
]
ALIASES = [("shop/login", 5), ("shop/old", 3), ("shop/checkout", 5), ("shop/till", 5)]
# incident, fingerprint, status, source (none: the release before has written it)
ALERTS = [
    (2, "fp-checkout", "firing", "prometheus"),
    (2, "fp-shared", "firing", "grafana"),
    (5, "fp-checkout", "firing", None),
    (5, "fp-cleared", "resolved", None),
    (5, "fp-till", "firing", None),
    (6, "fp-stock", "firing", None),
    (7, "fp-basket", "firing", None),
]

TABLE = [
    ("an active incident of the key", "shop/checkout", "prometheus", "fp-new", Found(active=2, latest=2)),
    ("a key whose incident is over", "shop/search", "prometheus", "fp-new", Found(active=None, latest=3)),
    ("a key of a merged incident", "shop/login", "prometheus", "fp-new", Found(active=5, latest=4)),
    ("a key merged into what is over", "shop/old", "prometheus", "fp-new", NOTHING_FOUND),
    ("a key that nobody knows", "shop/none", "prometheus", "fp-new", NOTHING_FOUND),
    (
        "an alert that fires in a later incident",
        "shop/checkout",
        "prometheus",
        "fp-checkout",
        Found(active=5, latest=2, fires=True),
    ),
    ("an alert that fires under another key", "shop/none", "grafana", "fp-stock", Found(active=6, fires=True)),
    (
        "one in an incident that another source has opened",
        "shop/none",
        "grafana",
        "fp-shared",
        Found(active=2, fires=True),
    ),
    ("one of another source in an incident of its own", "shop/none", "prometheus", "fp-shared", NOTHING_FOUND),
    ("the same fingerprint of another source", "shop/none", "prometheus", "fp-stock", NOTHING_FOUND),
    (
        "an alert that was merged into another source's incident",
        "shop/none",
        "pagerduty",
        "fp-till",
        Found(active=5, fires=True),
    ),
    ("one of a source from which nothing was merged", "shop/none", "grafana", "fp-till", NOTHING_FOUND),
    ("an alert that has cleared", "shop/none", "prometheus", "fp-cleared", NOTHING_FOUND),
    ("an alert of a cancelled incident", "shop/none", "prometheus", "fp-basket", NOTHING_FOUND),
    ("a key that would end a statement", "'; --", "prometheus", '"]', NOTHING_FOUND),
]
WANTED = [Wanted(key=key, source=source, fingerprint=fingerprint) for _, key, source, fingerprint, _ in TABLE]
SILENCE = Silence(
    id=0,
    matchers=(Matcher.parse('service="shop"'),),
    starts_at=NOW,
    ends_at=NOW + timedelta(hours=1),
    recurrence=Weekly.model_validate({"days": ["sat"], "from": "22:00", "to": "06:00", "zone": "Europe/Berlin"}),
    author="me",
    reason="an upgrade",
    created_at=NOW,
)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    found = connect(database_url)
    await found.write(fill)
    yield found
    await found.close()


def fill(connection: Connection) -> None:
    own: list[dict[str, Any]] = rows_of(incidents, len(INCIDENTS))
    for row, (number, key, state, source) in zip(own, INCIDENTS, strict=True):
        row.update(id=number, key=key, state=state.value, source=source)
    connection.execute(insert(incidents), own)
    connection.execute(insert(key_aliases), [{"key": key, "incident_id": number} for key, number in ALIASES])
    firing: list[dict[str, Any]] = rows_of(alerts, len(ALERTS))
    for row, (number, fingerprint, status, sender) in zip(firing, ALERTS, strict=True):
        row.update(incident_id=number, fingerprint=fingerprint, status=status, source=sender, count=1)
    connection.execute(insert(alerts), firing)
    for digest in ("first", "second"):
        records.add_revision(connection, applied_at=NOW, applied_by="me", digest=digest, document="{}")


async def test_all_alerts_are_found_by_one_statement_in_their_order(database: Database) -> None:
    places = await database.read(lambda connection: find(connection, WANTED))
    assert {case[0]: found for case, found in zip(TABLE, places.found, strict=True)} == {
        case[0]: case[-1] for case in TABLE
    }


async def test_a_repeat_of_what_has_cleared_meanwhile_is_looked_up_again(database: Database) -> None:
    def repeat(connection: Connection, *fingerprints: str) -> None:
        where = [{"incident_id": 5, "fingerprint": one, "status": "firing"} for one in fingerprints]
        changes = [Change(where=one, columns={"last_seen_at": NOW}, added={"count": 1}) for one in where]
        repeat_alerts(connection, changes)

    def counts(connection: Connection) -> dict[str, int]:
        columns = select(alerts.c.fingerprint, alerts.c["count"]).where(alerts.c.incident_id == 5)
        return {row[0]: row[1] for row in connection.execute(columns)}

    before = await database.read(counts)
    await database.write(lambda connection: repeat(connection, "fp-checkout", "fp-till"))
    with pytest.raises(Conflict, match="has cleared"):
        await database.write(lambda connection: repeat(connection, "fp-checkout", "fp-cleared"))
    after = await database.read(counts)
    assert after == {**before, "fp-checkout": before["fp-checkout"] + 1, "fp-till": before["fp-till"] + 1}


async def test_the_newest_revision_comes_with_it(database: Database) -> None:
    places = await database.read(lambda connection: find(connection, WANTED[:1]))
    assert places.revision == 2


async def test_the_number_of_changes_of_silences_comes_with_it(database: Database) -> None:
    async def changes() -> int:
        return (await database.read(lambda connection: find(connection, WANTED))).silences

    assert await changes() == 0
    number = await database.write(lambda connection: silences.add(connection, SILENCE))
    assert await changes() == 1
    assert not await database.write(lambda connection: silences.expire(connection, number + 1, NOW, "me"))
    assert await changes() == 1
    assert await database.write(lambda connection: silences.expire(connection, number, NOW, "me"))
    assert await changes() == 2


async def test_nothing_wanted_is_nothing_found(database: Database) -> None:
    places = await database.read(lambda connection: find(connection, []))
    assert places.found == ()


async def test_every_look_up_goes_by_an_index(sqlite_url: str) -> None:
    database = connect(sqlite_url)
    steps = await database.read(
        lambda connection: [
            row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {ON_SQLITE}", ('[["a", "b", "c"]]',))
        ]
    )
    await database.close()
    found = [step for step in steps if step.startswith(("SEARCH", "SCAN"))]
    assert [step for step in found if step.startswith("SCAN")] == ["SCAN json_each VIRTUAL TABLE INDEX 1:"]
    assert "SEARCH key_alias USING INDEX ix_key_alias_incident_id (incident_id=?)" in found
    by_key = [step for step in found if step.startswith("SEARCH incident ") and "(key=?)" in step]
    assert by_key[0] == "SEARCH incident USING INDEX ux_incident_active_key (key=?)"
    assert not any("ix_incident_state" in step for step in found)


async def test_a_silence_is_read_back_as_it_was_made(database: Database) -> None:
    number = await database.write(lambda connection: silences.add(connection, SILENCE))
    assert await database.read(lambda connection: silences.load(connection, number)) == replace(SILENCE, id=number)
