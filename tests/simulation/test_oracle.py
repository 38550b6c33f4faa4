"""The check can fail: each engine that is broken on purpose is found, by the rule that it breaks."""

from __future__ import annotations

import pytest

from tests.simulation.broken import BROKEN, Break
from tests.simulation.evening import HOURS, Evening
from tests.simulation.runs import RunNight, around
from tests.simulation.world import World


def test_nothing_is_wrong_with_the_evening(night: RunNight) -> None:
    run = night(1, HOURS, lambda world: Evening(world).play())
    found = run.verdict.complaints
    log = around(run.journal, found[0].at, found[0].incident) if found else []
    assert not found, "\n".join([*map(str, found), *log])
    assert run.counts["crashes"] > 5
    assert run.verdict.figures.marked


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.__name__)
def test_the_oracle_finds(broken: Break, night: RunNight, monkeypatch: pytest.MonkeyPatch) -> None:
    def tamper(world: World) -> None:
        broken(monkeypatch, world)
        Evening(world).play()

    run = night(1, HOURS, tamper)
    assert BROKEN[broken] in {complaint.rule for complaint in run.verdict.complaints}
