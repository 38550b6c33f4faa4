from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from engine.core.errors import Unauthorized, Unreadable
from engine.core.model import Alert, AlertStatus, Link
from engine.ports import Parsed, Request
from integrations.sources.builds import Settings
from integrations.sources.github import GitHub
from tests.integrations.sources.bodies import NOW, assert_fit_for_use, captured, request

RUN: dict[str, Any] = json.loads(GitHub.example)


def parse(body: object, event: str = "workflow_run", **settings: object) -> Parsed:
    return GitHub().parse(Settings.model_validate(settings), request(body, x_github_event=event), NOW)


def one(body: object, event: str = "workflow_run", **settings: object) -> Alert:
    (alert,) = parse(body, event, **settings).alerts
    assert_fit_for_use(alert)
    return alert


def changed(part: str, **fields: object) -> dict[str, Any]:
    return RUN | {part: RUN[part] | fields}


def run(**fields: object) -> dict[str, Any]:
    return changed("workflow_run", **fields)


def test_a_failed_workflow_run_is_read() -> None:
    assert one(GitHub.example) == Alert(
        fingerprint="workflow_run/example/checkout/2823525/main",
        status=AlertStatus.FIRING,
        title="Deploy fails on main of example/checkout",
        summary="Round prices to cents",
        service="checkout",
        labels={
            "service": "checkout",
            "team": "payments",
            "repository": "example/checkout",
            "branch": "main",
            "workflow": "Deploy",
            "conclusion": "failure",
            "trigger": "push",
            "actor": "dev",
            "severity": "critical",
        },
        links=(
            Link(title="Run", url="https://github.com/example/checkout/actions/runs/289782451"),
            Link(title="Repository", url="https://github.com/example/checkout"),
        ),
        starts_at=datetime(2026, 11, 20, 3, 10, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("conclusion", "status"),
    [
        ("failure", AlertStatus.FIRING),
        ("timed_out", AlertStatus.FIRING),
        ("startup_failure", AlertStatus.FIRING),
        ("success", AlertStatus.RESOLVED),
        *[(other, None) for other in ("cancelled", "skipped", "neutral", "stale", "action_required", None, "new")],
    ],
)
def test_a_run_that_neither_failed_nor_passed_decides_nothing(conclusion: str, status: AlertStatus | None) -> None:
    parsed = parse(run(conclusion=conclusion))
    assert [alert.status for alert in parsed.alerts] == ([status] if status else [])
    assert bool(parsed.note) is (status is None)


def test_a_rerun_is_not_over_before_it_has_ended() -> None:
    assert "in_progress" in parse(run(status="in_progress", conclusion=None)).note


@pytest.mark.parametrize("fields", [{"run_number": 164}, {"id": 1}, {"head_sha": "0"}, {"event": "schedule"}])
def test_the_next_failure_is_the_same_problem(fields: dict[str, object]) -> None:
    assert one(run(**fields)).fingerprint == one(RUN).fingerprint


def test_another_workflow_or_branch_or_repository_is_another_problem() -> None:
    others = [
        one(run(workflow_id=1)),
        one(run(head_branch="v2"), branches=["v2"]),
        one(
            RUN
            | {"repository": {"full_name": "example/shop", "default_branch": "main"}}
            | {"workflow_run": RUN["workflow_run"] | {"head_repository": {"full_name": "example/shop"}}}
        ),
    ]
    assert len({alert.fingerprint for alert in [one(RUN), *others]}) == 4


@pytest.mark.parametrize(
    ("branches", "branch", "minded"),
    [
        ([], "main", True),
        ([], "feature", False),
        ([], "Main", False),
        (["release/*"], "release/2.1", True),
        (["release/*"], "main", False),
        (["main", "v?"], "v2", True),
        (["*"], "feature", True),
    ],
)
def test_only_branches_that_are_minded_page(branches: list[str], branch: str, minded: bool) -> None:  # noqa: FBT001
    parsed = parse(run(head_branch=branch), branches=branches)
    assert bool(parsed.alerts) is minded
    assert (branch in parsed.note) is not minded


@pytest.mark.parametrize(
    "fields",
    [{"event": "pull_request"}, {"event": "pull_request_target"}, {"head_repository": {"full_name": "a/fork"}}],
)
def test_a_pull_request_pages_nobody_even_from_a_branch_of_that_name(fields: dict[str, object]) -> None:
    assert parse(run(**fields)) == Parsed(alerts=(), note="a workflow run of a pull request")


def test_githubs_own_examples_of_workflow_runs_are_read() -> None:
    assert parse(captured("github/workflow_run_queued.json")).alerts == ()
    over = one(captured("github/workflow_run_succeeded.json"))
    assert (over.status, over.ends_at) == (AlertStatus.RESOLVED, datetime(2020, 10, 5, 16, 33, 49, tzinfo=UTC))
    assert over.fingerprint == "workflow_run/octo-org/octo-repo/2823525/master"


def test_githubs_own_examples_of_check_runs_are_read() -> None:
    assert parse(captured("github/check_run_created.json"), "check_run").alerts == ()
    failed, passed = (captured(f"github/check_run_{end}.json") for end in ("failed", "succeeded"))
    assert "changes" in parse(failed, "check_run").note
    alert = one(failed, "check_run", branches=["changes"])
    assert (alert.title, alert.status) == (
        "Octocoders-linter fails on changes of Codertocat/Hello-World",
        AlertStatus.FIRING,
    )
    assert [link.title for link in alert.links] == ["Run", "Details", "Repository"]
    assert one(passed, "check_run", branches=["changes"]).status is AlertStatus.RESOLVED
    again = failed.replace(b'"conclusion":"failure"', b'"conclusion":"success"')
    assert one(again, "check_run", branches=["changes"]).fingerprint == alert.fingerprint


def test_a_check_run_of_a_fork_has_no_branch_and_pages_nobody() -> None:
    forked = json.loads(captured("github/check_run_failed.json"))
    forked["check_run"]["check_suite"]["head_branch"] = None
    assert parse(forked, "check_run", branches=["*"]) == Parsed(alerts=(), note="a check run of a fork")


def deployment(state: str, **fields: object) -> dict[str, Any]:
    sent: dict[str, Any] = json.loads(captured("github/deployment_in_progress.json"))
    sent["deployment_status"] |= {"state": state}
    sent["deployment"] |= fields
    return sent


def test_githubs_own_examples_of_deployments_are_read() -> None:
    assert "in_progress" in parse(captured("github/deployment_in_progress.json"), "deployment_status").note
    over = one(captured("github/deployment_succeeded.json"), "deployment_status")
    assert (over.status, over.labels["environment"]) == (AlertStatus.RESOLVED, "production")
    failed = one(deployment("failure"), "deployment_status")
    assert failed.title == "Deployment to github-pages of Codertocat/Hello-World fails"
    assert one(deployment("error"), "deployment_status").fingerprint == failed.fingerprint
    assert one(deployment("success"), "deployment_status").fingerprint == failed.fingerprint


def test_an_environment_that_goes_with_its_branch_pages_nobody_unless_it_is_named() -> None:
    preview = deployment("failure", transient_environment=True)
    assert "github-pages" in parse(preview, "deployment_status").note
    assert one(preview, "deployment_status", environments=["github-*"]).status is AlertStatus.FIRING
    assert parse(deployment("failure"), "deployment_status", environments=["production"]).alerts == ()


def test_the_severity_is_the_integrations() -> None:
    assert one(RUN, severity="warning").labels["severity"] == "warning"


def test_a_ping_is_answered_as_one() -> None:
    ping = {"zen": "Keep it logically awesome.", "hook_id": 1}
    assert parse(ping, "ping") == Parsed(alerts=(), note="GitHub's ping: the webhook is connected")


@pytest.mark.parametrize("event", ["push", "issues", ""])
def test_other_events_are_noted(event: str) -> None:
    assert "is not read; workflow_run, check_run, deployment_status are" in parse({"ref": "x"}, event).note


@pytest.mark.parametrize(
    ("body", "event", "path"),
    [
        (RUN | {"repository": None}, "workflow_run", "$.repository.full_name"),
        (RUN, "check_run", "$.check_run"),
        (RUN, "deployment_status", "$.deployment_status"),
        (RUN | {"workflow_run": []}, "workflow_run", "$.workflow_run"),
        (b"payload=%7B%7D", "workflow_run", "$"),
    ],
)
def test_what_is_no_such_event_is_refused_with_the_place(body: object, event: str, path: str) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(body, event)
    assert caught.value.path == path


def test_the_signature_is_githubs() -> None:
    secret = "It's a Secret to Everybody"
    settings = Settings.model_validate({"secret": secret})
    body = b"Hello, World!"
    # docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries, where these three are given
    published = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert hmac.new(secret.encode(), body, hashlib.sha256).hexdigest() == published
    for presented, taken in ((f"sha256={published}", True), (f"sha256={published[:-1]}0", False), ("", False)):
        signed = Request(headers={"x-hub-signature-256": presented}, body=body)
        if taken:
            GitHub().verify(settings, signed, NOW)
        else:
            with pytest.raises(Unauthorized):
                GitHub().verify(settings, signed, NOW)
