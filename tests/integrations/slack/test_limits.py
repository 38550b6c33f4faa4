"""Whatever an alert or a person wrote, Slack takes the message, and nobody is called who was not meant."""

import json
import re
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.model import Alert, AlertStatus, Link, MessageKind, Priority, State
from engine.ports import Envelope, Rung, Tried
from integrations.sandbox.slack_limits import refusal
from integrations.sandbox.slack_values import Content
from integrations.slack.blocks import Rendered, render
from tests.integrations.channels.envelopes import HOSTILE, bundle, hostile
from tests.integrations.slack.envelopes import INCIDENT, MESSAGE, OPENED, PAGE, at

SPECIAL = re.compile(r"<([^>]*)>")
NASTY = (
    "<!channel>",
    "<!here|x>",
    "<@U1>",
    "<#C1>",
    "<https://evil.example|x>",
    "@channel",
    "&" * 400,
    "\u202e\x00\n",
    "*a*",
)

text = st.lists(st.sampled_from(NASTY) | st.text(max_size=50), max_size=40).map(" ".join)
links = st.builds(
    Link, title=text, url=st.sampled_from(("https://good.example/", "https://good.example/?q=" + "x" * 1_900))
)
alerts = st.builds(
    Alert,
    fingerprint=st.just("f"),
    status=st.sampled_from(AlertStatus),
    title=text,
    summary=text,
    links=st.lists(links, max_size=4).map(tuple),
)
rungs = st.builds(
    Rung, level=st.integers(1, 9), title=text, who=text, due_at=st.just(at(30)), state=st.just("due"), reason=text
)
attempts = st.builds(Tried, who=text, channel=text, at=st.just(OPENED), outcome=st.just("failed"), detail=text)
WRITTEN = ("title", "summary", "service", "impact", "validation", "hold_reason", "hold_by", "commander")
incidents = st.builds(
    lambda written, state, priority: replace(
        INCIDENT, **written, state=state, priority=priority, hold_until=at(60), restored_at=at(41)
    ),
    st.fixed_dictionaries(dict.fromkeys(WRITTEN, text)),
    st.sampled_from(State),
    st.sampled_from(Priority),
)
messages = st.builds(
    lambda reason, title, kind: replace(MESSAGE, reason=reason, level_title=title, kind=kind),
    text,
    text,
    st.sampled_from(MessageKind),
)
envelopes = st.builds(
    Envelope,
    id=st.just("1"),
    message=messages,
    incident=incidents,
    headline=text,
    now=st.just(OPENED),
    repeated=st.booleans(),
    late_by=st.just(timedelta(minutes=4)),
    ladder=st.lists(rungs, max_size=9).map(tuple),
    tried=st.lists(attempts, max_size=30).map(tuple),
    alerts=st.lists(alerts, max_size=8).map(tuple),
    alert_count=st.integers(0, 10_000),
    next_step=text,
)


def content(rendered: Rendered) -> Content:
    return Content(text=rendered.text, blocks=tuple(block.to_dict() for block in rendered.blocks))


@settings(max_examples=60)
@given(envelopes)
def test_slack_takes_every_message_and_finds_no_special_text_in_it_but_our_own(envelope: Envelope) -> None:
    """Our own: times, and links to the addresses that an alert gave as links."""
    rendered = render(envelope)
    assert refusal(content(rendered)) is None
    shown = rendered.text + json.dumps([block.to_dict() for block in rendered.blocks], ensure_ascii=False)
    assert all(special.startswith(("!date^", "https://good.example/")) for special in SPECIAL.findall(shown))


def test_the_longest_page_still_has_its_buttons() -> None:
    flood = [replace(PAGE.alerts[0], title="x" * 5_000, summary="&" * 5_000)] * 50
    rendered = render(replace(PAGE, alerts=tuple(flood), alert_count=10_000, tried=PAGE.tried * 200))
    assert rendered.blocks[-1].type == "actions"
    assert refusal(content(rendered)) is None


def test_rendering_reads_nothing_but_the_envelope() -> None:
    assert [block.to_dict() for block in render(PAGE).blocks] == [block.to_dict() for block in render(PAGE).blocks]


def test_a_message_for_many_fits_slack_whatever_is_in_it_and_acknowledges_the_most_urgent() -> None:
    for text in ("Checkout is down", *HOSTILE.values()):
        message = render(hostile(text, bundle=bundle(5_000, title=text)))
        assert refusal(content(message)) is None
        actions = message.as_json()[-1]["elements"]
        assert isinstance(actions, list)
        assert [button["text"]["text"] for button in actions] == [f"Acknowledge INC-{42 + place}" for place in range(5)]
        assert len({button["action_id"] for button in actions}) == 5
