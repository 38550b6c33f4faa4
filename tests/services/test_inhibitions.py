"""An alert that explains others mutes them while it fires, on a real database: which, since when, until when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.api.views import detail
from engine.clock import VirtualClock
from engine.core.commands import Acknowledge, Cancel, Command, Merge, Reopen, Resolve
from engine.core.model import ENGINE, Alert
from engine.core.policy import Config, Inhibition
from engine.core.silences import NewSilence
from engine.core.timeline import Kind
from engine.db import mutings
from engine.db.database import connect
from engine.db.mute_tables import inhibitors
from engine.services import configs, reading, silences
from engine.services.muting import LINES
from tests.services.engines import Engine, Wire, alert, assemble, documented, person

NIGHT = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
LEAD = person("ops-lead")
RULES: list[dict[str, Any]] = [
    {
        "name": "cluster",
        "source_matchers": ['alertname="ClusterDown"'],
        "target_matchers": ['alertname!~"ClusterDown|Other"'],
        "equal": ["cluster"],
    },
    {
        "name": "host",
        "source_matchers": ['alertname="HostDown"'],
        "target_matchers": ['alertname=~"Disk.*"'],
        "equal": ["instance"],
    },
    {
        "name": "worse",
        "source_matchers": ['tier=~"gold|silver"'],
        "target_matchers": ['tier=~"gold|silver"'],
    },
]


def cluster_down(*, firing: bool = True, **labels: str) -> Alert:
    return alert("ClusterDown", "c", firing=firing, cluster="eu", **labels)


def slow(host: str = "web-1", *, firing: bool = True, cluster: str = "eu", **labels: str) -> Alert:
    return alert("Slow", host, firing=firing, cluster=cluster, **labels)


class Site:
    """An engine whose configuration has the rules, or none of them."""

    def __init__(self, engine: Engine, clock: VirtualClock, wire: Wire) -> None:
        self.engine = engine
        self.clock = clock
        self.wire = wire

    async def apply(self, document: str) -> None:
        await configs.apply(self.engine.context, document=document, digest=document, by="test")

    async def send(self, *alerts: Alert) -> list[tuple[str, str | None]]:
        return [(one.action.value, one.incident) for one in await self.engine.accept(*alerts)]

    async def do(self, ref: str, command: Command) -> None:
        await self.engine.command(ref, command, LEAD)

    async def kinds(self, ref: str) -> list[str]:
        return [line.kind for line in await reading.timeline(self.engine.context, ref, ENGINE)]


@pytest.fixture
async def site(database_url: str) -> AsyncIterator[Site]:
    clock, wire = VirtualClock(NIGHT), Wire()
    plain = documented()[0]
    rules = tuple(map(Inhibition.model_validate, RULES))
    texts: dict[str, Config] = {"with": plain.model_copy(update={"inhibitions": rules}), "without": plain}
    engine = assemble(connect(database_url), clock, wire, texts.__getitem__)
    await configs.keep_playbooks(engine.context)
    found = Site(engine, clock, wire)
    await found.apply("with")
    yield found
    await engine.stop()


async def test_while_the_cause_fires_what_it_explains_is_muted_and_the_outcome_names_both(site: Site) -> None:
    assert await site.send(cluster_down(priority="P0")) == [("opened", "INC-1")]
    await site.engine.settle()
    pages = len(site.wire.arrived)
    [outcome] = await site.engine.accept(slow(priority="P0"))
    assert (outcome.action.value, outcome.incident, outcome.rule, outcome.reason) == (
        *("inhibited", "INC-1", "inhibition/cluster"),
        "inhibition/cluster: an alert that explains it fires in INC-1",
    )
    await site.engine.settle()
    assert len(site.wire.arrived) == pages
    assert await site.send(slow(cluster="us")) == [("opened", "INC-2")]


async def test_once_the_cause_has_cleared_a_repeat_opens_as_usual(site: Site) -> None:
    await site.send(cluster_down())
    assert await site.send(slow()) == [("inhibited", "INC-1")]
    assert await site.send(cluster_down(firing=False)) == [("resolved", "INC-1")]
    assert await site.send(slow()) == [("opened", "INC-2")]


ENDS: dict[str, list[Command]] = {
    "resolved": [Resolve(validation="checked by hand")],
    "cancelled": [Cancel(code="test", reason="a drill")],
}


@pytest.mark.parametrize("end", ENDS)
async def test_the_cause_counts_only_while_its_incident_is_active(site: Site, end: str) -> None:
    await site.send(cluster_down())
    await site.do("INC-1", Acknowledge())
    assert await site.send(slow("a")) == [("inhibited", "INC-1")]
    for command in ENDS[end]:
        await site.do("INC-1", command)
    assert await site.send(slow("b")) == [("opened", "INC-2")]


async def test_a_cause_whose_incident_is_opened_again_mutes_again(site: Site) -> None:
    await site.send(cluster_down())
    await site.do("INC-1", Resolve(validation="checked by hand"))
    await site.do("INC-1", Reopen(reason="it came back"))
    assert await site.send(slow()) == [("inhibited", "INC-1")]


async def test_a_cause_that_a_merge_has_moved_mutes_from_where_it_is(site: Site) -> None:
    await site.send(cluster_down(), alert("Other", cluster="us"))
    await site.do("INC-1", Merge(into="INC-2"))
    assert await site.send(slow()) == [("inhibited", "INC-2")]


async def test_a_cause_that_was_there_before_the_rule_mutes_from_its_next_repeat_on(site: Site) -> None:
    await site.apply("without")
    await site.send(cluster_down())
    await site.apply("with")
    assert await site.send(slow("a")) == [("opened", "INC-2")]
    assert await site.send(cluster_down()) == [("repeated", "INC-1")]
    assert await site.send(slow("a")) == [("inhibited", "INC-1")]


async def test_a_cause_counts_by_what_was_said_of_it_last(site: Site) -> None:
    await site.send(cluster_down())
    moved = replace(cluster_down(), labels={"alertname": "ClusterDown", "cluster": "us"})
    assert await site.send(moved) == [("repeated", "INC-1")]
    assert await site.send(slow()) == [("opened", "INC-2")]
    assert await site.send(slow("b", cluster="us")) == [("inhibited", "INC-1")]


async def test_without_the_rule_nothing_is_muted_by_it(site: Site) -> None:
    await site.send(cluster_down())
    await site.apply("without")
    assert await site.send(slow()) == [("opened", "INC-2")]


@pytest.mark.parametrize("cause_first", [True, False])
async def test_in_one_body_the_cause_counts_wherever_it_stands(site: Site, *, cause_first: bool) -> None:
    sent = [cluster_down(), slow("a"), slow("b")]
    found = await site.send(*(sent if cause_first else sent[::-1]))
    assert found == (
        [("opened", "INC-1"), ("inhibited", "INC-1"), ("inhibited", "INC-1")]
        if cause_first
        else [("inhibited", "INC-1"), ("inhibited", "INC-1"), ("opened", "INC-1")]
    )


async def test_of_a_chain_in_one_body_each_link_is_muted_by_what_really_fires(site: Site) -> None:
    disk, host = alert("DiskFull", "db-1", cluster="eu"), alert("HostDown", "db-1", cluster="eu")
    assert await site.send(disk, host, cluster_down()) == [
        ("inhibited", "INC-1"),
        ("inhibited", "INC-1"),
        ("opened", "INC-1"),
    ]
    elsewhere = [alert("DiskFull", "db-2", cluster="us"), alert("HostDown", "db-2", cluster="us")]
    assert await site.send(*elsewhere) == [("inhibited", "INC-2"), ("opened", "INC-2")]


async def test_what_comes_after_a_cause_that_clears_in_the_same_body_is_not_muted(site: Site) -> None:
    found = await site.send(slow(), cluster_down(), cluster_down(firing=False), slow(firing=False))
    assert found == [("opened", "INC-2"), ("opened", "INC-1"), ("resolved", "INC-1"), ("resolved", "INC-2")]


async def test_alerts_that_are_on_both_sides_do_not_mute_each_other_or_themselves(site: Site) -> None:
    gold = [alert("Other", host, tier="gold") for host in ("a", "b")]
    assert await site.send(gold[0]) == [("opened", "INC-1")]
    assert await site.send(gold[0], gold[1]) == [("repeated", "INC-1"), ("joined", "INC-1")]


async def test_a_resolution_is_never_inhibited(site: Site) -> None:
    await site.send(slow())
    await site.send(cluster_down())
    assert await site.send(slow()) == [("inhibited", "INC-2")]
    assert await site.send(slow(firing=False)) == [("resolved", "INC-1")]


async def test_an_incident_that_was_open_before_its_cause_goes_on_and_is_not_raised(site: Site) -> None:
    await site.send(slow(priority="P2"))
    await site.send(cluster_down(priority="P0"))
    assert await site.send(slow(priority="P0"), slow("web-2")) == [("inhibited", "INC-2")] * 2
    view = await reading.incident(site.engine.context, "INC-1", ENGINE)
    assert (view.incident.priority, view.incident.state.active, len(view.alerts)) == ("P2", True, 1)


async def test_a_silenced_cause_is_in_no_incident_and_mutes_nothing(site: Site) -> None:
    asked = {"matchers": ['alertname="ClusterDown"'], "ends_at": NIGHT + HOUR, "reason": "known"}
    await silences.add(site.engine.context, NewSilence.model_validate(asked), LEAD)
    assert await site.send(cluster_down(), slow()) == [("silenced", None), ("opened", "INC-1")]


async def test_what_an_incident_mutes_stands_on_its_timeline_in_a_few_lines_and_is_counted(site: Site) -> None:
    await site.send(cluster_down())
    for _ in range(2):
        await site.send(*[slow(f"web-{number}") for number in range(LINES + 5)])
    lines = [
        line
        for line in await reading.timeline(site.engine.context, "INC-1", ENGINE)
        if line.kind == Kind.ALERT_INHIBITED
    ]
    assert len(lines) == LINES
    assert lines[0].reason == "Slow is muted while this lasts"
    assert lines[0].data == {"rule": "inhibition/cluster", "source": "alertmanager", "fingerprint": "Slow/web-0"}
    assert lines[-1].reason.endswith("further ones are counted, and have no line")
    [shown] = detail(await reading.incident(site.engine.context, "INC-1", ENGINE)).muted
    assert (shown.rule, shown.count, len(shown.alerts)) == ("inhibition/cluster", 2 * LINES + 10, LINES + 5)
    assert {one.count for one in shown.alerts} == {2}


async def test_the_rows_of_causes_that_are_over_do_not_pile_up(site: Site) -> None:
    for _ in range(5):
        await site.send(cluster_down())
        await site.send(cluster_down(firing=False))
    await site.send(cluster_down())
    rows = await site.engine.context.database.read(lambda connection: connection.execute(inhibitors.select()).all())
    assert len(rows) == 1


async def test_causes_and_what_they_explain_at_once_from_many_senders_add_up(site: Site) -> None:
    sent = [cluster_down(), *[slow(f"web-{number}") for number in range(10)]] * 3
    outcomes = [found for [found] in await asyncio.gather(*(site.send(one) for one in sent))]
    assert {action for action, _ in outcomes} <= {"opened", "joined", "repeated", "inhibited"}
    [(muting, _)] = (await reading.incident(site.engine.context, "INC-1", ENGINE)).muted
    assert muting.count == sum(action == "inhibited" for action, _ in outcomes)
    assert (await site.kinds("INC-1")).count(Kind.ALERT_INHIBITED) == min(LINES, 10)


async def test_trying_names_the_incident_that_explains_such_an_alert(site: Site) -> None:
    labels = {"alertname": "Slow", "cluster": "eu"}
    assert (await silences.try_alert(site.engine.context, labels)).inhibited_by == ()
    await site.send(cluster_down())
    assert (await silences.try_alert(site.engine.context, labels)).inhibited_by == (("inhibition/cluster", 1),)


async def test_the_record_of_one_incident_is_found_by_its_number(site: Site) -> None:
    await site.send(cluster_down(), slow())
    found = await site.engine.context.database.read(lambda connection: mutings.caused_by(connection, 1))
    assert [one.rule for one in found] == ["inhibition/cluster/INC-1"]
    assert await site.engine.context.database.read(lambda connection: mutings.caused_by(connection, 2)) == []
