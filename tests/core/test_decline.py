"""Not me: who is paged instead, and who is left alone after that."""

from __future__ import annotations

from typing import Any

import pytest

from engine.core.decide import decide
from engine.core.errors import Refusal
from engine.core.model import MessageKind, Priority
from engine.core.timeline import Kind
from tests.core.cases import (
    CONFIG,
    LEAD,
    NOON,
    SENIOR,
    acknowledged,
    case,
    changed,
    command,
    incident,
    kinds,
    line,
    minutes,
    person,
)
from tests.core.drive import Engine

MANAGER = person("eng-manager")


def paged(decision: Any) -> list[tuple[int, str | None]]:
    return sorted({(one.level, one.contact) for one in decision.messages if one.kind is MessageKind.PAGE})


@pytest.mark.parametrize(
    ("declined", "by", "level", "expected"),
    [
        ((), LEAD, 1, [(1, "ops-senior")]),
        (("ops-lead",), SENIOR, 1, [(2, "eng-manager")]),
        (("ops-senior",), LEAD, 1, [(2, "eng-manager")]),
        ((), SENIOR, 1, [(1, "ops-lead")]),
        ((), MANAGER, 2, [(2, "eng-lead")]),
        (("eng-lead",), MANAGER, 2, [(3, "cto")]),
        ((), LEAD, 2, [(1, "ops-senior")]),
    ],
)
def test_the_next_person_is_paged_at_once(
    declined: tuple[str, ...], by: Any, level: int, expected: list[tuple[int, str]]
) -> None:
    decision = decide(case(incident(level=level, declined=declined)), command("decline", reason="on a train"), by, NOON)
    assert paged(decision) == expected
    said = line(decision, Kind.DECLINED)
    assert (said.data["by"], said.reason) == (by.id, f"{by.name} passed it on: on a train")
    assert decision.incident.declined == (*declined, by.id)


def test_with_one_seat_the_next_level_is_paged() -> None:
    config = changed("levels", "operations", "secondary", to=None)
    assert paged(decide(case(incident(level=1), config), command("decline"), LEAD, NOON)) == [(2, "eng-manager")]


def test_a_second_press_changes_nothing() -> None:
    decision = decide(case(incident(level=1, declined=("ops-lead",))), command("decline"), LEAD, NOON)
    assert (decision.changed, decision.code) == (False, "already_declined")


def test_after_an_acknowledgement_there_is_nothing_to_pass_on() -> None:
    decision = decide(case(acknowledged(incident(level=1))), command("decline"), SENIOR, NOON)
    assert (decision.changed, decision.code) == (False, "already_acknowledged")


@pytest.mark.parametrize(("by", "level"), [(MANAGER, 1), (LEAD, 0), (person("nobody"), 3)])
def test_who_was_not_paged_has_nothing_to_pass_on(by: Any, level: int) -> None:
    with pytest.raises(Refusal) as refused:
        decide(case(incident(level=level)), command("decline"), by, NOON)
    assert refused.value.code == "not_paged"


def test_when_nobody_is_left_the_queue_is_told_and_the_presser_hears_it() -> None:
    everyone = tuple(name for level in CONFIG.levels.values() for name in (level.primary, level.secondary) if name)
    others = tuple(name for name in everyone if name != "cto")
    decision = decide(case(incident(level=3, declined=others)), command("decline"), person("cto"), NOON)
    assert decision.code == "unreachable"
    assert Kind.LEVEL_UNREACHABLE in kinds(decision)
    assert "passed it on" in line(decision, Kind.LEVEL_UNREACHABLE).reason
    assert [one.kind for one in decision.messages] == [MessageKind.NOTICE]


def test_who_passed_it_on_is_left_alone_until_it_begins_anew() -> None:
    engine = Engine().open("P1")
    engine.wait(minutes(2))
    engine.do("decline")
    engine.wait(minutes(13))
    assert engine.paged() == [(0, 1, "ops-lead"), (2, 1, "ops-senior"), (15, 1, "ops-senior")]
    engine.do("reprioritize", person("ops-senior"), priority=Priority.P0, reason="all of it")
    assert engine.paged()[-1] == (15, 1, "ops-lead")
    assert engine.incident.declined == ()
