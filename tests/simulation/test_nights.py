"""Nights in which everything goes wrong, always the same ones: no page is lost, late without a word, or for nothing.

`make simulate` runs years. A seed that fails here fails there: `make simulate SEED=… DAYS=1 ARGS="--pace night"`.
"""

from __future__ import annotations

import pytest

from tests.simulation.runs import Run, RunNight, around

HOURS = 8.0


def holds(run: Run) -> None:
    found = run.verdict.complaints
    log = around(run.journal, found[0].at, found[0].incident) if found else []
    assert not found, "\n".join([f"seed {run.seed}", *map(str, found), *log])


@pytest.mark.parametrize("seed", range(1, 5))
def test_no_page_is_lost_whatever_happens_in_a_night(seed: int, night: RunNight) -> None:
    run = night(seed, HOURS)
    holds(run)
    assert run.verdict.figures.pages > 30
    assert run.counts["crashes"] > 1
    assert run.counts["outages"] > 5
    assert run.counts["times away"] > 1


@pytest.mark.filterwarnings("ignore:The garbage collector is trying to clean up non-checked-in connection")
def test_no_page_is_lost_on_postgresql(postgresql_night: RunNight) -> None:
    run = postgresql_night(21, 3.0)
    holds(run)
    assert run.verdict.figures.pages > 10


def test_a_seed_tells_the_same_story_twice(night: RunNight) -> None:
    first, second, other = night(7, 3.0), night(7, 3.0), night(8, 3.0)
    assert first.journal.facts == second.journal.facts
    assert first.digest == second.digest
    assert first.digest != other.digest
