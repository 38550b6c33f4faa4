"""Alerts that wait: delayed by a route or muted for a while, each is heard again when that is over, once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.clock import VirtualClock
from engine.core.commands import Resolve
from engine.core.model import Alert, Incident
from engine.core.policy import Config, Inhibition, Route, Window
from engine.core.silences import NewSilence
from engine.core.timeline import Kind
from engine.db import holding, mute_tables, mutings
from engine.db.database import connect
from engine.services import configs, reading, silences
from engine.services.arrivals import Outcome
from tests.services.engines import Engine, Wire, alert, all_incidents, assemble, documented, person

NIGHT = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
LEAD = person("ops-lead")
SLOW = Route.model_validate({"name": "slow", "match": ["alertname=~Slow.*"], "delay": "5m", "continue": True})
EXPLAINED = Inhibition.model_validate(
    {"name": "down", "source_matchers": ["alertname=HostDown"], "target_matchers": ["alertname=ServiceDown"]}
)
BACKUP = Window.model_validate(
    {"name": "backup", "match": ["alertname=DiskBusy"], "ends_at": NIGHT + HOUR, "reason": "the backup runs"}
)


def configured(**changes: Any) -> Config:
    own: dict[str, Any] = {"routes": (SLOW,), "inhibitions": (EXPLAINED,), "maintenance": (BACKUP,)}
    return documented()[0].model_copy(update=own | changes)


@dataclass(frozen=True)
class Night:
    """Two engines on one database; alerts come to the first, either may hear again what waits."""

    first: Engine
    second: Engine
    clock: VirtualClock
    wire: Wire

    async def send(self, *alerts: Alert) -> list[tuple[str, str | None]]:
        return [(one.action.value, one.incident) for one in await self.first.accept(*alerts)]

    async def at(self, after: timedelta) -> None:
        """Both look at this time, the second first."""
        self.clock.set(NIGHT + after)
        await self.second.settle()
        await self.first.settle()

    async def incidents(self) -> list[Incident]:
        return await all_incidents(self.first.context.database)

    async def waiting(self) -> int:
        places = [("alertmanager", f"{name}/web-1") for name in ("SlowDisk", "DiskBusy", "ServiceDown", "CheckoutDown")]
        return len(await self.first.context.database.read(lambda connection: holding.find(connection, places)))


@pytest.fixture
async def night(database_url: str) -> AsyncIterator[Night]:
    clock, wire = VirtualClock(NIGHT), Wire()
    documents = {"own": configured(), "bare": configured(routes=(), maintenance=())}
    first, second = [assemble(connect(database_url), clock, wire, documents.__getitem__) for _ in range(2)]
    await configs.apply(first.context, document="own", digest="own", by="test")
    await configs.keep_playbooks(first.context)
    yield Night(first, second, clock, wire)
    await first.stop()
    await second.stop()


async def opening(night: Night, ref: str = "INC-1") -> str:
    lines = await reading.timeline(night.first.context, ref, LEAD)
    return str(next(line for line in lines if line.kind == Kind.OPENED).data["placed"])


async def test_a_delayed_alert_pages_once_it_has_lasted_and_the_opening_says_that_it_waited(night: Night) -> None:
    [outcome] = await night.first.accept(alert("SlowDisk", priority="P0"))
    assert outcome == Outcome(
        fingerprint="SlowDisk/web-1",
        action=outcome.action,
        incident=None,
        rule="delay/slow",
        reason="delay/slow: it pages once it has fired for 5 min, at 2026-11-21T03:15:00.000000Z",
    )
    assert outcome.action.value == "delayed"
    await night.at(5 * MINUTE - SECOND)
    assert (await night.incidents(), night.wire.arrived) == ([], [])
    await night.at(5 * MINUTE)
    assert [one.title for one in await night.incidents()] == ["SlowDisk"]
    assert night.wire.paged()
    assert "held back since 2026-11-21T03:10:00.000000Z, last by delay/slow" in await opening(night)
    assert await night.waiting() == 0


async def test_repeats_do_not_begin_the_delay_anew_and_one_that_comes_late_opens_at_once(night: Night) -> None:
    for minute in range(5):
        night.clock.set(NIGHT + minute * MINUTE)
        assert await night.send(alert("SlowDisk")) == [("delayed", None)]
    night.clock.set(NIGHT + 5 * MINUTE)
    assert await night.send(alert("SlowDisk")) == [("opened", "INC-1")]
    await night.at(6 * MINUTE)
    assert len(await night.incidents()) == 1


async def test_what_clears_before_it_is_due_pages_nobody_and_the_next_one_waits_as_long_again(night: Night) -> None:
    await night.send(alert("SlowDisk"))
    night.clock.set(NIGHT + 4 * MINUTE)
    [outcome] = await night.first.accept(alert("SlowDisk", firing=False))
    assert (outcome.action.value, outcome.rule) == ("ignored", "delay/slow")
    assert outcome.reason.startswith("it cleared before it was due: held back since 2026-11-21T03:10")
    await night.at(9 * MINUTE)
    assert await night.send(alert("SlowDisk")) == [("delayed", None)]
    await night.at(14 * MINUTE - SECOND)
    assert await night.incidents() == []
    await night.at(14 * MINUTE)
    assert len(await night.incidents()) == 1


async def test_in_one_body_the_last_word_counts(night: Night) -> None:
    fires, clears = alert("SlowDisk"), alert("SlowDisk", firing=False)
    assert [one for one, _ in await night.send(fires, clears)] == ["delayed", "ignored"]
    assert await night.waiting() == 0
    assert [one for one, _ in await night.send(fires, clears, fires)] == ["delayed", "ignored", "delayed"]
    assert await night.waiting() == 1
    await night.first.accept(alert("DiskBusy"))
    busy, calm = alert("DiskBusy"), alert("DiskBusy", firing=False)
    assert [one for one, _ in await night.send(calm, busy)] == ["ignored", "silenced"]
    assert await night.waiting() == 2


async def test_one_that_belongs_to_an_open_incident_joins_it_at_once(night: Night) -> None:
    await night.send(alert("SlowDisk"))
    await night.at(5 * MINUTE)
    other = replace(alert("SlowDisk", "web-2"), group="SlowDisk")
    assert await night.send(other) == [("joined", "INC-1")]


async def test_a_person_s_report_is_never_delayed(night: Night) -> None:
    told = await night.first.intake.accept([alert("SlowDisk")], LEAD)
    assert [one.action.value for one in told] == ["opened"]


async def test_what_fires_still_when_a_silence_is_over_pages_without_another_word_of_its_sender(night: Night) -> None:
    asked = {"matchers": ["alertname=CheckoutDown"], "ends_at": NIGHT + HOUR, "reason": "an upgrade"}
    await silences.add(night.second.context, NewSilence.model_validate(asked), LEAD)
    assert await night.send(alert(priority="P0")) == [("silenced", None)]
    await night.at(HOUR - SECOND)
    assert night.wire.arrived == []
    await night.at(HOUR)
    assert [one.title for one in await night.incidents()] == ["CheckoutDown"]
    assert night.wire.paged()
    assert "last by silence/SIL-1" in await opening(night)


async def test_a_silence_that_is_ended_early_lets_go_at_once_what_it_kept(night: Night) -> None:
    asked = {"matchers": ["alertname=CheckoutDown"], "ends_at": NIGHT + HOUR, "reason": "an upgrade"}
    await silences.add(night.second.context, NewSilence.model_validate(asked), LEAD)
    await night.send(alert(priority="P0"))
    night.clock.set(NIGHT + MINUTE)
    await silences.expire(night.second.context, "SIL-1", LEAD)
    await night.at(MINUTE)
    assert len(await night.incidents()) == 1


async def test_a_longer_silence_goes_on_keeping_what_a_shorter_one_kept(night: Night) -> None:
    for hours in (1, 2):
        asked = {"matchers": ["alertname=CheckoutDown"], "ends_at": NIGHT + hours * HOUR, "reason": "an upgrade"}
        await silences.add(night.second.context, NewSilence.model_validate(asked), LEAD)
    await night.send(alert(priority="P0"))
    await night.at(HOUR)
    assert (await night.incidents(), await night.waiting()) == ([], 1)
    await night.at(2 * HOUR)
    assert len(await night.incidents()) == 1


async def test_when_a_window_closes_what_has_cleared_meanwhile_stays_quiet(night: Night) -> None:
    await night.send(alert("DiskBusy"), alert("DiskBusy", "web-2"))
    await night.send(alert("DiskBusy", firing=False))
    await night.at(HOUR)
    [incident] = await night.incidents()
    shown = await reading.incident(night.first.context, incident.ref, LEAD)
    assert [one.alert.fingerprint for one in shown.alerts] == ["DiskBusy/web-2"]


async def test_a_symptom_that_outlasts_its_cause_pages(night: Night) -> None:
    assert await night.send(alert("HostDown", "web-9")) == [("opened", "INC-1")]
    assert await night.send(alert("ServiceDown")) == [("inhibited", "INC-1")]
    await night.at(MINUTE)
    assert len(await night.incidents()) == 1
    await night.send(alert("HostDown", "web-9", firing=False))
    await night.at(MINUTE + SECOND)
    assert [one.title for one in await night.incidents()] == ["HostDown", "ServiceDown"]
    assert "last by inhibition/down" in await opening(night, "INC-2")


async def test_a_symptom_pages_when_somebody_ends_the_incident_of_its_cause(night: Night) -> None:
    await night.send(alert("HostDown", "web-9"), alert("ServiceDown"))
    await night.first.command("INC-1", Resolve(validation="it answers"), LEAD)
    await night.at(SECOND)
    assert [one.title for one in await night.incidents()] == ["HostDown", "ServiceDown"]


async def test_a_configuration_without_the_delay_lets_go_at_once_what_it_kept(night: Night) -> None:
    await night.send(alert("SlowDisk"), alert("DiskBusy"))
    await configs.apply(night.second.context, document="bare", digest="bare", by="test")
    await night.at(SECOND)
    assert {one.title for one in await night.incidents()} == {"SlowDisk", "DiskBusy"}


async def test_of_two_engines_that_look_at_once_one_hears_each(night: Night) -> None:
    await night.send(*(replace(alert("SlowDisk", f"web-{host}"), group=f"disk {host}") for host in range(30)))
    night.clock.set(NIGHT + 5 * MINUTE)
    await asyncio.gather(night.first.settle(), night.second.settle())
    await night.at(5 * MINUTE + SECOND)
    assert sorted(one.group for one in await night.incidents()) == sorted(f"disk {host}" for host in range(30))


async def test_one_that_cannot_be_read_delays_no_other_and_is_told_of(night: Night) -> None:
    await night.send(alert("SlowDisk"), alert("SlowDisk", "web-2"))
    spoilt = mute_tables.held_alerts.update().where(mute_tables.held_alerts.c.fingerprint == "SlowDisk/web-1")
    await night.first.context.database.write(
        lambda connection: connection.execute(spoilt.values(alert={"of": "a newer release"})).rowcount
    )
    await night.at(5 * MINUTE)
    titles = [one.title for one in await night.incidents()]
    assert "SlowDisk" in titles
    assert "An alert of alertmanager that was held back can't be worked" in titles
    assert await night.first.context.database.read(holding.next_due) == NIGHT + 6 * MINUTE


async def test_what_was_delayed_is_on_record_by_its_rule(night: Night) -> None:
    await night.send(alert("SlowDisk"))
    await night.send(alert("SlowDisk"))
    database = night.first.context.database
    found = await database.read(lambda connection: mutings.of(connection, ["delay/slow"]))
    assert found["delay/slow"].count == 2
