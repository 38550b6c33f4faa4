"""Alerts that mute others while they fire: found by what they and the others have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.core.inhibiting import Claim
from engine.core.model import ACTIVE_STATES, OPEN_STATES
from engine.db.types import json_text


@dataclass(frozen=True, kw_only=True, slots=True)
class Inhibitor:
    """An alert that fires in an incident, and what it claims by what was last said of it."""

    incident: int
    fingerprint: str
    claims: tuple[Claim, ...]


def find(connection: Connection, claims: Sequence[Claim]) -> list[int | None]:
    """For each claim of an alert that may be muted the first incident in which one fires that mutes it."""
    if not claims:
        return []
    if connection.dialect.name == "sqlite":
        rows = [(claim.key, claim.both) for claim in claims]
        result = connection.exec_driver_sql(FIND_ON_SQLITE, (json_text(rows),))
    else:
        keys, both = [claim.key for claim in claims], [claim.both for claim in claims]
        result = connection.exec_driver_sql(FIND_ON_POSTGRESQL, (keys, both))
    return [row[0] for row in result]


def put(connection: Connection, firing: Sequence[Inhibitor]) -> None:
    """What these alerts mute from now on, each given once, in place of what they did before. Rows of the same keys
    whose alerts can't mute any more are dropped. Whether an alert fires still, in an active incident, is not kept here:
    it is looked up."""
    if not firing:
        return
    numbers, fingerprints = [one.incident for one in firing], [one.fingerprint for one in firing]
    rows = [(claim.key, claim.both, one.incident, one.fingerprint) for one in firing for claim in one.claims]
    keys = [key for key, *_ in rows]
    if connection.dialect.name == "sqlite":
        pairs = list(zip(numbers, fingerprints, strict=True))
        connection.exec_driver_sql(CLEAR_ON_SQLITE, (json_text(pairs),))
        if rows:
            connection.exec_driver_sql(FORGET_ON_SQLITE, (json_text(keys),))
            connection.exec_driver_sql(ADD_ON_SQLITE, (json_text(rows),))
        return
    connection.exec_driver_sql(CLEAR_ON_POSTGRESQL, (numbers, fingerprints))
    if rows:
        connection.exec_driver_sql(FORGET_ON_POSTGRESQL, (keys,))
        connection.exec_driver_sql(ADD_ON_POSTGRESQL, tuple(list(column) for column in zip(*rows, strict=True)))


def _states(states: Sequence[str]) -> str:
    return ", ".join(repr(str(state)) for state in states)


_FIND = f"""
SELECT (
    SELECT min(incident.id) FROM inhibitor
    JOIN alert ON alert.id = inhibitor.alert_id
    JOIN incident ON incident.id = alert.incident_id
    WHERE inhibitor.key = wanted.key AND alert.status = 'firing'
      AND incident.state IN ({_states(ACTIVE_STATES)}) AND NOT (wanted.both_sides AND inhibitor.both_sides)
)
FROM wanted ORDER BY wanted.place
"""  # noqa: S608 - the states are our own words
FIND_ON_SQLITE = f"""
WITH wanted AS (
    SELECT key AS place, json_extract(value, '$[0]') AS key, json_extract(value, '$[1]') AS both_sides
    FROM json_each(?)
)
{_FIND}"""  # noqa: S608 - as above
FIND_ON_POSTGRESQL = f"""
WITH wanted AS (
    SELECT place, key, both_sides
    FROM unnest($1::text[], $2::boolean[]) WITH ORDINALITY AS given (key, both_sides, place)
)
{_FIND}"""  # noqa: S608 - as above

_CLEAR = """
DELETE FROM inhibitor WHERE alert_id IN (
    SELECT alert.id FROM given JOIN alert ON alert.incident_id = given.number AND alert.fingerprint = given.fingerprint
)
"""
CLEAR_ON_SQLITE = f"""
WITH given AS (
    SELECT json_extract(value, '$[0]') AS number, json_extract(value, '$[1]') AS fingerprint FROM json_each(?)
)
{_CLEAR}"""  # noqa: S608 - a constant of ours
CLEAR_ON_POSTGRESQL = f"""
WITH given AS (
    SELECT number, fingerprint FROM unnest($1::integer[], $2::text[]) AS listed (number, fingerprint)
)
{_CLEAR}"""  # noqa: S608 - as above

_FORGET = f"""
AND NOT EXISTS (
    SELECT 1 FROM alert JOIN incident ON incident.id = alert.incident_id
    WHERE alert.id = inhibitor.alert_id AND alert.status = 'firing' AND incident.state IN ({_states(OPEN_STATES)})
)
"""  # noqa: S608 - as above
FORGET_ON_SQLITE = f"DELETE FROM inhibitor WHERE key IN (SELECT value FROM json_each(?)) {_FORGET}"  # noqa: S608 - as above
FORGET_ON_POSTGRESQL = f"DELETE FROM inhibitor WHERE key = ANY($1::text[]) {_FORGET}"  # noqa: S608 - as above

_ADD = """
INSERT INTO inhibitor (key, alert_id, both_sides)
SELECT given.key, alert.id, given.both_sides
FROM given JOIN alert ON alert.incident_id = given.number AND alert.fingerprint = given.fingerprint
WHERE true
ON CONFLICT (key, alert_id) DO NOTHING
"""
ADD_ON_SQLITE = f"""
WITH given AS (
    SELECT json_extract(value, '$[0]') AS key, json_extract(value, '$[1]') AS both_sides,
           json_extract(value, '$[2]') AS number, json_extract(value, '$[3]') AS fingerprint
    FROM json_each(?)
)
{_ADD}"""  # noqa: S608 - a constant of ours
ADD_ON_POSTGRESQL = f"""
WITH given AS (
    SELECT key, both_sides, number, fingerprint
    FROM unnest($1::text[], $2::boolean[], $3::integer[], $4::text[]) AS listed (key, both_sides, number, fingerprint)
)
{_ADD}"""  # noqa: S608 - as above
