"""How urgent an alert is: its alert level, the rule that gives its priority, and the reason in words.

The order is that of the standard: an explicit priority, then the one that a route gives, then the configured rules from
top to bottom, then `otherwise`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from engine.core.matchers import all_match
from engine.core.model import Alert, AlertLevel, Classification, Priority
from engine.core.phrases import Wording, wording
from engine.core.policy import ClassificationRules, Route, Rule, Threshold

EXPLICIT = "priority-label"
NOTHING_KNOWN = "nothing-known"


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """The alert level and what says so; no level where nothing is known."""

    level: AlertLevel | None = None
    reason: str = ""
    respond_within: timedelta | None = None
    by_label: bool = False


def classify(rules: ClassificationRules, alert: Alert, route: Route | None = None) -> Classification:
    """The priority, the rule that gave it and why. `route`: the one that gives the alert its priority.

    A `priority` label of P0 to P3 in any case wins; so does such a `severity` label, unless a level's `severities`
    claim that word. Other values of `priority` are left to the rules. What is P0, P1 or P2 explicitly or by a route
    always pages; such a P3 pages as its ladder says, and not at all where the alert level is information.
    The alert level is found whatever gave the priority, and brings its escalation time along.
    """
    standing = stand(rules, alert)
    priority, rule, reason, page = (
        _explicit(alert, standing) or _routed(route, standing) or _by_rule(rules, alert, standing)
    )
    return Classification(
        priority=priority,
        rule=rule,
        reason=reason,
        page=page,
        alert_level=standing.level,
        respond_within=standing.respond_within,
    )


def tightened(within: timedelta | None, classification: Classification) -> timedelta | None:
    """The earlier of a response target and the alert level's own; None where there is neither."""
    targets = [target for target in (within, classification.respond_within) if target is not None]
    return min(targets, default=None)


def stand(rules: ClassificationRules, alert: Alert) -> Standing:
    """The level that the `severity` label names; without a known one, the gravest whose threshold is crossed."""
    graded = [(level, rules.levels[level]) for level in AlertLevel if level in rules.levels]
    severity = alert.labels.get("severity", "").strip().casefold()
    for level, rule in graded:
        if severity in _folded(rule.severities):
            reason = f"the severity label is {severity}"
            return Standing(level=level, reason=reason, respond_within=rule.respond_within, by_label=True)
    for level, rule in graded:
        if crossed := beyond(rule.thresholds, alert.values):
            return Standing(level=level, reason=crossed, respond_within=rule.respond_within)
    return Standing()


def beyond(thresholds: Iterable[Threshold], values: Mapping[str, float]) -> str | None:
    """Names the first threshold that is crossed: `response_time_seconds 6.2 is above 5`."""
    for threshold in thresholds:
        measured = values.get(threshold.value)
        if measured is None:
            continue
        if threshold.above is not None and measured > threshold.above:
            return f"{threshold.value} {measured:.10g} is above {threshold.above:.10g}"
        if threshold.below is not None and measured < threshold.below:
            return f"{threshold.value} {measured:.10g} is below {threshold.below:.10g}"
    return None


Verdict = tuple[Priority, str, str, bool]


def _explicit(alert: Alert, standing: Standing) -> Verdict | None:
    for label in ("priority",) if standing.by_label else ("priority", "severity"):
        priority = Priority.__members__.get(alert.labels.get(label, "").strip().upper())
        if priority:
            return priority, EXPLICIT, f"the {label} label is {priority}", _pages(priority, standing)
    return None


def _routed(route: Route | None, standing: Standing) -> Verdict | None:
    """Under a name that no rule can have."""
    if route is None or route.priority is None:
        return None
    reason = f"the route {route.name} gives {route.priority}"
    return route.priority, f"route:{route.name}", reason, _pages(route.priority, standing)


def _pages(priority: Priority, standing: Standing) -> bool:
    return priority is not Priority.P3 or standing.level is not AlertLevel.INFORMATION


def _by_rule(rules: ClassificationRules, alert: Alert, standing: Standing) -> Verdict:
    said = wording(alert.labels, title=alert.title, summary=alert.summary)
    for rule in rules.rules:
        reason = _applies(rule, alert, standing, said)
        if reason is not None:
            return rule.priority, rule.name, reason, rule.page
    known = f"; {standing.reason}" if standing.level else ", and neither a severity nor a measured value is known"
    return rules.otherwise, NOTHING_KNOWN, f"no rule matches{known}", True


def _applies(rule: Rule, alert: Alert, standing: Standing, said: Wording) -> str | None:
    """The rule's reason with the evidence for it, or None where one of its conditions fails."""
    if rule.alert_level not in (None, standing.level) or not all_match(rule.match, alert.labels):
        return None
    words = said.evidence(rule.words) if rule.words else ""
    crossed = beyond(rule.thresholds, alert.values) if rule.thresholds else ""
    if words is None or crossed is None:
        return None
    level = standing.reason if rule.alert_level else ""
    evidence = " and ".join(part for part in (level, words, crossed) if part) or ", ".join(map(str, rule.match))
    return f"{rule.reason}: {evidence}" if evidence else rule.reason


@lru_cache(maxsize=256)
def _folded(severities: tuple[str, ...]) -> frozenset[str]:
    return frozenset(severity.casefold() for severity in severities)


SECONDS = {"": 1.0, "s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 0.001, "milliseconds": 0.001, "min": 60.0}
PERCENT = {"": 1.0, "%": 1.0, "percent": 1.0, "percentage": 1.0, "pct": 1.0, "ratio": 100.0}
FIGURES = (
    ("response_time_seconds", SECONDS, ("responsetime", "responselatency", "requestlatency", "latency")),
    ("error_rate_percent", PERCENT, ("errorrate",)),
    ("availability_percent", PERCENT, ("availability",)),
    ("cpu_percent", PERCENT, ("cpu", "cpuusage", "cpuload", "cpuutilization", "cpuutilisation")),
    ("memory_percent", PERCENT, ("memory", "mem", "memoryusage", "memusage", "memoryutilization", "memoryutilisation")),
)
KEYS = {stem + unit: (name, units, unit) for name, units, stems in FIGURES for stem in stems for unit in units} | {
    f"{noun}{unit}": ("error_rate_percent", PERCENT, unit) for noun in ("error", "errors") for unit in PERCENT if unit
}
SEPARATORS = str.maketrans("", "", "_-. ")
NUMBER = re.compile(r"(\d+(?:\.\d*)?(?:e[+-]?\d+)?)\s*([a-z%]*)")
LONGEST = 32


def read_values(labels: Mapping[str, str], annotations: Mapping[str, str]) -> dict[str, float]:
    """The measured figures of an alert by the names that thresholds use, in seconds and percent.

    Read from keys like `latency`, `response_time_ms`, `error_rate`, `error_ratio`, `cpu`, `memory-usage`. A unit in
    the value (`450ms`, `7%`) wins over one in the key; a bare number under a key without a unit is seconds or percent.
    Labels come before annotations. What can't be read is left out.
    """
    values: dict[str, float] = {}
    for texts in (labels, annotations):
        for key, text in texts.items():
            known = KEYS.get(key.translate(SEPARATORS).lower())
            if known and known[0] not in values:
                name, units, unit = known
                measured = _read(text, units, unit)
                if measured is not None:
                    values[name] = measured
    return values


def _read(text: str, units: Mapping[str, float], unit: str) -> float | None:
    match = NUMBER.fullmatch(text.strip().lower()) if len(text) <= LONGEST else None
    factor = units.get(match[2] or unit) if match else None
    if match is None or factor is None:
        return None
    # Rounded, so that 0.05 as a ratio is 5 percent and not a hair more, which a threshold would take for above.
    measured = round(float(match[1]) * factor, 9)
    return measured if math.isfinite(measured) else None
