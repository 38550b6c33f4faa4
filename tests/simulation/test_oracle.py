"""The check can fail: each engine that is broken on purpose is found, by the rule that it breaks."""

from __future__ import annotations

import pytest

from tests.simulation.broken import BROKEN, Break, Part
from tests.simulation.evening import HOURS, Evening
from tests.simulation.runs import RunNight, around
from tests.simulation.world import World

PARTS = (Evening.clocks, Evening.providers, Evening.processes, Evening.comings_and_goings)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_nothing_is_wrong_with_any_part_of_the_evening(part: Part, night: RunNight) -> None:
    assert not night(1, HOURS, lambda world: part(Evening(world))).verdict.complaints


def test_nothing_is_wrong_with_the_evening(night: RunNight) -> None:
    run = night(1, HOURS, lambda world: Evening(world).play())
    found = run.verdict.complaints
    log = around(run.journal, found[0].at, found[0].incident) if found else []
    assert not found, "\n".join([*map(str, found), *log])
    assert run.counts["crashes"] > 5
    assert run.verdict.figures.marked


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.__name__)
def test_the_oracle_finds(broken: Break, night: RunNight, monkeypatch: pytest.MonkeyPatch) -> None:
    part, rule = BROKEN[broken]

    def tamper(world: World) -> None:
        broken(monkeypatch, world)
        part(Evening(world))

    run = night(1, HOURS, tamper)
    assert rule in {complaint.rule for complaint in run.verdict.complaints}
