"""The ways to reach a person."""

from __future__ import annotations

from collections.abc import Sequence

from engine.core.policy import Config, Level

LOG = "log"
"""The kind of channel that needs nothing configured."""


def ways(config: Config, level: Level, contact: str, reachable: frozenset[str]) -> tuple[tuple[str, str], ...]:
    """(channel, address) in the order of use: the level's own channels, then the contact's others as a last resort.

    On a machine where no channel but the log can send, the log is the way. Empty: the contact can't be reached.
    """
    known = config.contacts.get(contact)
    reach = known.reach if known else {}
    logs = frozenset(name for name, channel in config.channels.items() if channel.kind == LOG)
    if reachable <= logs:
        return tuple((name, contact) for name in sorted(reachable))
    usual = [name for name in level.reached_by if name in reach and name in reachable]
    others = [name for name in reach if name in reachable and name not in usual]
    return tuple((name, reach[name]) for name in (*usual, *others))


def first_ways(level: Level, found: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Those to use at once: all of the level's own channels, or just the next one where they go one after another."""
    if not level.together:
        return tuple(found[:1])
    own = tuple(way for way in found if way[0] in level.reached_by)
    return own or tuple(found[:1])
