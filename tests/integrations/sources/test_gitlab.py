from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from engine.core.errors import Unauthorized, Unreadable
from engine.core.model import Alert, AlertStatus, Link
from engine.ports import Parsed
from integrations.sources.builds import Settings
from integrations.sources.gitlab import GitLab
from tests.integrations.sources.bodies import NOW, assert_fit_for_use, request

PIPELINE: dict[str, Any] = json.loads(GitLab.example)
DEPLOYMENT: dict[str, Any] = {
    "object_kind": "deployment",
    "status": "failed",
    "status_changed_at": "2026-11-20 04:50:00 +0100",
    "deployable_url": "https://gitlab.example.com/shop/checkout/-/jobs/796",
    "environment": "production",
    "environment_tier": "production",
    "environment_external_url": "https://shop.example.com",
    "project": PIPELINE["project"],
    "user": {"username": "dev"},
    "commit_title": "Round prices to cents",
    "ref": "main",
}


def parse(body: object, **settings: object) -> Parsed:
    return GitLab().parse(Settings.model_validate(settings), request(body), NOW)


def one(body: object, **settings: object) -> Alert:
    (alert,) = parse(body, **settings).alerts
    assert_fit_for_use(alert)
    return alert


def pipeline(**fields: object) -> dict[str, Any]:
    return PIPELINE | {"object_attributes": PIPELINE["object_attributes"] | fields}


def test_a_failed_pipeline_is_read() -> None:
    assert one(GitLab.example) == Alert(
        fingerprint="pipeline/shop/checkout/Deploy/main",
        status=AlertStatus.FIRING,
        title="Deploy fails on main of shop/checkout",
        summary="Round prices to cents\ndeploy/production: script_failure",
        labels={
            "project": "shop/checkout",
            "branch": "main",
            "pipeline": "Deploy",
            "trigger": "push",
            "actor": "dev",
            "severity": "critical",
        },
        links=(
            Link(title="Pipeline", url="https://gitlab.example.com/shop/checkout/-/pipelines/31"),
            Link(title="Commit", url="https://gitlab.example.com/shop/checkout/-/commit/bcbb5ec3"),
            Link(title="Project", url="https://gitlab.example.com/shop/checkout"),
        ),
        starts_at=datetime(2026, 11, 20, 3, 10, tzinfo=UTC),
    )


def test_a_failed_deployment_is_read() -> None:
    assert one(DEPLOYMENT) == Alert(
        fingerprint="deployment/shop/checkout/production",
        status=AlertStatus.FIRING,
        title="Deployment to production of shop/checkout fails",
        summary="Round prices to cents",
        labels={
            "project": "shop/checkout",
            "environment": "production",
            "tier": "production",
            "ref": "main",
            "actor": "dev",
            "severity": "critical",
        },
        links=(
            Link(title="Job", url="https://gitlab.example.com/shop/checkout/-/jobs/796"),
            Link(title="Environment", url="https://shop.example.com"),
            Link(title="Project", url="https://gitlab.example.com/shop/checkout"),
        ),
        starts_at=datetime(2026, 11, 20, 3, 50, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("failed", AlertStatus.FIRING),
        ("success", AlertStatus.RESOLVED),
        *[(other, None) for other in ("created", "pending", "running", "canceled", "skipped", "manual", None, "new")],
    ],
)
def test_a_pipeline_that_neither_failed_nor_passed_decides_nothing(said: str, status: AlertStatus | None) -> None:
    for body in (pipeline(status=said), DEPLOYMENT | {"status": said}):
        parsed = parse(body)
        assert [alert.status for alert in parsed.alerts] == ([status] if status else [])
        assert bool(parsed.note) is (status is None)


def test_the_next_success_in_the_same_place_is_its_end() -> None:
    over = one(pipeline(id=99, status="success", finished_at="2026-11-20 05:00:00 UTC"))
    assert (over.fingerprint, over.ends_at) == (one(PIPELINE).fingerprint, datetime(2026, 11, 20, 5, tzinfo=UTC))
    assert one(DEPLOYMENT | {"status": "success"}).fingerprint == one(DEPLOYMENT).fingerprint


def test_another_ref_or_name_or_environment_is_another_problem() -> None:
    alerts = [
        one(PIPELINE),
        one(pipeline(name="Nightly")),
        one(pipeline(name=None)),
        one(pipeline(ref="v2"), branches=["v2"]),
        one(DEPLOYMENT),
        one(DEPLOYMENT | {"environment": "staging"}),
    ]
    assert len({alert.fingerprint for alert in alerts}) == len(alerts)


@pytest.mark.parametrize(
    ("branches", "ref", "minded"),
    [([], "main", True), ([], "feature", False), (["v*"], "v2", True), (["v*"], "main", False)],
)
def test_only_branches_that_are_minded_page(branches: list[str], ref: str, minded: bool) -> None:  # noqa: FBT001
    parsed = parse(pipeline(ref=ref), branches=branches)
    assert bool(parsed.alerts) is minded
    assert (ref in parsed.note) is not minded


@pytest.mark.parametrize(
    ("tier", "environments", "minded"),
    [
        ("production", [], True),
        ("staging", [], True),
        ("other", [], True),
        (None, [], True),
        ("development", [], False),
        ("testing", [], False),
        ("development", ["prod*"], True),
        ("production", ["eu"], False),
    ],
)
def test_only_environments_that_are_minded_page(tier: str, environments: list[str], minded: bool) -> None:  # noqa: FBT001
    parsed = parse(DEPLOYMENT | {"environment_tier": tier}, environments=environments)
    assert bool(parsed.alerts) is minded


@pytest.mark.parametrize(
    "body", [PIPELINE | {"merge_request": {"id": 1, "iid": 1}}, pipeline(source="merge_request_event")]
)
def test_a_merge_request_pages_nobody(body: dict[str, Any]) -> None:
    assert parse(body) == Parsed(alerts=(), note="a pipeline of a merge request")


def test_jobs_that_may_fail_are_not_named() -> None:
    jobs = [
        {"stage": "test", "name": "lint", "status": "failed", "allow_failure": True},
        {"stage": "test", "name": "unit", "status": "success"},
        {"stage": "test", "name": "slow", "status": "failed"},
        "odd",
    ]
    assert one(PIPELINE | {"builds": jobs, "commit": None}).summary == "test/slow: failed"


@pytest.mark.parametrize("kind", ["push", "build", "merge_request", ""])
def test_other_events_are_noted(kind: str) -> None:
    assert "is not read; pipeline, deployment are" in parse({"object_kind": kind}).note


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"project": {}}, "$"),
        (PIPELINE | {"project": None}, "$.project.path_with_namespace"),
        ({"object_kind": 3}, "$.object_kind"),
    ],
)
def test_what_is_no_event_is_refused_with_the_place(body: object, path: str) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(body)
    assert caught.value.path == path


@pytest.mark.parametrize("presented", ["", "wrong", "t0ken ", "é", "sha256=t0ken"])
def test_the_token_is_the_one_that_gitlab_was_given(presented: str) -> None:
    settings = Settings.model_validate({"secret": "t0ken"})
    GitLab().verify(settings, request(PIPELINE, x_gitlab_token="t0ken"), NOW)
    with pytest.raises(Unauthorized, match="X-Gitlab-Token"):
        GitLab().verify(settings, request(PIPELINE, x_gitlab_token=presented), NOW)
