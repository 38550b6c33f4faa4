"""What happened and what follows from it: cause, mitigation, lessons, actions, the playbook."""

from __future__ import annotations

from engine.report.layout import Block, Cell, Column, Prose, Section, Table, Tone, cell, nothing, row, table_or
from engine.report.model import Action, Report


def story(report: Report) -> tuple[Section, ...]:
    return (
        Section(title="Cause and resolution", anchor="cause", blocks=_findings(report)),
        Section(title="Lessons and actions", anchor="lessons", blocks=_lessons(report)),
    )


def _findings(report: Report) -> tuple[Block, ...]:
    review = report.review
    found = (
        ("Cause", review.cause),
        ("Mitigation", review.mitigation),
        ("How the restoration was validated", review.validation),
    )
    prose = tuple(Prose(title=title, text=text) for title, text in found if text)
    return prose or (nothing("No cause, mitigation or validation is on record."),)


def _lessons(report: Report) -> tuple[Block, ...]:
    lessons = report.review.lessons
    shares = (("Action", 5.0), ("Owner", 2.0), ("Due", 1.5), ("Done", 1.5))
    columns = tuple(Column(title=title, share=share) for title, share in shares)
    actions = Table(columns=columns, rows=tuple(_action(action) for action in report.actions))
    return (
        Prose(text=lessons) if lessons else nothing("No lessons are on record."),
        table_or("No actions were agreed.", actions),
    )


def _action(action: Action) -> tuple[Cell, ...]:
    return row(
        action.what,
        action.owner or cell("no owner", Tone.WARN),
        action.due_on or cell("no date", Tone.WARN),
        f"{action.done_at:%Y-%m-%d}" if action.done_at else "",
    )
