"""What fails outside costs time, and no page. `python -m tests.faults` has all of it, with processes that hang too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from integrations.sandbox.mail import MailFailure
from integrations.sandbox.slack_faults import Failure
from tests.crash.fresh import on_postgres, started_before
from tests.crash.world import Ground, ground, preload
from tests.databases import PostgresDatabases
from tests.faults.cases import DatabaseFault, ProviderFault
from tests.faults.nights import database_night, provider_night
from tests.faults.proxy import Cut

QUICK = [Failure.RATE_LIMITED, Failure.GARBAGE, Failure.ACCEPTED_THEN_DROPPED, MailFailure.ACCEPTED_THEN_DROPPED]


@pytest.fixture
def place(_postgres: PostgresDatabases, tmp_path: Path) -> Iterator[Ground]:
    preload()
    with _postgres.template(started_before) as template:
        yield ground(on_postgres(_postgres, template), tmp_path)


@pytest.mark.parametrize("failure", QUICK, ids=lambda one: f"{type(one).__name__}.{one.name}")
async def test_a_provider_that_fails_loses_no_page_and_the_other_goes_on(
    place: Ground, failure: Failure | MailFailure
) -> None:
    outcome = await provider_night(place, ProviderFault(failure=failure))
    assert outcome.verdict.faults == ()
    uncertain = failure in (Failure.ACCEPTED_THEN_DROPPED, MailFailure.ACCEPTED_THEN_DROPPED, Failure.GARBAGE)
    assert uncertain or not outcome.verdict.doubled


@pytest.mark.parametrize("cut", Cut, ids=[cut.name for cut in Cut])
async def test_a_connection_that_is_cut_in_the_middle_of_a_commit_neither_loses_nor_doubles(
    place: Ground, cut: Cut
) -> None:
    outcome = await database_night(place, DatabaseFault(cut=cut))
    assert outcome.cuts
    assert outcome.verdict.faults == ()


async def test_a_database_that_was_away_for_a_while_has_all_that_was_accepted(place: Ground) -> None:
    outcome = await database_night(place, DatabaseFault(cut=None))
    assert outcome.refused
    assert outcome.verdict.faults == ()
