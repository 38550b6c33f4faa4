"""Silences: who keeps which alerts from paging, from when to when, and why."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from engine.core.commands import Base, Text
from engine.core.errors import Forbidden, NotFound, Refusal
from engine.core.matchers import Matcher, Operator, Telling
from engine.core.model import Actor, Role
from engine.core.spans import Moment
from engine.core.timeline import format_time
from engine.core.weekly import Weekly

SILENCE_REF = re.compile(r"(?:SIL-)?([1-9][0-9]{0,17})", re.IGNORECASE)
LONGEST_PATTERN = 500
REPEATED = re.compile(r"[*+{]")
ESCAPES_AND_SETS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)


class SilenceState(StrEnum):
    """`pending`: it mutes nothing yet, or is between two of its turns. `expired`: it mutes nothing any more."""

    ACTIVE = "active"
    PENDING = "pending"
    EXPIRED = "expired"


class NewSilence(Base):
    """Mutes alerts that match from `starts_at` (now, where it is left out) to `ends_at`; with a recurrence only in its
    turns between the two. `service` and `source` in a matcher are the service that an alert is given to, and the name
    of its integration."""

    matchers: Telling
    starts_at: Moment | None = None
    ends_at: Moment
    recurrence: Weekly | None = None
    reason: Text


@dataclass(frozen=True, kw_only=True, slots=True)
class Silence:
    """A silence as it stands. `id` is 0 until it is on record. Nothing of it changes but its early end."""

    id: int
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    recurrence: Weekly | None
    author: str
    reason: str
    created_at: datetime
    expired_at: datetime | None = None
    expired_by: str | None = None

    @property
    def ref(self) -> str:
        return silence_ref(self.id)

    @property
    def over_at(self) -> datetime:
        """From when on it mutes nothing any more."""
        return self.ends_at if self.expired_at is None else min(self.expired_at, self.ends_at)

    def state(self, now: datetime) -> SilenceState:
        if self.over_at <= now:
            return SilenceState.EXPIRED
        muting = muting_until(self.starts_at, self.ends_at, self.recurrence, now) is not None
        return SilenceState.ACTIVE if muting else SilenceState.PENDING


def muting_until(
    starts_at: datetime | None, ends_at: datetime | None, recurrence: Weekly | None, now: datetime
) -> datetime | None:
    """When the muting that is on at `now` is over; None where nothing is muted. The start is in, the end is out. At
    least one of an end and a recurrence has to be given."""
    if (starts_at is not None and now < starts_at) or (ends_at is not None and now >= ends_at):
        return None
    if recurrence is None:
        return ends_at
    turn = recurrence.until(now)
    return turn if turn is None or ends_at is None else min(turn, ends_at)


def next_muting(
    starts_at: datetime | None, ends_at: datetime | None, recurrence: Weekly | None, now: datetime
) -> datetime | None:
    """When muting begins for the next time after `now`; None where it does not any more, or is on."""
    if muting_until(starts_at, ends_at, recurrence, now) is not None:
        return None
    first = starts_at if starts_at is not None and starts_at > now else now
    begins: datetime | None = first
    if recurrence is not None and recurrence.until(first) is None:
        begins = recurrence.next_from(first)
    return None if begins is None or (ends_at is not None and begins >= ends_at) else begins


def silence(asked: NewSilence, actor: Actor, now: datetime) -> Silence:
    """Raises Refusal (Forbidden) where the actor may not, or where it would never mute anything."""
    check_may_silence(actor)
    for matcher in asked.matchers:
        check_bounded(matcher)
    starts = asked.starts_at or now
    if asked.ends_at <= max(starts, now):
        when = "in the past" if asked.ends_at <= now else f"not after its start at {format_time(starts)}"
        raise Refusal("silence_over", f"The end of a silence lies ahead; {format_time(asked.ends_at)} is {when}.")
    made = Silence(
        id=0,
        matchers=asked.matchers,
        starts_at=starts,
        ends_at=asked.ends_at,
        recurrence=asked.recurrence,
        author=str(actor),
        reason=asked.reason,
        created_at=now,
    )
    if asked.recurrence is not None and not _ever_mutes(made, now):
        raise Refusal("silence_idle", f"No turn of {asked.recurrence} falls between its start and its end.")
    return made


def _ever_mutes(made: Silence, now: datetime) -> bool:
    at = max(made.starts_at, now)
    return made.state(at) is SilenceState.ACTIVE or next_muting(at, made.ends_at, made.recurrence, at) is not None


def check_may_silence(actor: Actor) -> None:
    """Raises Forbidden."""
    if not actor.role.covers(Role.RESPONDER):
        who = actor.name or actor.id
        raise Forbidden("role_too_low", f"{who} may look at silences but not make or end one (role {actor.role})")


def check_bounded(matcher: Matcher) -> None:
    """Raises Refusal for a regular expression that may take for ever on some text: every alert would wait for it."""
    if matcher.operator in (Operator.EQUAL, Operator.NOT_EQUAL):
        return
    if len(matcher.value) > LONGEST_PATTERN:
        raise Refusal("matcher_refused", f"A regular expression of a silence has {LONGEST_PATTERN} characters at most.")
    if _repeats_repetition(ESCAPES_AND_SETS.sub("x", matcher.value)):
        raise Refusal(
            "matcher_refused",
            f"{matcher} repeats a group that itself repeats or chooses, which may take for ever on some text; "
            "write it without the outer repetition.",
        )


def _repeats_repetition(pattern: str) -> bool:
    """Whether a group with a repetition or a choice in it is repeated. Escapes and sets are one letter each by now."""
    risky = [False]
    for place, letter in enumerate(pattern):
        if letter == "(":
            risky.append(False)
        elif letter == ")" and len(risky) > 1:
            inner = risky.pop()
            if inner and REPEATED.match(pattern, place + 1):
                return True
            risky[-1] |= inner
        elif letter in "*+{|":
            risky[-1] = True
    return False


def silence_ref(number: int) -> str:
    return f"SIL-{number}"


def silence_id(ref: str) -> int:
    """The number of `SIL-7` (also `sil-7` and `7`); raises NotFound for anything else."""
    match = SILENCE_REF.fullmatch(ref.strip())
    if match is None:
        raise NotFound("silence_unknown", f"{ref[:40]!r} is not a silence; silences are named like SIL-7")
    return int(match[1])
