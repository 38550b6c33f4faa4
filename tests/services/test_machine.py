"""Whatever alerts come, whatever people press, whatever breaks: the record adds up and nobody who is needed is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, get_state_machine_test, initialize, invariant, rule

from engine.clock import VirtualClock
from engine.core.commands import Command, Merge
from engine.core.errors import DeliveryError, Refusal
from engine.core.model import Actor, Alert, Incident, MessageKind, Until, incident_ref
from engine.services import reports
from engine.services.claiming import claim
from tests.databases import PostgresDatabases, sqlite_copy
from tests.services.accounts import Account, check_all, check_arrivals, check_nothing_waits, read_accounts
from tests.services.engines import Wire, all_incidents, start_engine
from tests.services.happenings import Act, Happening, Merging, Outage, Trouble, Webhooks, firing, happenings

NIGHT = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)
EXAMPLES, STEPS = 4, 30
PATIENCE = 20  # seconds
AT_MOST = 400
"""Moments at which something is due within one span; more of them would be a circle."""

T = TypeVar("T")
OpenDatabase = Callable[[], AbstractContextManager[str]]


class Operations(RuleBasedStateMachine):
    """An engine on a database, and everything that may happen to it."""

    open_database: ClassVar[OpenDatabase]

    def __init__(self) -> None:
        super().__init__()
        self.closing = ExitStack()
        # Not a Runner: the signal handler that it sets and takes back for each run spells out all that the run returns.
        self.loop = self.closing.enter_context(closing(asyncio.new_event_loop()))
        self.url = self.closing.enter_context(type(self).open_database())
        self.clock = VirtualClock(NIGHT)
        self.wire = Wire()
        self.engine = self.do(start_engine(self.url, self.clock, self.wire))

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(asyncio.wait_for(work, PATIENCE))

    @initialize(found=st.lists(firing, min_size=1, max_size=2))
    def it_begins(self, found: list[Alert]) -> None:
        self.do(self.engine.accept(*found))

    @rule(what=happenings)
    def something_happens(self, what: Happening) -> None:
        match what:
            case Webhooks():
                self.do(self.all_at_once(what.together))
            case Act():
                self.act(what.back, what.command, what.actor)
            case Merging():
                self.act(what.back, Merge(into=self.ref(what.into)), what.actor)
            case Trouble():
                self.trouble(what)
            case Outage():
                self.outage(what)
        self.go_on(what.then)

    async def all_at_once(self, webhooks: list[list[Alert]]) -> None:
        await asyncio.gather(*(self.engine.accept(*found) for found in webhooks))

    def act(self, back: int, command: Command, actor: Actor) -> None:
        with suppress(Refusal):
            self.do(self.engine.command(self.ref(back), command, actor))

    def ref(self, back: int) -> str:
        return incident_ref(max(1, len(self.incidents()) - back))

    def trouble(self, what: Trouble) -> None:
        self.wire.heal()
        self.wire.fates[what.channel].extend(what.fates)
        if what.lacks_token:
            self.wire.lacking.add(what.channel)

    def go_on(self, span: timedelta | None) -> None:
        """The engine looks at every moment of the span at which something is due; at None it has no time at all."""
        if span is None:
            return
        end = self.clock.now() + span
        for _ in range(AT_MOST):
            self.do(self.engine.ticker.tick())
            self.deliver()
            due = self.next_moment()
            if due is None or due > end:
                break
            self.clock.set(max(due, self.clock.now()))
        else:
            raise AssertionError("the engine does not come to rest")
        self.clock.set(end)

    def deliver(self) -> None:
        """Nobody is woken for what was acknowledged or over before the delivery began."""
        before, already = {one.ref: one for one in self.incidents()}, len(self.wire.arrived)
        self.do(self.engine.sender.drain())
        for envelope in self.wire.arrived[already:]:
            incident, message = before[envelope.incident.ref], envelope.message
            if message.kind is MessageKind.PAGE:
                assert incident.state.active, envelope
                assert message.until is not Until.ACKNOWLEDGED or not incident.acknowledged_at, envelope

    def outage(self, what: Outage) -> None:
        if what.killed:
            self.claim_and_die(arrived=what.arrived)
        self.restart()
        self.clock.advance(what.lasts)
        self.do(self.engine.ticker.tick())

    def claim_and_die(self, *, arrived: bool) -> None:
        context, now = self.engine.context, self.clock.now()
        taken, parcels = self.do(context.database.write(lambda c: claim(c, context, "the dead engine", now)))
        for parcel in parcels if arrived else ():
            with suppress(DeliveryError):
                assert taken is not None
                self.do(taken.channels[parcel.message.channel].send(parcel.envelope))

    def restart(self) -> None:
        self.do(self.engine.stop())
        self.engine = self.do(start_engine(self.url, self.clock, self.wire))
        if self.engine.context.database.dialect == "sqlite":
            self.do(self.engine.sender.release_claims())

    @invariant()
    def the_record_adds_up(self) -> None:
        check_all(self.accounts(), self.clock.now())

    def teardown(self) -> None:
        """Once all is well again for three days nothing waits, and every page came to an end that is on record."""
        with self.closing:
            try:
                self.wire.heal()
                self.go_on(timedelta(days=3))
                accounts = self.accounts()
                check_all(accounts, self.clock.now())
                check_arrivals(accounts, self.wire.arrived)
                for account in accounts:
                    check_nothing_waits(account)
                broken = [found for found in self.do(reports.check_timelines(self.engine.context, None)) if found[1]]
                assert not broken
            finally:
                self.do(self.engine.stop())

    def next_moment(self) -> datetime | None:
        found = [self.do(self.engine.ticker.next_due()), self.do(self.engine.sender.next_attempt())]
        return min((at for at in found if at is not None), default=None)

    def incidents(self) -> list[Incident]:
        return self.do(all_incidents(self.engine.context.database))

    def accounts(self) -> list[Account]:
        context = self.engine.context
        return self.do(context.database.write(lambda connection: read_accounts(connection, context)))


def operate(opener: OpenDatabase, chance: int) -> None:
    """The same nights in every run: what is found by chance is found again by everybody."""

    class Opened(Operations):
        open_database = staticmethod(opener)

    # Each seed by itself, for the examples of one run take after each other.
    nights = get_state_machine_test(
        Opened,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    seed(chance)(nights)()


@pytest.mark.parametrize("chance", range(8))
def test_whatever_happens_the_record_adds_up_on_sqlite(chance: int, sqlite_url: str, tmp_path: Path) -> None:
    template = Path(sqlite_url.removeprefix("sqlite:///"))

    @contextmanager
    def copy() -> Iterator[str]:
        with TemporaryDirectory(dir=tmp_path) as folder:
            yield sqlite_copy(template, Path(folder))

    operate(copy, chance)


@pytest.mark.parametrize("chance", range(8, 11))
def test_whatever_happens_the_record_adds_up_on_postgresql(
    chance: int,
    _postgres: PostgresDatabases,  # noqa: PT019 - each example takes a copy for itself
    _postgres_template: str,  # noqa: PT019
) -> None:
    operate(lambda: _postgres.copy(_postgres_template), chance)
