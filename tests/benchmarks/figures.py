"""What was measured, and how it is shown."""

from __future__ import annotations

import os
import platform
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

WRITES = 100
WIDTH = 120


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One run. `value` is what the row is about; the times are those of its single alerts or timers, in milliseconds.

    `lost` counts what was promised and was not there afterwards: it has to be 0.
    """

    value: float
    median_ms: float
    p99_ms: float
    count: int
    lost: int
    cpu_ms: float | None = None
    """Processor time of the engine for each, where the system tells."""
    excess: int = 0
    """How much more came than is allowed; the note says of what. It has to be 0, as `lost`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One measurement, run several times. `target` is what is to be reached; `note` is what a reader has to know."""

    name: str
    unit: str
    target: str
    runs: tuple[Run, ...]
    note: str = ""


def times_ms(seconds: Iterable[float]) -> tuple[float, float]:
    """Median and 99 %, in milliseconds."""
    ordered = sorted(seconds)
    if not ordered:
        return 0.0, 0.0
    return statistics.median(ordered) * 1000, ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] * 1000


def machine() -> dict[str, str]:
    """What the figures depend on."""
    return {
        "processors": f"{os.cpu_count()} x {_processor()}",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "write": f"{_durable_write_ms():.2f} ms for a durable write of 32 KiB",
        "load": "another process of this machine, plain sockets in Python (tests/benchmarks/load.py)",
        "busy": f"load average {os.getloadavg()[0]:.1f} before the first run",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def _durable_write_ms() -> float:
    """The median, beside the databases of the runs."""
    taken = []
    with tempfile.TemporaryFile() as file:
        for _ in range(WRITES):
            file.write(bytes(32 * 1024))
            file.flush()
            begun = time.perf_counter()
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - begun)
    return statistics.median(taken) * 1000


def show(facts: dict[str, str], rows: Sequence[Row]) -> None:
    console = Console()
    console.width = max(console.width, WIDTH)
    for name, value in facts.items():
        console.print(f"{name:>10}  {value}", highlight=False)
    table = Table("", "best", "runs", "target", "median", "99 %", "engine CPU", "lost")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(*_cells(row))
    console.print(table)
    for row in rows:
        if row.note:
            console.print(f"{row.name}: {row.note}", highlight=False)


def _cells(row: Row) -> tuple[str, ...]:
    values = [run.value for run in row.runs]
    better = max if row.unit.endswith("/s") else min
    best = next(run for run in row.runs if run.value == better(values))
    digits = 2 if row.unit == "times" else 0
    used = [run.cpu_ms for run in row.runs if run.cpu_ms is not None]
    return (
        row.name,
        f"{best.value:,.{digits}f} {row.unit}",
        f"{min(values):,.{digits}f} to {max(values):,.{digits}f}",
        row.target,
        f"{best.median_ms:,.1f} ms",
        f"{best.p99_ms:,.1f} ms",
        f"{min(used):.2f} ms each" if used else "",
        str(sum(run.lost for run in row.runs)),
    )
