"""A problem that comes and goes pages once, stays open while it does, and ends when it has been quiet."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from engine.clock import VirtualClock
from engine.core.commands import Acknowledge
from engine.core.model import Alert, Incident, State
from engine.core.policy import Config, Flapping
from engine.core.timeline import Kind
from engine.db.database import connect
from engine.services import configs, reading
from tests.services.engines import Engine, Wire, alert, all_incidents, assemble, documented, person

NIGHT = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
LEAD = person("ops-lead")
RULE = Flapping(times=3, within=HOUR, quiet=15 * MINUTE)


def configured(clear_after: timedelta = timedelta(), rule: Flapping | None = RULE) -> Config:
    shipped = documented()[0]
    policy = shipped.policies["standard"].model_copy(update={"clear_after": clear_after})
    return shipped.model_copy(update={"flapping": rule, "policies": {**shipped.policies, "standard": policy}})


CONFIGS = {"flapping": configured(), "patient": configured(10 * MINUTE, None), "neither": configured(rule=None)}


@dataclass(frozen=True)
class Night:
    engine: Engine
    clock: VirtualClock
    wire: Wire

    async def send(self, one: Alert) -> str:
        [outcome] = await self.engine.accept(one)
        await self.engine.settle()
        return outcome.action.value

    async def comes_and_goes(self, times: int, every: timedelta = 2 * MINUTE) -> list[str]:
        """What became of each alert that fired."""
        found = []
        for _ in range(times):
            found.append(await self.send(alert(priority="P1")))
            self.clock.advance(every / 2)
            await self.send(alert(firing=False))
            self.clock.advance(every / 2)
        return found

    async def after(self, span: timedelta) -> None:
        self.clock.advance(span)
        await self.engine.settle()

    async def incidents(self) -> list[Incident]:
        return await all_incidents(self.engine.context.database)

    async def kinds(self, ref: str) -> list[str]:
        return [line.kind for line in await reading.timeline(self.engine.context, ref, LEAD)]

    def paged(self) -> list[str]:
        """The incidents that somebody was paged for, each once."""
        return sorted({ref for _, _, ref in self.wire.paged()})


@pytest.fixture
async def night(database_url: str, request: pytest.FixtureRequest) -> AsyncIterator[Night]:
    name = getattr(request, "param", "flapping")
    clock, wire = VirtualClock(NIGHT), Wire()
    engine = assemble(connect(database_url), clock, wire, CONFIGS.__getitem__)
    await configs.apply(engine.context, document=name, digest=name, by="test")
    await configs.keep_playbooks(engine.context)
    yield Night(engine, clock, wire)
    await engine.stop()


async def test_the_third_time_within_the_hour_stays_open_and_later_ones_page_nobody(night: Night) -> None:
    assert await night.comes_and_goes(6) == ["opened", "opened", "opened", "damped", "damped", "damped"]
    assert [one.state for one in await night.incidents()] == [State.REVIEW, State.REVIEW, State.DETECTION]
    assert night.paged() == ["INC-1", "INC-2", "INC-3"]
    assert (await night.kinds("INC-3")).count(Kind.FLAPPING) == 1
    assert Kind.FLAPPING not in await night.kinds("INC-2")


async def test_an_outcome_that_is_damped_names_its_rule(night: Night) -> None:
    await night.comes_and_goes(3)
    [outcome] = await night.engine.accept(alert(priority="P1"))
    assert (outcome.rule, outcome.incident) == ("flapping", "INC-3")
    assert outcome.reason == "it comes and goes, which is one problem: INC-3"


@pytest.mark.parametrize(("wait", "state"), [(14 * MINUTE - SECOND, State.DETECTION), (14 * MINUTE, State.REVIEW)])
async def test_it_ends_when_it_has_been_quiet_and_was_over_when_it_cleared(
    night: Night, wait: timedelta, state: State
) -> None:
    await night.comes_and_goes(3)  # it cleared a minute ago
    cleared_at = night.clock.now() - MINUTE
    await night.after(wait)
    last = (await night.incidents())[-1]
    assert last.state is state
    if state is State.REVIEW:
        assert (last.restored_at, last.cleared_at) == (cleared_at, None)
        lines = await reading.timeline(night.engine.context, "INC-3", LEAD)
        resolved = next(line for line in lines if line.kind == Kind.RESOLVED)
        assert resolved.reason == "all alerts cleared, and nothing has fired again for 15 min"


async def test_what_fires_again_begins_the_quiet_anew(night: Night) -> None:
    await night.comes_and_goes(3)
    await night.after(13 * MINUTE)
    assert await night.comes_and_goes(1) == ["damped"]
    await night.after(13 * MINUTE)
    assert (await night.incidents())[-1].state is State.DETECTION
    await night.after(MINUTE)
    assert (await night.incidents())[-1].state is State.REVIEW


async def test_as_often_over_a_longer_time_is_no_flapping(night: Night) -> None:
    assert await night.comes_and_goes(5, every=31 * MINUTE) == ["opened"] * 5
    assert all(one.state is not State.DETECTION for one in await night.incidents())


async def test_another_alert_of_the_same_incident_is_no_flapping(night: Night) -> None:
    found = [await night.send(alert(host=f"web-{host}")) for host in range(5)]
    assert found == ["opened", "joined", "joined", "joined", "joined"]
    assert (await night.incidents())[0].flapping_since is None


async def test_whoever_has_taken_it_meanwhile_is_asked_and_it_is_not_ended_under_them(night: Night) -> None:
    await night.comes_and_goes(3)
    await night.engine.command("INC-3", Acknowledge(), LEAD)
    await night.after(14 * MINUTE)
    assert (await night.incidents())[-1].state is State.ASSESSMENT
    assert (await night.kinds("INC-3")).count(Kind.ALERTS_CLEARED) == 2
    assert "Is it resolved?" in str([one.message.reason for one in night.wire.arrived])


@pytest.mark.parametrize("night", ["patient"], indirect=True)
async def test_a_quiet_time_that_a_policy_asks_for_makes_one_incident_of_what_comes_back_in_it(night: Night) -> None:
    assert await night.comes_and_goes(3) == ["opened", "joined", "joined"]
    assert night.paged() == ["INC-1"]
    await night.after(9 * MINUTE)
    assert [one.state for one in await night.incidents()] == [State.REVIEW]
    assert await night.send(alert(priority="P1")) == "opened"


@pytest.mark.parametrize("night", ["neither"], indirect=True)
async def test_without_a_rule_each_time_is_an_incident_of_its_own(night: Night) -> None:
    assert await night.comes_and_goes(7) == ["opened"] * 7
