"""GitHub: failed workflow runs, check runs and deployments.

docs.github.com/en/webhooks/webhook-events-and-payloads
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
from integrations.sources.reading import NAME, decode, line, members, tidy
from integrations.sources.signatures import check_signature

FAILED, PASSED = AlertStatus.FIRING, AlertStatus.RESOLVED
RUN_ENDS = {"failure": FAILED, "timed_out": FAILED, "startup_failure": FAILED, "success": PASSED}
"""Conclusions of runs. The others (cancelled, skipped, neutral, stale, action_required) tell nothing of the branch."""
DEPLOYMENT_ENDS = {"failure": FAILED, "error": FAILED, "success": PASSED}
PULL_REQUEST = "pull_request"

Object = dict[str, Any]


class Event(msgspec.Struct, frozen=True):
    repository: Object | None = None
    workflow: Any = None
    workflow_run: Object | None = None
    check_run: Object | None = None
    deployment: Any = None
    deployment_status: Object | None = None


EVENT = msgspec.json.Decoder(Event)


class GitHub:
    name = "github"
    title = "GitHub"
    settings: type[BaseModel] = Settings
    example = b"""{
  "action": "completed",
  "workflow": {"id": 2823525, "name": "Deploy", "path": ".github/workflows/deploy.yml"},
  "workflow_run": {
    "id": 289782451,
    "name": "Deploy",
    "workflow_id": 2823525,
    "event": "push",
    "status": "completed",
    "conclusion": "failure",
    "display_title": "Round prices to cents",
    "head_branch": "main",
    "head_sha": "3484a3fb816e0859fd6e1cea078d76385ff50625",
    "head_repository": {"full_name": "example/checkout"},
    "html_url": "https://github.com/example/checkout/actions/runs/289782451",
    "run_number": 163,
    "run_attempt": 1,
    "run_started_at": "2026-11-20T03:05:49Z",
    "updated_at": "2026-11-20T03:10:00Z",
    "actor": {"login": "dev"}
  },
  "repository": {
    "full_name": "example/checkout",
    "default_branch": "main",
    "html_url": "https://github.com/example/checkout",
    "custom_properties": {"service": "checkout", "team": "payments"}
  },
  "sender": {"login": "dev"}
}"""
    example_resolved = example.replace(b'"failure"', b'"success"').replace(b"289782451", b"289782500")
    example_headers: Mapping[str, str] = {"x-github-event": "workflow_run"}

    def verify(self, settings: Settings, request: Request, now: datetime) -> None:
        del now
        if settings.secret is not None:
            check_signature(settings.secret, "X-Hub-Signature-256", request)

    def parse(self, settings: Settings, request: Request, now: datetime) -> Parsed:
        del now
        if request.body.startswith(b"payload="):
            raise Unreadable("$", "a form; set the webhook's content type to application/json")
        event = decode(EVENT, tidy(request.body))
        kind = line(request.headers.get("x-github-event"), NAME)
        if kind == "ping":
            return aside("GitHub's ping: the webhook is connected")
        reader = READERS.get(kind)
        if reader is None:
            return aside(f"{kind or 'an event without a name'} is not read; {', '.join(READERS)} are")
        return reader(settings, Repository(event.repository), event)


class Repository:
    """Raises Unreadable where the event does not say which it is."""

    def __init__(self, sent: Object | None) -> None:
        told = members(sent)
        self.name = line(told.get("full_name"), NAME)
        if not self.name:
            raise Unreadable("$.repository.full_name", "missing; what is read here happens in a repository")
        self.default_branch = line(told.get("default_branch"), NAME)
        self.link = ("Repository", told.get("html_url"))
        self.properties = members(told.get("custom_properties"))


def _workflow_run(settings: Settings, repository: Repository, event: Event) -> Parsed:
    run = _told(event.workflow_run, "workflow_run")
    branch = line(run.get("head_branch"), NAME)
    status = RUN_ENDS.get(line(run.get("conclusion"), NAME))
    if status is None or run.get("status") != "completed":
        return aside(f"a workflow run that neither failed nor passed: {_state(run)}")
    origin = members(run.get("head_repository")).get("full_name")
    if line(run.get("event"), NAME).startswith(PULL_REQUEST) or origin not in (None, repository.name):
        return aside("a workflow run of a pull request")
    if not settings.minds_branch(branch, default=repository.default_branch):
        return aside(f"a workflow run on {branch}, which is none of the branches to be minded")
    workflow = line(run.get("name") or members(event.workflow).get("name"), NAME) or "A workflow"
    return Build(
        key=("workflow_run", repository.name, line(run.get("workflow_id"), NAME) or workflow, branch),
        title=f"{workflow} fails on {branch} of {repository.name}",
        status=status,
        at=run.get("updated_at"),
        summary=run.get("display_title"),
        tags=repository.properties,
        labels={
            "repository": repository.name,
            "branch": branch,
            "workflow": workflow,
            "conclusion": run.get("conclusion"),
            "trigger": run.get("event"),
            "actor": members(run.get("actor")).get("login"),
        },
        links=[("Run", run.get("html_url")), repository.link],
    ).read(settings)


def _check_run(settings: Settings, repository: Repository, event: Event) -> Parsed:
    run = _told(event.check_run, "check_run")
    suite = members(run.get("check_suite"))
    branch = line(suite.get("head_branch"), NAME)
    status = RUN_ENDS.get(line(run.get("conclusion"), NAME))
    if status is None or run.get("status") != "completed":
        return aside(f"a check run that neither failed nor passed: {_state(run)}")
    if not branch:  # docs.github.com/en/rest/checks/runs: so it is for a branch of a fork
        return aside("a check run of a fork")
    if not settings.minds_branch(branch, default=repository.default_branch):
        return aside(f"a check run on {branch}, which is none of the branches to be minded")
    app = line(members(run.get("app")).get("slug"), NAME)
    check = line(run.get("name"), NAME) or app or "A check"
    output = members(run.get("output"))
    return Build(
        key=("check_run", repository.name, app, check, branch),
        title=f"{check} fails on {branch} of {repository.name}",
        status=status,
        at=run.get("completed_at"),
        summary=output.get("summary") or output.get("title"),
        tags=repository.properties,
        labels={
            "repository": repository.name,
            "branch": branch,
            "check": check,
            "app": app,
            "conclusion": run.get("conclusion"),
        },
        links=[("Run", run.get("html_url")), ("Details", run.get("details_url")), repository.link],
    ).read(settings)


def _deployment_status(settings: Settings, repository: Repository, event: Event) -> Parsed:
    told = _told(event.deployment_status, "deployment_status")
    deployment = members(event.deployment)
    environment = line(told.get("environment") or deployment.get("environment"), NAME)
    status = DEPLOYMENT_ENDS.get(line(told.get("state"), NAME))
    if status is None:
        return aside(f"a deployment that has neither failed nor succeeded: {line(told.get('state'), NAME)}")
    if not settings.minds_environment(environment, passing=deployment.get("transient_environment") is True):
        return aside(f"a deployment to {environment}, which is none of the environments to be minded")
    return Build(
        key=("deployment", repository.name, line(deployment.get("task"), NAME), environment),
        title=f"Deployment to {environment} of {repository.name} fails",
        status=status,
        at=told.get("created_at"),
        summary=told.get("description"),
        tags=repository.properties,
        labels={
            "repository": repository.name,
            "environment": environment,
            "ref": deployment.get("ref"),
            "conclusion": told.get("state"),
            "actor": members(told.get("creator")).get("login"),
        },
        links=[("Log", told.get("log_url")), ("Deployment", told.get("target_url")), repository.link],
    ).read(settings)


READERS: Mapping[str, Callable[[Settings, Repository, Event], Parsed]] = {
    "workflow_run": _workflow_run,
    "check_run": _check_run,
    "deployment_status": _deployment_status,
}


def _told(sent: Object | None, name: str) -> Object:
    if sent is None:
        raise Unreadable(f"$.{name}", "missing; the X-GitHub-Event header announces it")
    return sent


def _state(run: Object) -> str:
    return line(run.get("conclusion") or run.get("status"), NAME) or "not said"
