"""What may happen to an engine, for Hypothesis to draw from: mostly what a night is made of, and some of the rest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from hypothesis import strategies as st

from engine.core.commands import (
    Acknowledge,
    ActionItemIn,
    Advance,
    Assign,
    Cancel,
    Close,
    Command,
    Decline,
    Document,
    Escalate,
    Finish,
    Hold,
    Invite,
    Note,
    OpenRoom,
    Reopen,
    Reprioritize,
    Resolve,
    Seal,
    Tick,
    Unseal,
)
from engine.core.model import Actor, Alert, Priority
from tests.services.engines import Fate, alert, person

T = TypeVar("T")

SPANS = [timedelta(seconds=5), *(timedelta(minutes=minutes) for minutes in (1, 5, 16, 30, 70, 300)), timedelta(days=6)]
RESPONDERS = ("ops-lead", "ops-senior", "eng-manager", "cto")

spans = st.sampled_from(SPANS)
whiles = st.one_of(st.none(), st.sampled_from([timedelta(), *SPANS]))
"""How long nothing else happens. At None not even the engine gets a turn."""

reasons = st.sampled_from(["as agreed", "it came back"])
priorities = st.sampled_from(Priority)
backs = st.sampled_from([0, 0, 0, 1, 2])
actors: st.SearchStrategy[Actor] = st.sampled_from(
    [person(name) for name in (*RESPONDERS, *RESPONDERS, "legal-compliance")]
)


def weighted(*choices: tuple[int, st.SearchStrategy[T]]) -> st.SearchStrategy[T]:
    """`one_of` would count a strategy that is given three times once."""
    return st.sampled_from([one for weight, one in choices for _ in range(weight)]).flatmap(lambda one: one)


commands: st.SearchStrategy[Command] = weighted(
    (5, st.builds(Acknowledge)),
    (4, st.builds(Resolve, validation=st.just("checked by hand"))),
    (4, st.builds(Reopen, reason=reasons)),
    (3, st.builds(Reprioritize, priority=priorities, reason=reasons)),
    (3, st.builds(Escalate, level=st.sampled_from([None, 1, 2, 3]), seen_level=st.sampled_from([None, 0, 1, 2]))),
    (2, st.builds(Advance, impact=reasons, priority_confirmed=st.booleans(), cause=reasons)),
    (2, st.builds(Decline, reason=reasons)),
    (1, st.just(OpenRoom())),
    (1, st.builds(Finish, action=st.sampled_from([1, 2]))),
    (1, st.builds(Seal, reason=reasons)),
    (1, st.builds(Unseal, reason=reasons)),
    (1, st.builds(Invite, who=st.sampled_from(["cto", "legal-compliance"]))),
    (2, st.builds(Hold, span=spans, reason=reasons)),
    (1, st.builds(Close, cause=reasons, lessons=reasons)),
    (1, st.builds(Cancel, code=st.sampled_from(["false_alarm", "test", "duplicate"]), reason=reasons)),
    (1, st.builds(Assign, to=st.sampled_from(["ops-lead", "cto", "nobody-known"]))),
    (1, st.builds(Note, text=reasons)),
    (1, st.builds(Document, impact=reasons, actions=st.sampled_from([(), (ActionItemIn(what="more disks"),)]))),
    (1, st.builds(Tick, step=st.sampled_from(["confirm-severity", "no-such-step"]), done=st.booleans())),
)

labels = st.one_of(
    st.just({}),
    st.builds(lambda priority: {"priority": priority.value}, priorities),
    st.sampled_from([{"severity": "critical"}, {"severity": "warning"}, {"severity": "info"}]),
)
names, hosts = st.sampled_from(["CheckoutDown", "SearchSlow"]), st.sampled_from(["web-1", "web-2"])
firing: st.SearchStrategy[Alert] = st.builds(lambda name, host, own: alert(name, host, **own), names, hosts, labels)
resolved: st.SearchStrategy[Alert] = st.builds(lambda name, host: alert(name, host, firing=False), names, hosts)
webhook = st.lists(weighted((2, firing), (1, resolved)), min_size=1, max_size=3)
channels = st.sampled_from(["slack", "email", "log"])
fates = st.lists(st.sampled_from(Fate), max_size=8)


@dataclass(frozen=True, kw_only=True)
class Webhooks:
    """Alerts in one webhook, or in two at the same moment."""

    together: list[list[Alert]]
    then: timedelta | None


@dataclass(frozen=True, kw_only=True)
class Act:
    """Somebody's command on an incident: the newest (0), or one that many before it."""

    back: int
    command: Command
    actor: Actor
    then: timedelta | None


@dataclass(frozen=True, kw_only=True)
class Merging:
    """Somebody merges one incident into another."""

    back: int
    into: int
    actor: Actor
    then: timedelta | None


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """All channels are well but one: its next messages fare badly, or it has lost its token."""

    channel: str
    fates: list[Fate]
    lacks_token: bool
    then: timedelta | None


@dataclass(frozen=True, kw_only=True)
class Outage:
    """The engine is stopped in peace; or killed while it sends, before or after the providers took the messages."""

    killed: bool
    arrived: bool
    lasts: timedelta
    then: timedelta | None


Happening = Webhooks | Act | Merging | Trouble | Outage

happenings: st.SearchStrategy[Happening] = weighted(
    (3, st.builds(Webhooks, together=st.lists(webhook, min_size=1, max_size=2), then=whiles)),
    (8, st.builds(Act, back=backs, command=commands, actor=actors, then=whiles)),
    (1, st.builds(Merging, back=backs, into=backs, actor=actors, then=whiles)),
    (2, st.builds(Trouble, channel=channels, fates=fates, lacks_token=st.booleans(), then=whiles)),
    (1, st.builds(Outage, killed=st.booleans(), arrived=st.booleans(), lasts=spans, then=whiles)),
)
