"""What an e-mail about an incident says, as plain text and as HTML that stands by itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import FileSystemLoader, StrictUndefined, Template
from jinja2.sandbox import SandboxedEnvironment

from engine.ports import Envelope
from integrations.channels.foreign import clean, one_line, web_address
from integrations.channels.together import bundle_lines, bundle_title
from integrations.channels.wording import (
    Line,
    acknowledged,
    alert_count,
    alerts,
    command_line,
    expected,
    incident_url,
    ladder,
    marks,
    person,
    since,
    tried,
    worst_first,
    zone_note,
)

MOST_LINKS = 6
MOST_LISTED = 50
"""Of the incidents that one message stands for."""
LABEL_WIDTH = 11


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """A link of an alert's. `host` is shown beside the title, which says what its author likes."""

    title: str
    url: str
    host: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """All that is said, in the order in which it is read. Texts are cleaned, not escaped."""

    headline: str
    marks: tuple[str, ...]
    expected: str
    next_step: str
    url: str | None
    command: str | None
    ref: str
    priority: str
    title: str
    summary: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    links: tuple[Reference, ...]
    reason: str
    zone_note: str


def compose(envelope: Envelope) -> Letter:
    incident = envelope.incident
    return Letter(
        headline=one_line(envelope.headline),
        marks=marks(envelope),
        expected=expected(envelope),
        next_step=one_line(envelope.next_step),
        url=incident_url(envelope),
        command=command_line(envelope) if incident.state.active else None,
        ref=incident.ref,
        priority=incident.priority.value,
        title=one_line(incident.title),
        summary=clean(incident.summary),
        facts=_facts(envelope),
        sections=_sections(envelope),
        links=_links(envelope),
        reason=one_line(envelope.message.reason),
        zone_note=zone_note(envelope),
    )


def _facts(envelope: Envelope) -> tuple[tuple[str, str], ...]:
    incident = envelope.incident
    facts = (
        ("Since", since(envelope)),
        ("Service", one_line(incident.service)),
        ("State", f"{incident.state.value.capitalize()}. {acknowledged(envelope)}."),
        ("Impact", one_line(incident.impact or "")),
        ("Commander", person(envelope, incident.commander) if incident.commander else ""),
        ("Priority", one_line(f"{incident.priority}: {incident.classification.reason}")),
    )
    return tuple((label, value) for label, value in facts if value)


def _sections(envelope: Envelope) -> tuple[Section, ...]:
    shown = alerts(envelope)
    sections = (
        Section(title=bundle_title(envelope), lines=bundle_lines(envelope, most=MOST_LISTED)),
        Section(title=alert_count(envelope, shown=len(shown)), lines=shown),
        Section(title="Who is paged, and when", lines=ladder(envelope)),
        Section(title="Tried so far", lines=tried(envelope)),
    )
    return tuple(section for section in sections if section.lines)


def _links(envelope: Envelope) -> tuple[Reference, ...]:
    """The alerts' links, each address once."""
    found = {link.url: link.title for alert in worst_first(envelope.alerts) for link in alert.links}
    fine = ((url, title) for url, title in found.items() if web_address(url))
    references = (
        Reference(title=one_line(title, 80) or "link", url=url, host=urlsplit(url).hostname or "")
        for url, title in fine
    )
    return tuple(islice(references, MOST_LINKS))


def as_text(letter: Letter) -> str:
    blocks = [
        [letter.headline],
        list(letter.marks),
        [letter.expected],
        _answers(letter),
        [f"Next: {letter.next_step}" if letter.next_step else ""],
        _titled("What happened", [letter.title, letter.summary if letter.summary != letter.title else ""]),
        [f"{label:<{LABEL_WIDTH}}{value}" for label, value in letter.facts],
        *(_titled(section.title, [f"- {line}" for line in section.lines]) for section in letter.sections),
        _titled("Links", [f"- {link.title}: {link.url}" for link in letter.links]),
        [f"Why you got this: {letter.reason}", letter.zone_note],
    ]
    shown = ("\n".join(line for line in block if line) for block in blocks)
    return "\n\n".join(block for block in shown if block) + "\n"


def _answers(letter: Letter) -> list[str]:
    place = [f"Open it: {letter.url}"] if letter.url else []
    answer = [f"Answer in Slack, or on the command line: {letter.command}"] if letter.command else []
    return [*place, *answer]


def _titled(title: str, lines: Iterable[str]) -> list[str]:
    filled = [line for line in lines if line]
    return [title.upper(), *filled] if filled else []


def as_html(letter: Letter) -> str:
    return _template().render(letter=letter)


@cache
def _template() -> Template:
    """Made when the first letter is written; nothing in an alert can reach a Python attribute or leave its quotes."""
    environment = SandboxedEnvironment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("email.html")
