"""A report in one of its forms."""

from __future__ import annotations

import re
from enum import StrEnum

from engine.core.errors import ReportError
from engine.report.html import to_html
from engine.report.markdown import to_markdown
from engine.report.model import Report
from engine.report.pdf import to_pdf

# JSON has no need to escape these, a terminal and a reader's eye do.
UNSEEN = re.compile(r"[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


class Format(StrEnum):
    MARKDOWN = "md"
    HTML = "html"
    PDF = "pdf"
    JSON = "json"

    @property
    def media_type(self) -> str:
        return MEDIA_TYPES[self]


MEDIA_TYPES = {
    Format.MARKDOWN: "text/markdown; charset=utf-8",
    Format.HTML: "text/html; charset=utf-8",
    Format.PDF: "application/pdf",
    Format.JSON: "application/json",
}


def read_format(name: str) -> Format:
    """Raises ReportError for a name that is no format."""
    try:
        return Format(name.lower())
    except ValueError as error:
        raise ReportError(f"{name[:40]!r} is not a report format; there are md, html, pdf and json") from error


def render(report: Report, wanted: Format) -> bytes:
    """Raises ReportError where the report can't be rendered. The same report makes the same bytes."""
    return RENDERERS[wanted](report)


def file_name(report: Report, wanted: Format) -> str:
    """`INC-42.pdf`."""
    return f"{report.header.ref}.{wanted}"


def to_json(report: Report) -> bytes:
    text = report.model_dump_json(indent=2)
    return (UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n").encode()


RENDERERS = {
    Format.MARKDOWN: to_markdown,
    Format.HTML: to_html,
    Format.PDF: to_pdf,
    Format.JSON: to_json,
}
