"""E-mail: what it looks like, how it threads, and what each answer of a mail server means for the page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from email.message import EmailMessage
from html.parser import HTMLParser

import pytest
from pydantic import SecretStr

from engine.core.model import MessageKind, Priority, State
from engine.ports import Envelope
from integrations.channels.email import EmailChannel, Settings, render
from integrations.sandbox.mail import Login, MailFailure
from integrations.sandbox.smtp import MailSandbox
from tests.integrations.channels.envelopes import HOSTILE, NOW, OPENED, alert, envelope, hostile
from tests.integrations.channels.kits import KITS, MAIL_PASSWORD, SENDER, resources
from tests.integrations.channels.outcomes import AGAIN, FINAL, PERHAPS_ARRIVED, meaning, refusal

SHARED = {"Subject", "Content-Type", "MIME-Version"}
PAGE_TEXT = """\
P0 Checkout is down · answer by 03:35 CET · you are primary, Operations (level 1) · INC-42

Acknowledge it by 03:35 (in 5 min).

Open it: https://tocsin.example.com/incidents/INC-42
Answer in Slack, or on the command line: tocsin incident ack INC-42 --as ana

Next: 03:35 Ben Okafor is paged, and Ana Silva again

WHAT HAPPENED
Checkout is down
Every request to /pay fails since the deployment of 02:27 UTC.

Since      03:30 (20 s ago)
Service    checkout
State      Detection. Nobody has acknowledged it.
Priority   P0: the title says 'is down' (rule outage)

3 ALERTS
- 03:28 Checkout answers 5xx on web-3 (firing): 12 of 12 requests failed in the last minute
- 03:28 Payments queue is growing (firing): 12 of 12 requests failed in the last minute
- 03:28 Cart latency (resolved): 12 of 12 requests failed in the last minute

WHO IS PAGED, AND WHEN
- 03:30 Level 1, Operations, Ana Silva (paged)
- 03:35 Level 1, Operations, Ben Okafor (due): if nobody has acknowledged it by then
- 04:00 Level 2, Engineering leadership, Erin Chen (due)
- 04:30 Level 3, Executive leadership, Carla Diaz (held): held by Ana Silva until 04:30: rollback is under way

TRIED SO FAR
- 03:30 Ana Silva by phone (failed): the gateway answered 503
- 03:30 Ana Silva by slack (sent)

LINKS
- Graph: https://prometheus.example.com/graph?g0.expr=up

Why you got this: P0: Operations is paged at the opening
Times are in CET (Europe/Berlin).
"""


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert isinstance(body, EmailMessage)
    content: str = body.get_content()
    return content


def test_a_page_begins_with_its_headline_and_says_what_is_expected_before_what_happened() -> None:
    assert part(render(envelope(), SENDER), "plain") == PAGE_TEXT


def test_the_subject_is_the_headline() -> None:
    assert render(envelope(), SENDER)["Subject"] == envelope().headline


def test_the_headers_say_who_sent_it_to_whom_and_that_a_machine_did() -> None:
    mail = render(envelope(), SENDER)
    assert {name: str(mail[name]) for name in mail if name not in SHARED} == {
        "From": "Tocsin <tocsin@example.com>",
        "To": "Ana Silva <ana@example.com>",
        "Date": "Sat, 22 Nov 2025 02:30:20 +0000",
        "Message-ID": "<d-1001@example.com>",
        "In-Reply-To": "<INC-42.1763778600@example.com>",
        "References": "<INC-42.1763778600@example.com>",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "OOF, AutoReply",
        "X-Tocsin-Incident": "INC-42",
        "X-Priority": "1",
        "Importance": "high",
    }


def test_a_repeat_is_the_same_message_to_a_mail_program() -> None:
    first, second = render(envelope(), SENDER), render(envelope(repeated=True, now=NOW + timedelta(minutes=1)), SENDER)
    assert first["Message-ID"] == second["Message-ID"]


def test_all_mails_about_an_incident_are_one_thread() -> None:
    mails = [render(envelope(id=f"d-{number}", kind=kind), SENDER) for number, kind in enumerate(MessageKind)]
    assert len({mail["References"] for mail in mails}) == 1
    assert len({mail["Message-ID"] for mail in mails}) == len(mails)


@pytest.mark.parametrize(
    ("kind", "priority", "marked"),
    [
        (MessageKind.PAGE, Priority.P0, ["1", "high"]),
        (MessageKind.PAGE, Priority.P1, ["1", "high"]),
        (MessageKind.QUESTION, Priority.P1, ["1", "high"]),
        (MessageKind.PAGE, Priority.P2, [None, None]),
        (MessageKind.NOTICE, Priority.P0, [None, None]),
        (MessageKind.CARD, Priority.P0, [None, None]),
        (MessageKind.UPDATE, Priority.P0, [None, None]),
    ],
)
def test_only_what_wakes_a_person_is_marked_as_urgent(
    kind: MessageKind, priority: Priority, marked: list[str | None]
) -> None:
    mail = render(envelope(kind=kind, priority=priority), SENDER)
    assert [mail["X-Priority"], mail["Importance"]] == marked


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (envelope(kind=MessageKind.QUESTION), "Are you still on it? Say so by 03:35 (in 5 min); otherwise level 1"),
        (envelope(kind=MessageKind.NOTICE, respond_by=None), "Look at it when you can; this message wakes nobody."),
        (envelope(respond_by=None), "Acknowledge it now."),
        (envelope(now=OPENED + timedelta(minutes=6)), "Acknowledge it now: it was due at 03:35."),
        (envelope(state=State.CANCELLED), "Nothing is expected of you: INC-42 is cancelled."),
        (envelope(state=State.REVIEW), "Nothing is expected of you: INC-42 is resolved and in review."),
        (
            envelope(
                acknowledged_at=OPENED + timedelta(minutes=3), acknowledged_by="ben", now=OPENED + timedelta(hours=1)
            ),
            "Ben Okafor acknowledged it at 03:33, after 3 min; nothing is expected of you unless they ask.",
        ),
    ],
)
def test_each_kind_of_message_says_what_is_expected(given: Envelope, said: str) -> None:
    mail = render(given, SENDER)
    assert said in part(mail, "plain")
    assert said in part(mail, "html")


def test_a_finished_incident_offers_no_command() -> None:
    assert "tocsin incident ack" not in part(render(envelope(state=State.CANCELLED), SENDER), "plain")


def test_an_installation_without_an_address_offers_no_link_to_itself() -> None:
    mail = render(envelope(base_url=""), SENDER)
    assert "/incidents/" not in part(mail, "plain") + part(mail, "html")


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in HOSTILE.items()])
def test_no_text_can_add_a_header(text: str) -> None:
    usual = render(envelope(), SENDER)
    raw = render(hostile(text), SENDER).as_bytes()
    assert raw.isascii()
    headers, _, _ = raw.partition(b"\r\n\r\n")
    names = [line.partition(b":")[0].decode() for line in headers.split(b"\r\n") if not line.startswith((b" ", b"\t"))]
    assert names == usual.keys()
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998  # RFC 5322, 2.1.1


class Markup(HTMLParser):
    """What an HTML text is made of, without its texts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.addresses: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src", "background", "action")]


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in HOSTILE.items()])
def test_no_text_can_add_markup_or_load_anything(text: str) -> None:
    usual = Markup(part(render(envelope(repeated=True), SENDER), "html"))
    markup = Markup(part(render(hostile(text, repeated=True), SENDER), "html"))
    assert markup.tags <= usual.tags
    assert markup.attributes <= usual.attributes
    assert "src" not in markup.attributes
    assert all(address.startswith("https://") for address in markup.addresses)


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "data:text/html,x", "//evil.example/x", "https:x", " https://a.example", "file:///x", ""],
)
def test_only_web_addresses_become_links(url: str) -> None:
    (link,) = alert().links
    given = envelope(alerts=(alert(links=(type(link)(title="click", url=url),)),))
    assert url not in Markup(part(render(given, SENDER), "html")).addresses


def test_a_long_domain_does_not_break_the_headers() -> None:
    mail = render(envelope(), f"Tocsin <tocsin@{'d' * 60}.{'e' * 60}.example.com>")
    raw = mail.as_bytes()
    assert b"=?" not in raw.partition(b"In-Reply-To")[2].partition(b"Auto-Submitted")[0]


@pytest.fixture
async def server() -> AsyncIterator[MailSandbox]:
    login = Login(user="tocsin", password=MAIL_PASSWORD)
    async with MailSandbox(clock=NOW.timestamp, login=login) as sandbox:
        yield sandbox


def channel(url: str, *, timeout: timedelta = timedelta(milliseconds=200), sender: str = SENDER) -> EmailChannel:
    given = resources(smtp_url=SecretStr(url) if url else None, mail_from=sender)
    return EmailChannel("email", Settings(timeout=timeout), given)


async def test_a_page_arrives_and_the_receipt_names_it(server: MailSandbox) -> None:
    receipt = await channel(server.url).send(envelope())
    (mail,) = server.messages()
    assert (mail.sender, mail.recipients) == ("tocsin@example.com", ("ana@example.com",))
    assert mail.subject == envelope().headline
    assert mail.text.replace("\r\n", "\n") == PAGE_TEXT
    assert "Open INC-42" in mail.html
    assert (receipt.reference, receipt.data) == (mail.message["Message-ID"], {"answer": "OK"})


@pytest.mark.parametrize(
    ("failure", "means", "kept"),
    [
        (MailFailure.TEMPORARY, AGAIN, 0),
        (MailFailure.PERMANENT, FINAL, 0),
        (MailFailure.CLOSING, AGAIN, 0),
        (MailFailure.DROPPED, PERHAPS_ARRIVED, 0),
        (MailFailure.HANGING, PERHAPS_ARRIVED, 0),
        (MailFailure.ACCEPTED_THEN_DROPPED, PERHAPS_ARRIVED, 1),
    ],
)
async def test_each_failure_says_whether_trying_again_can_help(
    server: MailSandbox, failure: MailFailure, means: str, kept: int
) -> None:
    server.fail(failure)
    assert meaning(await refusal(channel(server.url), envelope())) == means
    assert len(server.messages()) == kept


@pytest.mark.parametrize(
    ("failure", "means", "said"),
    [
        ("login refused", FINAL, "refused the user name or password (535)"),
        ("login put off", AGAIN, "refused the user name or password (454)"),
        ("sender refused", FINAL, "answered 550 no •••"),
        ("recipient refused", FINAL, "answered 550 no •••"),
        ("content refused", FINAL, "answered 554 no •••"),
        ("not a mail server", AGAIN, "does not answer like a mail server"),
        ("gibberish", AGAIN, "does not answer like a mail server"),
        ("gone before the content", AGAIN, "broke off without an answer"),
        ("gone after the content", PERHAPS_ARRIVED, "it may have taken the message"),
        ("silent", AGAIN, "did not answer in time"),
        ("silent after the content", PERHAPS_ARRIVED, "it may have taken the message"),
    ],
)
async def test_each_answer_of_a_mail_server_is_understood(failure: str, means: str, said: str) -> None:
    async with KITS["email"].failures[failure]() as mail:
        error = await refusal(mail, envelope())
    assert meaning(error) == means
    assert str(error).startswith("mail server 127.0.0.1:")
    assert said in str(error)


@pytest.mark.parametrize(
    "address", ["", "ana", "ana@", "a b@example.com", "ana@example.com\r\nBcc: x@y.z", "a@b.c>, <d@e.f", "'@'@example"]
)
async def test_what_is_no_address_is_refused_for_good(server: MailSandbox, address: str) -> None:
    error = await refusal(channel(server.url), envelope(address=address))
    assert "is not an e-mail address" in str(error)
    assert meaning(error) == FINAL
    assert server.messages() == []


@pytest.mark.parametrize(
    ("url", "sender", "missing"),
    [
        ("", SENDER, "TOCSIN_SMTP_URL is not set"),
        ("smtp://mail.example.com", "", "TOCSIN_MAIL_FROM is not an e-mail address"),
        ("smtp://mail.example.com", "Tocsin", "TOCSIN_MAIL_FROM is not an e-mail address"),
        ("http://mail.example.com", SENDER, "TOCSIN_SMTP_URL is not the address of a mail server"),
        ("smtp://user:pa/ss@mail", SENDER, "TOCSIN_SMTP_URL cannot be read"),
        ("smtp://mail.example.com", SENDER, None),
        ("smtps://user:password@mail.example.com:465", "tocsin@example.com", None),
    ],
)
def test_what_is_missing_is_said(url: str, sender: str, missing: str | None) -> None:
    said = channel(url, sender=sender).configured()
    assert (said is None) if missing is None else (said is not None and missing in said)


async def test_a_channel_that_is_not_configured_fails_for_good() -> None:
    error = await refusal(channel(""), envelope())
    assert "TOCSIN_SMTP_URL is not set" in str(error)
    assert meaning(error) == FINAL
