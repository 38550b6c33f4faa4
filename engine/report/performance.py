"""How it went against what was promised: times, targets, phases, levels, pages."""

from __future__ import annotations

from engine.core.model import MessageKind
from engine.report.details import lateness
from engine.report.layout import Block, Cell, Column, Section, Table, Tone, cell, row, table_or
from engine.report.model import (
    Attempt,
    Cause,
    Late,
    LevelOutcome,
    LevelPaged,
    Measured,
    OtherMessage,
    Outcome,
    Page,
    PageOutcome,
    Phase,
    PhaseStatus,
    Report,
    Target,
)
from engine.report.words import Stamps, count, span

CAUSES = {
    Cause.OPENED: "incident opened",
    Cause.RAISED: "priority raised",
    Cause.LAPSED: "acknowledgement ended",
    Cause.REOPENED: "incident reopened",
    Cause.ESCALATED: "level paged",
}

PHASE_STATUS = {
    PhaseStatus.WORKED: cell("worked"),
    PhaseStatus.CURRENT: cell("under way", Tone.WARN),
    PhaseStatus.SKIPPED: cell("skipped", Tone.WARN),
    PhaseStatus.NOT_REACHED: cell("not reached", Tone.MUTED),
}

LEVEL_OUTCOMES = {
    LevelOutcome.PAGED: cell("paged", Tone.GOOD),
    LevelOutcome.UNDELIVERED: cell("not confirmed", Tone.BAD),
    LevelOutcome.UNREACHABLE: cell("unreachable", Tone.BAD),
    LevelOutcome.SUPERSEDED: cell("superseded", Tone.MUTED),
    LevelOutcome.NOT_NEEDED: cell("not needed", Tone.MUTED),
    LevelOutcome.PENDING: cell("still to come", Tone.WARN),
}

PAGE_OUTCOMES = {
    PageOutcome.ANSWERED: ("answered", Tone.GOOD),
    PageOutcome.DELIVERED: ("delivered, not answered", Tone.WARN),
    PageOutcome.FAILED: ("failed on every channel", Tone.BAD),
    PageOutcome.CANCELLED: ("cancelled", Tone.MUTED),
    PageOutcome.WAITING: ("not confirmed", Tone.WARN),
}

MESSAGES = {
    MessageKind.CARD: "card",
    MessageKind.REPORT: "report",
    MessageKind.ROOM: "war room",
    MessageKind.NOTICE: "notice",
    MessageKind.QUESTION: "question",
}


def performance(report: Report, stamps: Stamps) -> tuple[Section, ...]:
    return (
        Section(title="Times and targets", anchor="times", blocks=_times(report, stamps)),
        Section(title="Escalation", anchor="escalation", blocks=(_levels(report.levels, stamps),)),
        Section(title="Lateness", anchor="lateness", blocks=(_late(report.late, stamps),)),
        Section(title="Who was paged", anchor="pages", blocks=_pages(report, stamps)),
    )


def _times(report: Report, stamps: Stamps) -> tuple[Block, ...]:
    return (_measures(report, stamps), _targets(report.targets, stamps), _phases(report.measures.phases, stamps))


def _measures(report: Report, stamps: Stamps) -> Table:
    measures = report.measures
    named = (
        ("Time to detect", measures.detect),
        ("Time to acknowledge", measures.acknowledge),
        ("Time to restore", measures.resolve),
        ("Disruption in all", measures.disruption),
    )
    columns = ("Measure", "Took", "From", "To")
    rows = tuple(row(name, _took(measured), *_ends(measured, stamps)) for name, measured in named)
    return Table(columns=tuple(Column(title=title) for title in columns), rows=rows)


def _took(measured: Measured) -> Cell:
    return cell(measured.note, Tone.MUTED) if measured.seconds is None else cell(span(measured.seconds))


def _ends(measured: Measured, stamps: Stamps) -> tuple[str, str]:
    return stamps.full(measured.start), stamps.full(measured.end)


def _targets(targets: tuple[Target, ...], stamps: Stamps) -> Table:
    columns = (
        Column(title="Response due because", share=2),
        Column(title="Within"),
        Column(title="Due", share=1.6),
        Column(title="Answered", share=2),
        Column(title="Outcome", share=1.8),
    )
    return Table(title="Response targets", columns=columns, rows=tuple(_target(target, stamps) for target in targets))


def _target(target: Target, stamps: Stamps) -> tuple[Cell, ...]:
    counted = f"{target.priority}, level {target.level}, from {stamps.full(target.counted_from)}"
    answered = cell(stamps.full(target.answered_at), note=f"by {target.answered_by}" if target.answered_by else "")
    return row(
        cell(CAUSES[target.cause], note=counted),
        "next business day" if target.within_s is None else span(target.within_s),
        stamps.full(target.due_at),
        answered if target.answered_at else cell("not answered", Tone.MUTED),
        target_outcome(target),
    )


def target_outcome(target: Target) -> Cell:
    """Met or missed, and by how much."""
    by = span(target.by_s or 0)
    return {
        Outcome.MET: cell(f"met, {by} to spare", Tone.GOOD),
        Outcome.MISSED: cell(f"missed by {by}" + ("" if target.answered_at else " so far"), Tone.BAD),
        Outcome.WAITING: cell(f"waiting, due in {by}", Tone.WARN),
        Outcome.NOT_NEEDED: cell("not needed", Tone.MUTED),
        Outcome.REPLACED: cell("replaced by the next", Tone.MUTED),
        Outcome.UNKNOWN: cell("due time not on record", Tone.MUTED),
    }[target.outcome]


def _phases(phases: tuple[Phase, ...], stamps: Stamps) -> Table:
    columns = ("Phase", "Status", "Time in it", "Entered", "Left")
    rows = tuple(_phase(phase, stamps) for phase in phases)
    return Table(title="Phases", columns=tuple(Column(title=title) for title in columns), rows=rows)


def _phase(phase: Phase, stamps: Stamps) -> tuple[Cell, ...]:
    visits = f"in {count(phase.visits, 'visit')}" if phase.visits > 1 else ""
    took = cell("" if phase.seconds is None else span(phase.seconds), note=visits)
    return row(
        phase.phase.capitalize(),
        PHASE_STATUS[phase.status],
        took,
        stamps.full(phase.entered_at),
        stamps.full(phase.left_at),
    )


def _levels(levels: tuple[LevelPaged, ...], stamps: Stamps) -> Block:
    columns = (
        Column(title="Level", share=1.8),
        Column(title="Planned", share=1.5),
        Column(title="Paged", share=1.5),
        Column(title="First delivered", share=1.5),
        Column(title="Outcome", share=1.2),
        Column(title="Why", share=3),
    )
    rows = tuple(_level(level, stamps) for level in levels)
    return table_or("No levels are on the ladder of this priority.", Table(columns=columns, rows=rows))


def _level(level: LevelPaged, stamps: Stamps) -> tuple[Cell, ...]:
    late = lateness(level.late_s)
    return row(
        f"{level.level} {level.title}".strip(),
        stamps.full(level.planned_at),
        cell(stamps.full(level.paged_at), note="by hand" if level.by_hand else late),
        stamps.full(level.delivered_at),
        LEVEL_OUTCOMES[level.outcome],
        level.reason,
    )


def _late(late: tuple[Late, ...], stamps: Stamps) -> Block:
    columns = (
        Column(title="What", share=2.6),
        Column(title="Due", share=1.5),
        Column(title="Came", share=1.5),
        Column(title="Late by"),
        Column(title="Why", share=3.4),
        Column(title="Line", share=0.6),
    )
    rows = tuple(
        row(
            one.what,
            stamps.full(one.due_at),
            stamps.full(one.at),
            cell(span(one.late_s), Tone.BAD),
            one.reason,
            one.line,
        )
        for one in late
    )
    return table_or("No page, level or response came more than a minute late.", Table(columns=columns, rows=rows))


def _pages(report: Report, stamps: Stamps) -> tuple[Block, ...]:
    columns = (
        Column(title="When", share=1.5),
        Column(title="Who, and why", share=2.6),
        Column(title="Outcome", share=1.5),
        Column(title="Channel"),
        Column(title="What came of it", share=2),
        Column(title="Receipt", share=2, code=True),
    )
    paged = Table(columns=columns, rows=tuple(line for page in report.pages for line in _page(page, stamps)))
    return (table_or("Nobody was paged.", paged), *_others(report.messages, stamps))


def _page(page: Page, stamps: Stamps) -> list[tuple[Cell, ...]]:
    """One line per channel; who, why and the outcome stand on the first."""
    outcome, tone = PAGE_OUTCOMES[page.outcome]
    place = ", ".join(part for part in (page.seat or "", f"level {page.level} {page.level_title}".strip()) if part)
    why = f"{place}: {page.reason}" if page.reason else place
    head = row(
        stamps.full(page.at),
        cell(page.who or "(nobody)", note=why),
        cell(outcome, tone, note=stamps.full(page.answered_at)),
    )
    ways = [_attempt(attempt, stamps) for attempt in page.attempts] or [row("", "", "")]
    return [(*(row("", "", "") if index else head), *way) for index, way in enumerate(ways)]


def _attempt(attempt: Attempt, stamps: Stamps) -> tuple[Cell, ...]:
    tries = f" after {attempt.tries} tries" if attempt.tries > 1 else ""
    tone = {"sent": Tone.PLAIN, "failed": Tone.BAD}.get(attempt.state, Tone.MUTED)
    said = f"{attempt.state} {stamps.full(attempt.at)}".strip() + tries
    return row(attempt.channel, cell(said, tone, note=attempt.error), attempt.receipt)


def _others(messages: tuple[OtherMessage, ...], stamps: Stamps) -> tuple[Block, ...]:
    columns = (
        Column(title="When", share=1.5),
        Column(title="What"),
        Column(title="To", share=1.5),
        Column(title="Channel"),
        Column(title="What came of it", share=2.3),
        Column(title="Receipt", share=2, code=True),
    )
    rows = tuple(
        row(
            stamps.full(message.at),
            cell(MESSAGES.get(message.kind, message.kind)),
            message.to,
            *_attempt(message.attempt, stamps),
        )
        for message in messages
    )
    return (Table(title="Other messages", columns=columns, rows=rows),) if rows else ()
