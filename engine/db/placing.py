"""Where alerts belong: one statement for all alerts of a transaction, looked up one by one in it.

What tells that somebody has applied a configuration or made a silence comes with it, so that no engine goes by an old
one. Asked with lists of keys and of fingerprints instead, SQLite, which keeps no statistics here, walks through all
incidents that are active.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.core.model import ACTIVE_STATES
from engine.db.silences import CHANGES
from engine.db.types import json_text


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What an alert is looked up by: its key, and its fingerprint at its source."""

    key: str
    source: str
    fingerprint: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """`active`: the active incident in which the alert still fires, also once another source's incident has taken it
    over, else the one that its key leads to; `fires` tells the first case. `latest`: the newest incident of the key,
    whatever became of it."""

    active: int | None = None
    latest: int | None = None
    fires: bool = False


NOTHING_FOUND = Found()


@dataclass(frozen=True, kw_only=True, slots=True)
class Places:
    """For each alert what was found, in order; the newest revision of the configuration, the number that grows with
    each change of a silence, and whether any alert waits to be heard again."""

    revision: int | None
    silences: int
    waiting: bool
    found: tuple[Found, ...]


def find(connection: Connection, wanted: Sequence[Wanted]) -> Places:
    if not wanted:
        return Places(revision=None, silences=0, waiting=False, found=())
    if connection.dialect.name == "sqlite":
        rows = [(one.key, one.source, one.fingerprint) for one in wanted]
        result = connection.exec_driver_sql(ON_SQLITE, (json_text(rows),))
    else:
        keys, sources = [one.key for one in wanted], [one.source for one in wanted]
        result = connection.exec_driver_sql(ON_POSTGRESQL, (keys, sources, [one.fingerprint for one in wanted]))
    revision, silences, waiting, found = None, None, False, []
    for firing, own, moved, latest, newest, changes, some in result:
        revision, silences, waiting = newest, changes, bool(some)
        found.append(Found(active=firing or own or moved, latest=latest, fires=firing is not None))
    return Places(revision=revision, silences=int(silences or 0), waiting=waiting, found=tuple(found))


# As literals in this order, which is that of the partial index: only then does SQLite use it.
_ACTIVE = f"state IN ({', '.join(repr(state.value) for state in ACTIVE_STATES)})"

_LOOK_UP = f"""
SELECT
    (SELECT max(alert.incident_id) FROM alert JOIN incident ON incident.id = alert.incident_id
     WHERE alert.fingerprint = wanted.fingerprint AND alert.status = 'firing' AND incident.{_ACTIVE}
       AND (alert.source = wanted.source OR alert.source IS NULL AND (incident.source = wanted.source OR EXISTS
            (SELECT 1 FROM key_alias JOIN incident AS merged ON merged.key = key_alias.key
             WHERE key_alias.incident_id = incident.id AND merged.source = wanted.source)))),
    (SELECT incident.id FROM incident WHERE incident.key = wanted.key AND incident.{_ACTIVE}),
    (SELECT incident.id FROM key_alias JOIN incident ON incident.id = key_alias.incident_id
     WHERE key_alias.key = wanted.key AND incident.{_ACTIVE}),
    (SELECT max(incident.id) FROM incident WHERE incident.key = wanted.key),
    (SELECT max(config_revision.id) FROM config_revision),
    (SELECT setting.value FROM setting WHERE setting.name = '{CHANGES}'),
    (SELECT min(held_alert.due_at) FROM held_alert) IS NOT NULL
FROM wanted ORDER BY wanted.place
"""  # noqa: S608 - the states and the setting are our own words

ON_SQLITE = f"""
WITH wanted AS (
    SELECT key AS place, json_extract(value, '$[0]') AS key, json_extract(value, '$[1]') AS source,
           json_extract(value, '$[2]') AS fingerprint
    FROM json_each(?)
)
{_LOOK_UP}"""  # noqa: S608 - as above

ON_POSTGRESQL = f"""
WITH wanted AS (
    SELECT place, key, source, fingerprint
    FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS given (key, source, fingerprint, place)
)
{_LOOK_UP}"""  # noqa: S608 - as above
