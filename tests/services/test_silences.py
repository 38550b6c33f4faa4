"""Silences and maintenance windows on a real database: what they mute, what goes past them, and what is on record."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.clock import VirtualClock
from engine.core.errors import Forbidden, NotFound
from engine.core.model import ENGINE, Actor, ActorKind, Alert, Role, State
from engine.core.policy import Config, Window
from engine.core.silences import NewSilence, SilenceState
from engine.db import mutings
from engine.db.database import connect
from engine.services import configs, reading, silences
from engine.services.arrivals import Outcome
from tests.services.engines import Engine, Wire, alert, all_incidents, assemble, documented, engine_on, person

NIGHT = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
LEAD, VIEWER = person("ops-lead"), person("legal-compliance")


@dataclass(frozen=True)
class Night:
    """Two engines on one database; people use the second, alerts come to the first."""

    first: Engine
    second: Engine
    clock: VirtualClock
    wire: Wire

    async def silence(self, *matchers: str, **changes: Any) -> str:
        """Its reference. For an hour, unless told otherwise."""
        good = {"matchers": matchers, "ends_at": self.clock.now() + HOUR, "reason": "an upgrade"}
        made = await silences.add(self.second.context, NewSilence.model_validate(good | changes), LEAD)
        return made.silence.ref

    async def send(self, *alerts: Alert) -> list[tuple[str, str | None]]:
        """The action and the incident of each."""
        return [(one.action.value, one.incident) for one in await self.first.accept(*alerts)]

    async def stop(self) -> None:
        await self.first.stop()
        await self.second.stop()


@pytest.fixture
async def night(database_url: str) -> AsyncIterator[Night]:
    clock, wire = VirtualClock(NIGHT), Wire()
    first, second = [await engine_on(connect(database_url), clock, wire) for _ in range(2)]
    found = Night(first, second, clock, wire)
    yield found
    await found.stop()


async def test_a_silenced_alert_opens_nothing_and_pages_nobody_and_the_outcome_names_the_silence(night: Night) -> None:
    ref = await night.silence('service="checkout"')
    [outcome] = await night.first.accept(alert(priority="P0"))
    assert outcome == Outcome(
        fingerprint="CheckoutDown/web-1",
        action=outcome.action,
        incident=None,
        rule=f"silence/{ref}",
        reason=f"silence/{ref} by person:ops-lead via api until 2026-11-21T04:10:00.000000Z: an upgrade",
    )
    assert outcome.action.value == "silenced"
    await night.first.settle()
    assert await all_incidents(night.first.context.database) == []
    assert night.wire.arrived == []


@pytest.mark.parametrize(
    ("after", "action"),
    [(5 * MINUTE - SECOND, "opened"), (5 * MINUTE, "silenced"), (HOUR - SECOND, "silenced"), (HOUR, "opened")],
)
async def test_it_mutes_from_its_first_moment_until_right_before_its_last(
    night: Night, after: timedelta, action: str
) -> None:
    await night.silence('alertname="CheckoutDown"', starts_at=NIGHT + 5 * MINUTE)
    night.clock.set(NIGHT + after)
    [(found, _)] = await night.send(alert(priority="P0"))
    assert found == action


async def test_another_engine_s_silence_and_its_end_count_from_the_next_alert_on(night: Night) -> None:
    assert await night.send(alert("A")) == [("opened", "INC-1")]
    ref = await night.silence('alertname="B"')
    assert await night.send(alert("B"), alert("C")) == [("silenced", None), ("opened", "INC-2")]
    assert (await silences.expire(night.second.context, ref, LEAD)).changed
    assert await night.send(alert("B")) == [("opened", "INC-3")]


async def test_what_fires_still_when_the_silence_is_over_opens_with_its_next_repeat(night: Night) -> None:
    await night.silence('alertname="CheckoutDown"')
    for minute in (0, 30, 59):
        night.clock.set(NIGHT + minute * MINUTE)
        assert await night.send(alert(priority="P0")) == [("silenced", None)]
    night.clock.set(NIGHT + HOUR)
    assert await night.send(alert(priority="P0")) == [("opened", "INC-1")]
    await night.first.settle()
    assert night.wire.paged()


async def test_a_resolution_is_never_silenced(night: Night) -> None:
    assert await night.send(alert()) == [("opened", "INC-1")]
    await night.silence('service="checkout"')
    assert await night.send(alert(firing=False)) == [("resolved", "INC-1")]
    [incident] = await all_incidents(night.first.context.database)
    assert incident.state is State.REVIEW
    assert await night.send(alert("Another", firing=False)) == [("ignored", None)]


async def test_a_silenced_alert_neither_joins_nor_raises_the_incident_that_is_open(night: Night) -> None:
    assert await night.send(alert(host="web-1", priority="P2")) == [("opened", "INC-1")]
    await night.silence('service="checkout"')
    worse = [alert(host="web-2", priority="P0"), alert(host="web-1", priority="P0")]
    assert await night.send(*worse) == [("silenced", None), ("silenced", None)]
    view = await reading.incident(night.first.context, "INC-1", ENGINE)
    assert (view.incident.priority, [one.alert.fingerprint for one in view.alerts]) == ("P2", ["CheckoutDown/web-1"])
    night.clock.advance(HOUR)
    assert await night.send(*worse) == [("joined", "INC-1"), ("repeated", "INC-1")]
    assert (await reading.incident(night.first.context, "INC-1", ENGINE)).incident.priority == "P0"


async def test_neighbours_of_a_silenced_alert_in_one_body_open_as_usual(night: Night) -> None:
    await night.silence('instance="web-2"')
    found = await night.send(alert(host="web-2"), alert(host="web-1"), alert(host="web-2", firing=False))
    assert found == [("silenced", None), ("opened", "INC-1"), ("ignored", None)]


async def test_a_person_s_report_goes_past_every_silence(night: Night) -> None:
    await night.silence('service=~".+"')
    token = Actor(kind=ActorKind.TOKEN, id="ci", role=Role.RESPONDER)
    for actor in (LEAD, token):
        [outcome] = await night.first.intake.accept([alert(actor.id)], actor)
        assert outcome.action.value == "opened"


async def test_what_was_muted_is_on_record_with_the_silence(night: Night) -> None:
    ref = await night.silence('service="checkout"')
    await night.send(alert(host="web-1"), alert(host="web-2"), alert(host="web-1"))
    night.clock.advance(MINUTE)
    await night.send(alert(host="web-1"))
    standing = (await silences.show(night.second.context, ref, LEAD)).standing
    assert (standing.state, standing.until, standing.next_at) == (SilenceState.ACTIVE, NIGHT + HOUR, None)
    assert (standing.muted, standing.last_muted_at) == (4, NIGHT + MINUTE)
    assert [(one.fingerprint, one.count, one.first_at, one.last_at) for one in standing.alerts] == [
        ("CheckoutDown/web-1", 3, NIGHT, NIGHT + MINUTE),
        ("CheckoutDown/web-2", 1, NIGHT, NIGHT),
    ]
    assert {one.source for one in standing.alerts} == {"alertmanager"}
    [listed] = (await silences.listing(night.second.context)).items
    assert (listed.standing.muted, listed.standing.alerts) == (4, ())


async def test_of_very_many_different_alerts_the_first_are_kept_and_all_are_counted(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mutings, "MOST_ALERTS", 3)
    ref = await night.silence('service="checkout"')
    await night.send(alert(host="a"), alert(host="b"))
    await night.send(*[alert(host=host) for host in "abcdef"])
    await night.send(alert(host="c"), alert(host="f"))
    standing = (await silences.show(night.second.context, ref, LEAD)).standing
    assert standing.muted == 10
    assert {one.fingerprint.partition("/")[2]: one.count for one in standing.alerts} == {"a": 2, "b": 2, "c": 2}


async def test_two_engines_that_mute_at_once_both_count(night: Night) -> None:
    ref = await night.silence('service="checkout"')
    engines = [night.first, night.second] * 8
    await asyncio.gather(*(one.accept(alert(host=f"web-{turn}")) for turn, one in enumerate(engines)))
    await asyncio.gather(*(one.accept(alert(host="web-0")) for one in engines))
    standing = (await silences.show(night.second.context, ref, LEAD)).standing
    assert standing.muted == 32
    assert sum(one.count for one in standing.alerts) == 32


async def test_silences_made_at_once_all_count_from_the_next_alert_on(night: Night) -> None:
    await night.send(alert("Warm"))
    await asyncio.gather(*(night.silence(f'alertname="A{number}"') for number in range(8)))
    sent = await night.send(*[alert(f"A{number}") for number in range(8)])
    assert sent == [("silenced", None)] * 8


async def test_of_those_who_end_a_silence_at_once_one_has(night: Night) -> None:
    ref = await night.silence('service="checkout"')
    ended = await asyncio.gather(*(silences.expire(one.context, ref, LEAD) for one in (night.first, night.second)))
    assert sorted(one.changed for one in ended) == [False, True]
    found = (await silences.show(night.first.context, ref, LEAD)).silence
    assert (found.expired_at, found.expired_by) == (NIGHT, "person:ops-lead via api")


async def test_a_silence_that_is_over_can_not_be_ended_and_stays_on_record(night: Night) -> None:
    ref = await night.silence('service="checkout"')
    night.clock.advance(HOUR)
    ended = await silences.expire(night.second.context, ref, LEAD)
    assert (ended.changed, ended.shown.silence.expired_at) == (False, None)
    assert (await silences.listing(night.second.context, live_only=True)).items == ()
    assert [one.silence.ref for one in (await silences.listing(night.second.context)).items] == [ref]


async def test_who_may_not_act_on_incidents_may_not_silence_them(night: Night) -> None:
    ref = await night.silence('service="checkout"')
    with pytest.raises(Forbidden):
        await silences.expire(night.second.context, ref, VIEWER)
    with pytest.raises(NotFound, match="There is no SIL-9"):
        await silences.expire(night.second.context, "SIL-9", LEAD)
    assert (await silences.show(night.second.context, ref, LEAD)).silence.expired_at is None


async def test_a_list_is_read_page_by_page_the_newest_first(night: Night) -> None:
    refs = [await night.silence(f'alertname="A{number}"') for number in range(5)]
    first = await silences.listing(night.second.context, limit=3)
    second = await silences.listing(night.second.context, limit=3, before=first.next)
    assert [one.silence.ref for one in (*first.items, *second.items)] == refs[::-1]
    assert second.next is None


WEEKLY = {"days": ["sat"], "from": "04:00", "to": "06:00", "zone": "Europe/Berlin"}
BACKUP = Window.model_validate(
    {"name": "backup", "match": ['service="checkout"'], "recurrence": WEEKLY, "reason": "backups"}
)


@pytest.fixture
async def declared(database_url: str) -> AsyncIterator[Night]:
    """With a maintenance window in the configuration: Saturdays from 03:00 to 05:00 UTC in winter."""
    clock, wire = VirtualClock(NIGHT), Wire()
    texts: dict[str, Config] = {
        "with": documented()[0].model_copy(update={"maintenance": (BACKUP,)}),
        "without": documented()[0],
    }
    first, second = [assemble(connect(database_url), clock, wire, texts.__getitem__) for _ in range(2)]
    await configs.keep_playbooks(first.context)
    await configs.apply(first.context, document="with", digest="with", by="test")
    found = Night(first, second, clock, wire)
    yield found
    await found.stop()


@pytest.mark.parametrize(
    ("at", "action"),
    [
        ("2026-11-21T02:59:59", "opened"),
        ("2026-11-21T03:00:00", "silenced"),
        ("2026-11-21T04:59:59", "silenced"),
        ("2026-11-21T05:00:00", "opened"),
        ("2026-11-22T03:10:00", "opened"),
        ("2027-07-03T01:59:59", "opened"),
        ("2027-07-03T02:00:00", "silenced"),
        ("2027-07-03T04:00:00", "opened"),
    ],
)
async def test_a_window_mutes_in_its_turns_by_its_own_clock(declared: Night, at: str, action: str) -> None:
    declared.clock.set(datetime.fromisoformat(at).replace(tzinfo=UTC))
    [(found, _)] = await declared.send(alert())
    assert found == action


async def test_a_window_comes_and_goes_with_the_configuration_and_keeps_its_record(declared: Night) -> None:
    [outcome] = await declared.first.accept(alert())
    assert (outcome.rule, outcome.reason) == (
        "maintenance/backup",
        "maintenance/backup until 2026-11-21T05:00:00.000000Z: backups",
    )
    shown = (await silences.show_window(declared.second.context, "backup", LEAD)).standing
    assert (shown.muted, [one.fingerprint for one in shown.alerts]) == (1, ["CheckoutDown/web-1"])
    await configs.apply(declared.second.context, document="without", digest="without", by="test")
    assert await declared.send(alert()) == [("opened", "INC-1")]
    assert await silences.windows(declared.second.context) == ()
    with pytest.raises(NotFound, match="'backup' is not in maintenance; there are none"):
        await silences.show_window(declared.second.context, "backup", LEAD)


async def test_trying_says_which_rules_would_mute_an_alert_in_their_order(declared: Night) -> None:
    ref = await declared.silence('service="checkout"', 'job=~"api|web"')
    context = declared.second.context
    tried = await silences.try_alert(context, {"service": "checkout", "job": "api"})
    assert (tried.service, [mute.rule for mute, _ in tried.muted_by]) == (
        "checkout",
        [f"silence/{ref}", "maintenance/backup"],
    )
    assert [until for _, until in tried.muted_by] == [NIGHT + HOUR, datetime(2026, 11, 21, 5, tzinfo=UTC)]
    tomorrow = await silences.try_alert(context, {"service": "checkout", "job": "api"}, at=NIGHT + 24 * HOUR)
    assert tomorrow.muted_by == ()
    with pytest.raises(NotFound, match="'nagios' is not in integrations"):
        await silences.try_alert(context, {}, source="nagios")
