from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest

from engine.clock import SteadyClock
from engine.core.errors import Unauthorized, Unreadable
from engine.core.model import Alert, AlertStatus, Link
from engine.ports import Parsed
from integrations.channels.email import render
from integrations.sources import mails
from integrations.sources.email import Email, Settings
from integrations.sources.subjects import Subject, read_subject
from tests.integrations.channels.envelopes import envelope
from tests.integrations.sources.bodies import NOW, assert_fit_for_use, request

FIRING, RESOLVED = AlertStatus.FIRING, AlertStatus.RESOLVED


def mail(subject: str = "Disk full on db-1", body: str = "No space is left.", **headers: str) -> EmailMessage:
    message = EmailMessage()
    fields = {"From": "Monitor <Monitor@shop.example>", "To": "alerts@tocsin.example.com", "Subject": subject}
    for name, value in {**fields, **{name.replace("_", "-"): value for name, value in headers.items()}}.items():
        message[name] = value
    message.set_content(body)
    return message


def parse(raw: bytes | EmailMessage, **settings: object) -> Parsed:
    body = raw if isinstance(raw, bytes) else raw.as_bytes()
    return Email().parse(Settings.model_validate(settings), request(body), NOW)


def one(raw: bytes | EmailMessage, **settings: object) -> Alert:
    (alert,) = parse(raw, **settings).alerts
    assert_fit_for_use(alert)
    return alert


def test_a_mail_is_read() -> None:
    assert one(Email.example) == Alert(
        fingerprint=one(Email.example).fingerprint,
        status=FIRING,
        title="Backup of the checkout database failed",
        summary="No space is left on db-1.\n\nhttps://runbooks.example/backup",
        service="checkout",
        labels={
            "service": "checkout",
            "severity": "critical",
            "from": "backup@shop.example",
            "to": "alerts@tocsin.example.com",
        },
        links=(Link(title="Link", url="https://runbooks.example/backup"),),
        starts_at=datetime(2026, 11, 20, 3, 10, tzinfo=UTC),
    )


def test_its_end_has_its_time() -> None:
    over = one(Email.example_resolved)
    assert (over.starts_at, over.ends_at) == (None, datetime(2026, 11, 20, 3, 50, tzinfo=UTC))


@pytest.mark.parametrize(
    ("line", "subject"),
    [
        ("Disk full", Subject(title="Disk full")),
        ("[critical] Disk full", Subject(title="Disk full", severity="critical")),
        ("RESOLVED: Disk full", Subject(title="Disk full", status=RESOLVED)),
        ("[RESOLVED] [warning] Disk full", Subject(title="Disk full", status=RESOLVED, severity="warning")),
        ("Re: Fwd: AW: Re[2]: Disk full", Subject(title="Disk full")),
        ("Re: [EXTERNAL] PROBLEM: Disk full", Subject(title="Disk full", status=FIRING)),
        ("[FIRING:2] Disk full", Subject(title="Disk full", status=FIRING)),
        ("Recovery - Disk full", Subject(title="Disk full", status=RESOLVED)),
        ("OK \u2013 Disk full", Subject(title="Disk full", status=RESOLVED)),
        ("Warning: Critical: Disk full", Subject(title="Disk full", severity="warning")),
        ("[info]: Disk full", Subject(title="Disk full", severity="info")),
        ("db-1: Disk full", Subject(title="db-1: Disk full")),
        ("[db] Disk full", Subject(title="[db] Disk full")),
        ("Okra: none left", Subject(title="Okra: none left")),
        ("critical", Subject(title="critical")),
        ("Resolved:", Subject(title="Resolved:", status=RESOLVED)),
        ("", Subject(title="")),
    ],
)
def test_what_stands_before_the_subject_is_understood_and_taken_off(line: str, subject: Subject) -> None:
    assert read_subject(line) == subject


@pytest.mark.parametrize(
    "subject",
    ["RESOLVED: disk  full on DB-1", "Re: Disk full on db-1", "[warning] Disk full on db-1", "OK: Disk full on db-1"],
)
def test_every_message_of_one_sender_about_one_thing_is_the_same_problem(subject: str) -> None:
    assert one(mail(subject)).fingerprint == one(mail()).fingerprint


def test_another_sender_or_another_subject_is_another_problem() -> None:
    others = [one(mail("Disk full on db-2")), one(mail(From="other@shop.example"))]
    assert len({alert.fingerprint for alert in [one(mail()), *others]}) == 3


def test_the_headers_say_it_better_than_the_subject() -> None:
    alert = one(
        mail(
            "[critical] Disk full",
            X_Tocsin_Severity="Warning",
            X_Tocsin_Status="resolved",
            X_Tocsin_Service="db",
            X_Tocsin_Fingerprint="disk/db-1",
            X_Tocsin_Group="storage",
            X_Tocsin_Priority="P1",
            X_Tocsin_Link="https://grafana.example/d/1",
            X_TOCSIN_Team="Lager =?utf-8?q?f=C3=BCr?= Daten",
        )
    )
    assert (alert.status, alert.fingerprint, alert.group, alert.service) == (RESOLVED, "disk/db-1", "storage", "db")
    assert alert.labels == {
        "severity": "warning",
        "service": "db",
        "priority": "P1",
        "team": "Lager für Daten",
        "from": "monitor@shop.example",
        "to": "alerts@tocsin.example.com",
    }
    assert alert.links == (Link(title="Source", url="https://grafana.example/d/1"),)


def test_a_word_in_a_header_that_is_none_of_ours_is_no_reason_to_lose_the_page() -> None:
    alert = one(mail("RESOLVED: x", X_Tocsin_Severity="purple", X_Tocsin_Status="maybe"), severity="info")
    assert (alert.labels["severity"], alert.status) == ("info", RESOLVED)


def test_without_a_severity_it_is_the_integrations() -> None:
    assert one(mail()).labels["severity"] == "critical"
    assert one(mail(), severity="warning").labels["severity"] == "warning"


def test_without_a_subject_the_first_line_is_the_title() -> None:
    assert one(mail("", "Disk full\nsince noon")).title == "Disk full"
    assert one(mail("", "")).title == "A mail without a subject"


@pytest.mark.parametrize(
    ("raw", "title"),
    [
        (b"=?utf-8?b?R3LDtsOfZSDDvGJlcnNjaHJpdHRlbg==?=", "Größe überschritten"),
        (b"=?iso-8859-1?q?Gr=F6=DFe?= 5", "Größe 5"),
        (b"folded\r\n over two lines", "folded over two lines"),
        ("Größe".encode(), "Gr\ufffd\ufffd\ufffd\ufffde"),
        (b"=?no-such-charset?q?x?=", "=?no-such-charset?q?x?="),
        (b"=?utf-8?b?!!!?=", "=?utf-8?b?!!!?="),
        (b"a\x1b[2Jb", "a\ufffd[2Jb"),
    ],
)
def test_the_subject_is_decoded(raw: bytes, title: str) -> None:
    assert one(b"From: m@shop.example\r\nSubject: " + raw + b"\r\n\r\nbody").title == title


def test_of_several_parts_the_plain_text_is_read_and_no_attachment() -> None:
    message = mail(body="The plain text.")
    message.add_alternative("<p>The <b>page</b>.</p>", subtype="html")
    message.add_attachment("secret,figures", filename="figures.csv")
    assert one(message).summary == "The plain text."


def test_a_page_without_plain_text_is_read_as_text() -> None:
    message = mail()
    message.set_content(
        "<html><head><title>T</title><style>p {color: red}</style></head><body><h1>Disk &amp; RAM</h1>"
        "<p>5 &lt; 6 <a href='https://runbooks.example/disk'>Runbook</a></p><script>alert('<p>x</p>')</script>"
        "<br/>last</body></html>",
        subtype="html",
    )
    alert = one(message)
    assert alert.summary == "Disk & RAM\n5 < 6 Runbook\nlast"
    assert alert.links == (Link(title="Link", url="https://runbooks.example/disk"),)


@pytest.mark.parametrize("charset", ["no-such-charset", "punycode", "utf-8", "x\x00", "hex"])
def test_text_in_an_odd_charset_is_read_as_well_as_can_be(charset: str) -> None:
    head = f"From: m@shop.example\r\nSubject: x\r\nContent-Type: text/plain; charset={charset}\r\n\r\n"
    assert "Gr" in one(head.encode() + "Größe".encode()).summary


def test_the_ends_of_sentences_are_no_part_of_a_link() -> None:
    alert = one(mail(body="See https://a.example/x, (https://b.example/y)! ftp://no.example"))
    assert [link.url for link in alert.links] == ["https://a.example/x", "https://b.example/y"]


@pytest.mark.parametrize(
    ("headers", "note"),
    [
        ({"Auto_Submitted": "auto-replied (vacation)"}, "an automatic answer"),
        ({"X_Autoreply": "yes"}, "an automatic answer"),
    ],
)
def test_what_is_sent_because_of_a_mail_is_no_alert(headers: dict[str, str], note: str) -> None:
    assert parse(mail(**headers)) == Parsed(alerts=(), note=note)


def test_a_page_of_our_own_that_goes_astray_is_no_alert() -> None:
    page = render(envelope(), "Tocsin <tocsin@example.com>")
    assert parse(page) == Parsed(alerts=(), note="a mail of Tocsin's own")


def test_a_bounce_is_no_alert() -> None:
    bounce = Email.example.replace(b"text/plain; charset=utf-8", b'multipart/report; boundary="x"')
    assert parse(bounce).note == "a mail server's report of another mail"


def test_what_a_monitor_sends_by_itself_is_an_alert() -> None:
    assert one(mail(Auto_Submitted="auto-generated", Precedence="bulk")).status is FIRING


@pytest.mark.parametrize("date", ["", "yesterday", "Fri, 99 Nov 2026 04:10:00 +0100", "Thu, 1 Jan 1970 00:00:00 +0000"])
def test_an_odd_date_is_no_date(date: str) -> None:
    raw = f"From: m@shop.example\nSubject: x\nDate: {date}\n\nbody".encode()
    assert one(raw).starts_at is None


def test_a_date_without_a_zone_is_utc() -> None:
    raw = b"From: m@shop.example\nSubject: x\nDate: Fri, 20 Nov 2026 03:10:00 -0000\n\nbody"
    assert one(raw).starts_at == datetime(2026, 11, 20, 3, 10, tzinfo=UTC)


def test_the_line_that_mailboxes_put_first_is_no_obstacle() -> None:
    assert one(b"From m@shop.example Fri Nov 20 03:10:00 2026\n" + Email.example) == one(Email.example)


@pytest.mark.parametrize("body", [b"", b'{"title": "x"}', b"Subject: x\n\nbody", b"From: \nSubject: x\n\n"])
def test_what_is_no_mail_is_refused_with_what_would_be_right(body: bytes) -> None:
    with pytest.raises(Unreadable, match=r"\$.From: missing; the raw message is expected") as caught:
        parse(body)
    assert caught.value.path == "$.From"


def nested(depth: int) -> bytes:
    part = b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n"
    return b"From: m@shop.example\nSubject: x\n" + b"".join(part % (n, n) for n in range(depth))


HEAD = b"From: m@shop.example\nSubject: x\n"
HUGE = {
    "parts within parts": nested(20_000),
    "many parts": HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 100_000,
    "many headers": HEAD + b"".join(b"X-Tocsin-A%d: x\n" % n for n in range(50_000)) + b"\n",
    "a header of encoded words": b"From: m@shop.example\nSubject: " + b"=?a?q?" * 150_000 + b"\n\nx",
    "open tags": HEAD + b"Content-Type: text/html\n\n" + b"<a" * 500_000,
    "one long tag": HEAD + b"Content-Type: text/html\n\n<" + b"a" * 1_000_000,
    "open scripts": HEAD + b"Content-Type: text/html\n\n" + b"<script>" * 100_000,
    "a large attachment": HEAD + b"\n" + b"x" * 15_000_000,
    "a charset of squares": HEAD + b"Content-Type: text/plain; charset=punycode\n\n" + b"a-b" * 300_000,
}


def outcome(raw: bytes) -> str:
    try:
        one(raw)
    except Unreadable as error:
        return error.reason
    return "taken"


@pytest.mark.parametrize("name", HUGE)
def test_no_mail_takes_long(name: str) -> None:
    clock = SteadyClock()
    began = clock.now()
    assert outcome(HUGE[name]) in ("taken", "nested too deeply to be an alert")
    # Some take a second. What goes with the square of the length would take minutes.
    assert clock.now() - began < timedelta(seconds=20)


def test_no_more_than_the_beginning_of_a_large_mail_is_read() -> None:
    raw = HEAD + b"\n" + b"y" * mails.LARGEST + b"https://late.example/"
    assert one(raw).links == ()


def test_the_token_comes_in_the_header() -> None:
    settings = Settings.model_validate({"token": "t0ken"})
    Email().verify(settings, request(Email.example, authorization="Bearer t0ken"), NOW)
    with pytest.raises(Unauthorized):
        Email().verify(settings, request(Email.example, authorization="Bearer wrong"), NOW)
