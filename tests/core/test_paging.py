"""Who is paged by which way, what follows when that fails, and what stands on the lock screen."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from engine.core.draft import Draft
from engine.core.headline import headline
from engine.core.model import Message, MessageKind, Seat, State, Until
from engine.core.notices import ask_owner, tell_queue
from engine.core.paging import page_level
from engine.core.policy import Config
from engine.core.reach import first_ways, ways
from engine.core.timeline import Kind
from tests.core.cases import CONFIG, NOON, REACHABLE, case, changed, incident, minutes, pages

OPS = CONFIG.levels["operations"]
EXECUTIVE = CONFIG.levels["executive"]
PHONED = changed("contacts", "cto", "reach", to={"phone": "+1", "chat": "@cto", "mail": "cto@example.com"})


@pytest.mark.parametrize(
    ("level", "contact", "reachable", "expected"),
    [
        (OPS, "ops-lead", REACHABLE, ["mail", "chat"]),
        (OPS, "ops-lead", {"chat", "log"}, ["chat"]),
        (EXECUTIVE, "cto", REACHABLE, ["mail", "chat"]),
        (EXECUTIVE, "cto", {"chat", "log"}, ["chat"]),
        (OPS, "ops-lead", {"phone", "log"}, []),
        (OPS, "ops-lead", {"log"}, ["log"]),
        (OPS, "ops-lead", set(), []),
        (OPS, "stranger", REACHABLE, []),
    ],
)
def test_the_ways_are_the_level_s_channels_then_the_person_s_others(
    level: Any, contact: str, reachable: set[str], expected: list[str]
) -> None:
    assert [channel for channel, _ in ways(CONFIG, level, contact, frozenset(reachable))] == expected


def test_on_a_machine_with_nothing_configured_the_log_is_the_way_to_everybody() -> None:
    assert ways(CONFIG, OPS, "ops-lead", frozenset({"log"})) == (("log", "ops-lead"),)


@pytest.mark.parametrize(
    ("together", "found", "expected"),
    [
        (True, ["mail", "chat", "phone"], ["mail", "chat"]),
        (True, ["phone", "pager"], ["phone"]),
        (False, ["mail", "chat", "phone"], ["mail"]),
        (True, [], []),
    ],
)
def test_channels_are_used_together_or_one_after_another(
    *, together: bool, found: list[str], expected: list[str]
) -> None:
    level = OPS.model_copy(update={"together": together})
    assert [channel for channel, _ in first_ways(level, [(name, "") for name in found])] == expected


def draft(config: Config = CONFIG, reachable: frozenset[str] = REACHABLE, **changes: Any) -> Draft:
    return Draft(case(incident(**changes), config, reachable=reachable), NOON)


def lines(one: Draft, kind: Kind) -> list[Any]:
    return [event for event in one.events if event.kind == kind]


def test_a_page_says_who_what_by_when_and_until_when_it_is_worth_trying() -> None:
    one = draft()
    page_level(one, 1, "opened as P0: the system is down")
    (mail, chat) = one.messages
    assert (mail.channel, chat.channel, mail.contact, mail.seat) == ("mail", "chat", "ops-lead", Seat.PRIMARY)
    assert (mail.respond_by, mail.deadline_at) == (NOON + minutes(5), NOON + minutes(2))
    assert (mail.until, mail.page) == (Until.ACKNOWLEDGED, "42.1")
    (decided,) = lines(one, Kind.PAGE_DECIDED)
    assert (decided.reason, decided.data["channels"]) == ("opened as P0: the system is down", ["mail", "chat"])


def unreachable(*people: str) -> Config:
    config = CONFIG
    for name in people:
        config = changed("contacts", name, "reach", to={"pager": "1"}, of=config)
    return config


@pytest.mark.parametrize(
    ("away", "paged", "reason"),
    [
        (["ops-lead"], [(1, "ops-senior")], "why; Operations: no working channel to Ops-Lead"),
        (
            ["ops-lead", "ops-senior"],
            [(2, "eng-manager")],
            "level 1 could not be reached: Operations: no working channel to Ops-Lead or Ops-Senior",
        ),
        (["ops-lead", "ops-senior", "eng-manager"], [(2, "eng-lead")], None),
        (["ops-lead", "ops-senior", "eng-manager", "eng-lead", "cto"], [(3, "vp")], None),
    ],
)
def test_who_cannot_be_reached_is_replaced_at_once_with_the_reason(
    away: list[str], paged: list[Any], reason: str | None
) -> None:
    one = draft(unreachable(*away))
    page_level(one, 1, "why")
    assert pages(one.messages) == paged
    assert reason is None or one.messages[0].reason == reason


def test_nobody_at_all_in_reach_is_said_on_record_and_to_the_queue() -> None:
    one = draft(unreachable("ops-lead", "ops-senior", "eng-manager", "eng-lead", "cto", "vp"))
    page_level(one, 1, "why")
    assert [(line.data["level"], line.data["next"]) for line in lines(one, Kind.LEVEL_UNREACHABLE)] == [
        (1, 2),
        (2, 3),
        (3, None),
    ]
    (notice,) = one.messages
    assert (notice.kind, notice.address) == (MessageKind.NOTICE, "#operations")
    assert notice.reason == "nobody could be paged: Executive leadership: no working channel to Cto or Vp"
    assert one.incident.level == 1


def test_a_queue_out_of_reach_is_on_record() -> None:
    one = draft(reachable=frozenset({"mail", "log"}))
    tell_queue(one, "P3")
    assert (one.messages, one.events[0].reason) == ([], "no working channel to the operations queue (P3)")


def test_an_owner_out_of_reach_cannot_be_asked() -> None:
    one = draft(unreachable("ops-lead"))
    assert not ask_owner(one, "ops-lead", "still on it?")
    assert ask_owner(one, "cto", "still on it?")
    assert [(message.kind, message.level) for message in one.messages] == [(MessageKind.QUESTION, 3)]


MESSAGE = Message(
    kind=MessageKind.PAGE,
    channel="mail",
    address="ops-lead@example.com",
    reason="why",
    level=1,
    level_title="Operations",
    seat=Seat.PRIMARY,
    respond_by=NOON + minutes(5),
)


@pytest.mark.parametrize(
    ("message", "extra", "expected"),
    [
        (
            MESSAGE,
            {},
            "P0 Checkout is slow · answer by 13:05 CET · you are primary, Operations (level 1) · INC-42",
        ),
        (
            replace(MESSAGE, respond_by=None),
            {"repeated": True, "late": minutes(12)},
            "(repeated) · P0 Checkout is slow · you are primary, Operations (level 1) · late by 12 min · INC-42",
        ),
        (
            replace(MESSAGE, respond_by=NOON + timedelta(hours=29)),
            {},
            "P0 Checkout is slow · answer by Thu 5 Mar 18:00 CET · you are primary, Operations (level 1) · INC-42",
        ),
        (
            replace(MESSAGE, kind=MessageKind.QUESTION, seat=None),
            {},
            "P0 Checkout is slow · still on it? · answer by 13:05 CET · INC-42",
        ),
        (replace(MESSAGE, respond_by=None, seat=None), {}, "P0 Checkout is slow · INC-42"),
    ],
)
def test_the_first_line_is_made_for_a_lock_screen(message: Message, extra: dict[str, Any], expected: str) -> None:
    assert headline(incident(), message, "Europe/Berlin", **extra) == expected


def test_a_long_title_is_cut_and_its_lines_are_joined() -> None:
    one = incident(title="disk full\r\non " + "web-1 " * 40, state=State.DETECTION)
    line = headline(one, replace(MESSAGE, respond_by=None, seat=None), "UTC")
    assert line.startswith("P0 disk full on web-1 web-1")
    assert line.endswith("… · INC-42")
    assert len(line) <= len("P0  · INC-42") + 70
