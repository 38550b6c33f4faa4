"""Two things at once: the order that chance rarely gives is forced, and the outcome is the one that people rely on."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text

from engine.clock import VirtualClock
from engine.core.commands import Acknowledge, Command, Note, Resolve
from engine.core.errors import Refusal
from engine.core.model import ENGINE, Actor, State
from engine.core.timeline import Kind
from engine.db.database import connect
from engine.ports import Envelope
from engine.services import reading, reports
from engine.services.claiming import LEASE, claim
from tests.services.accounts import OUTCOMES, Account, check_all, read_accounts
from tests.services.engines import Engine, Fate, Wire, alert, engine_on, person
from tests.services.stopping import COMMIT, StoppingDatabase

NIGHT = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)
FIVE_MINUTES = timedelta(minutes=5)
LEAD, SENIOR = person("ops-lead"), person("ops-senior")
RESOLVE = Resolve(validation="checked by hand")
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
TURN = timedelta(seconds=5)
WEBHOOKS = 50
INCIDENTS = 20


class Pair:
    """Two engines on one database and one wire. The transactions of `first` can be stopped half way."""

    def __init__(
        self,
        first: Engine,
        second: Engine,
        databases: list[StoppingDatabase],
        clock: VirtualClock,
        wire: Wire,
    ) -> None:
        self.first = first
        self.second = second
        self.databases = databases
        self.stopping = databases[0]
        self.clock = clock
        self.wire = wire

    def repeats(self) -> int:
        """Transactions that had to begin again."""
        return sum(database.repeats for database in self.databases)

    async def open(self) -> str:
        """A P0; nothing of it has been delivered yet."""
        [outcome] = await self.first.accept(alert(priority="P0"))
        assert outcome.incident is not None
        return outcome.incident

    async def overtaken(
        self, held: Coroutine[Any, Any, object], other: Coroutine[Any, Any, object], *, before: str = COMMIT
    ) -> tuple[Any, Any]:
        """`held` stops inside its transaction, `other` begins and meets its locks, and only then `held` goes on."""
        self.stopping.stop(before)
        one = asyncio.create_task(held)
        await self.stopping.stopped()
        two = asyncio.create_task(other)
        await self._until_it_waits(two)
        self.stopping.go_on()
        results = await asyncio.gather(one, two, return_exceptions=True)
        return results[0], results[1]

    async def _until_it_waits(self, task: asyncio.Task[object]) -> None:
        """On SQLite a writer can't even begin; on PostgreSQL it waits for a row, or passes it over and is done."""

        def waiting(connection: Connection) -> bool:
            return bool(connection.execute(text(WAITING)).scalar())

        if self.stopping.dialect == "postgresql":
            async with asyncio.timeout(5):
                while not task.done() and not await self.second.context.database.read(waiting):
                    await asyncio.wait([task], timeout=0.01)

    def meanwhile(
        self, ref: str, command: Command, actor: Actor, *, sends: int
    ) -> Callable[[Envelope], Awaitable[None]]:
        """While so many messages are on their way, a second after they were rendered, somebody acts."""
        going = asyncio.Barrier(sends)

        async def act(_: Envelope) -> None:
            async with asyncio.timeout(5):
                if await going.wait() == 0:
                    self.wire.before = None
                    self.clock.advance(timedelta(seconds=1))
                    await self.second.command(ref, command, actor)
                await going.wait()

        return act

    async def accounts(self) -> list[Account]:
        """Of all incidents, and they add up."""
        context = self.first.context
        accounts = await context.database.write(lambda connection: read_accounts(connection, context))
        check_all(accounts, self.clock.now())
        return accounts

    async def account(self, ref: str) -> Account:
        return next(one for one in await self.accounts() if one.incident.ref == ref)


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
async def pair(database_url: str, wire: Wire) -> AsyncIterator[Pair]:
    clock = VirtualClock(NIGHT)
    databases = [StoppingDatabase(connect(database_url)) for _ in range(2)]
    first, second = [await engine_on(database, clock, wire) for database in databases]
    yield Pair(first, second, databases, clock, wire)
    await first.stop()
    await second.stop()


async def test_two_acknowledgements_together_have_one_winner(pair: Pair) -> None:
    ref = await pair.open()
    one, two = await pair.overtaken(
        pair.first.command(ref, Acknowledge(), LEAD), pair.second.command(ref, Acknowledge(), SENIOR)
    )
    assert (one.decision.code, two.decision.code) == ("done", "already_acknowledged")
    account = await pair.account(ref)
    assert account.incident.acknowledged_by == LEAD.id
    assert len(account.of_kind(Kind.ACKNOWLEDGED)) == 1


async def test_an_acknowledgement_that_loses_to_a_resolve_is_told_so_and_changes_nothing(pair: Pair) -> None:
    ref = await pair.open()
    _, late = await pair.overtaken(
        pair.first.command(ref, RESOLVE, SENIOR), pair.second.command(ref, Acknowledge(), LEAD)
    )
    assert isinstance(late, Refusal)
    assert late.code == "already_resolved"
    account = await pair.account(ref)
    assert (account.incident.state, account.incident.acknowledged_by) == (State.REVIEW, None)


async def test_a_resolve_that_comes_during_an_acknowledgement_still_resolves(pair: Pair) -> None:
    ref = await pair.open()
    await pair.overtaken(pair.first.command(ref, Acknowledge(), LEAD), pair.second.command(ref, RESOLVE, SENIOR))
    account = await pair.account(ref)
    assert (account.incident.state, account.incident.acknowledged_by) == (State.REVIEW, LEAD.id)


async def test_an_acknowledgement_just_before_the_5_minute_timer_keeps_it_from_firing(pair: Pair, wire: Wire) -> None:
    ref = await pair.open()
    await pair.first.settle()
    pair.clock.advance(FIVE_MINUTES)
    await pair.overtaken(pair.first.command(ref, Acknowledge(), LEAD), pair.second.ticker.tick())
    await pair.second.settle()
    account = await pair.account(ref)
    assert account.of_kind(Kind.RESPONSE_BREACHED) == []
    assert {contact for _, contact in wire.pages()} == {"ops-lead"}


async def test_an_acknowledgement_just_after_the_5_minute_timer_stops_its_pages_before_they_go_out(
    pair: Pair, wire: Wire
) -> None:
    ref = await pair.open()
    await pair.first.settle()
    sent = wire.pages()
    pair.clock.advance(FIVE_MINUTES)
    await pair.overtaken(
        pair.first.ticker.tick(), pair.second.command(ref, Acknowledge(), LEAD), before="INSERT INTO outbox"
    )
    await pair.second.settle()
    account = await pair.account(ref)
    assert len(account.of_kind(Kind.RESPONSE_BREACHED)) == 1
    assert account.incident.acknowledged_by == LEAD.id
    assert wire.pages() == sent


async def test_an_acknowledgement_and_a_tick_never_wait_for_each_other(pair: Pair) -> None:
    """The acknowledgement has the incident and not yet its timers when the tick comes for them."""
    ref = await pair.open()
    pair.clock.advance(FIVE_MINUTES)
    done, _ = await pair.overtaken(
        pair.first.command(ref, Acknowledge(), LEAD), pair.second.ticker.tick(), before="UPDATE timer"
    )
    assert done.decision.code == "done"
    assert pair.repeats() == 0
    await pair.account(ref)


async def test_a_page_that_is_claimed_while_somebody_acknowledges_is_sent_or_withdrawn_and_never_both(
    pair: Pair, wire: Wire
) -> None:
    ref = await pair.open()
    await pair.overtaken(
        pair.first.command(ref, Acknowledge(), LEAD), pair.second.sender.drain(), before="UPDATE outbox"
    )
    account = await pair.account(ref)
    said = Counter(line.data["channel"] for kind in OUTCOMES.values() for line in account.of_kind(kind))
    assert said == {"slack": 1, "email": 1}
    assert len(wire.pages()) == len(account.of_kind(Kind.PAGE_SENT))


async def test_who_comes_back_after_a_lapsed_lease_has_no_say_in_a_message_that_others_have_sent(
    pair: Pair, wire: Wire
) -> None:
    ref = await pair.open()
    asleep, awake = asyncio.Event(), asyncio.Event()

    async def sleep(envelope: Envelope) -> None:
        """The first send of each channel hangs, as on a machine that was suspended."""
        if not envelope.repeated:
            asleep.set()
            await asyncio.wait_for(awake.wait(), 5)

    wire.before = sleep
    first = asyncio.create_task(pair.first.sender.drain())
    await asleep.wait()
    pair.clock.advance(LEASE + timedelta(seconds=1))
    await pair.second.sender.drain()
    wire.fates["email"].append(Fate.IS_REFUSED)
    awake.set()
    await first
    account = await pair.account(ref)
    assert account.of_kind(Kind.PAGE_FAILED) == []
    assert Counter(line.data["channel"] for line in account.of_kind(Kind.PAGE_SENT)) == {"slack": 1, "email": 1}


async def test_a_page_whose_sender_died_is_not_taken_up_once_somebody_has_acknowledged(pair: Pair, wire: Wire) -> None:
    ref, context, now = await pair.open(), pair.first.context, pair.clock.now()
    await context.database.write(lambda connection: claim(connection, context, "the dead engine", now))
    await pair.second.command(ref, Acknowledge(), LEAD)
    pair.clock.advance(LEASE)
    await pair.second.sender.drain()
    assert wire.pages() == []
    account = await pair.account(ref)
    assert {line.reason for line in account.of_kind(Kind.PAGE_CANCELLED)} == {"somebody acknowledged"}


async def test_a_page_that_fails_on_its_way_is_not_tried_again_once_somebody_has_acknowledged(
    pair: Pair, wire: Wire
) -> None:
    ref = await pair.open()
    wire.fates["email"].append(Fate.FAILS)
    wire.fates["slack"].extend([Fate.ARRIVES, Fate.ARRIVES])
    wire.before = pair.meanwhile(ref, Acknowledge(), LEAD, sends=3)
    await pair.first.settle()
    pair.clock.advance(FIVE_MINUTES)
    await pair.first.settle()
    assert wire.pages() == [("slack", "ops-lead")]
    account = await pair.account(ref)
    assert [line.data["channel"] for line in account.of_kind(Kind.PAGE_CANCELLED)] == ["email"]


async def test_what_changes_while_a_message_is_brought_up_to_date_is_shown_by_another_update(
    pair: Pair, wire: Wire
) -> None:
    ref = await pair.open()
    await pair.first.settle()
    pair.clock.advance(timedelta(minutes=1))
    await pair.first.command(ref, Note(text="looking"), SENIOR)

    wire.before = pair.meanwhile(ref, Acknowledge(), LEAD, sends=2)
    await pair.first.settle()
    shown = {envelope.id: envelope.incident.acknowledged_by for envelope in wire.updated}
    assert len(shown) == 2
    assert set(shown.values()) == {LEAD.id}


async def test_a_page_that_was_outdated_as_it_went_out_is_brought_up_to_date_where_its_channel_can(
    pair: Pair, wire: Wire
) -> None:
    ref = await pair.open()
    wire.before = pair.meanwhile(ref, Acknowledge(), LEAD, sends=3)
    await pair.first.settle()
    assert sorted(wire.pages()) == [("email", "ops-lead"), ("slack", "ops-lead")]
    assert {one.message.channel for one in wire.updated} == {"slack"}
    assert len({one.id for one in wire.updated}) == len(wire.updated) == 2


async def settle_bundles(pair: Pair) -> None:
    """What is beyond the small burst goes out together when its turn comes."""
    await pair.first.settle()
    pair.clock.advance(TURN)
    await pair.second.settle()


async def test_what_two_engines_deliver_at_once_arrives_once(pair: Pair, wire: Wire) -> None:
    await pair.first.accept(*(alert(f"Alert{number}", priority="P0") for number in range(INCIDENTS)))
    pair.stopping.stop("UPDATE outbox")
    one = asyncio.create_task(pair.first.sender.drain())
    await pair.stopping.stopped()
    two = asyncio.create_task(pair.second.sender.drain())
    pair.stopping.go_on()
    await asyncio.gather(one, two)
    await settle_bundles(pair)
    everybody = Counter((channel, who) for channel, who, _ in wire.paged())
    assert everybody == {("slack", "ops-lead"): INCIDENTS, ("email", "ops-lead"): INCIDENTS}
    assert len(set(wire.paged())) == 2 * INCIDENTS


async def test_what_two_engines_fire_at_once_is_fired_once(pair: Pair, wire: Wire) -> None:
    await pair.first.accept(*(alert(f"Alert{number}", priority="P0") for number in range(INCIDENTS)))
    await settle_bundles(pair)
    pair.clock.advance(FIVE_MINUTES - TURN)
    await pair.overtaken(pair.first.settle(), pair.second.settle(), before="UPDATE timer")
    await pair.first.settle()
    accounts = await pair.accounts()
    assert [len(one.of_kind(Kind.RESPONSE_BREACHED)) for one in accounts] == [1] * INCIDENTS
    await settle_bundles(pair)
    twice, once = {"ops-lead": 2 * INCIDENTS}, {"ops-senior": INCIDENTS}
    assert Counter(who for channel, who, _ in wire.paged() if channel == "email") == twice | once


async def test_what_is_read_is_one_moment_whatever_is_written_meanwhile(pair: Pair) -> None:
    """The incident says where its timeline ends; a line more, and a record in good order would look forged."""
    ref = await pair.open()
    pair.stopping.stop("SELECT timeline_event")
    checking = asyncio.create_task(reports.check_timelines(pair.first.context, ref))
    await pair.stopping.stopped()
    await pair.second.command(ref, Acknowledge(), LEAD)
    pair.stopping.go_on()
    assert await checking == [(ref, None)]


async def test_50_webhooks_for_the_same_problem_at_once_open_one_incident(pair: Pair, wire: Wire) -> None:
    engines = [pair.first, pair.second]
    outcomes = await asyncio.gather(
        *(engines[number % 2].accept(alert(host=f"web-{number}", priority="P0")) for number in range(WEBHOOKS))
    )
    await pair.first.settle()
    actions = Counter(outcome.action.value for [outcome] in outcomes)
    assert actions == {"opened": 1, "joined": WEBHOOKS - 1}
    [account] = await pair.accounts()
    assert len(await alerts_of(pair, account.incident.ref)) == WEBHOOKS
    assert sorted(wire.pages()) == [("email", "ops-lead"), ("slack", "ops-lead")]


async def alerts_of(pair: Pair, ref: str) -> list[str]:
    view = await reading.incident(pair.first.context, ref, ENGINE)
    return [one.alert.fingerprint for one in view.alerts]
