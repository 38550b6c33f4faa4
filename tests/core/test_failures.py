"""What follows when a page fails for good: the next channel, the next person, the next level, and never a loop."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from engine.core.draft import Draft
from engine.core.fallback import after_failure
from engine.core.model import Delivery, Message, MessageKind, MessageState, Priority, Seat, Until
from tests.core.cases import NOON, REACHABLE, case, incident, minutes, pages


def draft(reachable: frozenset[str] = REACHABLE, **changes: Any) -> Draft:
    return Draft(case(incident(**changes), reachable=reachable), NOON)


class Outbox:
    """Deliveries of one incident, numbered as they are added."""

    def __init__(self) -> None:
        self.all: list[Delivery] = []

    def add(self, messages: list[Message], *, state: MessageState = MessageState.PENDING, minute: float = 0) -> None:
        for message in messages:
            number, at = len(self.all) + 1, NOON + minutes(minute)
            one = Delivery(id=number, message=message, state=state, priority=Priority.P0, created_at=at)
            self.all.append(one)

    def fail(self, *numbers: int) -> Delivery:
        """The last of them is the one whose failure is being looked at."""
        for number in numbers:
            self.all[number - 1] = replace(self.all[number - 1], state=MessageState.FAILED, error="no such address")
        return self.all[numbers[-1] - 1]


def page(level: int, contact: str, seat: Seat, channel: str, name: str) -> Message:
    way = {"channel": channel, "address": f"{contact}@{channel}"}
    own = {"contact": contact, "seat": seat, "level": level, "page": name}
    return Message(kind=MessageKind.PAGE, reason="why", until=Until.ACKNOWLEDGED, **way, **own)  # type: ignore[arg-type]  # checked by the dataclass


def both(level: int, contact: str, seat: Seat, name: str) -> list[Message]:
    return [page(level, contact, seat, channel, name) for channel in ("mail", "chat")]


LEAD_PAGE = both(1, "ops-lead", Seat.PRIMARY, "42.1")
SENIOR_PAGE = both(1, "ops-senior", Seat.SECONDARY, "42.2")


def test_while_another_channel_of_the_page_may_still_reach_the_person_nothing_more_is_done() -> None:
    outbox, one = Outbox(), draft()
    outbox.add(LEAD_PAGE)
    after_failure(one, outbox.fail(1), outbox.all)
    assert (one.messages, one.events) == ([], [])


def test_a_failed_channel_is_followed_by_the_next_one() -> None:
    outbox, one = Outbox(), draft()
    outbox.add(LEAD_PAGE[:1])
    after_failure(one, outbox.fail(1), outbox.all)
    (message,) = one.messages
    assert (message.channel, message.contact, message.page) == ("chat", "ops-lead", "42.1")
    assert message.reason == "mail failed for Ops-Lead (no such address); next channel"


def test_a_channel_that_failed_before_the_cycle_began_is_not_the_next_one() -> None:
    outbox, one = Outbox(), draft(reachable=frozenset({"mail", "log"}))
    outbox.add(LEAD_PAGE[:1])
    after_failure(one, outbox.fail(1), [])
    assert pages(one.messages) == [(1, "ops-senior")]


def test_when_every_channel_failed_the_next_person_is_paged() -> None:
    outbox, one = Outbox(), draft()
    outbox.add(LEAD_PAGE)
    after_failure(one, outbox.fail(1, 2), outbox.all)
    assert pages(one.messages) == [(1, "ops-senior")]
    assert one.messages[0].reason == "every channel to Ops-Lead failed: no such address; next person"


def test_when_both_people_failed_the_next_level_is_paged_and_keeps_its_own_time() -> None:
    outbox, one = Outbox(), draft()
    outbox.add(LEAD_PAGE)
    outbox.add(SENIOR_PAGE, minute=2)
    after_failure(one, outbox.fail(1, 2, 3, 4), outbox.all)
    assert pages(one.messages) == [(2, "eng-manager")]
    assert one.fired == {}


def test_a_person_who_was_reached_at_the_same_time_is_enough() -> None:
    outbox, one = Outbox(), draft()
    outbox.add(LEAD_PAGE[:1], minute=5)
    outbox.add(SENIOR_PAGE, minute=5, state=MessageState.SENT)
    outbox.add(LEAD_PAGE[1:], minute=7)
    after_failure(one, outbox.fail(1, 4), outbox.all)
    assert (one.messages, one.events) == ([], [])


def test_a_question_that_is_on_its_way_is_no_page_of_its_level() -> None:
    outbox, one = Outbox(), draft()
    outbox.add(LEAD_PAGE)
    question = replace(LEAD_PAGE[0], kind=MessageKind.QUESTION, page=None, seat=None)
    outbox.add([question, replace(question, level=3)], minute=1)
    after_failure(one, outbox.fail(1, 2), outbox.all)
    assert pages(one.messages) == [(1, "ops-senior")]


def test_a_person_who_was_reached_by_an_earlier_page_is_not_enough() -> None:
    outbox, one = Outbox(), draft()
    outbox.add(LEAD_PAGE, state=MessageState.SENT)
    outbox.add(SENIOR_PAGE, minute=5)
    after_failure(one, outbox.fail(3, 4), outbox.all)
    assert pages(one.messages) == [(2, "eng-manager")]


def test_a_higher_level_that_failed_earlier_is_tried_again() -> None:
    outbox, one = Outbox(), draft()
    outbox.add([*LEAD_PAGE, *SENIOR_PAGE, *both(2, "eng-manager", Seat.PRIMARY, "42.3")])
    outbox.add(both(1, "ops-lead", Seat.PRIMARY, "42.9"), minute=5)
    after_failure(one, outbox.fail(1, 2, 3, 4, 5, 6, 7, 8), outbox.all)
    assert pages(one.messages) == [(2, "eng-manager")]


def test_a_higher_level_that_is_being_paged_is_not_paged_twice() -> None:
    outbox, one = Outbox(), draft()
    outbox.add([*LEAD_PAGE, *SENIOR_PAGE])
    outbox.add(both(2, "eng-manager", Seat.PRIMARY, "42.3"), minute=1)
    after_failure(one, outbox.fail(1, 2, 3, 4), outbox.all)
    assert one.messages == []


def test_a_page_of_a_level_that_a_lowering_took_off_the_ladder_still_tries_the_next_channel() -> None:
    outbox, one = Outbox(), draft(priority="P2")
    outbox.add(both(2, "eng-manager", Seat.PRIMARY, "42.3")[:1])
    after_failure(one, outbox.fail(1), outbox.all)
    assert [(message.level, message.channel) for message in one.messages] == [(2, "chat")]


def test_an_outage_of_every_provider_ends_loudly_and_not_in_a_loop() -> None:
    outbox, spoken = Outbox(), 0
    outbox.add(LEAD_PAGE)
    failed, minute = 0, 0
    while failed < len(outbox.all):
        failed, minute = failed + 1, minute + 1
        one = draft(timeline_seq=10 * failed)
        after_failure(one, outbox.fail(failed), outbox.all)
        outbox.add([message for message in one.messages if message.kind is MessageKind.PAGE], minute=minute)
        spoken += sum(message.kind is MessageKind.NOTICE for message in one.messages)
    paged = [(one.message.level, one.message.contact) for one in outbox.all]
    assert list(dict.fromkeys(paged)) == [
        (1, "ops-lead"),
        (1, "ops-senior"),
        (2, "eng-manager"),
        (2, "eng-lead"),
        (3, "cto"),
        (3, "vp"),
    ]
    assert (len(paged), spoken) == (12, 1)
