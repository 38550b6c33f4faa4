"""What may happen to an engine, for Hypothesis to draw from: mostly what a night is made of, and some of the rest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from hypothesis import strategies as st

from engine.core.commands import (
    Acknowledge,
    ActionItemIn,
    Advance,
    Assign,
    Cancel,
    Close,
    Command,
    Document,
    Escalate,
    Hold,
    Note,
    Reopen,
    Reprioritize,
    Resolve,
    Tick,
)
from engine.core.model import Actor, Alert, Priority
from tests.services.engines import Fate, alert, person

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

acknowledge = st.builds(Acknowledge)
resolve = st.builds(Resolve, validation=st.just("checked by hand"))
reopen = st.builds(Reopen, reason=reasons)
reprioritize = st.builds(Reprioritize, priority=priorities, reason=reasons)
escalate = st.builds(Escalate, level=st.sampled_from([None, 1, 2, 3]), seen_level=st.sampled_from([None, 0, 1, 2]))
advance = st.builds(
    Advance, impact=reasons, priority_confirmed=st.booleans(), cause=reasons, override=st.booleans(), reason=reasons
)
commands: st.SearchStrategy[Command] = st.one_of(
    *(acknowledge, acknowledge, acknowledge, acknowledge, resolve, resolve, reopen, reopen, reopen),
    *(reprioritize, reprioritize, escalate, escalate, advance, advance),
    st.builds(Close, cause=reasons, lessons=reasons, override=st.booleans(), reason=reasons),
    st.builds(Cancel, code=st.sampled_from(["false_alarm", "test", "duplicate"]), reason=reasons),
    st.builds(Assign, to=st.sampled_from(["ops-lead", "cto", "nobody-known"])),
    st.builds(Hold, span=spans, reason=reasons),
    st.builds(Note, text=reasons),
    st.builds(Document, impact=reasons, actions=st.sampled_from([(), (ActionItemIn(what="more disks"),)])),
    st.builds(Tick, step=st.sampled_from(["confirm-severity", "no-such-step"]), done=st.booleans()),
)
labels = st.one_of(
    st.just({}),
    st.builds(lambda priority: {"priority": priority.value}, priorities),
    st.sampled_from([{"severity": "critical"}, {"severity": "warning"}, {"severity": "info"}]),
)
names, hosts = st.sampled_from(["CheckoutDown", "SearchSlow"]), st.sampled_from(["web-1", "web-2"])
firing: st.SearchStrategy[Alert] = st.builds(lambda name, host, own: alert(name, host, **own), names, hosts, labels)
resolved: st.SearchStrategy[Alert] = st.builds(lambda name, host: alert(name, host, firing=False), names, hosts)
webhook = st.lists(st.one_of(firing, firing, resolved), min_size=1, max_size=3)
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
class Union:
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


Happening = Webhooks | Act | Union | Trouble | Outage

acts = st.builds(Act, back=backs, command=commands, actor=actors, then=whiles)
happenings: st.SearchStrategy[Happening] = st.one_of(
    st.builds(Webhooks, together=st.lists(webhook, min_size=1, max_size=2), then=whiles),
    acts,
    acts,
    st.builds(Union, back=backs, into=backs, actor=actors, then=whiles),
    st.builds(
        Trouble, channel=st.sampled_from(["slack", "email", "log"]), fates=fates, lacks_token=st.booleans(), then=whiles
    ),
    st.builds(Outage, killed=st.booleans(), arrived=st.booleans(), lasts=spans, then=whiles),
)
