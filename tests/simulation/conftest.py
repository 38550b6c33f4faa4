"""Runs on a database of their own each, in memory where the machine has a place there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest

from tests.simulation.pace import NIGHT
from tests.simulation.places import Place, on_sqlite
from tests.simulation.runs import Run, RunNight, Tamper, simulate


@pytest.fixture(scope="session")
def sqlite_place(_statements_are_compiled_once: None) -> Iterator[Place]:
    with on_sqlite() as place:
        yield place


@pytest.fixture
def night(sqlite_place: Place) -> Iterator[RunNight]:
    """Runs so many hours of a night in which everything goes wrong."""
    with ExitStack() as open_ones:

        def run(seed: int, hours: float, tamper: Tamper | None = None) -> Run:
            url = open_ones.enter_context(sqlite_place())
            return simulate(seed=seed, url=url, pace=NIGHT, span=timedelta(hours=hours), tamper=tamper)

        yield run


@pytest.fixture
def postgresql_night(postgresql_url: str) -> RunNight:
    """The same on PostgreSQL, once."""

    def run(seed: int, hours: float) -> Run:
        return simulate(seed=seed, url=postgresql_url, pace=NIGHT, span=timedelta(hours=hours))

    return run
