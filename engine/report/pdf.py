"""PDF by typst. The text goes in as JSON strings, never as markup; the same report makes the same bytes.

Missing letters (Chinese, say) come from the fonts of the machine; everything else from those that typst ships.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typst

from engine.core.errors import ReportError
from engine.report.front import lay_out
from engine.report.model import Report
from engine.report.text import breakable

# Letters for which a line of prose, and all columns of a table together, have room: a cautious count, of wide ones.
LINE = 24
TABLE_LINE = 92

NOT_SHOWN = ("url", "tone", "form", "anchor")

TEMPLATE = Path(__file__).parent / "templates" / "report.typ"


def to_pdf(report: Report) -> bytes:
    """Raises ReportError where typst can't set it."""
    document = json.dumps(_settable(asdict(lay_out(report)), LINE), ensure_ascii=False)
    try:
        return typst.compile(
            TEMPLATE, format="pdf", sys_inputs={"document": document}, timestamp=int(report.generated_at.timestamp())
        )
    except typst.TypstError as error:
        raise ReportError(f"the PDF can't be set: {error.message}") from error


def _settable(value: Any, room: int) -> Any:
    """Every text with places to break the words for which there is no room; typst has no other way to keep a long
    word inside its column. `room` is in letters."""
    match value:
        case str():
            return breakable(value, room)
        case {"form": "table", "columns": columns, "rows": rows}:
            rooms = _rooms([column["share"] for column in columns])
            cells = [[_settable(cell, rooms[at]) for at, cell in enumerate(row)] for row in rows]
            return {**value, "rows": cells}
        case dict():
            return {key: item if key in NOT_SHOWN else _settable(item, room) for key, item in value.items()}
        case list() | tuple():
            return [_settable(item, room) for item in value]
    return value


def _rooms(shares: list[float]) -> list[int]:
    return [max(1, int(TABLE_LINE * share / sum(shares))) for share in shares]
