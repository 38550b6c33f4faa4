"""Markdown that reads well as it stands and renders alike in CommonMark, GitHub's and older dialects.

Text from outside can't become anything but text: no HTML, link, heading, list, table, code, formula or template.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from engine.report.front import lay_out
from engine.report.layout import Block, Cell, Document, Figure, Link, Pairs, Prose, Section, Table, Tone
from engine.report.model import Report
from engine.report.text import fold

# Entities where a dialect knows no backslash for the sign. Braces are Jekyll's and MDX's, the dollar GitHub's formulas.
ENTITIES = {"<": "&lt;", ">": "&gt;"}
SPECIAL = re.compile(r"[\\`*_{}\[\]|~$<>]")
ENTITY = re.compile(r"&(?=#?\w{1,40};)")
AUTOLINK = re.compile(r"(?<=[A-Za-z])(:)(?=//)|(?<=[wW]{3})(\.)|(?<=mailto)(:)", re.IGNORECASE)
LINE_START = re.compile(r"^(?:([#+=:-])|(\d{1,9})([.)]))")


def escape(text: str) -> str:
    """On one line and inert, anywhere but at the start of a line."""
    line = ENTITY.sub("&amp;", fold(text))
    line = SPECIAL.sub(lambda match: ENTITIES.get(match[0], "\\" + match[0]), line)
    return AUTOLINK.sub(lambda match: "\\" + match[0], line)


def escape_line(text: str) -> str:
    """Inert as a line of its own: no heading, list, quote or rule."""
    return LINE_START.sub(lambda match: f"\\{match[1]}" if match[1] else f"{match[2]}\\{match[3]}", escape(text))


def to_markdown(report: Report) -> bytes:
    return ("\n".join(_lines(lay_out(report))).rstrip() + "\n").encode()


def _lines(document: Document) -> Iterator[str]:
    yield from (f"# {document.ref} {escape(document.title)}", "")
    yield from (f"**{document.label}** · **{escape(document.priority.text)}** · {escape(document.state.text)}", "")
    yield from _figures(document.figures)
    yield from ("## Summary", "", escape_line(document.summary), "")
    yield from ("## Impact", "", *_prose(document.impact))
    yield from ("## Key facts", "", *_pairs(document.key_facts))
    for section in document.sections:
        yield from _section(section)
    yield from ("---", "", escape(document.imprint))


def _figures(figures: tuple[Figure, ...]) -> Iterator[str]:
    yield _row(escape(figure.label) for figure in figures)
    yield _row("---" for _ in figures)
    yield _row(f"**{escape(figure.value)}**" for figure in figures)
    yield _row(escape(figure.note) for figure in figures)
    yield ""


def _section(section: Section) -> Iterator[str]:
    yield from (f"## {section.title}", "")
    for block in section.blocks:
        yield from _block(block)


def _block(block: Block) -> Iterable[str]:
    match block:
        case Prose():
            return _prose(block)
        case Pairs():
            return _pairs(block)
        case Table():
            return _table(block)


def _prose(prose: Prose) -> Iterator[str]:
    if prose.title:
        yield from (f"**{escape(prose.title)}**", "")
    for paragraph in re.split(r"\n\s*\n", prose.text):
        lines = [escape_line(line) for line in paragraph.splitlines() if line.strip()]
        if lines:
            muted = prose.tone is Tone.MUTED and len(lines) == 1
            yield from (f"_{lines[0]}_" if muted else "\\\n".join(lines), "")


def _pairs(pairs: Pairs) -> Iterator[str]:
    yield from (f"- **{escape(label)}:** {_cell(value)}" for label, value in pairs.rows)
    yield ""


def _table(table: Table) -> Iterator[str]:
    if table.title:
        yield from (f"**{escape(table.title)}**", "")
    yield _row(escape(column.title) for column in table.columns)
    yield _row("---" for _ in table.columns)
    for row in table.rows:
        yield _row(_cell(cell) for cell in row)
    yield ""


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell) -> str:
    text = f"**{escape(cell.text)}**" if cell.text and cell.tone is Tone.BAD else escape(cell.text)
    note = f" ({escape(cell.note)})" if cell.note and cell.text else escape(cell.note)
    return " ".join(part for part in (text + note, *(_link(link) for link in cell.links)) if part)


def _link(link: Link) -> str:
    return f"[{escape(link.text)}](<{link.url}>)"
