"""The oracle knows the documented numbers by itself, and nothing of the engine."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from tests.simulation.standard import DOCUMENTED, end_of_next_business_day, judge, next_opening

ORACLE = "tests.simulation.oracle"


def test_the_oracle_imports_nothing_of_the_engine() -> None:
    show = f"import sys, {ORACLE}; print([name for name in sys.modules if name.split('.')[0] == 'engine'])"
    found = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("priority", "respond", "level_2", "level_3", "lease"),
    [("P0", 5, 30, 60, 15), ("P1", 15, 120, 240, 30), ("P2", 60, None, None, 240)],
)
def test_the_tables_are_the_documented_ones(
    priority: str, respond: int, level_2: int | None, level_3: int | None, lease: int
) -> None:
    row = DOCUMENTED.rows[priority]
    levels = {2: level_2, 3: level_3}
    assert row.respond == timedelta(minutes=respond)
    assert row.levels == {number: timedelta(minutes=after) for number, after in levels.items() if after}
    assert row.lease == timedelta(minutes=lease)


@pytest.mark.parametrize(
    ("at", "opens", "ends"),
    [
        ("2026-11-23T03:00", "2026-11-23T09:00", "2026-11-23T17:00"),  # a Monday night
        ("2026-11-23T10:00", "2026-11-23T10:00", "2026-11-24T17:00"),
        ("2026-11-27T17:00", "2026-11-30T09:00", "2026-11-30T17:00"),  # Friday, just closed
    ],
)
def test_business_days(at: str, opens: str, ends: str) -> None:
    def moment(text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)

    assert next_opening(moment(at)) == moment(opens)
    assert end_of_next_business_day(moment(at)) == moment(ends)


@pytest.mark.parametrize(
    ("title", "priority", "severity", "expected"),
    [
        ("Queue is long", None, None, "P2"),
        ("Queue is long", None, "critical", "P1"),
        ("The system is down", None, "warning", "P0"),
        ("The system is down", "P2", None, "P2"),
        ("Queue is long", None, "info", "P3"),
    ],
)
def test_priorities(title: str, priority: str | None, severity: str | None, expected: str) -> None:
    assert judge(title=title, priority=priority, severity=severity).priority == expected
