"""Builds and deployments that fail: what GitHub and GitLab have in common.

A problem is that a branch or an environment is broken. It begins with the first failure and ends with the next success
of the same thing in the same place, so no number of a single run is part of its identity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from engine.core.model import Alert, AlertStatus
from engine.core.policy import Model
from engine.ports import Parsed
from integrations.sources.reading import (
    FINGERPRINT,
    LABEL,
    SUMMARY,
    TITLE,
    identity,
    line,
    links,
    tagged_service,
    text,
    texts,
)
from integrations.sources.severity import GivenSeverity
from integrations.sources.signatures import Secret
from integrations.sources.times import read_time

Patterns = tuple[Annotated[str, Field(min_length=1)], ...]


class Settings(Model):
    """`secret`: the webhook's own. Without, the address is the secret."""

    model_config = ConfigDict(hide_input_in_errors=True)

    secret: Secret | None = None
    branches: Annotated[Patterns, Field(description="names or patterns; without any, the default branch")] = ()
    environments: Annotated[Patterns, Field(description="names or patterns; without any, all but passing ones")] = ()
    severity: GivenSeverity = "critical"

    def minds_branch(self, branch: str, *, default: str) -> bool:
        """Whether a failure there is anybody's problem at night. Case matters, as it does to git."""
        return _matches(branch, self.branches or (default,))

    def minds_environment(self, environment: str, *, passing: bool) -> bool:
        """`passing`: it was made for one branch, and goes with it."""
        return _matches(environment, self.environments) if self.environments else not passing


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


@dataclass(frozen=True, kw_only=True, slots=True)
class Build:
    """One run that has failed or passed. `key`: what failed, and where. `tags` are the project's own labels, `labels`
    what the vendor says of it."""

    key: Sequence[str]
    title: str
    status: AlertStatus
    at: object
    summary: object = ""
    tags: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, Any] = field(default_factory=dict)
    links: Sequence[tuple[str, object]] = ()

    def read(self, settings: Settings) -> Parsed:
        over = self.status is AlertStatus.RESOLVED
        tags, at = texts(self.tags, LABEL), read_time(self.at)
        alert = Alert(
            fingerprint=identity("/".join(self.key), FINGERPRINT),
            status=self.status,
            title=line(self.title, TITLE),
            summary=text(self.summary, SUMMARY),
            service=tagged_service(tags),
            labels=texts({**tags, **self.labels, "severity": settings.severity}, LABEL),
            links=links(self.links),
            starts_at=None if over else at,
            ends_at=at if over else None,
        )
        return Parsed(alerts=(alert,))


def aside(note: str) -> Parsed:
    """Nothing to page anybody for, and why."""
    return Parsed(alerts=(), note=line(note, SUMMARY))
