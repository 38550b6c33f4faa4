"""At each place of the code an engine is killed once, and a product that does lose pages is found out.

`make crash KILLS=1000` kills at every point: each time that a place is come by.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.clock import unix_time
from tests.crash.breaking import Break
from tests.crash.fresh import on_postgres, on_sqlite, started_before
from tests.crash.kills import enumerate_points, run
from tests.crash.points import Point
from tests.crash.story import Told
from tests.crash.verdict import Copy, Hearing, Record, judge
from tests.crash.world import Fresh, Ground, ground, preload
from tests.databases import PostgresDatabases, sqlite_template

BUDGET = 8.0
"""Seconds for the kills on each database; those that do not fit are left to the command."""
RECEIPTS = Point(place="before COMMIT of insert timeline_event, update incident, update outbox", occurrence=1)
"""Messages have arrived and nothing of it is on record."""
DEFECTS = [
    (
        Break.RECEIPT_FIRST,
        Point(place="after COMMIT of insert timeline_event, update incident, update outbox", occurrence=1),
    ),
    (Break.CLAIMS_DROPPED, Point(place="after COMMIT of update outbox", occurrence=1)),
    (Break.REPEATS_UNMARKED, RECEIPTS),
]


@pytest.fixture(scope="module", autouse=True)
def _forked_from_a_process_that_has_it_all() -> None:
    preload()


@pytest.fixture
def fresh_sqlite(tmp_path: Path) -> Fresh:
    folder = tmp_path / "template"
    folder.mkdir()
    return on_sqlite(sqlite_template(folder, started_before), tmp_path)


@pytest.fixture
def fresh_postgresql(_postgres: PostgresDatabases) -> Iterator[Fresh]:
    with _postgres.template(started_before) as template:
        yield on_postgres(_postgres, template)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Ground:
    fresh: Fresh = request.getfixturevalue(f"fresh_{request.param}")
    return ground(fresh, tmp_path)


@pytest.fixture
def sqlite_place(fresh_sqlite: Fresh, tmp_path: Path) -> Ground:
    return ground(fresh_sqlite, tmp_path)


async def test_wherever_it_is_killed_no_page_is_missed_and_every_repeat_is_marked(place: Ground) -> None:
    points, undisturbed = await enumerate_points(place)
    end = unix_time() + BUDGET
    assert undisturbed.verdict.faults == ()
    assert not undisturbed.verdict.doubled
    killed = 0
    for point in important_first(points):
        if killed and unix_time() > end:
            break
        outcome = await run(place, point)
        assert outcome.verdict.faults == (), outcome.point
        killed += outcome.killed
    assert killed


def important_first(points: list[Point]) -> list[Point]:
    """Each place once: commits first, then what happens between them, loops that only wait last."""
    places = {point.place: point for point in reversed(points)}

    def rank(point: Point) -> tuple[int, str]:
        sends = "COMMIT" in point.place, "_send" in point.place, "_record" in point.place, "_commit" in point.place
        return (0 if any(sends) else 1), point.place

    return sorted(places.values(), key=rank)


@pytest.mark.parametrize(("defect", "point"), DEFECTS, ids=[defect.value for defect, _ in DEFECTS])
async def test_a_product_that_loses_or_hushes_up_a_page_is_found_out(
    sqlite_place: Ground, defect: Break, point: Point
) -> None:
    outcome = await run(sqlite_place, point, defect=defect)
    assert outcome.killed
    assert outcome.verdict.unmarked if defect is Break.REPEATS_UNMARKED else outcome.verdict.missed


async def test_the_same_kill_of_the_real_product_doubles_what_it_can_not_know_of_and_marks_it(
    sqlite_place: Ground,
) -> None:
    """What Slack has taken it can look up; what the mail server has taken it can't."""
    doubled: list[str] = []
    for occurrence in range(1, 7):
        outcome = await run(sqlite_place, replace(RECEIPTS, occurrence=occurrence))
        assert outcome.killed
        assert outcome.verdict.faults == ()
        doubled += outcome.verdict.doubled
        if doubled:
            break
    assert doubled


def test_a_page_that_nobody_wanted_and_one_that_came_three_times_are_faults() -> None:
    copies = [Copy(delivery="INC-1/1", channel="email", repeated=number > 0) for number in range(3)]
    verdict = judge(Hearing(told=Told(accepted={"CheckoutDown": "INC-1"}), record=Record(), copies=copies))
    assert "came 3 times: INC-1/1" in verdict.faults
    assert "not on record: INC-1/1" in verdict.faults
    assert "CheckoutDown was accepted and is not on record" in verdict.faults
    assert verdict.missed == ("CheckoutDown (INC-1) was accepted and paged nobody",)
