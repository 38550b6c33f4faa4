"""A report laid out for reading: figures, paragraphs, pairs and tables, the same in Markdown, HTML and PDF.

Every string here may come from an alert: a renderer escapes all of them, always.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Tone(StrEnum):
    """How it is meant; always said in words too, never by colour alone."""

    PLAIN = "plain"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    MUTED = "muted"


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """`url` has passed `web_address`."""

    text: str
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """`note` stands below the text, smaller."""

    text: str
    tone: Tone = Tone.PLAIN
    note: str = ""
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """`share`: its part of the width, relative to the others. `code`: shown in a fixed-width face."""

    title: str
    share: float = 1
    code: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Prose:
    """Paragraphs as somebody wrote them: line ends are kept."""

    text: str
    title: str = ""
    tone: Tone = Tone.PLAIN
    form: Literal["prose"] = "prose"


@dataclass(frozen=True, kw_only=True, slots=True)
class Pairs:
    rows: tuple[tuple[str, Cell], ...]
    form: Literal["pairs"] = "pairs"


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""
    form: Literal["table"] = "table"


Block = Prose | Pairs | Table


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One of the four figures of the first page."""

    label: str
    value: str
    note: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """`anchor` names it in links within the report."""

    title: str
    anchor: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """`label` says whether the report is final; `imprint` when, by what and in which time zone it was made.
    `running_title` is the title as it stands on top of every further page."""

    ref: str
    title: str
    running_title: str
    label: str
    priority: Cell
    state: Cell
    figures: tuple[Figure, ...]
    summary: str
    impact: Prose
    key_facts: Pairs
    sections: tuple[Section, ...]
    imprint: str


def cell(text: object, tone: Tone = Tone.PLAIN, *, note: str = "", links: tuple[Link, ...] = ()) -> Cell:
    """None is an empty cell."""
    return Cell(text="" if text is None else str(text), tone=tone, note=note, links=links)


def row(*values: object) -> tuple[Cell, ...]:
    return tuple(value if isinstance(value, Cell) else cell(value) for value in values)


def nothing(text: str) -> Prose:
    """Says that there is nothing to show, so that nobody takes a gap for an omission."""
    return Prose(text=text, tone=Tone.MUTED)


def table_or(absent: str, table: Table) -> Block:
    return table if table.rows else nothing(absent)
