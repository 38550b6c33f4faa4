"""The check can fail: each engine that is broken on purpose is found, by the rule that it breaks."""

from __future__ import annotations

import pytest

from tests.simulation.broken import BROKEN, Break
from tests.simulation.runs import RunNight


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.__name__)
def test_the_oracle_finds(broken: Break, night: RunNight, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = BROKEN[broken]
    run = night(expected.seed, expected.hours, lambda world: broken(monkeypatch, world))
    assert expected.rule in {complaint.rule for complaint in run.verdict.complaints}
