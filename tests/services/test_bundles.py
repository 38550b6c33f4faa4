"""In a storm one person gets a few messages that name everything, and every page is on its incident's record."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from engine.clock import VirtualClock
from engine.core.commands import Acknowledge
from engine.core.model import MessageKind, MessageState
from engine.core.timeline import Kind
from engine.ports import Envelope
from engine.services.claiming import LEASE, claim
from tests.services.accounts import Account, check_all, check_arrivals, check_nothing_waits, names_in, read_accounts
from tests.services.engines import Engine, Fate, Wire, alert, person, start_engine

NIGHT = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)
LEAD = person("ops-lead")
BURST, WINDOW = 5, timedelta(seconds=30)


class Night:
    """One engine in a storm."""

    def __init__(self, engine: Engine, clock: VirtualClock, wire: Wire) -> None:
        self.engine = engine
        self.clock = clock
        self.wire = wire

    async def storm(self, count: int, priority: str, *, name: str = "Alert") -> None:
        await self.engine.accept(*(alert(f"{name}{number}", priority=priority) for number in range(count)))
        await self.engine.settle()

    async def later(self, span: timedelta) -> None:
        """Stopping wherever there is something to send on the way."""
        until = self.clock.now() + span
        while (at := await self.engine.sender.next_attempt()) is not None and at <= until:
            self.clock.set(max(at, self.clock.now()))
            await self.engine.sender.drain()
        self.clock.set(until)

    def messages(self, channel: str) -> list[int]:
        """How many pages each message to the lead on this channel stood for."""
        return [
            len(one.bundle) or 1
            for one in self.wire.arrived
            if (one.message.channel, one.message.contact) == (channel, "ops-lead")
        ]

    async def accounts(self) -> list[Account]:
        context = self.engine.context
        found = await context.database.write(lambda connection: read_accounts(connection, context))
        check_all(found, self.clock.now())
        return found


@pytest.fixture
async def night(database_url: str) -> AsyncIterator[Night]:
    clock, wire = VirtualClock(NIGHT), Wire()
    engine = await start_engine(database_url, clock, wire)
    yield Night(engine, clock, wire)
    await engine.stop()


async def test_a_few_problems_are_a_few_messages(night: Night) -> None:
    await night.storm(BURST, "P1")
    assert night.messages("slack") == night.messages("email") == [1] * BURST


async def test_after_a_small_burst_all_that_waits_goes_in_one_message_and_every_incident_says_so(night: Night) -> None:
    await night.storm(100, "P1")
    assert night.messages("slack") == [1] * BURST
    await night.later(WINDOW)
    assert night.messages("slack") == night.messages("email") == [*([1] * BURST), 95]
    accounts = await night.accounts()
    check_arrivals(accounts, night.wire.arrived)
    lines = [line for one in accounts for line in one.of_kind(Kind.PAGE_SENT) if line.data["channel"] == "slack"]
    assert Counter(line.reason for line in lines) == {
        "slack took it": BURST,
        "slack took it, in one message with 94 others": 95,
    }
    assert len({line.data["reference"] for line in lines}) == BURST + 1


async def test_a_message_for_many_names_the_most_urgent_first(night: Night) -> None:
    await night.storm(BURST + 3, "P2")
    await night.storm(3, "P1", name="Worse")
    await night.later(WINDOW)
    last = [one for one in night.wire.arrived if one.message.channel == "email" and one.bundle][-1]
    assert [one.incident.priority for one in last.bundle] == ["P1"] * 3 + ["P2"] * 3
    assert last.headline.startswith("P1 +5 more: Worse0 and others; respond by 03:25 UTC")


async def test_a_p0_goes_at_once_and_takes_along_what_waits(night: Night) -> None:
    await night.storm(50, "P2")
    await night.storm(1, "P0", name="Outage")
    assert night.messages("slack") == [*([1] * BURST), 46]
    last = [one for one in night.wire.arrived if one.message.channel == "slack" and one.bundle][-1]
    assert last.incident.title == "Outage0"


async def test_p0s_beyond_the_burst_wait_two_seconds_at_most(night: Night) -> None:
    await night.storm(20, "P0")
    assert night.messages("slack") == [1] * BURST
    await night.later(timedelta(seconds=2))
    assert night.messages("slack") == [*([1] * BURST), 15]


async def test_an_acknowledged_incident_is_no_longer_in_what_waits(night: Night) -> None:
    await night.storm(BURST + 2, "P1")
    waiting = [one for one in await night.accounts() if any(p.state is MessageState.PENDING for p in one.pages)]
    await night.engine.command(waiting[0].incident.ref, Acknowledge(), LEAD)
    await night.later(WINDOW)
    assert night.messages("slack") == [1] * (BURST + 1)
    told = {ref for _, _, ref in night.wire.paged()}
    assert waiting[0].incident.ref not in told
    assert waiting[1].incident.ref in told


async def test_a_message_for_many_that_fails_is_each_ones_failure_and_is_tried_again(night: Night) -> None:
    await night.storm(BURST + 10, "P1")
    night.wire.fates["slack"].append(Fate.FAILS)
    await night.later(timedelta(minutes=1, seconds=10))
    assert night.messages("slack") == [*([1] * BURST), 10]
    retried = [one for one in await night.accounts() if one.of_kind(Kind.PAGE_RETRIED)]
    assert len(retried) == 10


async def test_what_was_tried_and_then_held_for_its_turn_goes_along_too(night: Night) -> None:
    await night.storm(BURST, "P1")
    await night.storm(3, "P1", name="Later")
    night.wire.fates["slack"].append(Fate.FAILS)
    await night.later(WINDOW)
    await night.storm(1, "P0", name="Outage")
    await night.later(timedelta(seconds=10))
    before = night.messages("slack")
    assert before == [*([1] * BURST), 1]
    await night.storm(1, "P0", name="Another outage")
    assert night.messages("slack") == [*before, 4]


async def test_a_message_for_many_that_is_refused_takes_the_next_way_for_each_of_them(night: Night) -> None:
    await night.storm(BURST + 3, "P1")
    night.wire.fates["slack"].append(Fate.IS_REFUSED)
    night.wire.fates["email"].append(Fate.IS_REFUSED)
    await night.later(timedelta(minutes=2))
    accounts = await night.accounts()
    handed_on = [one for one in accounts if len(one.of_kind(Kind.PAGE_FAILED)) == 2]
    assert len(handed_on) == 3
    senior = {ref for _, who, ref in night.wire.paged() if who == "ops-senior"}
    assert senior == {one.incident.ref for one in handed_on}


async def test_a_message_for_many_that_may_have_arrived_is_repeated_as_the_same_one_and_marked(night: Night) -> None:
    await night.storm(BURST + 4, "P1")
    night.wire.fates["email"].append(Fate.ARRIVES_UNANSWERED)
    await night.later(WINDOW)
    await night.storm(2, "P1", name="New")
    await night.later(timedelta(minutes=2))
    first, again = [one for one in night.wire.arrived if one.message.channel == "email" and len(one.bundle) == 4]
    assert (first.id, first.repeated, again.id, again.repeated) == (first.id, False, first.id, True)
    assert names_in(first) == names_in(again)
    assert "(repeated)" in again.headline


async def test_what_was_refused_with_others_goes_out_without_them_under_a_name_of_its_own(night: Night) -> None:
    await night.storm(BURST + 3, "P1")
    night.wire.fates["slack"].append(Fate.FAILS)
    tried: list[Envelope] = []

    async def note(envelope: Envelope) -> None:
        tried.append(envelope)

    night.wire.before = note
    await night.later(WINDOW)
    [refused] = [one for one in tried if one.message.channel == "slack" and len(one.bundle) == 3]
    await night.engine.command(refused.incident.ref, Acknowledge(), LEAD)
    await night.later(WINDOW)
    [rest] = [one for one in night.wire.arrived if one.message.channel == "slack" and len(one.bundle) == 2]
    assert names_in(rest) < names_in(refused)
    assert rest.id.startswith(f"{rest.incident.ref}/")
    assert rest.id != refused.id


async def test_a_message_for_many_whose_sender_died_is_taken_up_whole(night: Night) -> None:
    await night.storm(BURST + 30, "P1")
    night.clock.advance(WINDOW)
    context, now = night.engine.context, night.clock.now()
    claims = [await context.database.write(lambda c: claim(c, context, "the dead engine", now)) for _ in range(2)]
    assert [len(one.claims) for _, parcels in claims for one in parcels] == [30, 30]
    night.clock.advance(LEASE)
    await night.engine.sender.drain()
    assert night.messages("slack") == [*([1] * BURST), 30]
    assert all(one.repeated for one in night.wire.arrived if one.bundle)
    for account in await night.accounts():
        check_nothing_waits(account)


async def test_a_message_that_was_sent_with_others_is_not_overwritten_with_one_of_them(night: Night) -> None:
    await night.storm(BURST + 4, "P1")
    await night.later(WINDOW)
    last = next(one for one in night.wire.arrived if one.message.channel == "slack" and one.bundle)
    updated = len(night.wire.updated)
    await night.engine.command(last.bundle[1].incident.ref, Acknowledge(), LEAD)
    await night.engine.settle()
    assert [one.message.kind for one in night.wire.updated[updated:]] == [MessageKind.CARD]


async def test_what_was_tried_with_others_and_went_out_alone_is_brought_up_to_date(night: Night) -> None:
    await night.storm(BURST + 2, "P1")
    night.wire.fates["slack"].append(Fate.ARRIVES_UNANSWERED)
    await night.later(WINDOW)
    first, other = (one.incident.ref for one in next(one for one in night.wire.arrived if one.bundle).bundle)
    await night.engine.command(other, Acknowledge(), LEAD)
    await night.later(WINDOW)
    assert night.messages("slack") == [*([1] * BURST), 2, 1]
    night.wire.updated.clear()
    await night.engine.command(first, Acknowledge(), LEAD)
    await night.engine.settle()
    assert {one.message.kind for one in night.wire.updated} == {MessageKind.CARD, MessageKind.PAGE}
    assert await night.engine.sender.next_attempt() is None


async def test_what_is_late_is_called_so_in_company_of_what_is_not(night: Night) -> None:
    await night.storm(BURST + 2, "P1")
    night.clock.advance(timedelta(seconds=70))
    await night.storm(1, "P0", name="Outage")
    mixed = next(one for one in night.wire.arrived if one.message.channel == "slack" and _late(one))
    assert mixed.incident.priority == "P0"
    assert {(one.incident.priority, one.late_by is None) for one in mixed.bundle} == {("P0", True), ("P1", False)}
    assert mixed.late_by == max(one.late_by for one in mixed.bundle if one.late_by)


def _late(envelope: Envelope) -> bool:
    return any(one.late_by for one in envelope.bundle)


async def test_five_thousand_problems_never_become_five_thousand_messages(night: Night) -> None:
    for part in range(10):
        await night.storm(50, "P1", name=f"Part{part}x")
    await night.later(timedelta(minutes=1))
    assert sum(night.messages("slack")) == sum(night.messages("email")) == 500
    assert len(night.messages("slack")) <= BURST + 2
