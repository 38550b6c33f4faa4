"""The incident in a few sentences: what it was, how long it lasted, who answered, how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from engine.core.model import ActorKind, RecordedEvent, State, incident_ref
from engine.core.timeline import Kind
from engine.report.facts import Facts
from engine.report.measures import acknowledged_at
from engine.report.model import Measures, Outcome, Page, Target
from engine.report.record import first, of_kind, text
from engine.report.text import fold, shorten
from engine.report.words import STATES, URGENCY, Names, Stamps, count, name, span

TITLE_LIMIT = 200
REASON_LIMIT = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    facts: Facts
    measures: Measures
    targets: tuple[Target, ...]
    pages: tuple[Page, ...]
    names: Names
    stamps: Stamps

    def sentences(self) -> tuple[str, ...]:
        parts = (self._what(), self._how_long(), self._paged(), self._answered(), self._in_all(), *self._ended())
        return tuple(fold(part) for part in parts if part)

    def _what(self) -> str:
        incident = self.facts.incident
        alerts = len(self.facts.alerts)
        told = f", reported by {name(incident.source)}" if incident.source else ""
        with_alerts = f" with {count(alerts, 'alert')}" if alerts else ""
        what = f"{incident.priority} ({URGENCY[incident.priority]}) incident on {name(incident.service)}"
        return f"{what}{told}{with_alerts}: {shorten(fold(incident.title), TITLE_LIMIT).rstrip('.')}."

    def _how_long(self) -> str:
        disruption = self.measures.disruption
        if self.facts.incident.state in (State.CANCELLED, State.MERGED) or disruption.start is None:
            return ""
        start = self._moment(disruption.start)
        if disruption.end is None or disruption.seconds is None:
            return f"It began at {start} and is not over."
        same_day = self.stamps.day(disruption.end) == self.stamps.day(disruption.start)
        end = self.stamps.minute(disruption.end) if same_day else self._moment(disruption.end)
        again = self.measures.reopened
        reopened = f", {count(again, 'reopening')} included" if again else ""
        return f"It lasted {span(disruption.seconds)}{reopened}, from {start} to {end}."

    def _moment(self, at: datetime) -> str:
        return f"{self.stamps.minute(at)} on {self.stamps.day(at)}"

    def _paged(self) -> str:
        people = {page.contact or page.page for page in self.pages}
        levels = {page.level for page in self.pages}
        if not people:
            return "Nobody was paged."
        verb = "was" if len(people) == 1 else "were"
        return f"{count(len(people), 'person', 'people')} {verb} paged on {count(len(levels), 'level')}."

    def _answered(self) -> str:
        target = next((target for target in self.targets if target.answered_at), None)
        if target is None:
            return self._unanswered(self.targets[0])
        after = span(self.measures.acknowledge.seconds or 0)
        acknowledged = acknowledged_at(self.facts) == target.answered_at
        took = f"acknowledged it after {after}" if acknowledged else "ended it without acknowledging it"
        return f"{target.answered_by or 'Somebody'} {took}{self._against_target(target)}."

    def _unanswered(self, target: Target) -> str:
        if target.outcome is Outcome.MISSED:
            return f"Nobody answered within the response target{self._within(target)}."
        if self.facts.incident.state.active:
            return "Nobody has acknowledged it yet."
        return "It ended before a response was due."

    def _in_all(self) -> str:
        """Where more than one response was due, the first answer is not the whole story."""
        decided = [target for target in self.targets if target.outcome in (Outcome.MET, Outcome.MISSED)]
        missed = sum(1 for target in decided if target.outcome is Outcome.MISSED)
        verb = "was" if missed == 1 else "were"
        said = (
            f"{missed} of {len(decided)} response targets {verb} missed."
            if missed
            else "Every response target was met."
        )
        return said if len(decided) > 1 else ""

    def _against_target(self, target: Target) -> str:
        if target.by_s is None or target.outcome not in (Outcome.MET, Outcome.MISSED):
            return ""
        if target.outcome is Outcome.MET:
            return f", {span(target.by_s)} before the response was due"
        return f", {span(target.by_s)} past the response target{self._within(target)}"

    def _within(self, target: Target) -> str:
        return f" of {span(target.within_s)}" if target.within_s else ""

    def _ended(self) -> Iterator[str]:
        incident = self.facts.incident
        if incident.state is State.CANCELLED:
            yield self._because(Kind.CANCELLED, "It was cancelled")
        elif incident.state is State.MERGED:
            into = f" into {incident_ref(incident.merged_into)}" if incident.merged_into else " into another incident"
            yield self._because(Kind.MERGED, f"It was merged{into}")
        elif incident.state.active:
            yield f"{STATES[incident.state].replace('Active', 'It is active')}."
        else:
            yield self._resolved()
            yield self._reviewed()

    def _because(self, kind: Kind, what: str) -> str:
        event = first(self.facts.events, kind)
        reason = shorten(fold(event.reason), REASON_LIMIT) if event else ""
        return f"{what}: {reason.rstrip('.')}." if reason else f"{what}."

    def _resolved(self) -> str:
        event = next(reversed([*of_kind(self.facts.events, Kind.RESOLVED)]), None)
        if event is None:
            return "Service was restored."
        validated = " and the restoration was validated" if self._validated(event) else ""
        if event.actor.startswith(f"{ActorKind.SOURCE}:"):
            return "Its source reported that every alert had cleared, which resolved it."
        return f"{self.names.who(event.actor)} declared service restored{validated}."

    def _validated(self, event: RecordedEvent) -> bool:
        return bool(text(event, "validation") or self.facts.incident.validation)

    def _reviewed(self) -> str:
        incident, actions = self.facts.incident, self.facts.actions
        agreed = f" with {count(len(actions), 'action')} agreed" if actions else ""
        if incident.state is State.CLOSED:
            return f"The review is closed{agreed}."
        due = f", due on {self.stamps.day(incident.review_due_at)}" if incident.review_due_at else ""
        return f"The review is open{agreed}{due}."
