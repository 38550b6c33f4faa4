"""Engines that are broken on purpose, each in one way that has cost somebody a night. The oracle has to find each."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from engine.config.stored import to_document
from engine.core import decide, escalation, fallback, firing, priority
from engine.core.escalation import Due
from engine.core.model import Timer, TimerKind
from engine.core.policy import Flapping
from engine.db import outbox, tables
from engine.ports import Envelope
from engine.services import cases, claiming, envelopes, recording
from tests.services.engines import documented
from tests.simulation.crew import Crew
from tests.simulation.evening import Evening
from tests.simulation.facts import Away
from tests.simulation.standard import DOCUMENTED, HOUR, MINUTE, Row
from tests.simulation.tables import document_of
from tests.simulation.world import World

Patch = pytest.MonkeyPatch
Break = Callable[[Patch, World], None]
Part = Callable[[Evening], None]


def a_provider_that_swallows(patch: Patch, world: World) -> None:
    """It says that it took the message, and every fifth is gone."""
    take, turn = world.sky.take, itertools.count(1)

    def swallow(channel: str, envelope: Envelope) -> None:
        if next(turn) % 5:
            take(channel, envelope)

    patch.setattr(world.sky, "take", swallow)


def no_level_2(patch: Patch, world: World) -> None:
    rows = {name: replace(row, levels=_without(row, 2)) for name, row in DOCUMENTED.rows.items()}
    patch.setattr(world, "document", document_of(replace(DOCUMENTED, rows=rows)))


def _without(row: Row, number: int) -> dict[int, timedelta]:
    return {level: after for level, after in row.levels.items() if level != number}


def a_response_due_a_minute_later(patch: Patch, world: World) -> None:
    rows = {
        name: replace(row, respond=row.respond + MINUTE) if row.respond else row
        for name, row in DOCUMENTED.rows.items()
    }
    patch.setattr(world, "document", document_of(replace(DOCUMENTED, rows=rows)))


def the_other_person_first(patch: Patch, world: World) -> None:
    people = {number: pair[::-1] for number, pair in DOCUMENTED.people.items()}
    patch.setattr(world, "document", document_of(replace(DOCUMENTED, people=people)))


def every_time_is_an_incident_of_its_own(patch: Patch, world: World) -> None:
    patch.setattr(world, "document", _damping(None))


def a_minute_of_quiet_is_enough(patch: Patch, world: World) -> None:
    patch.setattr(world, "document", _damping(Flapping(times=5, within=HOUR, quiet=MINUTE)))


def _damping(flapping: Flapping | None) -> str:
    return to_document(documented()[0].model_copy(update={"flapping": flapping}))


def nobody_looks_whether_it_is_still_wanted(patch: Patch, world: World) -> None:
    """Pages of what was resolved or acknowledged meanwhile go out."""
    for module in (claiming, recording):
        patch.setattr(module, "why_unwanted", lambda claimed, incident: "")
    patch.setattr(outbox, "stoppable", lambda connection, incident, untils: [])


def a_repeat_is_not_marked(patch: Patch, world: World) -> None:
    gather = envelopes.envelopes

    def unmarked(*args: Any, **how: Any) -> Any:
        return [(claimed, replace(envelope, repeated=False)) for claimed, envelope in gather(*args, **how)]

    patch.setattr(claiming, "envelopes", unmarked)


def sent_twice(patch: Patch, world: World) -> None:
    take = world.sky.take

    def twice(channel: str, envelope: Envelope) -> None:
        take(channel, envelope)
        take(channel, replace(envelope, repeated=True))

    patch.setattr(world.sky, "take", twice)


def a_failed_page_is_given_up(patch: Patch, world: World) -> None:
    patch.setattr(recording, "after_failure", lambda draft, failed, siblings: None)


def retries_take_ten_minutes(patch: Patch, world: World) -> None:
    patch.setattr(recording, "next_try", lambda attempts, now, *_: now + timedelta(minutes=10))


def what_the_dead_had_claimed_counts_as_sent(patch: Patch, world: World) -> None:
    def forget(connection: Connection) -> int:
        claimed = update(tables.outbox).where(tables.outbox.c.state == "claimed")
        return connection.execute(claimed.values(state="sent", claimed_by=None, claimed_until=None)).rowcount

    patch.setattr(outbox, "release_all", forget)


def timers_start_anew_with_the_engine(patch: Patch, world: World) -> None:
    """As the peers do it: after downtime an escalation counts from the restart."""
    start, column = Crew.start, tables.timers.c

    async def later(crew: Crew) -> None:
        last = world.journal.facts[-1] if world.journal.facts else None
        gone = last.until - last.since if isinstance(last, Away) else timedelta()

        def put_off(connection: Connection) -> None:
            pending = select(column.incident_id, column.key, column.due_at).where(column.state == "pending")
            for incident, key, due in connection.execute(pending).all():
                place = (column.incident_id == incident) & (column.key == key)
                connection.execute(update(tables.timers).where(place).values(due_at=due + gone))

        if gone:
            await crew.observer.write(put_off)
        await start(crew)

    patch.setattr(Crew, "start", later)


def every_missed_level_is_paged(patch: Patch, world: World) -> None:
    def all_of_them(due: Iterable[Timer], *_: object) -> Due:
        return Due(fire=tuple(sorted(due, key=lambda timer: (timer.due_at, timer.level))), supersede=())

    patch.setattr(firing, "sort_due", all_of_them)


def lateness_is_not_said(patch: Patch, world: World) -> None:
    patch.setattr(firing, "lateness", lambda timer, now, why: "")


def nobody_is_asked_whether_they_are_still_on_it(patch: Patch, world: World) -> None:
    patch.setattr(escalation, "_lease", lambda case: ())


def an_acknowledgement_ends_every_level(patch: Patch, world: World) -> None:
    page = escalation._page  # noqa: SLF001 - it is broken on purpose

    def until_acknowledged(case: Any, *args: Any, **options: Any) -> Any:
        return () if case.incident.acknowledged_at else page(case, *args, **options)

    patch.setattr(escalation, "_page", until_acknowledged)


def a_hold_holds_nothing(patch: Patch, world: World) -> None:
    patch.setattr(escalation, "_held", lambda incident, due: due)


def a_raise_makes_levels_later(patch: Patch, world: World) -> None:
    patch.setattr(priority, "_caps", lambda draft: {})


def a_raise_pages_nobody(patch: Patch, world: World) -> None:
    patch.setattr(priority, "_raise", lambda draft, actor, reason: None)


def a_lapse_pages_nobody(patch: Patch, world: World) -> None:
    patch.setitem(firing.FIRE, TimerKind.LEASE_ANSWER, lambda draft, timer, late: None)


def a_reopening_pages_nobody(patch: Patch, world: World) -> None:
    patch.setattr(decide, "new_cycle", lambda draft: None)


def p3_wakes_people(patch: Patch, world: World) -> None:
    patch.setattr(escalation, "silent", lambda case: False)


def a_decided_page_is_not_queued(patch: Patch, world: World) -> None:
    """One in five: on the timeline, and nowhere else."""
    queue, turn = outbox.add, itertools.count(1)
    patch.setattr(outbox, "add", lambda connection, rows: queue(connection, [row for row in rows if next(turn) % 5]))


def one_channel_is_enough(patch: Patch, world: World) -> None:
    row = cases.Ledger._queue  # noqa: SLF001 - it is broken on purpose

    def first_only(ledger: Any, incident: Any, messages: Any) -> None:
        row(ledger, incident, messages[:2])

    patch.setattr(cases.Ledger, "_queue", first_only)


def a_line_is_changed_afterwards(patch: Patch, world: World) -> None:
    async def forge() -> None:
        await world.crew.observer.write(forge_a_line)

    world.later(world.end - world.true, forge)


def forge_a_line(connection: Connection) -> None:
    guards = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    for name in connection.exec_driver_sql(guards).scalars().all():
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
    second = (tables.events.c.incident_id == 1) & (tables.events.c.seq == 2)
    connection.execute(update(tables.events).where(second).values(reason="it was never urgent"))


def the_next_person_is_not_tried(patch: Patch, world: World) -> None:
    patch.setattr(fallback, "_next_person", lambda *args, **options: None)


BROKEN: dict[Break, tuple[Part, str]] = {
    a_provider_that_swallows: (Evening.providers, "sent but never there"),
    every_time_is_an_incident_of_its_own: (Evening.comings_and_goings, "placed wrongly"),
    a_minute_of_quiet_is_enough: (Evening.comings_and_goings, "placed wrongly"),
    no_level_2: (Evening.providers, "missed page"),
    a_response_due_a_minute_later: (Evening.providers, "no response.breached"),
    the_other_person_first: (Evening.providers, "missed page"),
    nobody_looks_whether_it_is_still_wanted: (Evening.providers, "page after the answer"),
    a_repeat_is_not_marked: (Evening.providers, "unmarked repeat"),
    sent_twice: (Evening.providers, "sent twice for nothing"),
    a_failed_page_is_given_up: (Evening.providers, "missed page"),
    the_next_person_is_not_tried: (Evening.providers, "missed page"),
    retries_take_ten_minutes: (Evening.providers, "delayed for nothing"),
    what_the_dead_had_claimed_counts_as_sent: (Evening.processes, "channel left out"),
    timers_start_anew_with_the_engine: (Evening.processes, "missed page"),
    every_missed_level_is_paged: (Evening.processes, "surplus page"),
    lateness_is_not_said: (Evening.processes, "lateness not stated"),
    nobody_is_asked_whether_they_are_still_on_it: (Evening.clocks, "no lease.asked"),
    an_acknowledgement_ends_every_level: (Evening.clocks, "missed page"),
    a_hold_holds_nothing: (Evening.clocks, "surplus page"),
    a_raise_makes_levels_later: (Evening.clocks, "missed page"),
    a_raise_pages_nobody: (Evening.clocks, "missed page"),
    a_lapse_pages_nobody: (Evening.clocks, "missed page"),
    a_reopening_pages_nobody: (Evening.clocks, "missed page"),
    p3_wakes_people: (Evening.clocks, "surplus page"),
    a_decided_page_is_not_queued: (Evening.providers, "channel left out"),
    one_channel_is_enough: (Evening.clocks, "channel left out"),
    a_line_is_changed_afterwards: (Evening.clocks, "broken chain"),
}
"""Each with the part of an evening in which it shows, and a rule that the oracle has to name."""
