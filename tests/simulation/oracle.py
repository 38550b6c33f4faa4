"""Compares what the standard asks for with what the providers got and what stands on the timelines.

It imports nothing of the engine: the tables, the clocks, the chain of hashes are worked out here once more.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tests.simulation.expected import Case, Expected, Span
from tests.simulation.facts import Arrival, Away, Died, Journal, Line, Standing, Trouble
from tests.simulation.standard import MINUTE, MISSED_AFTER
from tests.simulation.walk import Complaint, Walk

SLACK = timedelta(seconds=5)
"""What is this much after its time needs an explanation."""
CLAIM = timedelta(seconds=20)
"""How long a dead engine's claim on a message holds."""
RETRIED_WITHIN = MINUTE
"""How soon a message is tried again once nothing is in its way any more."""
AFTERMATH = timedelta(minutes=10)
"""How long after a provider's trouble its pages may still be on their way, or go another way."""
PAGE, QUESTION, NOTICE = "page", "question", "notice"
LINE_OF = {
    "breach": "response.breached",
    "asked": "lease.asked",
    "lapsed": "incident.unacknowledged",
    "escalated": "level.escalated",
    "superseded": "level.superseded",
    "page": "page.decided",
}


@dataclass(kw_only=True, slots=True)
class Figures:
    """What there is to count."""

    incidents: int = 0
    pages: int = 0
    missed: int = 0
    late: int = 0
    worst_lateness: timedelta = timedelta()
    marked: int = 0
    unmarked: int = 0
    after_resolve: int = 0
    rerouted: int = 0
    unreachable: int = 0
    withdrawn: int = 0


@dataclass(kw_only=True, slots=True)
class Verdict:
    figures: Figures = field(default_factory=Figures)
    complaints: list[Complaint] = field(default_factory=list)


def examine(journal: Journal) -> Verdict:
    """Everything about one run."""
    verdict = Verdict()
    lines = {one.incident: one.lines for one in journal.standing}
    walk = Walk(table=journal.table, lines=lines)
    walk.through(journal.facts)
    verdict.complaints += walk.complaints
    doubts = Doubts.of(journal)
    arrivals: dict[str, list[Arrival]] = defaultdict(list)
    for arrival in journal.arrivals:
        arrivals[arrival.incident].append(arrival)
    for standing in journal.standing:
        verdict.figures.incidents += 1
        case = walk.cases.get(standing.incident)
        if case is None:
            verdict.complaints.append(
                _complaint("out of nowhere", standing.lines[0], "nothing that happened opened it")
            )
            continue
        Audit(case, standing, arrivals.pop(standing.incident, []), doubts, verdict).run()
    for left in arrivals.values():
        complaint = Complaint(rule="out of nowhere", at=left[0].at, incident=left[0].incident, text="no such incident")
        verdict.complaints.append(complaint)
    return verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class Doubts:
    """When something was the matter that excuses a delay, a detour or a repeat."""

    troubles: dict[str, list[tuple[datetime, datetime]]]
    gaps: list[tuple[datetime, datetime]]
    deaths: list[datetime]

    @classmethod
    def of(cls, journal: Journal) -> Doubts:
        troubles: dict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
        for fact in journal.facts:
            if isinstance(fact, Trouble):
                troubles[fact.channel].append((fact.since, fact.until))
        return cls(
            troubles=dict(troubles),
            gaps=[(fact.since, fact.until) for fact in journal.facts if isinstance(fact, Away)],
            deaths=[fact.at for fact in journal.facts if isinstance(fact, Died)],
        )

    def on_channel(self, channel: str, since: datetime, until: datetime) -> bool:
        return any(a <= until and since <= b + AFTERMATH for a, b in self.troubles.get(channel, ()))

    def over_at(self, channel: str, since: datetime, until: datetime) -> datetime:
        """When what was in the way of a message on this channel was over: one thing after the other, without a pause
        in which it could have been sent. `since` where nothing was."""
        spells = [*self.troubles.get(channel, ()), *self.gaps, *((at, at + CLAIM) for at in self.deaths)]
        over = since
        for begins, ends in sorted(one for one in spells if one[0] <= until and since <= one[1]):
            if begins <= over + RETRIED_WITHIN:
                over = max(over, ends)
        return over

    def anywhere(self, since: datetime, until: datetime) -> bool:
        return any(self.on_channel(channel, since, until) for channel in self.troubles)

    def in_process(self, since: datetime, until: datetime) -> bool:
        died = any(since - SLACK <= at <= until + SLACK for at in self.deaths)
        return died or any(a <= until and since <= b for a, b in self.gaps)


class Audit:
    """One incident: its model against its timeline and its arrivals."""

    def __init__(
        self, case: Case, standing: Standing, arrivals: Sequence[Arrival], doubts: Doubts, verdict: Verdict
    ) -> None:
        self.case = case
        self.standing = standing
        self.lines = standing.lines
        self.arrivals = arrivals
        self.doubts = doubts
        self.verdict = verdict
        self.figures = verdict.figures
        self.by_kind: dict[str, list[Line]] = defaultdict(list)
        for line in standing.lines:
            self.by_kind[line.kind].append(line)
        self.left = {kind: list(lines) for kind, lines in self.by_kind.items()}

    def run(self) -> None:
        self.figures.withdrawn += sum(line.data.get("kind") == PAGE for line in self.by_kind["page.cancelled"])
        check_chain(self.standing, self._complain)
        for expected in sorted(self.case.expected, key=lambda one: (not one.need, one.at)):
            self._match(expected)
        self._surplus()
        for line in self.by_kind["page.decided"]:
            self._delivery(line)
        self._notices()
        self._questions()
        self._wire()
        self._end()

    # --- what was decided ---

    def _match(self, expected: Expected) -> None:
        if expected.kind == "notice":
            return
        kind = LINE_OF[expected.kind]
        found = next((line for line in self.left.get(kind, ()) if _fits(line, expected)), None)
        if found is not None:
            self.left[kind].remove(found)
            self._stated(found, expected)
        elif expected.need:
            self.figures.missed += expected.kind == PAGE
            who = f" of {expected.contact} (level {expected.level})" if expected.contact else f" {expected.level or ''}"
            rule = "missed page" if expected.kind == PAGE else f"no {kind}"
            self._complain(rule, expected.at, f"{expected.kind}{who} was due at {expected.due}")

    def _stated(self, line: Line, expected: Expected) -> None:
        """What is late says by how much."""
        late = expected.at - expected.due
        if line.kind not in ("level.escalated", "response.breached") or late <= SLACK:
            return
        self.figures.late += 1
        self.figures.worst_lateness = max(self.figures.worst_lateness, late)
        said = line.data.get("late_s")
        if not isinstance(said, int) or abs(said - late.total_seconds()) > 2:
            self._complain("lateness not stated", line.at, f"{line.kind} is {late} late and says {said}")
        elif late > MISSED_AFTER and "late by" not in line.reason:
            self._complain("lateness not stated", line.at, f"{line.kind}: {line.reason}")

    def _surplus(self) -> None:
        """What the standard does not ask for is wrong too: nobody is woken for nothing."""
        for expected, kind in LINE_OF.items():
            for line in self.left.get(kind, ()):
                if expected == PAGE and self._is_detour(line):
                    self.figures.rerouted += 1
                elif not (kind == "level.escalated" and not line.actor.startswith("timer")):
                    self._complain(f"surplus {expected}", line.at, f"{line.reason} {dict(line.data)}")

    def _is_detour(self, line: Line) -> bool:
        """A page may go another way where one that went before it failed, and where a provider is out."""
        failed = (*self.by_kind["page.failed"], *self.by_kind["level.unreachable"])
        if any(one.at == line.at for one in failed):
            return bool(line.reason)
        return bool(line.reason) and self.doubts.anywhere(line.at, line.at)

    # --- what became of it ---

    def _delivery(self, line: Line) -> None:
        self.figures.pages += 1
        page, contact = line.data["page"], line.data["contact"]
        got = [one for one in self.arrivals if one.page == page and one.contact == contact and one.kind == PAGE]
        self._channels(line, got)
        for one in got:
            self._prompt(line, one)
        if got:
            return
        outcomes = [one for one in self.lines if one.data.get("page") == page and one.kind in OUTCOMES]
        withdrawn = [one for one in outcomes if one.kind == "page.cancelled"]
        if withdrawn:
            if not any(self._over(one.at) for one in withdrawn):
                self._complain("withdrawn for nothing", withdrawn[0].at, f"page {page}: {withdrawn[0].reason}")
        elif any(one.kind == "page.failed" for one in outcomes) and self._taken_over(line, outcomes):
            return
        else:
            self.figures.missed += 1
            self._complain("missed page", line.at, f"page {page} to {contact} never arrived: {line.reason}")

    def _channels(self, line: Line, got: Sequence[Arrival]) -> None:
        """Each channel of a page got it, or something was the matter with that channel, or it was over by then."""
        channels = line.data["channels"]
        assert isinstance(channels, list)
        arrived = {one.channel for one in got}
        for channel in channels:
            ends = [
                one.at
                for one in self.lines
                if one.kind in ("page.failed", "page.cancelled")
                and one.data.get("page") == line.data["page"]
                and one.data.get("channel") == channel
            ]
            excused = any(self._over(at) or self.doubts.on_channel(channel, line.at, at) for at in ends)
            if channel not in arrived and not excused:
                self._complain("channel left out", line.at, f"page {line.data['page']} did not go by {channel}")

    def _taken_over(self, line: Line, outcomes: Sequence[Line]) -> bool:
        """Every way failed: somebody else was tried at once, or is being paged already, or that nobody can be reached
        is said."""
        last = max(one.at for one in outcomes if one.kind == "page.failed")
        page, level = line.data["page"], _number(line)
        for other in self.by_kind["page.decided"]:
            in_time = line.at <= other.at <= last + SLACK
            if other.data["page"] != page and in_time and _number(other) >= level:
                return True
        if any(one.at == last for one in self.by_kind["level.unreachable"]):
            self.figures.unreachable += 1
            return True
        return False

    def _prompt(self, line: Line, arrival: Arrival) -> None:
        """On its way without delay where nothing was the matter; else it says how late it is."""
        waited = arrival.at - line.at
        channel = arrival.channel
        if waited > SLACK:
            self.figures.late += 1
            self.figures.worst_lateness = max(self.figures.worst_lateness, waited)
            excused = arrival.at - self.doubts.over_at(channel, line.at, arrival.at) <= RETRIED_WITHIN
            decided_anew = any(
                one.at > line.at and one.data["page"] == line.data["page"] for one in self.by_kind["page.decided"]
            )
            if not excused and not decided_anew:
                self._complain("delayed for nothing", arrival.at, f"{arrival.delivery} by {channel}: {waited}")
            if waited > MISSED_AFTER and not arrival.late and not decided_anew:
                self._complain("lateness not stated", arrival.at, f"{arrival.delivery} came {waited} late")

    def _notices(self) -> None:
        """The queue was told of what wakes nobody."""
        got = [one for one in self.arrivals if one.kind == NOTICE and one.contact is None]
        for expected in self.case.expected:
            if expected.kind != "notice":
                continue
            in_time = [one for one in got if expected.at <= one.at]
            if not in_time:
                self.figures.missed += 1
                self._complain("queue not told", expected.at, f"due at {expected.due}")
                continue
            first = min(in_time, key=lambda one: one.at)
            over = self.doubts.over_at(first.channel, expected.at, first.at)
            excused = self.doubts.in_process(expected.at, first.at) or first.at - over <= RETRIED_WITHIN
            if first.at - expected.at > SLACK and not excused:
                self._complain("queue told late", first.at, f"due at {expected.due}")

    def _questions(self) -> None:
        """Who is asked "still on it?" got the question."""
        for line in self.by_kind["lease.asked"]:
            owner = line.data.get("owner")
            got = any(one.kind == QUESTION and one.contact == owner and one.at >= line.at for one in self.arrivals)
            excused = any(
                one.data.get("kind") == QUESTION and one.at >= line.at
                for kind in ("page.failed", "page.cancelled")
                for one in self.by_kind[kind]
            )
            if not got and not excused:
                self._complain("not asked", line.at, f"{owner} never got the question")

    # --- what arrived ---

    def _wire(self) -> None:
        seen: Counter[str] = Counter()
        known = {str(line.data["page"]): line for line in reversed(self.by_kind["page.decided"])}
        for arrival in self.arrivals:
            seen[arrival.delivery] += 1
            self._repeat(arrival, seen[arrival.delivery])
            if arrival.kind != PAGE:
                continue
            decided = known.get(arrival.page or "")
            if decided is None:
                self._complain("nobody decided it", arrival.at, f"{arrival.delivery} to {arrival.contact}")
                continue
            if _within(self.case.ended, arrival.claimed_at):
                self.figures.after_resolve += 1
                self._complain("page after the end", arrival.at, f"{arrival.delivery} to {arrival.contact}")
            elif _number(decided) == 1 and self._answered(decided.at, arrival.claimed_at):
                self._complain("page after the answer", arrival.at, f"{arrival.delivery} to {arrival.contact}")
        self._receipts(seen)

    def _answered(self, decided: datetime, claimed: datetime) -> bool:
        """Somebody took it on after it was decided and before the engine last looked."""
        later = [span for span in self.case.acknowledged if decided < span.since]
        return _within(later, claimed)

    def _repeat(self, arrival: Arrival, times: int) -> None:
        if times == 1:
            return
        since = min(one.at for one in self.arrivals if one.delivery == arrival.delivery)
        excused = self.doubts.on_channel(arrival.channel, since, arrival.at) or self.doubts.in_process(
            since, arrival.at
        )
        if not excused:
            self._complain("sent twice for nothing", arrival.at, arrival.delivery)
        if arrival.repeated:
            self.figures.marked += 1
        else:
            self.figures.unmarked += 1
            self._complain("unmarked repeat", arrival.at, f"{arrival.delivery} to {arrival.contact}")

    def _receipts(self, seen: Counter[str]) -> None:
        """What counts as sent did arrive: by its own name, or by that which the provider has confirmed, for one that
        goes out alone in the end may bear the name of others with which it was tried before."""
        for line in (*self.by_kind["page.sent"], *self.by_kind["notice.sent"]):
            confirmed = str(line.data["reference"]).partition("/")[2]
            if not seen[f"{line.incident}/{line.data['delivery']}"] and not seen[confirmed]:
                self._complain("sent but never there", line.at, f"{dict(line.data)}")

    # --- how it ended ---

    def _end(self) -> None:
        state, standing = self.standing.state, self.standing
        if standing.waiting:
            self._complain("still waiting", self.lines[-1].at, f"{state}: {standing.waiting}")
        if standing.timers and state in ("closed", "cancelled", "merged"):
            self._complain("still planned", self.lines[-1].at, f"{state}: {standing.timers}")
        if self.case.active is not (state in ("detection", "assessment", "diagnosis", "resolution")):
            self._complain("another state", self.lines[-1].at, f"{state}, and the model is {self.case.state}")

    def _over(self, at: datetime) -> bool:
        return _within(self.case.ended, at, closed=True) or _within(self.case.acknowledged, at, closed=True)

    def _complain(self, rule: str, at: datetime, text: str) -> None:
        complaint = Complaint(rule=rule, at=at, incident=self.standing.incident, text=text)
        self.verdict.complaints.append(complaint)


OUTCOMES = ("page.sent", "page.failed", "page.cancelled")


def _fits(line: Line, expected: Expected) -> bool:
    if line.at != expected.at:
        return False
    if expected.contact is not None and expected.kind == PAGE:
        return line.data.get("contact") == expected.contact and line.data.get("level") == expected.level
    return not expected.level or line.data.get("level") == expected.level


def _number(line: Line) -> int:
    level = line.data["level"]
    assert isinstance(level, int)
    return level


def _within(spans: Iterable[Span], at: datetime, *, closed: bool = False) -> bool:
    """Strictly inside: what happened in the same instant may have come before it or after. `closed`: the edges too."""
    if closed:
        return any(span.since <= at and (span.until is None or at <= span.until) for span in spans)
    return any(span.since < at and (span.until is None or at < span.until) for span in spans)


def _complaint(rule: str, line: Line, text: str) -> Complaint:
    return Complaint(rule=rule, at=line.at, incident=line.incident, text=text)


def check_chain(standing: Standing, complain: Callable[[str, datetime, str], None]) -> None:
    """The documented chain: SHA-256 over the previous hash and the canonical JSON of the line."""
    previous = "0" * 64
    for number, line in enumerate(standing.lines, start=1):
        at = line.at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
        content = [previous, standing.number, line.seq, at, line.kind, line.actor, line.reason, line.data]
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        digest = hashlib.sha256(text.encode()).hexdigest()
        if line.seq != number or line.prev_hash != previous or line.hash != digest:
            complain("broken chain", line.at, f"line {line.seq} does not hold")
            return
        previous = line.hash
    if previous != standing.head:
        complain("broken chain", standing.lines[-1].at, "the record ends elsewhere than the incident says")
