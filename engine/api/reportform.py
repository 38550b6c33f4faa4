"""The form on the report page: what was typed, what is wrong with it, and how it is shown."""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Annotated
from urllib.parse import parse_qsl

from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails
from starlette.responses import HTMLResponse

from engine.api.bodies import ReportBody
from engine.core.model import MessageKind, Priority
from engine.core.policy import Config
from engine.core.reportpage import ReportPage
from engine.core.texts import clean
from engine.ports import Declaration
from engine.services.reading import IncidentView

MOST_FIELDS = 20

HOW_BAD: Mapping[Priority, tuple[str, str]] = {
    Priority.P0: ("Critical", "Everything is down, data is being lost, or somebody has broken in."),
    Priority.P1: ("High", "Something important does not work, or nobody can sign in."),
    Priority.P2: ("Medium", "It works, but badly, or only some people are affected."),
    Priority.P3: ("Low", "It can wait for the next working day."),
}
LABELS = {
    "title": "What is wrong?",
    "summary": "What do you see?",
    "service": "What is it about?",
    "priority": "How bad is it?",
    "name": "Your name",
}
MISSING = {
    "title": "Say in a few words what is wrong.",
    "name": "Give your name, so that people know whom to ask.",
}
UNKNOWN = {
    "priority": "Choose one of these, or the first where you are not sure.",
    "service": "There is no such service; choose another, or “I don't know”.",
}


class ReportForm(ReportBody):
    """A person's report as the page sends it: the API's fields, and who says so."""

    name: Annotated[str, Field(min_length=1, max_length=100)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Typed:
    """What stands in the fields, as it was sent."""

    title: str = ""
    summary: str = ""
    service: str = ""
    priority: str = ""
    name: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    declaration: Declaration
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Paged:
    """A level that was paged, and who there."""

    level: str
    people: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What a reporter is told of the incident. Without a `ref`, that the report was taken and no more."""

    ref: str = ""
    opened: bool = False
    owner: str = ""
    paged: Sequence[Paged] = field(default_factory=tuple)


def read_typed(body: bytes) -> Typed:
    """Raises ValueError where there are too many fields. Of a field that comes twice the last one counts."""
    text = body.decode("utf-8", "replace")
    pairs = parse_qsl(text, keep_blank_values=True, encoding="utf-8", errors="replace", max_num_fields=MOST_FIELDS)
    given = dict(pairs)
    return Typed(**{one.name: clean(given.get(one.name, "")).strip() for one in fields(Typed)})


def read_report(typed: Typed, services: Mapping[str, str]) -> Report | dict[str, str]:
    """The report, or by field what is wrong with it."""
    given = {one.name: getattr(typed, one.name) for one in fields(Typed)}
    for single in ("title", "name"):
        given[single] = " ".join(given[single].split())
    for optional in ("service", "priority"):
        given[optional] = given[optional] or None
    wrong: dict[str, str] = {}
    if typed.service and typed.service not in services:
        wrong["service"], given["service"] = UNKNOWN["service"], None
    try:
        form = ReportForm.model_validate(given)
    except ValidationError as error:
        wrong |= {str(one["loc"][0]): _sentence(one) for one in error.errors()}
        return {name: wrong[name] for name in LABELS if name in wrong}
    declaration = Declaration(title=form.title, summary=form.summary, service=form.service, priority=form.priority)
    return wrong or Report(declaration=declaration, name=form.name)


def _sentence(error: ErrorDetails) -> str:
    name = str(error["loc"][0])
    if error["type"] == "string_too_long":
        most = error["ctx"]["max_length"]
        return f"That is {len(error['input']):,} characters, and {most:,} fit in here; please shorten it."
    return MISSING[name] if name in MISSING else UNKNOWN[name]


def services_of(config: Config) -> dict[str, str]:
    """By title."""
    return dict(sorted(((name, one.title) for name, one in config.services.items()), key=lambda one: one[1].lower()))


def told(view: IncidentView, *, opened: bool, levels: Mapping[int, str]) -> Told:
    """Who was paged, by level. Of a sealed incident nothing, not even that it is there."""
    incident = view.incident
    if incident.sealed_at is not None:
        return Told()
    people: dict[int, dict[str, None]] = defaultdict(dict)
    for message in (one.message for one in view.deliveries):
        if message.kind is MessageKind.PAGE and message.contact:
            people[message.level][view.people.get(message.contact, message.contact)] = None
    owner = incident.acknowledged_by or ""
    return Told(
        ref=incident.ref,
        opened=opened,
        owner=view.people.get(owner, owner),
        paged=[Paged(level=levels.get(one, f"Level {one}"), people=", ".join(people[one])) for one in sorted(people)],
    )


class Pages:
    """The page in each of its states: no script, nothing from elsewhere, a policy that admits its own style alone."""

    def __init__(self) -> None:
        self._templates = Environment(
            loader=PackageLoader("engine.api"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._style = self._templates.get_template("report_page.css").render()
        digest = base64.b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        policy = f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'"
        self._headers = {
            "Content-Security-Policy": f"{policy}; frame-ancestors 'none'; base-uri 'none'",
            "Referrer-Policy": "same-origin",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "X-Robots-Tag": "noindex",
        }

    def form(
        self,
        page: ReportPage,
        services: Mapping[str, str],
        typed: Typed,
        *,
        status: int = 200,
        errors: Mapping[str, str] | None = None,
        trouble: str = "",
        retry_after: int | None = None,
    ) -> HTMLResponse:
        """`trouble`: why the whole report was not taken, where none of the fields is at fault."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        return self._render(
            "report_form.html.j2",
            status,
            headers,
            page=page,
            services=services,
            typed=typed,
            errors=errors or {},
            trouble=trouble,
            labels=LABELS,
            how_bad=[(priority.value, *words) for priority, words in HOW_BAD.items()],
        )

    def done(self, page: ReportPage, told: Told) -> HTMLResponse:
        return self._render("report_done.html.j2", 201, {}, page=page, told=told)

    def refused(self, page: ReportPage, status: int, sentence: str) -> HTMLResponse:
        return self._render("report_refused.html.j2", status, {}, page=page, sentence=sentence)

    def _render(self, template: str, status: int, headers: Mapping[str, str], **shown: object) -> HTMLResponse:
        text = self._templates.get_template(template).render(style=self._style, **shown)
        return HTMLResponse(text, status, {**self._headers, **headers})
