"""The card and the page as Slack shows them, moment by moment."""

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.core.model import AlertStatus, MessageKind, PlaybookStep, Priority, State
from engine.ports import Envelope
from integrations.slack.blocks import render
from tests.integrations.slack.envelopes import ACKNOWLEDGED, ALERT, PAGE, RESOLVED, at, envelope
from tests.integrations.slack.screen import screen


def date(minutes: float, fallback: str) -> str:
    return f"<!date^{at(minutes).timestamp():.0f}^{{time}}|{fallback}>"


@pytest.mark.parametrize("shown", [PAGE, envelope(**ACKNOWLEDGED), envelope(**RESOLVED)])
def test_blocks_are_sent_as_the_sdk_writes_them(shown: Envelope) -> None:
    rendered = render(shown)
    assert rendered.as_json() == [block.to_dict() for block in rendered.blocks]


def test_a_page_says_at_first_glance_what_broke_by_when_to_answer_and_who_is_next() -> None:
    rendered = render(PAGE)
    assert rendered.text == PAGE.headline
    assert (
        screen(rendered.blocks)
        == f"""\
# {PAGE.headline}

*Nobody has acknowledged this yet.* Answer by {date(5, "03:05 CET")}.
Next: Ben Okafor is paged at 03:05

*INC-42* Checkout is down
Every payment fails since the release

Priority P0 critical: immediate response required
Service checkout
Phase Detection (1 of 5)
Since {date(0, "03:00 CET")}

*1 alert*
• CheckoutDown: 12 of 12 requests failed · <https://grafana.example.com/d/checkout?from=1&amp;to=2|Dashboard>

*Who is called when*
• Operations: Ana Silva, then Ben Okafor (paged)
• {date(30, "03:30 CET")} Engineering: Erin Chen (due)
• {date(60, "04:00 CET")} Executive: Cleo Roth (due)

*Tried so far*
✗ {date(0, "03:00 CET")} Ana Silva by phone, failed: no answer

- Why: P0: Operations is due at the opening
You are primary, Operations, level 1.

[Acknowledge:primary] [Not me, pass on] [I need help] [Hold escalation] [Resolve:danger]
"""
    )


def test_an_acknowledged_card_says_who_has_it_after_how_long_and_for_how_long() -> None:
    shown = screen(render(envelope(after=4, **ACKNOWLEDGED, impact="no payments")).blocks)
    assert (
        f"*Acknowledged by Ana Silva at {date(3, '03:03 CET')}, after 3 min.* "
        f"That holds until {date(18, '03:18 CET')}; every act on the incident renews it." in shown
    )
    assert "Phase Assessment (2 of 5)" in shown
    assert "Impact no payments" in shown
    assert "Commander Ana Silva" in shown
    assert shown.endswith("\n[I need help] [Hold escalation] [Status update] [To diagnosis] [Resolve:danger]\n")


def test_the_lease_question_has_a_button_that_says_still_on_it() -> None:
    asked = {**ACKNOWLEDGED, "lease_asked_at": at(18)}
    question = envelope(after=18, message={"kind": MessageKind.QUESTION, "respond_by": at(23)}, **asked)
    shown = screen(render(question).blocks)
    assert (
        f"*Are you still on it?* Answer by {date(23, '03:23 CET')}. Without an answer level 1 is paged again." in shown
    )
    assert shown.endswith(
        "\n[Still on it:primary] [I need help] [Hold escalation] [Status update] [To diagnosis] [Resolve:danger]\n"
    )


def test_while_the_owner_is_asked_anyone_else_can_take_over() -> None:
    card = {"kind": MessageKind.CARD, "contact": None, "respond_by": None}
    shown = screen(render(envelope(after=18, message=card, **{**ACKNOWLEDGED, "lease_asked_at": at(18)})).blocks)
    assert "whoever acknowledges now takes it" in shown
    assert shown.endswith(
        "\n[Acknowledge:primary] [I need help] [Hold escalation] [Status update] [To diagnosis] [Resolve:danger]\n"
    )


def test_a_resolved_card_says_when_service_was_restored_and_how_that_was_checked_and_has_no_buttons() -> None:
    resolved = replace(envelope(after=42, **RESOLVED), headline="P0 Checkout is down · INC-42", next_step="")
    assert (
        screen(render(resolved).blocks)
        == f"""\
# P0 Checkout is down · INC-42

*Service restored at {date(41, "03:41 CET")}, after 41 min.* Validation: error rate back under 0.1 %. \
The review is due by <!date^{at(7200).timestamp():.0f}^{{date_short_pretty}} {{time}}|Thu 22 Jan, 03:00 CET>.

*INC-42* Checkout is down
Every payment fails since the release

Priority P0 critical: immediate response required
Service checkout
Phase Review (5 of 5)
Since {date(0, "03:00 CET")}
Commander Ana Silva

- Why: P0: Operations is due at the opening
"""
    )


@pytest.mark.parametrize(
    ("state", "line"),
    [
        (State.CLOSED, "The review is done."),
        (State.CANCELLED, "*INC-42 is cancelled.* Nobody is paged any more."),
        (State.MERGED, "*INC-42 is merged into INC-40.* It goes on there."),
    ],
)
def test_an_incident_that_is_over_says_so_and_has_no_buttons(state: State, line: str) -> None:
    shown = screen(render(envelope(after=60, state=state, merged_into=40)).blocks)
    assert line in shown
    assert "[" not in shown


@pytest.mark.parametrize("priority", list(Priority))
def test_the_priority_comes_with_its_meaning(priority: Priority) -> None:
    assert f"Priority {priority} " in screen(render(envelope(priority=priority)).blocks)


def test_a_held_escalation_names_who_holds_it_until_when_and_why() -> None:
    held = envelope(**ACKNOWLEDGED, hold_until=at(50), hold_by="ben", hold_reason="vendor is on it")
    assert f"Held by Ben Okafor until {date(50, '03:50 CET')}: vendor is on it" in screen(render(held).blocks)


def test_a_hold_that_is_over_is_not_shown() -> None:
    over = envelope(after=51, hold_until=at(50), hold_by="ben", hold_reason="vendor is on it")
    assert "Held by" not in screen(render(over).blocks)


def test_a_repeated_and_late_page_says_both() -> None:
    shown = screen(render(replace(PAGE, now=at(4), repeated=True, late_by=timedelta(minutes=4))).blocks)
    assert "Repeated: an earlier copy may have reached you." in shown
    assert f"This is late by 4 min: it was due at {date(0, '03:00 CET')}." in shown


def test_an_answer_that_was_due_is_said_to_be_overdue() -> None:
    shown = screen(render(envelope(after=6)).blocks)
    assert f"*Nobody has acknowledged this yet.* It was due at {date(5, '03:05 CET')}." in shown


def test_of_many_alerts_the_worst_are_shown_and_the_others_counted() -> None:
    mild = [replace(ALERT, title=f"Slow{number}", labels={"severity": "warning"}, links=()) for number in range(6)]
    over = replace(ALERT, title="Gone", status=AlertStatus.RESOLVED)
    shown = screen(render(replace(PAGE, alerts=(over, *mild, ALERT), alert_count=500)).blocks)
    assert "*500 alerts, the worst 5 of them*\n• CheckoutDown: 12 of 12" in shown
    assert "Gone" not in shown


def test_of_many_attempts_the_latest_are_shown() -> None:
    tried = tuple(replace(PAGE.tried[0], at=at(minute), detail=f"try {minute}") for minute in range(30))
    shown = screen(render(replace(PAGE, tried=tried)).blocks)
    assert "try 29" in shown
    assert "try 21" not in shown


def test_a_message_to_a_channel_does_not_call_its_readers_primary() -> None:
    card = envelope(message={"kind": MessageKind.CARD, "seat": None, "level": 0, "reason": "the incident's card"})
    shown = screen(render(card).blocks)
    assert "- Why: the incident's card" in shown
    assert "You are" not in shown


def test_the_playbook_says_how_far_it_is_and_what_to_do_next() -> None:
    steps = (
        PlaybookStep(id="a", number="1.1", phase="assessment", title="Confirm severity", done_at=at(2), done_by="ana"),
        PlaybookStep(id="b", number="1.2", phase="assessment", title="Assess impact", detail="Who can't pay? <!here>"),
    )
    shown = screen(render(replace(PAGE, steps=steps)).blocks)
    assert "*Playbook* 1 of 2 steps done\nNext: 1.2 Assess impact: Who can't pay? &lt;!here&gt;\n" in shown
    assert "[Done: 1.2 Assess impact]" in shown
    done = screen(render(replace(PAGE, steps=steps[:1])).blocks)
    assert "*Playbook* 1 of 1 steps done\n\n" in done
    assert "[Done:" not in done
