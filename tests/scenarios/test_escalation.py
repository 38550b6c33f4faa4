"""The documented clocks, to the second, over real HTTP: who is paged when, and who is not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.scenarios.conftest import OpenStage
from tests.scenarios.stage import Document, Stage

DAY = 24 * 60

LADDERS = {
    "P0": [(0, "ops-lead"), (5, "ops-lead"), (5, "ops-senior"), (30, "eng-manager"), (60, "cto")],
    "P1": [(0, "ops-lead"), (15, "ops-lead"), (15, "ops-senior"), (120, "eng-manager"), (240, "cto")],
    "P2": [(0, "ops-lead"), (60, "ops-lead"), (60, "ops-senior")],
}


@pytest.mark.parametrize("priority", LADDERS)
async def test_nobody_answers_and_each_level_is_paged_at_its_documented_minute(
    documented_stage: Stage, priority: str
) -> None:
    stage = documented_stage
    await stage.fire(priority=priority)
    await stage.advance(minutes=DAY)
    assert stage.pages("email") == LADDERS[priority]


@pytest.mark.parametrize("priority", LADDERS)
async def test_slack_carries_the_same_pages_where_the_level_is_reached_by_it(
    documented_stage: Stage, priority: str
) -> None:
    stage = documented_stage
    await stage.fire(priority=priority)
    await stage.advance(minutes=DAY)
    assert stage.pages("slack") == [page for page in LADDERS[priority] if page[1] != "cto"]


async def test_a_p3_wakes_nobody_at_night_and_is_told_to_the_queue_in_business_hours(documented_stage: Stage) -> None:
    stage = documented_stage
    await stage.fire(priority="P3")
    await stage.to(minute=(24 + 24 + 5) * 60)  # Monday, ten past eight
    assert stage.pages("email") == []
    assert stage.pages("slack") == []
    incident = await stage.incident("INC-1")
    due = {timer["kind"]: timer["due_at"] for timer in incident["timers"] if timer["state"] == "pending"}
    assert due["queue"].startswith("2026-11-23T09:00:00")
    assert due["response"].startswith("2026-11-23T17:00:00")


async def test_an_acknowledgement_at_minute_3_stops_level_1_but_not_the_management_levels(
    documented_stage: Stage,
) -> None:
    stage = documented_stage
    await stage.fire(priority="P0")
    await stage.to(minute=3)
    await stage.command("INC-1", "acknowledge", by="ops-lead")
    await keep_alive(stage, until=61)
    assert stage.pages("email") == [(0, "ops-lead"), (30, "eng-manager"), (60, "cto")]


async def test_a_resolve_stops_every_level(documented_stage: Stage) -> None:
    stage = documented_stage
    await stage.fire(priority="P0")
    await stage.to(minute=3)
    await stage.command("INC-1", "acknowledge", by="ops-lead")
    await stage.to(minute=10)
    answer = await stage.command("INC-1", "resolve", validation="checked by hand", by="ops-lead")
    assert answer.status_code == 200, answer.text
    await stage.to(minute=DAY)
    assert stage.pages("email") == [(0, "ops-lead")]


async def test_levels_that_end_with_the_acknowledgement_are_not_paged_after_it(open_stage: OpenStage) -> None:
    def until_acknowledged(document: Document) -> None:
        for step in document["policies"]["standard"]["P0"]["steps"]:
            step["until"] = "acknowledged"

    async with open_stage(edit=until_acknowledged) as stage:
        await stage.fire(priority="P0")
        await stage.to(minute=3)
        await stage.command("INC-1", "acknowledge", by="ops-lead")
        await keep_alive(stage, until=61)
        assert stage.pages("email") == [(0, "ops-lead")]


async def keep_alive(stage: Stage, *, until: float) -> None:
    """The owner does something now and then, so that the acknowledgement's lease goes on."""
    while stage.minute + 10 < until:
        await stage.advance(minutes=10)
        await stage.command("INC-1", "note", text="still working", by="ops-lead")
    await stage.to(minute=until)


async def test_a_silent_owner_is_asked_after_15_minutes_and_level_1_is_paged_5_minutes_later(
    documented_stage: Stage,
) -> None:
    stage = documented_stage
    await stage.fire(priority="P0")
    await stage.to(minute=2)
    await stage.command("INC-1", "acknowledge", by="ops-senior")
    await stage.to(minute=23)
    assert stage.pages("email") == [(0, "ops-lead"), (17, "ops-senior"), (22, "ops-lead")]
    assert (await stage.incident("INC-1"))["acknowledged_by"] is None


async def test_any_act_renews_the_lease(documented_stage: Stage) -> None:
    stage = documented_stage
    await stage.fire(priority="P0")
    await stage.command("INC-1", "acknowledge", by="ops-lead")
    await stage.to(minute=14)
    await stage.command("INC-1", "note", text="looking at the logs", by="ops-lead")
    await stage.to(minute=28)
    assert stage.pages("email") == [(0, "ops-lead")]


async def test_a_hold_moves_the_management_levels_and_is_on_record(documented_stage: Stage) -> None:
    stage = documented_stage
    await stage.fire(priority="P0")
    await stage.command("INC-1", "acknowledge", by="ops-lead")
    await stage.to(minute=10)
    await stage.command("INC-1", "hold", **{"for": "40m"}, reason="the rollback needs half an hour", by="ops-lead")
    await keep_alive(stage, until=61)
    assert stage.pages("email") == [(0, "ops-lead"), (50, "eng-manager"), (60, "cto")]
    assert "escalation.held" in await stage.kinds("INC-1")


async def test_a_raise_pages_at_once_and_counts_from_the_raise_but_makes_nothing_later(
    documented_stage: Stage,
) -> None:
    stage = documented_stage
    await stage.fire(priority="P1")
    await stage.to(minute=100)
    await stage.command("INC-1", "reprioritize", priority="P0", reason="all regions", by="ops-lead")
    await stage.to(minute=DAY)
    assert stage.pages("email") == [
        (0, "ops-lead"),
        (15, "ops-lead"),
        (15, "ops-senior"),
        (100, "ops-lead"),
        (105, "ops-lead"),
        (105, "ops-senior"),
        (120, "eng-manager"),  # 130 by the new row, 120 by the old one
        (160, "cto"),  # 160 by the new row, 240 by the old one
    ]


async def test_a_lowered_priority_counts_from_the_opening(documented_stage: Stage) -> None:
    stage = documented_stage
    await stage.fire(priority="P0")
    await stage.to(minute=4)
    await stage.command("INC-1", "reprioritize", priority="P1", reason="one region only", by="ops-lead")
    await stage.to(minute=DAY)
    assert stage.pages("email") == LADDERS["P1"]


async def test_a_critical_alert_level_tightens_the_response_of_a_p1_to_5_minutes(documented_stage: Stage) -> None:
    stage = documented_stage
    await stage.fire(severity="critical")
    await stage.to(minute=6)
    assert (await stage.incident("INC-1"))["priority"] == "P1"
    assert stage.pages("email") == [(0, "ops-lead"), (5, "ops-lead"), (5, "ops-senior")]


async def test_reopening_starts_the_ladder_anew(documented_stage: Stage) -> None:
    stage = documented_stage
    await stage.fire(priority="P0")
    await stage.to(minute=1)
    await stage.command("INC-1", "resolve", validation="restarted", by="ops-lead")
    await stage.to(minute=20)
    await stage.command("INC-1", "reopen", reason="it came back", by="ops-lead")
    await stage.to(minute=DAY)
    assert stage.pages("email") == [(0, "ops-lead"), *((20 + at, who) for at, who in LADDERS["P0"])]


@pytest.mark.parametrize(
    ("minutes_down", "paged", "superseded"),
    [
        (4, [(7, "ops-lead"), (7, "ops-senior")], 0),
        (20, [(23, "ops-lead"), (23, "ops-senior")], 0),
        (40, [(43, "eng-manager")], 1),
        (120, [(123, "cto")], 2),
    ],
)
async def test_what_fell_due_while_the_engine_was_down_is_paged_once_at_the_highest_level_and_says_how_late(
    documented_stage: Stage, minutes_down: float, paged: list[tuple[float, str]], superseded: int
) -> None:
    stage = documented_stage
    await stage.fire(priority="P0")
    await stage.to(minute=3)
    await stage.sleep_through(minutes=minutes_down)
    assert stage.pages("email") == [(0, "ops-lead"), *paged]
    lines = await stage.timeline("INC-1")
    assert sum(line["kind"] == "level.superseded" for line in lines) == superseded
    late = [line for line in lines if line["kind"] == "page.decided" and "late by" in line["reason"]]
    assert len(late) == len(paged)
    report = (await stage.http.get("/api/v1/incidents/INC-1/report", params={"format": "json"})).json()
    assert all("late by" in one["reason"] for one in report["late"])
    late_kinds = ("level.superseded", "level.escalated", "response.breached", "ladder.exhausted")
    assert len(report["late"]) == sum(line["kind"] in late_kinds for line in lines)


@pytest.mark.parametrize(
    ("lowered_at", "paged"),
    [
        (80, [(120, "eng-manager")]),
        (None, []),
    ],
    ids=["lowered before that", "not lowered"],
)
async def test_a_level_that_was_passed_over_is_paged_where_a_lowering_gives_it_a_time_that_is_still_to_come(
    documented_stage: Stage, lowered_at: float | None, paged: list[tuple[float, str]]
) -> None:
    """The engine was down from minute 3 to 75: executives were paged, and engineering in their stead was not."""
    stage = documented_stage
    await stage.fire(priority="P0")
    await stage.to(minute=3)
    await stage.sleep_through(minutes=72)
    before = stage.pages("email")
    assert before == [(0, "ops-lead"), (75, "cto")]
    await stage.command("INC-1", "note", text="looking", by="ops-lead")
    if lowered_at is not None:
        await stage.to(minute=lowered_at)
        await stage.command("INC-1", "reprioritize", priority="P1", reason="less than thought", by="ops-lead")
    await stage.to(minute=300)
    levels = ("eng-manager", "eng-lead", "cto")
    assert [page for page in stage.pages("email")[len(before) :] if page[1] in levels] == paged


async def test_a_clock_in_another_zone_does_not_move_a_deadline(open_stage: OpenStage) -> None:
    """The night on which Europe's clocks go back: an hour is an hour."""
    start = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)

    def berlin(document: Document) -> None:
        document["business_hours"]["timezone"] = "Europe/Berlin"

    async with open_stage(edit=berlin, start=start) as stage:
        await stage.fire(priority="P0")
        await stage.to(minute=120)
        assert stage.pages("email") == LADDERS["P0"]


def pending(incident: dict[str, Any]) -> set[tuple[str, int]]:
    return {(timer["kind"], timer["level"]) for timer in incident["timers"] if timer["state"] == "pending"}


async def test_the_incident_shows_its_timers_before_they_fire(documented_stage: Stage) -> None:
    stage = documented_stage
    await stage.fire(priority="P0")
    assert pending(await stage.incident("INC-1")) == {("response", 1), ("page", 2), ("page", 3), ("queue", 0)}


async def test_a_raised_incident_gets_the_playbook_of_its_new_priority(documented_stage: Stage) -> None:
    stage = documented_stage
    await stage.fire(priority="P1")
    assert (await stage.incident("INC-1"))["playbook"].startswith("p1-high-priority-incident@")
    await stage.command("INC-1", "reprioritize", priority="P0", reason="all regions", by="ops-lead")
    assert (await stage.incident("INC-1"))["playbook"].startswith("p0-critical-incident@")
