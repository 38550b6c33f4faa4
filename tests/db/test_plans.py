"""No hot query reads through a table that grows: 20,000 ended incidents lie beside the few that are open."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, event, insert

from engine.clock import VirtualClock
from engine.core.inhibiting import Claim
from engine.core.model import State, Until
from engine.db import (
    alerts,
    holding,
    incidents,
    inhibitors,
    mute_tables,
    mutings,
    outbox,
    picking,
    placing,
    records,
    request_tables,
    requests,
    silences,
    timers,
)
from engine.db.database import connect
from engine.db.inhibitors import Inhibitor
from engine.db.mutings import MutedAlert
from engine.db.picking import Room
from engine.db.placing import Wanted
from tests.benchmarks.filling import Copies, fill
from tests.services.engines import Wire, alert, engine_on

NIGHT = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)
ENDED = 20_000
SILENCES = 1_000
FIRST = 100
OPEN = list(range(1, 9))
GROWING = (
    "incident",
    "alert",
    "timeline_event",
    "timer",
    "outbox",
    "silence",
    "muting",
    "muted_alert",
    "inhibitor",
    "held_alert",
    "raw_request",
)
PAST = {
    "incident": {"state": "'closed'"},
    "alert": {"status": "'resolved'"},
    "timer": {"state": "'fired'"},
    "outbox": {"state": "'sent'", "sent_at": "p.created_at"},
}
CLAIM = Claim(rule="cluster", key="cluster/7", both=False)
Call = Callable[[Connection], object]
CALLS: dict[str, Call] = {
    "look an alert up": lambda c: placing.find(
        c, [Wanted(key="checkout/Down1", source="alertmanager", fingerprint="x")]
    ),
    "silences that mute or will": lambda c: silences.live(c, NIGHT),
    "the newest silences that are not over": lambda c: silences.listing(c, live_since=NIGHT),
    "muted alerts on record": lambda c: mutings.record(c, [muted("silence/SIL-3", 7), muted("silence/SIL-3", -1)]),
    "what silences have muted": lambda c: mutings.of(c, ["silence/SIL-3"]),
    "alerts that a silence has muted": lambda c: mutings.alerts_of(c, "silence/SIL-3"),
    "what an incident keeps from people": lambda c: mutings.caused_by(c, 1),
    "alerts that mute another": lambda c: inhibitors.find(c, [CLAIM]),
    "an alert that mutes others": lambda c: inhibitors.put(
        c, [Inhibitor(incident=1, fingerprint="Down1/web-1", claims=(CLAIM,))]
    ),
    "alerts that wait": lambda c: holding.find(c, [("alertmanager", "Down1"), ("alertmanager", "Down2")]),
    "an alert waits no more": lambda c: holding.put(c, [], [("alertmanager", "Down1"), ("alertmanager", "Down2")]),
    "claim alerts that wait": lambda c: holding.due(c, NIGHT, 64),
    "the next alert that waits": holding.next_due,
    "alerts that an incident keeps waiting": lambda c: holding.wake_caused_by(c, {1}, NIGHT),
    "alerts that a silence keeps waiting": lambda c: holding.wake_held_by(c, "silence/SIL-3", NIGHT),
    "the newest requests": requests.listing,
    "the newest requests of an integration": lambda c: requests.listing(c, integration="quiet", before=9_000),
    "the newest requests with a problem": lambda c: requests.listing(c, problems=True),
    "the newest requests of the last hour": lambda c: requests.listing(c, since=NIGHT - timedelta(hours=1)),
    "a request": lambda c: requests.load(c, 7),
    "drop requests that are too old": lambda c: requests.drop_older(c, NIGHT - timedelta(days=500)),
    "drop requests that are too much": lambda c: requests.drop_weight(c, 1),
    "claim timers": lambda c: timers.due(c, NIGHT, 64, claim=True),
    "the next timer": timers.next_due,
    "claim messages": lambda c: picking.pick(c, NIGHT, 16),
    "claim messages where a channel is full": lambda c: picking.pick(c, NIGHT, 16, Room(full=frozenset({"slack"}))),
    "claim messages under pressure": lambda c: picking.pick(c, NIGHT, 16, Room(pressed=True)),
    "the next message": outbox.next_attempt,
    "messages whose provider is back": lambda c: outbox.due_now(c, ["slack"], NIGHT),
    "how many messages wait": outbox.depth,
    "the oldest page": outbox.oldest_page,
    "a claim that is still ours": lambda c: outbox.ours(c, picking.pick(c, NIGHT, 2).messages, "who"),
    "pages to be stopped": lambda c: outbox.stoppable(c, 1, [Until.ACKNOWLEDGED]),
    "wish for updates": lambda c: outbox.wish_updates(c, OPEN, NIGHT),
    "messages of incidents": lambda c: outbox.of(c, OPEN),
    "load incidents": lambda c: incidents.load(c, OPEN, lock=True),
    "alerts of incidents": lambda c: incidents.alerts_of(c, OPEN),
    "firing alerts": lambda c: incidents.firing(c, OPEN),
    "timers of incidents": lambda c: timers.of(c, OPEN),
    "actions of incidents": lambda c: records.actions_of(c, OPEN),
    "steps of incidents": lambda c: records.ticks_of(c, OPEN),
    "a timeline": lambda c: incidents.timeline(c, FIRST + 5),
    "the newest incidents": incidents.listing,
    "the open incidents": lambda c: incidents.listing(c, open_only=True),
    "a later page": lambda c: incidents.listing(c, before=FIRST + 500),
    **{f"incidents in {state}": partial(incidents.listing, state=state) for state in State},
    "incidents of a priority": lambda c: incidents.listing(c, priority="P0"),
    "incidents of a service": lambda c: incidents.listing(c, service="checkout"),
    "an alert by its number": lambda c: alerts.numbered(c, "alertmanager", 1),
    "a firing alert by its fingerprint": lambda c: alerts.firing(c, "alertmanager", "x"),
    "alerts that have not come for long": lambda c: alerts.unheard(c, "alertmanager", NIGHT, 1_000),
    "one that has not come for long": lambda c: alerts.still_unheard(c, 1, NIGHT),
    "sealed incidents with alerts of the same names": lambda c: incidents.sealed_with(c, ["Down1/web-1", "x"]),
    "the foremost alerts of incidents": lambda c: incidents.foremost_of(c, OPEN, 5),
    "the standings of incidents": lambda c: incidents.standings(c, OPEN),
    "the states of alerts of incidents": lambda c: incidents.statuses_of(c, OPEN),
    "the names of an incident's alerts": lambda c: alerts.names(c, "alertmanager", 1),
    "active incidents of a service": lambda c: alerts.active_of_service(c, "checkout", 20),
    "incidents of a service that is rare": lambda c: incidents.listing(c, service="canary"),
}


def muted(rule: str, number: int) -> MutedAlert:
    known = {"title": "t", "service": "s", "labels": {}, "first_at": NIGHT, "last_at": NIGHT, "count": 1}
    return MutedAlert(rule=rule, source="alertmanager", fingerprint=f"f{number}", **known)  # type: ignore[arg-type]  # mypy sees one type for all


def silence_much(connection: Connection) -> None:
    """Many silences that are over, and what they have muted."""
    past, rules = NIGHT - timedelta(days=400), [f"silence/SIL-{number}" for number in range(1, SILENCES + 1)]
    over = {"matchers": [], "starts_at": past, "ends_at": past, "author": "me", "reason": "r", "created_at": past}
    connection.execute(insert(mute_tables.silences), [over] * SILENCES)
    counted = {"count": 1, "kept": 1, "first_at": past, "last_at": past}
    connection.execute(insert(mute_tables.mutings), [{"rule": rule, **counted} for rule in rules])
    rows = [
        {**vars_of(muted(rule, number)), "first_at": past, "last_at": past} for rule in rules for number in range(20)
    ]
    connection.execute(insert(mute_tables.muted_alerts), rows)
    request = {"source": "s", "received_at": past, "status": 202, "size": 1, "weight": 1, "cut": False}
    request |= {"headers": {}, "outcomes": [], "body": zlib.compress(b"{}")}
    names = [{"integration": f"sender-{number % 9}", "problem": None, **request} for number in range(10_000)]
    connection.execute(insert(request_tables.raw_requests), names)
    connection.exec_driver_sql(
        "INSERT INTO held_alert (source, fingerprint, via, sender, alert, rule, incident_id, first_at, due_at) "
        """SELECT 'datadog', 'Down' || id, '', '', '{"fingerprint":"Down1","status":"firing","title":"Down"}', """
        "'silence/SIL-' || id % 1000, incident_id, first_seen_at, first_seen_at FROM alert"
    )
    connection.exec_driver_sql(
        "INSERT INTO inhibitor (key, alert_id, both_sides) SELECT 'cluster/' || id % 1000, id, 1 = 1 FROM alert"
    )


def vars_of(one: MutedAlert) -> dict[str, Any]:
    return {field.name: getattr(one, field.name) for field in fields(one)}


@contextmanager
def asked(connection: Connection) -> Iterator[list[tuple[str, Any]]]:
    """What goes to the database, and with what."""
    seen: list[tuple[str, Any]] = []

    def note(_: Connection, __: object, statement: str, given: Any, *___: object) -> None:
        seen.append((statement, given))

    event.listen(connection, "before_cursor_execute", note)
    yield seen
    event.remove(connection, "before_cursor_execute", note)


def scans(connection: Connection, call: Call) -> list[str]:
    """Steps of its plans in which a growing table is read through."""
    with asked(connection) as seen:
        call(connection)
    return [
        step
        for statement, given in seen
        if not _takes_the_first(statement)
        for step in _steps(connection, statement, given)
        if _reads_through(step)
    ]


def _takes_the_first(statement: str) -> bool:
    """In the order of the table itself, until it has enough: SQLite calls that a scan too."""
    return "WHERE" not in statement and "LIMIT" in statement


def _steps(connection: Connection, statement: str, given: Any) -> list[str]:
    if connection.dialect.name == "sqlite":
        return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)]
    return [row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", given)]


def _reads_through(step: str) -> bool:
    sqlite = re.match(r"SCAN (\w+)(.*)", step)
    if sqlite:
        return sqlite[1] in GROWING and "INDEX" not in sqlite[2] and "PRIMARY KEY" not in sqlite[2]
    postgresql = re.search(r"Seq Scan on (\w+)", step)
    return postgresql is not None and postgresql[1] in GROWING


async def test_no_hot_query_reads_through_a_table_that_grows(database_url: str) -> None:
    database = connect(database_url)
    engine = await engine_on(database, VirtualClock(NIGHT), Wire())
    for number in OPEN:
        await engine.accept(alert(f"Down{number}", priority="P0"))

    def prepare(connection: Connection) -> None:
        fill(connection, Copies(pattern=1, first=FIRST, count=ENDED, values=PAST))
        silence_much(connection)
        if connection.dialect.name == "postgresql":  # which does so by itself; on SQLite nobody does
            connection.exec_driver_sql("ANALYZE")

    await database.write(prepare)
    found = {name: await database.write(partial(scans, call=call)) for name, call in CALLS.items()}
    assert {name: steps for name, steps in found.items() if steps} == {}
    await engine.stop()
