"""What happens when timers fall due: on time, late, several at once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.core.firing import fire_due, lateness
from engine.core.model import AlertStatus, MessageKind, State, Timer, TimerKind, TimerState
from engine.core.timeline import Kind
from tests.core.cases import NIGHT, NOON, REACHABLE, SENIOR, changed, cleared, kinds, minutes, pages
from tests.core.drive import Engine

WHY = "the engine did not run from 12:01 to 13:30 UTC"


def test_after_downtime_the_highest_due_level_is_paged_once_and_the_lower_ones_say_why_not() -> None:
    engine = Engine().open("P0")
    engine.wait(minutes(1))
    engine.sleep(minutes(89), WHY)
    assert engine.paged(since=engine.now) == [(90, 3, "cto")]
    (escalated,) = engine.lines(Kind.ESCALATED)
    assert escalated.reason.endswith(f"(late by 30 min: {WHY})")
    assert (escalated.data["level"], escalated.data["late_s"]) == (3, 1800)
    superseded = engine.lines(Kind.SUPERSEDED)
    assert [line.data["level"] for line in superseded] == [1, 2]
    assert superseded[1].reason.endswith(f"a higher level is (late by 60 min: {WHY})".replace("60 min", "1 h"))
    (breached,) = engine.lines(Kind.RESPONSE_BREACHED)
    assert breached.data["late_s"] == 85 * 60
    engine.wait(timedelta(days=1))
    assert engine.paged(since=NOON + minutes(90)) == [(90, 3, "cto")]


def test_after_downtime_a_level_that_cannot_be_reached_makes_no_lower_one_superfluous() -> None:
    engine = Engine().open("P0")
    engine.reachable = frozenset({"chat", "log"})
    engine.config = changed("contacts", "cto", "reach", to={})
    engine.config = changed("contacts", "vp", "reach", to={}, of=engine.config)
    engine.sleep(minutes(90), WHY)
    assert engine.paged(since=engine.now) == [(90, 2, "eng-manager")]
    assert [line.data["level"] for line in engine.lines(Kind.LEVEL_UNREACHABLE)] == [3]
    assert [line.data["level"] for line in engine.lines(Kind.SUPERSEDED)] == [1]


def test_a_response_that_was_missed_without_a_higher_level_being_due_pages_late() -> None:
    engine = Engine().open("P0")
    engine.sleep(minutes(20), WHY)
    assert engine.paged(since=engine.now) == [(20, 1, "ops-senior"), (20, 1, "ops-lead")]
    (breached,) = engine.lines(Kind.RESPONSE_BREACHED)
    assert breached.reason == f"nobody has acknowledged within the response time (late by 15 min: {WHY})"


def test_a_lease_that_ran_out_unseen_is_asked_about_before_it_lapses() -> None:
    engine = Engine().open("P2")
    engine.do("acknowledge")
    engine.sleep(timedelta(hours=9), WHY)
    assert engine.incident.acknowledged_by == "ops-lead"
    assert engine.due(TimerKind.LEASE_ANSWER) == {0: timedelta(hours=9, minutes=5)}


def test_a_lapse_and_a_level_that_fall_due_together_page_that_level_once() -> None:
    engine = Engine().open("P0")
    engine.do("acknowledge")
    engine.wait(minutes(15))
    engine.sleep(minutes(16), WHY)
    assert engine.paged(since=engine.now) == [(31, 1, "ops-lead"), (31, 2, "eng-manager")]
    assert len(engine.lines(Kind.ESCALATED)) == 1


def test_a_p3_that_falls_due_while_the_engine_is_down_wakes_nobody_when_it_is_back_at_night() -> None:
    engine = Engine().open("P3")
    engine.sleep(NIGHT - NOON, WHY)
    assert (engine.paged(), len(engine.lines(Kind.RESPONSE_BREACHED))) == ([], 1)
    assert engine.told(MessageKind.NOTICE)[1:] == [(38.5 * 60, "#operations")]


@pytest.mark.parametrize(
    ("late", "why", "said"),
    [
        (timedelta(), WHY, ""),
        (minutes(1), WHY, ""),
        (timedelta(seconds=61), "", "late by 61 s"),
        (minutes(41), WHY, f"late by 41 min: {WHY}"),
    ],
)
def test_lateness_is_stated_from_the_second_minute_on(late: timedelta, why: str, said: str) -> None:
    timer = Timer(key="page:2:g1", kind=TimerKind.PAGE, due_at=NOON, reason="r")
    assert lateness(timer, NOON + late, why) == said


def test_what_has_fired_is_used_up_and_never_planned_again() -> None:
    engine = Engine().open("P0")
    engine.wait(minutes(61))
    used = {key for key, (_, state) in engine.timers.items() if state is TimerState.FIRED}
    assert used == {"page:1:c1", "response:1:c1", "page:2:g1", "page:3:g1"}
    engine.wait(minutes(5))
    assert engine.pending() == []


QUIET = changed("policies", "standard", "clear_after", to=minutes(10))


def test_a_quiet_time_that_is_over_after_downtime_ends_the_incident_before_anybody_is_paged() -> None:
    engine = Engine(config=QUIET).open("P0")
    engine.wait(minutes(1))
    engine.hear(cleared())
    engine.sleep(minutes(89), WHY)
    assert (engine.incident.state, engine.paged(since=engine.now), engine.lines(Kind.ESCALATED)) == (
        State.REVIEW,
        [],
        [],
    )


def test_a_quiet_time_ends_nothing_once_a_merge_has_brought_what_still_fires() -> None:
    engine = Engine(config=QUIET).open("P0")
    engine.hear(cleared())
    engine.alerts["f7"] = AlertStatus.FIRING
    engine.wait(minutes(10))
    assert (engine.incident.state, engine.incident.cleared_at) == (State.DETECTION, None)


def test_firing_nothing_changes_nothing_but_the_time() -> None:
    engine = Engine().open("P0")
    decision = fire_due(engine.case(), [], NOON)
    assert (decision.events, decision.messages, decision.fired) == ((), (), {})


def test_an_overdue_review_is_told_to_the_commander_else_to_the_queue() -> None:
    for owner, address in ((True, "ops-senior@example.com"), (False, "#operations")):
        engine = Engine().open("P0")
        if owner:
            engine.do("acknowledge", SENIOR)
        engine.do("resolve", validation="fine")
        engine.wait(timedelta(days=5))
        assert engine.told(MessageKind.NOTICE) == [(5 * 24 * 60, address)]


def test_level_1_out_of_reach_is_stood_in_for_at_once_and_at_every_further_time() -> None:
    config = changed("contacts", "ops-lead", "reach", to={"pager": "1"})
    config = changed("contacts", "ops-senior", "reach", to={"pager": "2"}, of=config)
    engine = Engine(config=config).open("P0")
    engine.wait(timedelta(days=1))
    assert engine.paged() == [(0, 2, "eng-manager"), (5, 2, "eng-manager"), (30, 2, "eng-manager"), (60, 3, "cto")]
    assert engine.incident.level == 3


def test_a_level_that_a_person_asked_for_in_vain_keeps_its_time() -> None:
    engine = Engine(reachable=frozenset({"phone"})).open("P0")
    engine.do("escalate", level=2)
    engine.reachable = REACHABLE
    engine.wait(minutes(30))
    assert engine.paged()[-1] == (30, 2, "eng-manager")


def test_channels_that_come_back_find_the_levels_that_are_still_to_come() -> None:
    engine = Engine(reachable=frozenset({"phone"})).open("P0")
    assert engine.paged() == []
    assert [line.data.get("next") for line in engine.lines(Kind.LEVEL_UNREACHABLE)] == [2, 3, None, None]
    engine.wait(minutes(10))
    engine.reachable = REACHABLE
    engine.wait(timedelta(days=1))
    assert engine.paged() == [(30, 2, "eng-manager"), (60, 3, "cto")]


def test_the_messages_of_an_opening_name_the_line_that_decided_them() -> None:
    engine = Engine().open("P0")
    (decided,) = engine.lines(Kind.PAGE_DECIDED)
    assert decided.data["page"] == f"42.{decided.seq}"
    assert {sent.message.page for sent in engine.sent if sent.message.kind is MessageKind.PAGE} == {f"42.{decided.seq}"}


def test_a_response_that_falls_due_on_an_empty_ladder_is_on_record_and_the_queue_is_told() -> None:
    engine = Engine(config=changed("policies", "standard", "P3", "steps", to=())).open("P3")
    decision = fire_due(engine.case(), engine.pending(), engine.pending()[-1].due_at)
    assert (kinds(decision), pages(decision.messages)) == ([Kind.RESPONSE_BREACHED], [])
    assert decision.messages[0].address == "#operations"
