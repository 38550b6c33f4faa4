"""Every alert has an outcome that names its rule, and what fires when all is over is in somebody's incident."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.clock import VirtualClock
from engine.core.model import Alert, AlertStatus
from engine.core.policy import Config, Flapping, Inhibition, Route, Window
from engine.core.silences import NewSilence
from engine.db import holding
from engine.db.database import connect
from engine.db.incidents import alerts_of
from engine.services import configs, silences
from engine.services.arrivals import Outcome
from tests.databases import PostgresDatabases, sqlite_copy
from tests.services.engines import SOURCE, Engine, Wire, alert, all_incidents, assemble, documented, person

NIGHT = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
NAMES = ("SlowDisk", "DiskBusy", "HostDown", "ServiceDown", "Upgraded", "CheckoutDown")
HOSTS = ("web-1", "web-2")
RULES = {
    "opened": "classification/.+",
    "joined": "key",
    "repeated": "fingerprint",
    "resolved": "fingerprint",
    "ignored": "fingerprint|delay/slow|maintenance/backup|silence/SIL-1|inhibition/down",
    "silenced": "maintenance/backup|silence/SIL-1",
    "inhibited": "inhibition/down",
    "delayed": "delay/slow",
    "damped": "flapping",
}
NOWHERE = {"ignored", "silenced", "delayed"}
"""What has no incident."""


def configured() -> Config:
    own: dict[str, Any] = {
        "flapping": Flapping(times=3, within=HOUR, quiet=15 * MINUTE),
        "routes": (Route.model_validate({"name": "slow", "match": ["alertname=SlowDisk"], "delay": "5m"}),),
        "inhibitions": (
            Inhibition.model_validate(
                {
                    "name": "down",
                    "source_matchers": ["alertname=HostDown"],
                    "target_matchers": ["alertname=ServiceDown"],
                    "equal": ["instance"],
                }
            ),
        ),
        "maintenance": (
            Window.model_validate(
                {"name": "backup", "match": ["alertname=DiskBusy"], "ends_at": NIGHT + HOUR, "reason": "it runs"}
            ),
        ),
    }
    return documented()[0].model_copy(update=own)


CONFIG = configured()
told = st.builds(alert, st.sampled_from(NAMES), st.sampled_from(HOSTS), firing=st.booleans())
steps = st.lists(st.tuples(st.integers(0, 20), st.lists(told, min_size=1, max_size=5)), min_size=1, max_size=8)
Steps = list[tuple[int, list[Alert]]]


def check(outcomes: list[Outcome], given: list[Alert]) -> None:
    assert [one.fingerprint for one in outcomes] == [one.fingerprint for one in given]
    for one in outcomes:
        assert re.fullmatch(RULES[one.action.value], one.rule), one
        assert one.reason, one
        assert (one.incident is None) is (one.action.value in NOWHERE), one


async def live(url: str, given: Steps) -> None:
    clock = VirtualClock(NIGHT)
    engine = assemble(connect(url), clock, Wire(), lambda _: CONFIG)
    await configs.apply(engine.context, document="own", digest="own", by="test")
    await configs.keep_playbooks(engine.context)
    asked = {"matchers": ["alertname=Upgraded"], "ends_at": NIGHT + 2 * HOUR, "reason": "an upgrade"}
    await silences.add(engine.context, NewSilence.model_validate(asked), person("ops-lead"))
    last: dict[str, Alert] = {}
    for minutes, alerts in given:
        clock.advance(minutes * MINUTE)
        check(await engine.accept(*alerts), alerts)
        last |= {one.fingerprint: one for one in alerts}
        await engine.settle()
    for _ in range(3):  # longer than anything keeps an alert, and once more for what is then heard again
        clock.advance(2 * HOUR)
        await engine.settle()
    firing = {name for name, one in last.items() if one.status is AlertStatus.FIRING}
    explained = {name.replace("Host", "Service") for name in firing if name.startswith("HostDown")}
    places = [(SOURCE.id, f"{name}/{host}") for name in NAMES for host in HOSTS]
    found = await engine.context.database.read(lambda connection: holding.find(connection, places))
    waiting = {fingerprint for _, fingerprint in found}
    assert await on_record(engine) | waiting == firing
    assert waiting <= explained
    await engine.stop()


async def on_record(engine: Engine) -> set[str]:
    """The fingerprints of what fires in an active incident."""
    active = [one.id for one in await all_incidents(engine.context.database) if one.state.active]
    found = await engine.context.database.read(lambda connection: alerts_of(connection, active))
    return {
        fingerprint
        for alerts in found.values()
        for fingerprint, one in alerts.items()
        if one.alert.status is AlertStatus.FIRING
    }


def run(open_database: Callable[[], AbstractContextManager[str]], examples: int) -> None:
    @settings(max_examples=examples, database=None, suppress_health_check=list(HealthCheck))
    @given(steps)
    def any_night(given: Steps) -> None:
        with open_database() as url:
            asyncio.run(live(url, given))

    any_night()


def test_whatever_comes_has_an_outcome_and_what_fires_at_the_end_is_somebody_s_on_sqlite(
    sqlite_url: str, tmp_path: Path
) -> None:
    template = Path(sqlite_url.removeprefix("sqlite:///"))

    @contextmanager
    def copy() -> Iterator[str]:
        with TemporaryDirectory(dir=tmp_path) as folder:
            yield sqlite_copy(template, Path(folder))

    run(copy, examples=40)


def test_whatever_comes_has_an_outcome_and_what_fires_at_the_end_is_somebody_s_on_postgresql(
    _postgres: PostgresDatabases,  # noqa: PT019 - each example takes a copy for itself
    _postgres_template: str,  # noqa: PT019
) -> None:
    run(lambda: _postgres.copy(_postgres_template), examples=15)
