"""What the subject of a mail says besides what is wrong: `Re: [critical] RESOLVED: Checkout fails`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from engine.core.model import AlertStatus
from integrations.sources.generic import RESOLVED
from integrations.sources.severity import Severity

SEVERITIES: Mapping[str, Severity] = {
    **dict.fromkeys(("critical", "crit", "fatal", "emergency", "disaster", "error", "high"), "critical"),
    **dict.fromkeys(("warning", "warn", "average", "medium"), "warning"),
    **dict.fromkeys(("info", "information", "informational", "notice", "low"), "info"),
}
STATUSES = dict.fromkeys(RESOLVED, AlertStatus.RESOLVED) | dict.fromkeys(
    ("firing", "problem", "alert", "alarm", "triggered", "down", "open", "opened", "new"), AlertStatus.FIRING
)
PASSED_ON = frozenset({"re", "fw", "fwd", "aw", "wg", "sv", "vs", "tr", "rv", "antw", "ext", "external"})

MARK = re.compile(r"\s*(?:\[([^\[\]]{1,40})\][:\-\s]*|([A-Za-z]{1,20})(?:\[\d{1,3}\])?(?::|\s+[-\u2013\u2014]\s)\s*)")
"""`[word]`, `word:`, `Re[2]:`, `word - `."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """`title`: without what stands before it. The others are what was said there, if it was."""

    title: str
    status: AlertStatus | None = None
    severity: Severity | None = None


def read_subject(line: str) -> Subject:
    """Of a status or a severity that is said more than once, the first counts."""
    rest, status, severity = line, None, None
    while mark := MARK.match(rest):
        word = (mark[1] or mark[2]).partition(":")[0].strip().lower()  # [FIRING:2]
        if word not in SEVERITIES and word not in STATUSES and word not in PASSED_ON:
            break
        status = status or STATUSES.get(word)
        severity = severity or SEVERITIES.get(word)
        rest = rest[mark.end() :]
    return Subject(title=rest.strip() or line.strip(), status=status, severity=severity)
