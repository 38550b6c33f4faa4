"""Who would be paged when, by the shipped configuration: the numbers of the documented standard, to the second."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.bootstrap import playbooks_of, shipped_config
from engine.core.errors import Forbidden, NotFound
from engine.core.model import Alert, AlertStatus
from engine.core.playbook import Playbook
from engine.core.policy import Config
from engine.services.rehearsal import Rehearsed, Scenario, rehearse

NIGHT = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)
"""A Saturday."""
LEAD, SENIOR, MANAGER, CTO = "ops-lead", "ops-senior", "eng-manager", "cto"


@pytest.fixture(scope="module")
def config() -> Config:
    return shipped_config()


@pytest.fixture(scope="module")
def playbooks(config: Config) -> Mapping[str, Playbook]:
    return playbooks_of(config)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def scenario(priority: str = "P0", **changes: Any) -> Scenario:
    labels = {"priority": priority}
    alert = Alert(fingerprint="a", status=AlertStatus.FIRING, title="Checkout is down", labels=labels)
    return replace(Scenario(alerts=[alert], at=NIGHT, lasts=timedelta(hours=5)), **changes)


def pages(rehearsed: Rehearsed) -> list[tuple[float, str]]:
    """(minutes after the alert, who)."""
    return [(line.after / timedelta(minutes=1), line.contact or "") for line in rehearsed.lines if line.what == "page"]


LADDERS: dict[str, list[tuple[float, str]]] = {
    "P0": [(0, LEAD), (5, SENIOR), (5, LEAD), (30, MANAGER), (60, CTO)],
    "P1": [(0, LEAD), (15, SENIOR), (15, LEAD), (120, MANAGER), (240, CTO)],
    "P2": [(0, LEAD), (60, SENIOR), (60, LEAD)],
    "P3": [],
}


@pytest.mark.parametrize("priority", LADDERS)
async def test_without_an_answer_the_standard_pages_whom_it_says_when_it_says(
    config: Config, playbooks: Mapping[str, Playbook], priority: str
) -> None:
    rehearsed = await rehearse(config, playbooks, scenario(priority))
    assert pages(rehearsed) == LADDERS[priority]


async def test_an_acknowledgement_in_time_stops_level_1_and_not_the_management(
    config: Config, playbooks: Mapping[str, Playbook]
) -> None:
    rehearsed = await rehearse(config, playbooks, scenario(acknowledge_after=minutes(3)))
    assert pages(rehearsed) == [(0, LEAD), (30, MANAGER), (60, CTO)]
    assert rehearsed.incident.acknowledged_by == LEAD


async def test_an_answer_at_the_last_moment_is_in_time(config: Config, playbooks: Mapping[str, Playbook]) -> None:
    rehearsed = await rehearse(config, playbooks, scenario(acknowledge_after=minutes(5)))
    assert (5, SENIOR) not in pages(rehearsed)


async def test_nobody_is_paged_once_service_is_restored(config: Config, playbooks: Mapping[str, Playbook]) -> None:
    played = scenario(acknowledge_after=minutes(3), resolve_after=minutes(40))
    rehearsed = await rehearse(config, playbooks, played)
    assert pages(rehearsed) == [(0, LEAD), (30, MANAGER)]
    assert rehearsed.incident.state == "review"


async def test_who_acknowledged_and_falls_silent_is_asked_and_then_level_1_is_paged_again(
    config: Config, playbooks: Mapping[str, Playbook]
) -> None:
    played = scenario(acknowledge_after=minutes(3), acknowledge_by=SENIOR, answers=False, lasts=minutes(24))
    rehearsed = await rehearse(config, playbooks, played)
    asked = [(line.after, line.contact) for line in rehearsed.lines if line.what == "question"]
    assert asked == [(minutes(18), SENIOR)]
    assert pages(rehearsed) == [(0, LEAD), (23, LEAD)]


async def test_a_level_that_nothing_reaches_is_passed_over_at_once_and_says_why(
    config: Config, playbooks: Mapping[str, Playbook]
) -> None:
    operations = config.levels["operations"]
    slack_only = config.contacts[LEAD].model_copy(update={"reach": {"slack": "U1"}})
    contacts = {**config.contacts, LEAD: slack_only, SENIOR: slack_only}
    changed = config.model_copy(update={"contacts": contacts})
    rehearsed = await rehearse(changed, playbooks, scenario(unreachable={"slack": "it is away"}, lasts=minutes(1)))
    assert pages(rehearsed) == [(0, MANAGER)]
    [why] = [line.reason for line in rehearsed.lines if line.what == "level.unreachable"]
    assert operations.title in why


async def test_with_no_channel_but_the_log_pages_go_to_the_log(
    config: Config, playbooks: Mapping[str, Playbook]
) -> None:
    away = dict.fromkeys(("slack", "email", "phone"), "it is away")
    rehearsed = await rehearse(config, playbooks, scenario(unreachable=away, lasts=minutes(1)))
    assert [line.channels for line in rehearsed.lines if line.what == "page"] == [("log",)]


async def test_a_page_on_several_channels_is_one_line(config: Config, playbooks: Mapping[str, Playbook]) -> None:
    rehearsed = await rehearse(config, playbooks, scenario(lasts=minutes(1)))
    [page] = [line for line in rehearsed.lines if line.what == "page"]
    assert page.channels == ("phone", "email", "slack")
    assert (page.level, page.level_title, page.seat, page.who) == (
        1,
        "Operations",
        "primary",
        config.contacts[LEAD].name,
    )


async def test_what_waits_for_business_hours_is_told_as_ahead(
    config: Config, playbooks: Mapping[str, Playbook]
) -> None:
    rehearsed = await rehearse(config, playbooks, scenario("P3"))
    assert datetime(2026, 11, 23, 9, tzinfo=UTC) in {timer.due_at for timer in rehearsed.ahead}


async def test_the_first_page_of_a_person_is_known_and_of_others_there_is_none(
    config: Config, playbooks: Mapping[str, Playbook]
) -> None:
    rehearsed = await rehearse(config, playbooks, scenario())
    assert rehearsed.first_page(MANAGER) == minutes(30)
    assert rehearsed.first_page("eng-lead") is None


async def test_a_rehearsal_leaves_nothing_behind(
    config: Config, playbooks: Mapping[str, Playbook], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    await rehearse(config, playbooks, scenario(lasts=minutes(1)))
    assert [*os.scandir(tmp_path)] == []


IMPOSSIBLE: dict[str, tuple[dict[str, Any], type[Exception]]] = {
    "a channel that is not there": ({"unreachable": {"pigeon": "it is away"}}, NotFound),
    "a person who is not there": ({"acknowledge_by": "nobody"}, NotFound),
    "someone who may not act": ({"acknowledge_after": minutes(1), "acknowledge_by": "cloud-support"}, Forbidden),
    "an answer where nobody was paged": ({"alerts": scenario("P3").alerts, "acknowledge_after": minutes(1)}, NotFound),
}


@pytest.mark.parametrize(("changes", "error"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
async def test_a_scenario_that_cannot_be_is_refused(
    config: Config, playbooks: Mapping[str, Playbook], changes: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await rehearse(config, playbooks, scenario(**changes))
