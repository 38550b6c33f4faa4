"""What a person reads: standard output for results, standard error for everything beside them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TextIO

import typer
from pydantic_core import to_jsonable_python
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from engine.report.text import clean, fold
from engine.report.words import Stamps

WIDE = 200
"""Columns where no terminal says how many it has, so that what is piped stays on one line."""


def out() -> Console:
    return _console(sys.stdout)


def stage() -> Console:
    """For a story that brings its own markup."""
    return Console(width=None if sys.stdout.isatty() else WIDE)


def err() -> Console:
    return _console(sys.stderr)


def _console(stream: TextIO) -> Console:
    width = None if stream.isatty() else WIDE
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False)


def plain(text: object) -> str:
    """On one line, and nothing in it that could drive the terminal: alerts may hold anything."""
    return fold(str(clean(str(text))))


def say(text: str = "", style: str = "") -> None:
    """A line of the result, never wrapped, so that it can be copied. Line ends in it stay."""
    out().print(Text(text, style=style), soft_wrap=True)


def note(text: str) -> None:
    """Worth knowing, and no part of the result."""
    err().print(Text(text, style="yellow"), soft_wrap=True)


def complain(text: str) -> None:
    """The one line that says why the exit code is not 0."""
    err().print(Text(f"tocsin: {plain(text)}", style="red"), soft_wrap=True)


def show_json(value: object) -> None:
    """Values of ours as JSON; times in UTC. Escaped to ASCII, which no terminal and no locale changes."""
    typer.echo(json.dumps(to_jsonable_python(value, fallback=str), indent=2))


def table(*columns: str, rows: Iterable[Sequence[object]]) -> None:
    """Empty columns are left out."""
    cells = [[plain("" if cell is None else cell) for cell in row] for row in rows]
    used = [place for place in range(len(columns)) if any(row[place] for row in cells)]
    shown = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for place in used:
        shown.add_column(columns[place], overflow="fold")
    for row in cells:
        shown.add_row(*(Text(row[place]) for place in used))
    out().print(shown)


def facts(rows: Iterable[tuple[str, object]]) -> None:
    """Names and values below each other; those without a value are left out."""
    shown = Table.grid(padding=(0, 2))
    for name, value in rows:
        if value not in (None, ""):
            shown.add_row(Text(name, style="dim"), Text(plain(value), overflow="fold"))
    out().print(shown)


def progress() -> Progress:
    """A bar on standard error, only where somebody watches, gone when the work is done."""
    return Progress(console=err(), transient=True, disable=not sys.stderr.isatty())


def stamp(at: datetime | None, zone: Any) -> str:
    """As the reader's wall clock showed it, with the zone's abbreviation."""
    return Stamps(zone=zone).full(at)
