"""Facts → report. Pure: the same facts make the same report."""

from __future__ import annotations

from engine.core import timeline
from engine.core.model import incident_ref
from engine.core.timeline import Kind
from engine.report import model
from engine.report.alerts import alerts
from engine.report.details import Teller
from engine.report.facts import Facts, Related, Relation
from engine.report.late import late
from engine.report.levels import levels
from engine.report.measures import acknowledged_at, measures, restored_at
from engine.report.pages import other_messages, pages
from engine.report.record import by_person, of_kind, text
from engine.report.standing import first_priority
from engine.report.summary import Story
from engine.report.targets import acknowledged_by, targets
from engine.report.text import json_object
from engine.report.words import Names, Stamps, kind_title, read_zone

# What somebody, or a rule, decided; pages have a section of their own.
DECISIONS = (
    Kind.CLASSIFIED,
    Kind.REPRIORITIZED,
    Kind.ESCALATED,
    Kind.LEVEL_UNREACHABLE,
    Kind.EXHAUSTED,
    Kind.SUPERSEDED,
    Kind.RESPONSE_BREACHED,
    Kind.UNACKNOWLEDGED,
    Kind.DECLINED,
    Kind.HELD,
    Kind.ASSIGNED,
    Kind.PHASE_SKIPPED,
    Kind.OVERRIDDEN,
    Kind.RESOLVED,
    Kind.REOPENED,
    Kind.CLOSED,
    Kind.CANCELLED,
    Kind.MERGED,
    Kind.ABSORBED,
    Kind.POISONED,
)


def build(facts: Facts) -> model.Report:
    """Raises ReportError where `facts.zone` is no time zone."""
    names, stamps = Names(people=facts.people), Stamps(zone=read_zone(facts.zone))
    teller = Teller(names=names, stamps=stamps)
    paged, due, measured = pages(facts), targets(facts), measures(facts)
    story = Story(facts=facts, measures=measured, targets=due, pages=paged, names=names, stamps=stamps)
    return model.Report(
        generated_at=facts.generated_at,
        engine_version=facts.engine_version,
        zone=facts.zone,
        final=facts.frozen,
        header=_header(facts, names),
        summary=story.sentences(),
        impact=facts.incident.impact,
        measures=measured,
        targets=due,
        levels=levels(facts, paged),
        late=late(facts, names),
        pages=paged,
        messages=other_messages(facts),
        classification=_classified(facts, names),
        decisions=_decisions(facts, teller),
        playbook=_playbook(facts, names),
        review=_review(facts),
        actions=_actions(facts, names),
        alerts=alerts(facts),
        timeline=_timeline(facts, teller),
        integrity=_integrity(facts),
    )


def _header(facts: Facts, names: Names) -> model.Header:
    incident = facts.incident
    return model.Header(
        ref=incident.ref,
        title=incident.title,
        priority=incident.priority,
        state=incident.state,
        service=incident.service,
        source=incident.source,
        commander=names.person(incident.commander) or None,
        opened_at=incident.opened_at,
        acknowledged_at=acknowledged_at(facts),
        acknowledged_by=_first_to_acknowledge(facts, names),
        restored_at=restored_at(facts),
        resolved_at=incident.resolved_at,
        closed_at=incident.closed_at,
        review_due_at=incident.review_due_at,
        related=tuple(_related(related) for related in _all_related(facts)),
    )


def _first_to_acknowledge(facts: Facts, names: Names) -> str | None:
    event = next(of_kind(facts.events, Kind.ACKNOWLEDGED), None)
    return acknowledged_by(event, names) if event else names.person(facts.incident.acknowledged_by) or None


def _all_related(facts: Facts) -> tuple[Related, ...]:
    """What the gatherer found, and what the incident's own row says beyond that."""
    incident = facts.incident
    own = {Relation.PREVIOUS: incident.previous, Relation.MERGED_INTO: incident.merged_into}
    found = {(related.relation, related.id) for related in facts.related}
    missing = (
        Related(relation=relation, id=other)
        for relation, other in own.items()
        if other and (relation, other) not in found
    )
    return (*facts.related, *missing)


def _related(related: Related) -> model.RelatedIncident:
    return model.RelatedIncident(
        relation=related.relation, ref=incident_ref(related.id), title=related.title, url=related.url
    )


def _classified(facts: Facts, names: Names) -> model.Classified:
    said = facts.incident.classification
    return model.Classified(
        priority=first_priority(facts),
        rule=said.rule,
        reason=said.reason,
        alert_level=said.alert_level,
        respond_within_s=said.respond_within.total_seconds() if said.respond_within else None,
        page=said.page,
        overrides=tuple(
            model.Override(
                at=event.at,
                by=names.actor(event.actor),
                before=text(event, "from"),
                after=text(event, "to"),
                reason=event.reason,
            )
            for event in of_kind(facts.events, Kind.REPRIORITIZED)
            if by_person(event)
        ),
    )


def _decisions(facts: Facts, teller: Teller) -> tuple[model.Decision, ...]:
    return tuple(
        model.Decision(
            at=event.at,
            seq=event.seq,
            what=kind_title(event.kind),
            detail=teller.detail(event),
            by=teller.names.actor(event.actor),
            reason=event.reason,
        )
        for event in of_kind(facts.events, DECISIONS)
    )


def _playbook(facts: Facts, names: Names) -> model.Playbook | None:
    title = facts.playbook_title or facts.incident.playbook or ""
    if not title and not facts.steps:
        return None
    steps = (
        model.Step(
            number=step.number,
            phase=step.phase,
            title=step.title,
            done=step.done_at is not None,
            done_by=names.person(step.done_by) or None,
            done_at=step.done_at,
            note=step.note,
        )
        for step in facts.steps
    )
    return model.Playbook(title=title, steps=tuple(steps))


def _review(facts: Facts) -> model.Review:
    incident = facts.incident
    return model.Review(
        cause=incident.cause,
        mitigation=incident.mitigation,
        validation=incident.validation,
        lessons=incident.lessons,
    )


def _actions(facts: Facts, names: Names) -> tuple[model.Action, ...]:
    return tuple(
        model.Action(
            what=action.what,
            owner=names.person(action.owner) or None,
            due_on=action.due_on,
            complete=bool(action.owner and action.due_on),
            done_at=action.done_at,
        )
        for action in facts.actions
    )


def _timeline(facts: Facts, teller: Teller) -> tuple[model.Line, ...]:
    return tuple(
        model.Line(
            seq=event.seq,
            at=event.at,
            kind=event.kind,
            actor=event.actor,
            reason=event.reason,
            data=json_object(event.data),
            prev_hash=event.prev_hash,
            hash=event.hash,
            what=kind_title(event.kind),
            detail=teller.detail(event),
            by=teller.names.actor(event.actor),
        )
        for event in facts.events
    )


def _integrity(facts: Facts) -> model.Integrity:
    incident = facts.incident
    fault = timeline.verify(facts.events, seq=incident.timeline_seq, head=incident.timeline_hash)
    if fault is None:
        statement = "Each line carries the hash of the line before it; the chain was whole when this report was made."
    else:
        statement = f"The timeline does NOT hold: at line {fault.seq}, {fault.reason}."
    return model.Integrity(
        lines=len(facts.events),
        head=facts.events[-1].hash if facts.events else "",
        holds=fault is None,
        statement=statement,
        command=f"tocsin verify {incident.ref}",
    )
