"""The first page: what an executive reads, and the words around it."""

from __future__ import annotations

from engine.core.model import OPEN_STATES, Priority, State
from engine.report.evidence import evidence
from engine.report.facts import Relation
from engine.report.layout import Cell, Document, Figure, Link, Pairs, Prose, Tone, cell, nothing
from engine.report.model import Header, Measured, Outcome, RelatedIncident, Report, Target
from engine.report.performance import performance
from engine.report.story import story
from engine.report.text import fold, shorten
from engine.report.words import STATES, URGENCY, Stamps, name, read_zone, span

PRIORITY_TONES = {Priority.P0: Tone.BAD, Priority.P1: Tone.WARN, Priority.P2: Tone.PLAIN, Priority.P3: Tone.MUTED}

NO_VALUE = "—"
TITLE_SHOWN = 200

RELATIONS = {
    Relation.PREVIOUS: "Came before",
    Relation.NEXT: "Came back as",
    Relation.MERGED_INTO: "Merged into",
    Relation.ABSORBED: "Merged in",
}


def lay_out(report: Report) -> Document:
    """Raises ReportError where the report's zone is no time zone on this machine."""
    header, stamps = report.header, Stamps(zone=read_zone(report.zone))
    return Document(
        ref=header.ref,
        title=shorten(fold(header.title), TITLE_SHOWN) or "(no title)",
        running_title=name(header.title),
        label=_label(report),
        priority=cell(f"{header.priority} {URGENCY[header.priority]}", PRIORITY_TONES[header.priority]),
        state=cell(STATES[header.state], _state_tone(header.state)),
        figures=_figures(report),
        summary=" ".join(report.summary),
        impact=Prose(text=report.impact) if report.impact else nothing("Nobody has written down the impact."),
        key_facts=_key_facts(header, stamps),
        sections=(*story(report), *performance(report, stamps), *evidence(report, stamps)),
        imprint=_imprint(report, stamps),
    )


def _label(report: Report) -> str:
    if report.final:
        return "Final report"
    return "Draft report" if report.header.state in OPEN_STATES else "Report"


def _state_tone(state: State) -> Tone:
    if state.active:
        return Tone.BAD
    return Tone.GOOD if state in (State.REVIEW, State.CLOSED) else Tone.MUTED


def _imprint(report: Report, stamps: Stamps) -> str:
    engine = f"Tocsin {report.engine_version}".strip()
    return f"Made by {engine} at {stamps.full(report.generated_at)}. Times are in {report.zone}."


def _figures(report: Report) -> tuple[Figure, ...]:
    measures, header = report.measures, report.header
    by = f"by {header.acknowledged_by}" if header.acknowledged_by else "after it was opened"
    return (
        _figure("Detected", measures.detect, "after the first alert began"),
        _figure("Acknowledged", measures.acknowledge, by),
        _figure("Restored", measures.resolve, "after it was opened"),
        response_figure(report.targets),
    )


def _figure(label: str, measured: Measured, note: str) -> Figure:
    if measured.seconds is None:
        return Figure(label=label, value=NO_VALUE, note=measured.note, tone=Tone.MUTED)
    return Figure(label=label, value=span(measured.seconds), note=note)


def response_figure(targets: tuple[Target, ...]) -> Figure:
    """One figure for all responses that were due: the missed ones count, the worst of them is named."""
    label = "Response target"
    missed = [target for target in targets if target.outcome is Outcome.MISSED]
    met = [target for target in targets if target.outcome is Outcome.MET]
    decided = len(missed) + len(met)
    if missed:
        worst = max(missed, key=lambda target: target.by_s or 0)
        value = "missed" if decided == 1 else f"{len(missed)} of {decided} missed"
        return Figure(label=label, value=value, note=f"by {span(worst.by_s or 0)}{_of(worst)}", tone=Tone.BAD)
    if met:
        closest = min(met, key=lambda target: target.by_s or 0)
        value = "met" if decided == 1 else f"{len(met)} of {decided} met"
        return Figure(
            label=label, value=value, note=f"{span(closest.by_s or 0)} to spare{_of(closest)}", tone=Tone.GOOD
        )
    return _undecided(label, targets[-1] if targets else None)


def _undecided(label: str, target: Target | None) -> Figure:
    if target and target.outcome is Outcome.WAITING:
        return Figure(label=label, value="waiting", note=f"due in {span(target.by_s or 0)}", tone=Tone.WARN)
    not_needed = target is not None and target.outcome is Outcome.NOT_NEEDED
    note = "it ended before the response was due" if not_needed else "when it was due is not on record"
    return Figure(label=label, value=NO_VALUE, note=note, tone=Tone.MUTED)


def _of(target: Target) -> str:
    return f", due within {span(target.within_s)}" if target.within_s else ""


def _key_facts(header: Header, stamps: Stamps) -> Pairs:
    acknowledged = stamps.full(header.acknowledged_at)
    pairs = [
        ("Service", cell(name(header.service))),
        ("Source", cell(name(header.source))),
        ("Commander", cell(header.commander)),
        ("Opened", cell(stamps.full(header.opened_at))),
        ("Acknowledged", cell(acknowledged, note=f"by {header.acknowledged_by}" if header.acknowledged_by else "")),
        ("Service restored", cell(stamps.full(header.restored_at))),
        ("Closed", cell(stamps.full(header.closed_at))),
        ("Review due", cell("" if header.closed_at else stamps.full(header.review_due_at))),
        *((RELATIONS[related.relation], _related(related)) for related in header.related),
    ]
    return Pairs(rows=tuple((label, value) for label, value in pairs if value.text or value.links))


def _related(related: RelatedIncident) -> Cell:
    title = f" {name(related.title)}" if related.title else ""
    if related.url is None:
        return cell(related.ref + title)
    return cell("", links=(Link(text=related.ref + title, url=related.url),))
