"""What may be asked for in an address: filters, and pages by an opaque cursor."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from engine.core.model import Priority, State
from engine.core.spans import Moment, Zone
from engine.core.texts import clean
from engine.report.render import Format
from engine.services.reading import LARGEST_PAGE, PAGE

EVENTS = 500
MOST_EVENTS = 2000


def write_cursor(place: int) -> str:
    """Opaque on purpose: what a page ends with may become something else."""
    return base64.urlsafe_b64encode(f"v1:{place}".encode()).decode().rstrip("=")


def read_cursor(cursor: object) -> int:
    try:
        text = base64.b64decode(f"{cursor}===", altchars=b"-_", validate=False).decode("ascii")
    except (ValueError, binascii.Error):
        text = ""
    version, _, place = text.partition(":")
    if version != "v1" or not place.isdigit() or len(place) > len(str(2**59)):
        raise ValueError("not a cursor; take the one that the page before gave as `next`")
    return int(place)


CURSOR_SCHEMA = {"type": "string", "examples": [write_cursor(42)]}
Cursor = Annotated[int, BeforeValidator(read_cursor), WithJsonSchema(CURSOR_SCHEMA)]


class Query(BaseModel):
    # A filter that is misspelt would silently be none.
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Incidents(Query):
    state: State | None = None
    priority: Priority | None = None
    service: Annotated[str, Field(max_length=200), AfterValidator(clean)] | None = None
    open: bool = False
    """Only those that are active or in review."""
    cursor: Cursor | None = None
    limit: Annotated[int, Field(ge=1, le=LARGEST_PAGE)] = PAGE


class Silences(Query):
    live: bool = False
    """Only those that are not over."""
    cursor: Cursor | None = None
    limit: Annotated[int, Field(ge=1, le=LARGEST_PAGE)] = PAGE


class Requests(Query):
    integration: Annotated[str, Field(max_length=200), AfterValidator(clean)] | None = None
    problems: bool = False
    """Only those of which something could not be read or taken."""
    since: Moment | None = None
    """Only those that came then or later."""
    cursor: Cursor | None = None
    limit: Annotated[int, Field(ge=1, le=LARGEST_PAGE)] = PAGE


class Timeline(Query):
    cursor: Cursor | None = None
    limit: Annotated[int, Field(ge=1, le=MOST_EVENTS)] = EVENTS


class Report(Query):
    format: Format = Format.MARKDOWN
    zone: Zone = "UTC"
    """The time zone in which a draft shows its times, like Europe/Berlin. A frozen report keeps its own."""
