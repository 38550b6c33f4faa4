"""The documented clocks, to the second, and what moves them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from engine.core.escalation import Changes, plan, reconcile, sort_due
from engine.core.model import AlertLevel, MessageKind, Priority, State, Timer, TimerKind, TimerState, Until
from engine.core.spans import spell
from engine.core.timeline import Kind
from tests.core.cases import CONFIG, NIGHT, NOON, SENIOR, acknowledged, case, changed, incident, minutes
from tests.core.drive import Engine

DAY = minutes(24 * 60)
FIRST, AGAIN = "ops-lead", "ops-senior"
LADDERS = {
    "P0": [(0, 1, FIRST), (5, 1, AGAIN), (5, 1, FIRST), (30, 2, "eng-manager"), (60, 3, "cto")],
    "P1": [(0, 1, FIRST), (15, 1, AGAIN), (15, 1, FIRST), (120, 2, "eng-manager"), (240, 3, "cto")],
    "P2": [(0, 1, FIRST), (60, 1, AGAIN), (60, 1, FIRST)],
}
UNTIL_ACKNOWLEDGED = CONFIG
for rank in ("P0", "P1"):
    for place in ("1", "2"):
        UNTIL_ACKNOWLEDGED = changed(
            "policies", "standard", rank, "steps", place, "until", to=Until.ACKNOWLEDGED, of=UNTIL_ACKNOWLEDGED
        )


@pytest.mark.parametrize("opened", [NOON, NIGHT])
@pytest.mark.parametrize("priority", list(LADDERS))
def test_nobody_answers_and_each_level_is_paged_at_its_time(priority: str, opened: datetime) -> None:
    engine = Engine(now=opened).open(priority)
    engine.wait(DAY)
    assert engine.paged() == LADDERS[priority]


@pytest.mark.parametrize("priority", list(LADDERS))
def test_not_a_second_earlier(priority: str) -> None:
    engine = Engine().open(priority)
    for minute in sorted({at for at, *_ in LADDERS[priority]} - {0}):
        engine.wait(NOON + minutes(minute) - timedelta(seconds=1) - engine.now)
        assert engine.paged() == [page for page in LADDERS[priority] if page[0] < minute]
        engine.wait(timedelta(seconds=1))
        assert engine.paged() == [page for page in LADDERS[priority] if page[0] <= minute]


@pytest.mark.parametrize(
    ("opened", "told", "due"),
    [
        (NOON, "2026-03-04T12:00", "2026-03-05T17:00"),
        (NIGHT, "2026-03-06T09:00", "2026-03-06T17:00"),
        (datetime.fromisoformat("2026-03-06T18:00:00+00:00"), "2026-03-09T09:00", "2026-03-09T17:00"),
    ],
)
def test_a_p3_wakes_nobody_the_queue_is_told_in_business_hours(opened: datetime, told: str, due: str) -> None:
    engine = Engine(now=opened).open("P3")
    engine.wait(7 * DAY)
    (notice,) = [one for one in engine.sent if one.message.kind is MessageKind.NOTICE]
    assert (f"{notice.at:%Y-%m-%dT%H:%M}", notice.message.address) == (told, "#operations")
    (breach,) = engine.lines(Kind.RESPONSE_BREACHED)
    assert f"{breach.at:%Y-%m-%dT%H:%M}" == due
    assert [(f"{sent.at:%Y-%m-%dT%H:%M}", sent.message.contact) for sent in engine.sent if sent.message.seat] == [
        (due, FIRST),
        (due, FIRST),
    ]


def test_a_p3_pages_nobody_at_night_even_when_its_response_is_due_then() -> None:
    engine = Engine(now=NIGHT).open("P3", alert_level=AlertLevel.WARNING, respond_within=minutes(15))
    engine.wait(3 * DAY)
    assert [round(at) for at, _ in engine.told(MessageKind.NOTICE)] == [15, 390]
    assert engine.paged() == []


def test_information_pages_nobody_at_all() -> None:
    engine = Engine().open("P3", alert_level=AlertLevel.INFORMATION, page=False)
    engine.wait(3 * DAY)
    assert (engine.paged(), len(engine.told(MessageKind.NOTICE))) == ([], 2)


def test_a_rule_that_pages_nobody_has_the_queue_told_at_once_whatever_the_priority() -> None:
    engine = Engine(now=NIGHT).open("P2", page=False)
    assert engine.told(MessageKind.NOTICE) == [(0, "#operations")]
    engine.wait(DAY)
    assert (engine.paged(), engine.told(MessageKind.NOTICE)[1:]) == ([], [(60, "#operations")])


@pytest.mark.parametrize(
    ("priority", "own", "minute"), [("P1", 5, 5), ("P2", 15, 15), ("P0", 15, 5), ("P2", 5, 5), ("P1", None, 15)]
)
def test_the_alert_level_tightens_level_1(priority: str, own: int | None, minute: int) -> None:
    engine = Engine().open(priority, respond_within=minutes(own) if own else None)
    assert engine.due(TimerKind.RESPONSE) == {1: minutes(minute)}
    later = {step.after for step in CONFIG.policies["standard"].ladder(Priority(priority)).steps[1:]}
    assert set(engine.due(TimerKind.PAGE).values()) == later


@pytest.mark.parametrize(
    ("config", "expected"),
    [(CONFIG, [(0, 1, FIRST), (30, 2, "eng-manager"), (60, 3, "cto")]), (UNTIL_ACKNOWLEDGED, [(0, 1, FIRST)])],
)
def test_acknowledged_at_minute_3_the_response_page_never_goes_out(config: Any, expected: list[Any]) -> None:
    engine = Engine(config=config).open("P0")
    engine.wait(minutes(3))
    engine.do("acknowledge")
    for _ in range(9):
        engine.wait(minutes(10))
        engine.do("note", text="on it")
    assert engine.paged() == expected


def test_nothing_is_paged_after_the_resolution() -> None:
    engine = Engine().open("P0")
    engine.wait(minutes(29))
    engine.do("resolve", validation="orders go through")
    engine.wait(DAY)
    assert engine.paged() == LADDERS["P0"][:3]


def test_a_hold_puts_management_off_until_it_ends_and_never_level_1() -> None:
    engine = Engine().open("P0")
    engine.hold("45m", "the vendor is on it")
    engine.wait(DAY)
    assert engine.paged() == [*LADDERS["P0"][:3], (45, 2, "eng-manager"), (60, 3, "cto")]
    assert engine.lines(Kind.ESCALATED)[0].reason.endswith("; held: the vendor is on it")


def test_the_answer_of_a_higher_level_counts_from_its_page_also_when_that_is_held() -> None:
    config = changed("policies", "standard", "P0", "steps", "1", "respond_within", to=minutes(10))
    engine = Engine(config=config).open("P0")
    assert engine.due(TimerKind.RESPONSE) == {1: minutes(5), 2: minutes(40)}
    engine.hold("1h", "vendor")
    assert engine.due(TimerKind.RESPONSE) == {1: minutes(5), 2: minutes(70)}
    engine.wait(DAY)
    assert [page for page in engine.paged() if page[1] == 2] == [
        (60, 2, "eng-manager"),
        (70, 2, "eng-lead"),
        (70, 2, "eng-manager"),
    ]


@pytest.mark.parametrize(("priority", "lease"), [("P0", 15), ("P1", 30), ("P2", 240)])
def test_the_owner_is_asked_when_the_lease_ends_and_level_1_is_paged_again_without_an_answer(
    priority: str, lease: int
) -> None:
    engine = Engine().open(priority)
    engine.do("acknowledge", SENIOR)
    engine.wait(minutes(lease))
    assert {at for at, _ in engine.told(MessageKind.QUESTION)} == {lease}
    engine.wait(minutes(5) - timedelta(seconds=1))
    assert engine.lines(Kind.UNACKNOWLEDGED) == []
    engine.wait(timedelta(seconds=1))
    assert engine.incident.acknowledged_by is None
    assert engine.paged(since=engine.now) == [(lease + 5, 1, FIRST)]
    target = {"P0": 5, "P1": 15, "P2": 60}[priority]
    assert engine.due(TimerKind.RESPONSE) == {1: minutes(lease + 5 + target)}
    assert engine.incident.commander == AGAIN


def test_an_answer_renews_the_lease_and_anybody_else_may_take_over() -> None:
    engine = Engine().open("P0")
    engine.do("acknowledge")
    engine.wait(minutes(16))
    assert engine.do("acknowledge").code == "renewed"
    assert engine.due(TimerKind.LEASE) == {0: minutes(31)}
    engine.wait(minutes(16))
    engine.do("acknowledge", SENIOR)
    assert (engine.incident.acknowledged_by, engine.incident.commander) == (AGAIN, FIRST)
    engine.wait(minutes(14))
    assert [page for page in engine.paged() if page[1] == 1] == [(0, 1, FIRST)]


def test_a_level_that_ended_with_the_acknowledgement_is_due_again_when_that_lapses() -> None:
    engine = Engine(config=UNTIL_ACKNOWLEDGED).open("P0")
    engine.do("acknowledge")
    engine.wait(minutes(14))
    engine.do("note", text="on it")
    engine.wait(minutes(60))
    assert engine.paged() == [
        (0, 1, FIRST),
        (34, 1, FIRST),
        (34, 2, "eng-manager"),
        (39, 1, AGAIN),
        (39, 1, FIRST),
        (60, 3, "cto"),
    ]
    assert [line.data["late_s"] for line in engine.lines(Kind.ESCALATED)] == [0, 0]


@pytest.mark.parametrize(("priority", "kind", "days"), [("P0", "review", 5), ("P2", "close", 1)])
def test_what_waits_in_review_is_reminded_of_or_closes_by_itself(priority: str, kind: str, days: int) -> None:
    engine = Engine().open(priority)
    engine.do("resolve", validation="fine")
    engine.wait(days * DAY - timedelta(seconds=1))
    assert engine.incident.state is State.REVIEW
    engine.wait(timedelta(seconds=1))
    expected = (State.REVIEW, [Kind.REVIEW_OVERDUE]) if kind == "review" else (State.CLOSED, [Kind.REPORT_FROZEN])
    assert (engine.incident.state, [engine.timeline[-1].kind]) == expected
    assert engine.pending() == []


def test_an_act_in_the_review_makes_the_quiet_time_begin_again() -> None:
    engine = Engine().open("P2")
    engine.do("resolve", validation="fine")
    engine.wait(minutes(23 * 60))
    engine.do("document", cause="a full disk")
    engine.wait(minutes(23 * 60))
    assert engine.incident.state == "review"
    engine.wait(minutes(60))
    assert engine.incident.state == "closed"


@pytest.mark.parametrize("state", [State.CLOSED, State.CANCELLED, State.MERGED])
def test_what_is_over_has_no_timers(state: State) -> None:
    assert plan(case(acknowledged(incident(state=state))), NOON) == ()


def test_planning_is_idempotent_and_does_not_depend_on_when_it_is_done() -> None:
    engine = Engine().open("P0")
    engine.wait(minutes(31))
    once = plan(engine.case(), engine.now)
    assert once == plan(engine.case(), engine.now + DAY)
    assert reconcile(engine.timers, once) == Changes(insert=(), move=(), cancel=())


def test_reconciling_inserts_moves_and_cancels() -> None:
    def timer(key: str, minute: int) -> Timer:
        return Timer(key=key, kind=TimerKind.PAGE, due_at=NOON + minutes(minute), reason="r")

    known = {
        "same": (timer("same", 1), TimerState.PENDING),
        "moved": (timer("moved", 1), TimerState.PENDING),
        "gone": (timer("gone", 1), TimerState.PENDING),
        "fired": (timer("fired", 1), TimerState.FIRED),
        "back": (timer("back", 1), TimerState.CANCELLED),
    }
    wanted = [timer("same", 1), timer("moved", 2), timer("back", 1), timer("new", 1)]
    assert reconcile(known, wanted) == Changes(
        insert=(timer("new", 1),), move=(timer("moved", 2), timer("back", 1)), cancel=("gone",)
    )


def test_what_is_a_minute_late_is_slow_and_what_is_later_was_missed() -> None:
    low = Timer(key="response:1:c1", kind=TimerKind.RESPONSE, level=1, due_at=NOON, reason="r")
    high = replace(low, key="page:2:g1", kind=TimerKind.PAGE, level=2)
    slow, missed = NOON + minutes(1), NOON + minutes(1) + timedelta(seconds=1)
    assert sort_due([high, low], slow).fire == (low, high)
    assert (sort_due([high, low], missed).fire, sort_due([high, low], missed).supersede) == ((high,), (low,))
    assert sort_due([high, low], missed, lambda level: level != high.level).fire == (low, high)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (1, "1 s"),
        (90, "90 s"),
        (300, "5 min"),
        (125, "2 min 5 s"),
        (7200, "2 h"),
        (5400, "1 h 30 min"),
        (259_200, "3 d"),
    ],
)
def test_spans_are_spelled_for_people(seconds: int, text: str) -> None:
    assert spell(timedelta(seconds=seconds)) == text
