"""A provider that is out costs the pages no time, and loses none of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from engine.clock import VirtualClock
from engine.core.breaker import FAILURES, Breaker, Standing
from engine.core.commands import Acknowledge, Note
from engine.core.errors import DeliveryError, Limited
from engine.core.model import MessageKind, MessageState
from engine.core.timeline import Kind
from engine.ports import Envelope
from engine.services.claiming import LEASE, Taken, claim
from engine.services.lanes import Traffic
from tests.services.accounts import Account, check_all, check_nothing_waits, read_accounts
from tests.services.engines import Engine, Fate, Wire, alert, person, start_engine

NIGHT = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)
LEAD = person("ops-lead")
OUT = Breaker(failures=FAILURES, failing_since=NIGHT, out_since=NIGHT, probe_at=NIGHT + timedelta(seconds=15))


class Outage:
    def __init__(self, engine: Engine, clock: VirtualClock, wire: Wire) -> None:
        self.engine = engine
        self.clock = clock
        self.wire = wire
        wire.lacking = set()

    async def later(self, span: timedelta) -> None:
        until = self.clock.now() + span
        while (at := await self.engine.sender.next_attempt()) is not None and at <= until:
            self.clock.set(max(at, self.clock.now()))
            await self.engine.sender.drain()
        self.clock.set(until)

    async def accounts(self) -> list[Account]:
        context = self.engine.context
        found = await context.database.write(lambda connection: read_accounts(connection, context))
        check_all(found, self.clock.now())
        return found

    def lasts(self, *channels: str) -> None:
        for channel in channels:
            self.wire.fates[channel].extend([Fate.FAILS] * 1_000)

    async def fire(self, name: str, priority: str = "P0") -> None:
        await self.engine.accept(alert(name, priority=priority))
        await self.engine.settle()


@pytest.fixture
async def outage(database_url: str) -> AsyncIterator[Outage]:
    clock, wire = VirtualClock(NIGHT), Wire()
    engine = await start_engine(database_url, clock, wire)
    yield Outage(engine, clock, wire)
    await engine.stop()


async def slack_first(outage: Outage) -> None:
    """Levels use one channel after another, Slack before the others."""
    context = outage.engine.context
    revision = await context.database.read(context.revisions.current)
    levels = {
        name: level.model_copy(update={"together": False, "reached_by": ("slack", "email", "phone")})
        for name, level in revision.config.levels.items()
    }
    config = revision.config.model_copy(update={"levels": levels})
    context.revisions._known[revision.id] = revision.model_copy(update={"config": config})  # noqa: SLF001 - the shipped one, but for this


async def test_while_a_provider_is_out_a_page_takes_the_next_way_at_once_and_says_why(outage: Outage) -> None:
    await slack_first(outage)
    outage.lasts("slack")
    await outage.fire("First")
    await outage.later(timedelta(seconds=30))
    assert outage.engine.sender.breakers()["slack"] is Standing.OPEN
    before = outage.clock.now()
    await outage.fire("Second")
    arrived = [one for one in outage.wire.arrived if one.incident.title == "Second"]
    assert [(one.message.channel, one.message.contact, one.now) for one in arrived] == [("email", "ops-lead", before)]
    account = (await outage.accounts())[1]
    reason = account.of_kind(Kind.PAGE_DECIDED)[-1].reason
    assert reason.startswith("slack is out since 03:10 UTC after ")
    assert reason.endswith(" failures in a row; email instead")
    assert len(account.of_kind(Kind.PAGE_DECIDED)) == 2


async def test_the_first_way_is_still_probed_and_takes_pages_again_once_it_is_back(outage: Outage) -> None:
    outage.lasts("slack")
    await outage.fire("First")
    await outage.later(timedelta(seconds=20))
    tries = 1_000 - len(outage.wire.fates["slack"])
    assert tries >= FAILURES
    await outage.later(timedelta(seconds=30))
    assert 1 <= 1_000 - len(outage.wire.fates["slack"]) - tries <= 3
    outage.wire.fates.clear()
    await outage.later(timedelta(seconds=30))
    assert ("slack", "ops-lead") in outage.wire.pages()
    assert outage.engine.sender.breakers()["slack"] is Standing.CLOSED


async def test_a_page_whose_ways_are_all_out_is_tried_until_its_deadline_and_goes_to_the_next_person(
    outage: Outage,
) -> None:
    outage.lasts("slack", "email", "phone")
    await outage.fire("First")
    await outage.fire("Second")
    await outage.later(timedelta(minutes=2, seconds=30))
    outage.wire.fates.clear()
    await outage.later(timedelta(minutes=2))
    for account in await outage.accounts():
        failed = [one for one in account.pages if one.message.contact == "ops-lead"]
        assert {one.state for one in failed} == {MessageState.FAILED}
        lines = account.of_kind(Kind.PAGE_FAILED)
        assert all("the time for it is spent" in line.reason for line in lines)
        assert all(line.at >= NIGHT + timedelta(seconds=75) for line in lines)
        reached = {who for _, who, ref in outage.wire.paged() if ref == account.incident.ref}
        assert reached == {"ops-senior"}


async def test_a_provider_that_refuses_one_address_is_not_out(outage: Outage) -> None:
    outage.wire.fates["slack"].extend([Fate.IS_REFUSED] * 20)
    for number in range(FAILURES + 1):
        await outage.fire(f"Alert{number}", priority="P1")
    assert outage.engine.sender.breakers()["slack"] is Standing.CLOSED


async def test_what_a_provider_asks_to_wait_for_waits_for_it_alone(outage: Outage) -> None:
    """Slack limits each conversation by itself: another one goes on."""
    asked = timedelta(seconds=20)

    async def limit(envelope: Envelope) -> None:
        if envelope.message.contact and envelope.message.channel == "slack" and outage.clock.now() < NIGHT + asked:
            raise DeliveryError("slow down", retry_after=20, limited=Limited.ADDRESS)

    outage.wire.before = limit
    await outage.fire("First")
    await outage.fire("Second")
    assert {one.message.channel for one in outage.wire.arrived if one.message.contact} == {"email", "phone"}
    assert [one.message.kind for one in outage.wire.arrived if one.message.channel == "slack"] == ["card", "card"]
    assert len([one for one in await outage.accounts() if one.of_kind(Kind.PAGE_RETRIED)]) == 1
    await outage.later(asked + timedelta(seconds=5))
    told = [ref for channel, _, ref in outage.wire.paged() if channel == "slack"]
    assert sorted(told) == ["INC-1", "INC-2"]


async def test_a_page_whose_provider_asks_for_more_time_than_it_has_goes_another_way(outage: Outage) -> None:
    await slack_first(outage)

    async def limit(envelope: Envelope) -> None:
        if envelope.message.contact and envelope.message.channel == "slack":
            raise DeliveryError("slow down", retry_after=3600, limited=Limited.ADDRESS)

    outage.wire.before = limit
    await outage.fire("First")
    assert ("email", "ops-lead") in outage.wire.pages()
    await outage.fire("Second", priority="P2")
    await outage.later(timedelta(minutes=2))
    second = (await outage.accounts())[1]
    assert "slack asks to wait until 04:10:00 UTC; the time for it is spent" in [
        line.reason for line in second.of_kind(Kind.PAGE_FAILED)
    ]
    assert ("email", "ops-lead", second.incident.ref) in outage.wire.paged()
    check_nothing_waits(second)


async def test_a_flood_of_p3_leaves_room_for_a_p0_and_none_of_it_is_lost(outage: Outage) -> None:
    flood = 300
    await outage.engine.accept(*(alert(f"Flood{number}", severity="warning") for number in range(flood)))
    await outage.engine.accept(alert("Outage", priority="P0"))
    await outage.engine.sender.run_once()
    await outage.engine.sender.settled()
    for channel in ("slack", "email", "phone"):
        own = [one for one in outage.wire.arrived if one.message.channel == channel and one.message.contact]
        assert own[0].incident.title == "Outage"
    await outage.engine.settle()
    await outage.later(timedelta(minutes=3))
    accounts = await outage.accounts()
    reached = {ref for channel, who, ref in outage.wire.paged() if (channel, who) == ("slack", "ops-lead")}
    assert reached == {one.incident.ref for one in accounts}
    late = [one for one in outage.wire.arrived if one.message.deadline_at and one.now > one.message.deadline_at]
    assert late == []


async def test_what_waits_for_a_provider_is_due_as_soon_as_one_message_has_found_it_back(outage: Outage) -> None:
    """Otherwise each would wait for its own next try, half a minute later at worst."""
    outage.wire.lacking = {"phone", "email"}
    outage.lasts("slack")
    for name in ("First", "Second", "Third"):
        await outage.fire(name)
    await outage.later(timedelta(seconds=50))
    assert not outage.wire.pages()
    outage.wire.fates.clear()
    while not outage.wire.pages():
        due = await outage.engine.sender.next_attempt()
        assert due is not None
        outage.clock.set(max(due, outage.clock.now()))
        await outage.engine.sender.drain()
    # The pages to one person may go in two messages, seconds apart; cards go one by one.
    assert sum(one.message.kind is MessageKind.CARD for one in outage.wire.arrived) == 3


@pytest.mark.parametrize("update", [False, True], ids=["a page", "an update"])
async def test_what_a_dead_engine_was_sending_waits_for_the_provider_and_not_in_a_loop(
    outage: Outage, *, update: bool
) -> None:
    """The provider is out by the time at which the claim ends."""
    if update:
        await outage.fire("Claimed")
        await outage.engine.accept(alert("Claimed", "web-2", priority="P0"))
    else:
        await outage.engine.accept(alert("Claimed", priority="P0"))
    context, now = outage.engine.context, outage.clock.now()
    await context.database.write(lambda c: claim(c, context, "the dead engine", now))
    outage.lasts("slack", "email", "phone")
    outage.engine.sender._traffic.breakers._known |= dict.fromkeys(("slack", "email", "phone"), OUT)  # noqa: SLF001 - as after five failures
    outage.clock.advance(LEASE)
    rounds = 0
    while await outage.engine.sender.run_once():
        rounds += 1
        await outage.engine.sender.settled()
        assert rounds < 20
    outage.wire.heal()
    outage.wire.lacking = set()
    await outage.later(timedelta(minutes=3))
    for account in await outage.accounts():
        check_nothing_waits(account)
    again = [one for one in outage.wire.arrived if one.repeated]
    assert {one.message.channel for one in again if one.message.kind is MessageKind.PAGE} == (
        set() if update else {"email", "phone", "slack"}
    )


async def test_while_only_updates_wait_one_of_them_finds_out_whether_the_provider_is_back(outage: Outage) -> None:
    await outage.fire("First")
    context, traffic = outage.engine.context, Traffic()
    traffic.breakers._known["slack"] = OUT  # noqa: SLF001 - as after five failures
    await outage.engine.desk.run("INC-1", Note(text="looking"), LEAD)
    now = NIGHT + timedelta(seconds=20)
    taken, _ = await context.database.write(
        lambda connection: claim(connection, context, "an engine", now, traffic=traffic)
    )
    assert taken is not None
    slack = [one for group in taken.groups for one in group if one.delivery.message.channel == "slack"]
    assert [one.update for one in slack] == [True]
    assert taken.held >= 1


async def test_a_page_is_the_probe_before_any_update_and_says_for_what_it_has_waited(outage: Outage) -> None:
    await outage.fire("First")
    await outage.engine.desk.run("INC-1", Acknowledge(), LEAD)
    await outage.engine.accept(alert("Second", priority="P0"))
    context, traffic = outage.engine.context, Traffic()
    traffic.breakers._known["slack"] = OUT  # noqa: SLF001 - as after five failures

    async def claimed(seconds: float) -> Taken:
        now = NIGHT + timedelta(seconds=seconds)
        taken, _ = await context.database.write(
            lambda connection: claim(connection, context, "an engine", now, traffic=traffic)
        )
        assert taken is not None
        return taken

    early, due = await claimed(5), await claimed(20)
    assert {one.delivery.message.channel for group in early.groups for one in group} == {"email", "phone"}
    probes = [one for group in due.groups for one in group if one.delivery.message.channel == "slack"]
    assert [(one.delivery.message.kind, one.update) for one in probes] == [(MessageKind.PAGE, False)]
    assert probes[0].delivery.error == "slack is out since 03:10 UTC after 5 failures in a row"


async def test_the_receipt_of_a_page_that_waited_untried_tells_for_what(outage: Outage) -> None:
    outage.engine.sender._traffic.breakers._known["slack"] = OUT  # noqa: SLF001 - as after five failures
    await outage.fire("First")
    await outage.later(timedelta(seconds=30))
    [account] = await outage.accounts()
    waited = {line.data["channel"]: line.data.get("waited") for line in account.of_kind(Kind.PAGE_SENT)}
    assert waited == {
        "email": None,
        "phone": None,
        "slack": "slack is out since 03:10 UTC after 5 failures in a row",
    }
