"""Who was paged, how, and with what receipt: the timeline and the outbox put together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.core.model import Delivery, Event, Message, MessageKind, MessageState, Priority
from engine.core.timeline import Kind
from engine.report.facts import Facts
from engine.report.model import Attempt, Page
from engine.report.pages import other_messages, pages
from tests.report.example import FACTS, after, event, facts, recorded

DECIDED = event(
    Kind.PAGE_DECIDED, page="42.1", contact="ops-lead", level=1, seat="primary", channels=["phone", "slack"]
)


def about(kind: Kind, channel: str = "", **data: object) -> Event:
    known = {"page": "42.1", "channel": channel or None, "contact": "ops-lead"}
    return Event(kind=kind, actor="system:engine", reason="", data=known | data)


def delivery(channel: str, state: MessageState, **changes: object) -> Delivery:
    message = Message(
        kind=MessageKind.PAGE, channel=channel, address="secret address", reason="", contact="ops-lead", page="42.1"
    )
    return replace(Delivery(id=1, message=message, state=state, priority=Priority.P0, created_at=after(0)), **changes)  # type: ignore[arg-type]  # a table's columns


def only_page(found: Facts) -> Page:
    (page,) = pages(found)
    return page


def states(page: Page) -> dict[str, str]:
    return {attempt.channel: attempt.state for attempt in page.attempts}


CASES: dict[str, tuple[list[Event], list[Delivery], dict[str, str], str]] = {
    "just decided": ([], [], {"phone": "waiting", "slack": "waiting"}, "waiting"),
    "sent on one channel": ([about(Kind.PAGE_SENT, "slack")], [], {"phone": "waiting", "slack": "sent"}, "delivered"),
    "failed on both": (
        [about(Kind.PAGE_FAILED, "slack"), about(Kind.PAGE_FAILED, "phone")],
        [],
        {"phone": "failed", "slack": "failed"},
        "failed",
    ),
    "tried again and sent": (
        [about(Kind.PAGE_RETRIED, "slack"), about(Kind.PAGE_SENT, "slack"), about(Kind.PAGE_FAILED, "phone")],
        [],
        {"phone": "failed", "slack": "sent"},
        "delivered",
    ),
    "cancelled as a whole": (
        [about(Kind.PAGE_CANCELLED)],
        [],
        {"phone": "cancelled", "slack": "cancelled"},
        "cancelled",
    ),
    "a cancellation takes back nothing that was sent": (
        [about(Kind.PAGE_SENT, "slack"), about(Kind.PAGE_CANCELLED)],
        [],
        {"phone": "cancelled", "slack": "sent"},
        "delivered",
    ),
    "the next channel of the same page": (
        [
            about(Kind.PAGE_FAILED, "phone"),
            about(Kind.PAGE_FAILED, "slack"),
            about(Kind.PAGE_DECIDED, channels=["email"], level=1),
            about(Kind.PAGE_SENT, "email"),
        ],
        [],
        {"phone": "failed", "slack": "failed", "email": "sent"},
        "delivered",
    ),
    "the outbox knows better": (
        [about(Kind.PAGE_RETRIED, "slack")],
        [delivery("slack", MessageState.SENT), delivery("phone", MessageState.CLAIMED)],
        {"phone": "waiting", "slack": "sent"},
        "delivered",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_became_of_a_page(case: str) -> None:
    lines, deliveries, expected, outcome = CASES[case]
    events = recorded((0, DECIDED), *((0.1, line) for line in lines))
    page = only_page(facts(events=events, deliveries=tuple(deliveries)))
    assert (states(page), page.outcome.value) == (expected, outcome)


def test_a_page_is_answered_by_the_next_acknowledgement_if_that_is_its_reader_s() -> None:
    acknowledged = event(Kind.ACKNOWLEDGED, "person:ops-lead via slack", by="ops-lead")
    page = only_page(facts(events=recorded((0, DECIDED), (2, acknowledged))))
    assert (page.outcome.value, page.answered_at) == ("answered", after(2))


def test_a_page_is_not_answered_by_what_somebody_else_acknowledged_before() -> None:
    other = event(Kind.ACKNOWLEDGED, "person:cto via slack", by="cto")
    own = event(Kind.ACKNOWLEDGED, "person:ops-lead via slack", by="ops-lead")
    assert only_page(facts(events=recorded((0, DECIDED), (2, other), (40, own)))).answered_at is None


def test_the_receipt_is_the_provider_s_reference_and_nothing_else() -> None:
    receipt = {"reference": "D1/17.5", "response_url": "https://hooks.example.com/secret"}
    sent = delivery("slack", MessageState.SENT, receipt=receipt, sent_at=after(0.1), attempts=2)
    slack = next(way for way in only_page(facts(deliveries=(sent,))).attempts)
    assert slack == Attempt(channel="slack", state="sent", at=after(0.1), tries=2, receipt="D1/17.5", error="")


def test_the_timeline_fills_in_what_the_outbox_no_longer_knows() -> None:
    line = about(Kind.PAGE_SENT, "slack", reference="D1/17.5", attempts=3)
    page = only_page(facts(events=recorded((0, DECIDED), (0.1, line))))
    slack = next(way for way in page.attempts if way.channel == "slack")
    assert (slack.receipt, slack.tries, slack.at) == ("D1/17.5", 3, after(0.1))


def test_a_page_that_has_lost_its_line_is_shown_from_the_outbox() -> None:
    page = only_page(facts(deliveries=(delivery("slack", MessageState.FAILED, error="no such channel"),)))
    assert (page.who, page.outcome.value, page.attempts[0].error) == ("Olu Adeyemi", "failed", "no such channel")


def test_an_address_never_gets_into_a_report() -> None:
    page = only_page(facts(deliveries=(delivery("phone", MessageState.SENT),)))
    assert "secret address" not in page.model_dump_json()


def test_the_example_paged_four_people_five_times_and_posted_one_card() -> None:
    found = pages(FACTS)
    assert [(page.who, page.outcome.value) for page in found] == [
        ("Olu Adeyemi", "delivered"),
        ("Marta Lindqvist", "delivered"),
        ("Olu Adeyemi", "delivered"),
        ("Erin Castellano", "answered"),
        ("Ravi Narayan", "delivered"),
    ]
    (card,) = other_messages(FACTS)
    assert (card.kind, card.to, card.attempt.receipt) == ("card", "team channel", "C024BE91L/1795142405.000100")
