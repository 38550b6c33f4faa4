"""GitLab: failed pipelines and deployments.

docs.gitlab.com/user/project/integrations/webhook_events
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from pydantic import BaseModel

from engine.core.errors import Unreadable
from engine.core.model import AlertStatus
from engine.ports import Parsed, Request
from integrations.sources.builds import Build, Settings, aside
from integrations.sources.reading import NAME, decode, items, line, members, tidy
from integrations.sources.signatures import check_token

ENDS = {"failed": AlertStatus.FIRING, "success": AlertStatus.RESOLVED}
"""The others (created, pending, running, canceled, skipped, manual, scheduled, blocked) decide nothing."""

PASSING_TIERS = ("development", "testing")
"""docs.gitlab.com/ci/environments/#deployment-tier-of-environments: review apps are development."""

Object = dict[str, Any]


class Event(msgspec.Struct, frozen=True):
    object_kind: str
    project: Object | None = None
    object_attributes: Any = None
    merge_request: Any = None
    commit: Any = None
    user: Any = None
    builds: Any = None
    status: Any = None
    status_changed_at: Any = None
    environment: Any = None
    environment_tier: Any = None
    environment_external_url: Any = None
    deployable_url: Any = None
    commit_title: Any = None
    ref: Any = None


EVENT = msgspec.json.Decoder(Event)


class GitLab:
    name = "gitlab"
    title = "GitLab"
    settings: type[BaseModel] = Settings
    example = b"""{
  "object_kind": "pipeline",
  "object_attributes": {
    "id": 31,
    "iid": 3,
    "name": "Deploy",
    "ref": "main",
    "tag": false,
    "sha": "bcbb5ec396a2c0f828686f14fac9b80b780504f2",
    "source": "push",
    "status": "failed",
    "detailed_status": "failed",
    "created_at": "2026-11-20 03:05:28 UTC",
    "finished_at": "2026-11-20 03:10:00 UTC",
    "url": "https://gitlab.example.com/shop/checkout/-/pipelines/31"
  },
  "merge_request": null,
  "user": {"username": "dev"},
  "project": {
    "id": 1,
    "web_url": "https://gitlab.example.com/shop/checkout",
    "path_with_namespace": "shop/checkout",
    "default_branch": "main"
  },
  "commit": {"title": "Round prices to cents", "url": "https://gitlab.example.com/shop/checkout/-/commit/bcbb5ec3"},
  "builds": [
    {"id": 380, "stage": "deploy", "name": "production", "status": "failed", "failure_reason": "script_failure",
     "allow_failure": false}
  ]
}"""
    example_resolved = example.replace(b'"failed"', b'"success"').replace(b"pipelines/31", b"pipelines/32")
    example_headers: Mapping[str, str] = {"x-gitlab-event": "Pipeline Hook"}

    def verify(self, settings: Settings, request: Request, now: datetime) -> None:
        del now
        if settings.secret is not None:
            check_token(settings.secret, "X-Gitlab-Token", request)

    def parse(self, settings: Settings, request: Request, now: datetime) -> Parsed:
        del now
        event = decode(EVENT, tidy(request.body))
        reader = READERS.get(event.object_kind)
        if reader is None:
            return aside(f"{event.object_kind or 'an event without a kind'} is not read; {', '.join(READERS)} are")
        return reader(settings, Project(event.project), event)


class Project:
    """Raises Unreadable where the event does not say which it is."""

    def __init__(self, sent: Object | None) -> None:
        told = members(sent)
        self.name = line(told.get("path_with_namespace"), NAME)
        if not self.name:
            raise Unreadable("$.project.path_with_namespace", "missing; what is read here happens in a project")
        self.default_branch = line(told.get("default_branch"), NAME)
        self.link = ("Project", told.get("web_url"))


def _pipeline(settings: Settings, project: Project, event: Event) -> Parsed:
    told = members(event.object_attributes)
    ref, name = line(told.get("ref"), NAME), line(told.get("name"), NAME)
    status = ENDS.get(line(told.get("status"), NAME))
    if status is None:
        return aside(f"a pipeline that has neither failed nor passed: {line(told.get('status'), NAME) or 'not said'}")
    if members(event.merge_request) or told.get("source") == "merge_request_event":
        return aside("a pipeline of a merge request")
    if not settings.minds_branch(ref, default=project.default_branch):
        return aside(f"a pipeline on {ref}, which is none of the branches to be minded")
    commit = members(event.commit)
    return Build(
        key=("pipeline", project.name, name, ref),
        title=f"{name or 'Pipeline'} fails on {ref} of {project.name}",
        status=status,
        at=told.get("finished_at"),
        summary="\n".join(filter(None, (line(commit.get("title"), NAME), *_failed(event.builds)))),
        labels={
            "project": project.name,
            "branch": ref,
            "pipeline": name,
            "trigger": told.get("source"),
            "actor": members(event.user).get("username"),
        },
        links=[("Pipeline", told.get("url")), ("Commit", commit.get("url")), project.link],
    ).read(settings)


def _failed(builds: object) -> list[str]:
    """The jobs for which the pipeline failed."""
    jobs = [job for job in map(members, items(builds)) if job.get("status") == "failed"]
    return [
        line(f"{job.get('stage')}/{job.get('name')}: {job.get('failure_reason') or 'failed'}", NAME)
        for job in jobs
        if job.get("allow_failure") is not True
    ]


def _deployment(settings: Settings, project: Project, event: Event) -> Parsed:
    environment, tier = line(event.environment, NAME), line(event.environment_tier, NAME)
    status = ENDS.get(line(event.status, NAME))
    if status is None:
        return aside(f"a deployment that has neither failed nor succeeded: {line(event.status, NAME) or 'not said'}")
    if not settings.minds_environment(environment, passing=tier in PASSING_TIERS):
        return aside(f"a deployment to {environment}, which is none of the environments to be minded")
    return Build(
        key=("deployment", project.name, environment),
        title=f"Deployment to {environment} of {project.name} fails",
        status=status,
        at=event.status_changed_at,
        summary=event.commit_title,
        labels={
            "project": project.name,
            "environment": environment,
            "tier": tier,
            "ref": event.ref,
            "actor": members(event.user).get("username"),
        },
        links=[("Job", event.deployable_url), ("Environment", event.environment_external_url), project.link],
    ).read(settings)


READERS: Mapping[str, Callable[[Settings, Project, Event], Parsed]] = {
    "pipeline": _pipeline,
    "deployment": _deployment,
}
