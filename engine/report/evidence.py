"""What an auditor reads: the rule that classified, every decision, the playbook, the alerts, the whole record."""

from __future__ import annotations

from engine.report.layout import (
    Block,
    Cell,
    Column,
    Link,
    Pairs,
    Prose,
    Section,
    Table,
    Tone,
    cell,
    nothing,
    row,
    table_or,
)
from engine.report.model import AlertSeen, Classified, Decision, Line, Override, Report, Step
from engine.report.text import clean, host, shorten
from engine.report.words import Stamps, count, name, span

ALERTS_SHOWN = 100
TEXT_SHOWN = 1_500
HASH_SHOWN = 12


def evidence(report: Report, stamps: Stamps) -> tuple[Section, ...]:
    return (
        Section(title="Classification", anchor="classification", blocks=_classification(report.classification, stamps)),
        Section(title="Decisions", anchor="decisions", blocks=(_decisions(report.decisions, stamps),)),
        Section(title="Playbook", anchor="playbook", blocks=(_playbook(report, stamps),)),
        Section(title="Alerts", anchor="alerts", blocks=_alerts(report, stamps)),
        Section(title="Timeline", anchor="timeline", blocks=(_timeline(report.timeline, stamps),)),
        Section(title="Integrity", anchor="integrity", blocks=_integrity(report)),
    )


def _classification(said: Classified, stamps: Stamps) -> tuple[Block, ...]:
    within = said.respond_within_s
    pairs = (
        ("Priority", said.priority),
        ("Rule", said.rule),
        ("Reason", said.reason),
        ("Alert level", said.alert_level or ""),
        ("Tightens the response to", span(within) if within else ""),
        ("Pages people", "" if said.page else "no"),
    )
    known = Pairs(rows=tuple((label, cell(value)) for label, value in pairs if value))
    return (known, _overrides(said.overrides, stamps))


def _overrides(overrides: tuple[Override, ...], stamps: Stamps) -> Block:
    columns = (
        Column(title="Overridden", share=1.5),
        Column(title="By", share=2),
        Column(title="Change"),
        Column(title="Reason", share=4),
    )
    rows = tuple(
        row(stamps.full(override.at), override.by, f"{override.before} → {override.after}", override.reason)
        for override in overrides
    )
    return table_or("Nobody has overridden it.", Table(columns=columns, rows=rows))


def _decisions(decisions: tuple[Decision, ...], stamps: Stamps) -> Block:
    columns = (
        Column(title="When", share=1.5),
        Column(title="Decision", share=3),
        Column(title="By", share=1.6),
        Column(title="Reason", share=4),
        Column(title="Line", share=0.6),
    )
    rows = tuple(
        row(stamps.full(made.at), cell(made.what, note=made.detail), made.by, made.reason, made.seq)
        for made in decisions
    )
    return table_or("No decisions are on record.", Table(columns=columns, rows=rows))


def _playbook(report: Report, stamps: Stamps) -> Block:
    playbook = report.playbook
    if playbook is None:
        return nothing("No playbook was attached.")
    columns = (
        Column(title="Step", share=0.7),
        Column(title="Phase", share=1.4),
        Column(title="What", share=4),
        Column(title="Done", share=3),
    )
    done = sum(1 for step in playbook.steps if step.done)
    title = f"{playbook.title}: {done} of {count(len(playbook.steps), 'step')} done"
    return Table(title=title, columns=columns, rows=tuple(_step(step, stamps) for step in playbook.steps))


def _step(step: Step, stamps: Stamps) -> tuple[Cell, ...]:
    by = f" by {step.done_by}" if step.done_by else ""
    done = cell(stamps.full(step.done_at) + by, note=step.note or "") if step.done else cell("not done", Tone.MUTED)
    return row(step.number, step.phase, step.title, done)


def _alerts(report: Report, stamps: Stamps) -> tuple[Block, ...]:
    alerts = report.alerts
    if not alerts.items:
        return (nothing("No alert belongs to this incident."),)
    received = f"{count(alerts.distinct, 'alert')}, received {count(alerts.received, 'time')}"
    pairs = (
        ("Alerts", f"{received}; {alerts.firing} still firing" if alerts.firing else f"{received}; all cleared"),
        ("Worst level", alerts.worst or ""),
        ("First seen", stamps.full(alerts.first_seen_at)),
        ("Last seen", stamps.full(alerts.last_seen_at)),
    )
    return (Pairs(rows=tuple((label, cell(value)) for label, value in pairs if value)), *_each_alert(report, stamps))


def _each_alert(report: Report, stamps: Stamps) -> tuple[Block, ...]:
    items = report.alerts.items
    columns = (
        Column(title="Alert", share=4),
        Column(title="Severity", share=1.1),
        Column(title="First seen", share=1.5),
        Column(title="Last seen", share=1.5),
        Column(title="Seen", share=1),
        Column(title="Links", share=2.6),
    )
    shown = Table(columns=columns, rows=tuple(_alert(alert, stamps) for alert in items[:ALERTS_SHOWN]))
    left = len(items) - ALERTS_SHOWN
    more = f"{count(left, 'more alert')}, less severe or later, in the JSON form of this report."
    return (shown, nothing(more)) if left > 0 else (shown,)


def _alert(alert: AlertSeen, stamps: Stamps) -> tuple[Cell, ...]:
    links = tuple(Link(text=f"{name(link.title) or 'link'} ({host(link.url)})", url=link.url) for link in alert.links)
    return row(
        cell(shorten(alert.title, TEXT_SHOWN), note=shorten(alert.summary, TEXT_SHOWN)),
        cell(name(alert.severity), note=alert.status),
        stamps.full(alert.first_seen_at),
        stamps.full(alert.last_seen_at),
        count(alert.times_seen, "time"),
        cell("", links=links),
    )


def _timeline(lines: tuple[Line, ...], stamps: Stamps) -> Block:
    columns = (
        Column(title="Line", share=0.6),
        Column(title="When", share=1.6),
        Column(title="What", share=3.2),
        Column(title="By", share=1.7),
        Column(title="Reason", share=3.2),
        Column(title="Hash", share=1.6, code=True),
    )
    rows = tuple(
        row(line.seq, stamps.full(line.at), cell(line.what, note=line.detail), line.by, *_ground(line))
        for line in lines
    )
    return table_or("The timeline is empty.", Table(columns=columns, rows=rows))


def _ground(line: Line) -> tuple[str, str]:
    return clean(line.reason), line.hash[:HASH_SHOWN]


def _integrity(report: Report) -> tuple[Block, ...]:
    integrity = report.integrity
    tone = Tone.GOOD if integrity.holds else Tone.BAD
    return (
        Prose(text=integrity.statement, tone=tone),
        Table(
            columns=(Column(title="Lines"), Column(title="Hash of the last line", share=6, code=True)),
            rows=(row(integrity.lines, integrity.head),),
        ),
        Prose(
            text=f"To check it again, run “{integrity.command}”, or recompute the chain from the JSON form of this "
            "report, which holds every line as it was hashed."
        ),
    )
