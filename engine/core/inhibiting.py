"""Inhibition: while an alert fires that explains others, those others are muted."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from engine.core.intake import AlertAction, Placed
from engine.core.lookup import Index, remembered
from engine.core.model import AlertStatus, incident_ref
from engine.core.muting import Muted, can_be_muted, told_by
from engine.core.policy import Inhibition


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """An alert is on one side of a rule. `key` is the same for both sides where the labels under `equal` are the same;
    `both`: the alert is on the rule's other side as well."""

    rule: str
    key: str
    both: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Sides:
    """What an alert may mute while it fires, and what may mute it. `name`: the alert's own, at its source."""

    name: tuple[str, str]
    sources: tuple[Claim, ...] = ()
    targets: tuple[Claim, ...] = ()


class Inhibitions:
    """The rules of a configuration, compiled."""

    def __init__(self, rules: Sequence[Inhibition]) -> None:
        self.some = bool(rules)
        self._sources = Index((rule.source_matchers, rule) for rule in rules)
        self._targets = Index((rule.target_matchers, rule) for rule in rules)

    def sides(self, placed: Placed) -> Sides:
        """Of an alert that has cleared: none."""
        name = (placed.actor.id, placed.alert.fingerprint)
        if not self.some or placed.alert.status is not AlertStatus.FIRING:
            return Sides(name=name)
        told = told_by(placed)
        sources, targets = (
            {rule.name: rule for rule in index.matching(told)} for index in (self._sources, self._targets)
        )
        return Sides(
            name=name,
            sources=tuple(_claim(rule, told, both=rule.name in targets) for rule in sources.values()),
            targets=tuple(_claim(rule, told, both=rule.name in sources) for rule in targets.values())
            if can_be_muted(placed)
            else (),
        )


@remembered
def inhibitions_of(rules: tuple[Inhibition, ...]) -> Inhibitions:
    return Inhibitions(rules)


def _claim(rule: Inhibition, told: Mapping[str, str], *, both: bool) -> Claim:
    """A label that is missing is the empty one, on both sides."""
    values = json.dumps([told.get(name, "") for name in rule.equal])
    digest = hashlib.sha256(values.encode("utf-8", "surrogatepass")).hexdigest()
    return Claim(rule=rule.name, key=f"{rule.name}/{digest[:32]}", both=both)


def next_wave(waiting: Sequence[Sides]) -> list[bool]:
    """Which of the alerts that have come together are to be dealt with first: those that none of the others could mute,
    and of each alert what was before. Where each waits for another, all of them."""
    any_side = Counter(claim.key for sides in waiting for claim in sides.sources)
    one_side = Counter(claim.key for sides in waiting for claim in sides.sources if not claim.both)
    held: set[tuple[str, str]] = set()
    going: list[bool] = []
    for sides in waiting:
        goes = sides.name not in held and not any(
            (one_side if claim.both else any_side)[claim.key] for claim in sides.targets
        )
        if not goes:
            held.add(sides.name)
        going.append(goes)
    return going if any(going) else [True] * len(waiting)


def explained_beside(sides: Sides, beside: Iterable[Claim]) -> Muted | None:
    """Whether an alert is muted by one that has come together with it, of which there is no incident: on trial."""
    others = list(beside)
    for claim in sides.targets:
        if any(other.key == claim.key and not (other.both and claim.both) for other in others):
            rule = f"inhibition/{claim.rule}"
            reason = f"{rule}: an alert that explains it has come with it"
            return Muted(action=AlertAction.INHIBITED, rule=rule, reason=reason)
    return None


def inhibited(claim: Claim, incident: int) -> Muted:
    rule = f"inhibition/{claim.rule}"
    reason = f"{rule}: an alert that explains it fires in {incident_ref(incident)}"
    return Muted(action=AlertAction.INHIBITED, rule=rule, reason=reason, incident=incident)
