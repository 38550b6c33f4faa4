"""Mail in by SMTP: the path of a webhook, with replies that are as true as its statuses."""

from __future__ import annotations

import asyncio
import logging
import smtplib
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from engine.core.errors import Overloaded
from engine.core.smtp import key_in, without_keys
from engine.log import SILENT
from engine.services.access import Keys
from engine.services.intake import Intake
from integrations.sources.email import Email
from tests.api.asking import INCIDENTS
from tests.api.conftest import KEYS, House, open_house
from tests.api.mailing import ALERTS, KEY, MIXED, apply, listening, mail, sent, talk
from tests.api.test_requests_kept import kept
from tests.faults.proxy import wire_to


async def titles(client: httpx.AsyncClient) -> list[str]:
    return [one["title"] for one in (await client.get(INCIDENTS)).json()["items"]]


async def overloaded(*_: object, **__: object) -> Any:
    raise Overloaded("the database can't be reached")


def handed_over(address: tuple[str, int], subject: str) -> dict[str, tuple[int, bytes]]:
    """As a program hands it over, by the standard library's client."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "backup@shop.example", ALERTS, subject
    message.set_content("No space is left on db-1.\n.\n..and a line with a dot\n")
    with smtplib.SMTP(*address, timeout=10) as client:
        return client.send_message(message)


async def test_a_mail_opens_an_incident_and_its_end_resolves_it(house: House, admin: httpx.AsyncClient) -> None:
    async with listening(house) as address:
        assert await asyncio.to_thread(handed_over, address, "[critical] Backup failed") == {}
        shown = (await admin.get(f"{INCIDENTS}/INC-1")).json()
        assert (shown["title"], shown["source"], shown["priority"]) == ("Backup failed", "email", "P1")
        assert shown["alerts"][0]["summary"].splitlines() == [
            "No space is left on db-1.",
            ".",
            "..and a line with a dot",
        ]
        assert await asyncio.to_thread(handed_over, address, "RESOLVED: Backup failed") == {}
        assert (await admin.get(f"{INCIDENTS}/INC-1")).json()["state"] == "review"
    first, second = await kept(house)
    assert [(one.source, one.status, one.problem) for one in (first, second)] == [("email", 202, None)] * 2
    assert first.headers == {"content-type": "message/rfc822"}
    assert [one["action"] for one in (*first.outcomes, *second.outcomes)] == ["opened", "resolved"]


async def test_the_vendors_example_is_taken_as_by_webhook(light_house: House) -> None:
    async with listening(light_house) as address:
        for body in (Email.example, Email.example, Email.example_resolved):
            assert (await sent(address, body.replace(b"\n", b"\r\n"))).startswith("250")
    actions = [one["action"] for request in await kept(light_house) for one in request.outcomes]
    assert actions == ["opened", "repeated", "resolved"]


@pytest.mark.parametrize(
    "to",
    [
        f"{KEY}@tocsin.example.com",
        f"TOCSIN+{KEY.upper()}@any.host.example",
        f'"{KEY}"@[127.0.0.1]',
        f"a+b+{KEY}@x.example",
    ],
)
async def test_the_key_is_the_local_part_or_what_stands_behind_its_plus_in_any_case(
    light_house: House, to: str
) -> None:
    async with listening(light_house) as address:
        assert (await sent(address, mail(), to)).startswith("250")


async def test_a_key_that_lost_its_case_on_the_way_is_known_unless_two_are_alike(light_house: House) -> None:
    twins = {"one": {"source": "email", "key": "Twin-Key"}, "two": {"source": "email", "key": "tWIN-kEY"}}
    own = {"mixed": {"source": "email", "key": MIXED}}
    async with listening(light_house, integrations=twins | own) as address:
        assert (await sent(address, mail("A"), f"{MIXED.lower()}@x.example")).startswith("250")
        assert (await sent(address, mail("B"), "tWIN-kEY@x.example")).startswith("250")
        assert (await sent(address, mail("C"), "twin-key@x.example")).startswith("550")
    assert [one.integration for one in await kept(light_house)] == ["mixed", "two"]


async def test_nothing_is_relayed_and_no_other_key_takes_mail(light_house: House) -> None:
    strangers = (
        "bob@example.com",
        f"{KEYS['generic']}@tocsin.example.com",
        f"{KEY}x@tocsin.example.com",
        "+@x.example",
    )
    async with listening(light_house) as address, talk(address) as sender:
        for reply in await sender.begin(strangers):
            assert reply.startswith("550 5.1.1")
        assert (await sender.say("DATA")).startswith("503")
    assert await kept(light_house) == []


async def test_while_the_database_is_away_a_mail_is_to_come_again(
    house: House, admin: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with listening(house) as address:
        with monkeypatch.context() as patch:
            patch.setattr(Intake, "accept", overloaded)
            assert (await sent(address, mail())).startswith("451")
        with monkeypatch.context() as patch:
            patch.setattr(Keys, "find_folded", overloaded)
            assert (await sent(address, mail())).startswith("451")
        assert await titles(admin) == []
        assert (await sent(address, mail())).startswith("250")
    assert await titles(admin) == ["Backup failed"]
    assert [one.status for one in await kept(house)] == [503, 202]


async def test_with_postgresql_gone_mail_waits_at_its_sender_and_is_taken_once_it_is_back(
    postgresql_url: str, tmp_path: Path
) -> None:
    async with (
        wire_to(postgresql_url) as (wire, address),
        open_house(address, tmp_path) as house,
        house.client() as admin,
        listening(house) as post,
        talk(post) as sender,
    ):
        await sender.begin()
        wire.fall()
        assert (await sender.send(mail())).startswith("451")
        wire.heal()
        await sender.begin()
        assert (await sender.send(mail())).startswith("250")
        assert await titles(admin) == ["Backup failed"]


async def test_what_breaks_is_answered_with_come_again_and_the_next_mail_is_taken(
    light_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret-detail")

    async with listening(light_house) as address:
        with monkeypatch.context() as patch, capture_logs() as events:
            patch.setattr("engine.services.intake.accept", broken)
            reply = await sent(address, mail())
        assert [one["event"] for one in events] == ["mail.broke"]
        assert reply.startswith("451")
        assert "secret-detail" not in reply
        assert (await sent(address, mail())).startswith("250")
    assert [one.status for one in await kept(light_house)] == [500, 202]


async def test_a_mail_that_is_too_large_is_refused_announced_or_not_and_noted_down(
    light_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(light_house.app.mail, "limit", 1000)
    async with listening(light_house) as address, talk(address, hello=False) as sender:
        assert "250-SIZE 1000" in await sender.say("EHLO shop.example")
        assert (await sender.say("MAIL FROM:<a@shop.example> SIZE=1001")).startswith("552")
        await sender.begin()
        assert (await sender.send(mail(text="x" * 1500))).startswith("552 5.3.4")
        await sender.begin()
        assert (await sender.send(mail())).startswith("250")
        await sender.begin()
        assert (await sender.send(mail(text="x" * 5000))).startswith("552")
        assert await sender.reply() == ""
    too_large, taken, far_too_large = await kept(light_house)
    assert (too_large.status, too_large.body, taken.status, far_too_large.status) == (413, b"", 202, 413)
    assert too_large.size > 1500


async def test_a_mail_that_can_not_be_read_is_refused_with_the_reason_kept_and_told_of(
    light_house: House,
) -> None:
    async with light_house.client() as admin, listening(light_house) as address:
        for _ in range(3):
            reply = await sent(address, b"no header at all\r\n")
            assert reply.startswith("554 5.6.0 $.From: missing")
        await light_house.app.requests.drained()
        assert await titles(admin) == ["What the integration email sends can't be read"]
        assert 'refused_total{code="unreadable",source="email"} 3.0' in (await admin.get("/metrics")).text
    assert [(one.status, one.body) for one in await kept(light_house)] == [(422, b"no header at all\r\n")] * 3


async def test_an_integration_with_a_token_takes_no_mail_for_none_can_bring_it(light_house: House) -> None:
    own = {"guarded": {"source": "email", "key": "guarded-key", "token": {"env": "SIGNED_SECRET"}}}
    async with listening(light_house, integrations=own) as address:
        assert (await sent(address, mail(), "guarded-key@x.example")).startswith("550 5.7.1")
    assert [(one.integration, one.status) for one in await kept(light_house)] == [("guarded", 401)]


async def test_each_recipient_gets_its_own_copy_and_an_unknown_one_its_own_refusal(light_house: House) -> None:
    own = {"second": {"source": "email", "key": "second-key"}}
    async with listening(light_house, integrations=own) as address, talk(address) as sender:
        replies = await sender.begin((ALERTS, "bob@example.com", "second-key@x.example", f"{KEY}@x.example"))
        assert [one[:3] for one in replies] == ["250", "550", "250", "250"]
        assert (await sender.send(mail(to=f"{ALERTS}, second-key@x.example"))).startswith("250")
    found = await kept(light_house)
    assert [(one.integration, one.status) for one in found] == [("email", 202), ("second", 202)]
    assert KEY not in str(found)
    assert "second-key" not in str(found)


async def test_as_long_as_one_recipient_may_still_get_it_the_mail_is_to_come_again(
    light_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept, calls = Intake.accept, 0

    async def every_other(intake: Intake, *arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        return await (overloaded() if calls == 2 else accept(intake, *arguments, **named))

    own = {
        "second": {"source": "email", "key": "second-key"},
        "guarded": {"source": "email", "key": "guarded-key", "token": {"env": "SIGNED_SECRET"}},
    }
    all_three = ("guarded-key@x.example", ALERTS, "second-key@x.example")
    async with listening(light_house, integrations=own) as address:
        monkeypatch.setattr(Intake, "accept", every_other)
        assert (await sent(address, mail(), *all_three)).startswith("451")
        assert (await sent(address, mail(), *all_three)).startswith("550 5.7.1")
    actions = [[one["action"] for one in request.outcomes] for request in await kept(light_house)]
    assert actions == [[], ["opened"], [], [], ["repeated"], ["repeated"]]


async def test_too_many_recipients_are_asked_for_in_another_copy(
    light_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.api.smtp.hooks.MOST_RECIPIENTS", 2)
    async with listening(light_house) as address, talk(address) as sender:
        assert [one[:3] for one in await sender.begin([ALERTS] * 3)] == ["250", "250", "452"]


async def test_two_mails_at_once_are_both_taken(house: House, admin: httpx.AsyncClient) -> None:
    async with listening(house) as address, talk(address) as one, talk(address) as other:
        await one.begin()
        await other.begin()
        replies = await asyncio.gather(other.send(mail("Second is down")), one.send(mail("First is down")))
        assert [reply[:3] for reply in replies] == ["250", "250"]
    assert set(await titles(admin)) == {"First is down", "Second is down"}


async def test_a_mail_whose_sender_hangs_up_before_the_answer_is_taken_and_on_record(
    light_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    going, accept = asyncio.Event(), Intake.accept
    reached = asyncio.Event()

    async def slow(intake: Intake, *arguments: Any, **named: Any) -> Any:
        reached.set()
        await going.wait()
        return await accept(intake, *arguments, **named)

    async with listening(light_house) as address:
        monkeypatch.setattr(Intake, "accept", slow)
        async with talk(address) as sender:
            await sender.begin()
            await sender.say("DATA")
            sender.writer.write(mail() + b".\r\n")
            await sender.writer.drain()
            await asyncio.wait_for(reached.wait(), 10)
            sender.writer.transport.abort()
        going.set()
    assert [one.status for one in await kept(light_house)] == [202]


async def test_told_to_stop_it_takes_what_is_on_its_way_and_sends_everybody_else_away(
    light_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    going, accept = asyncio.Event(), Intake.accept
    reached = asyncio.Event()

    async def slow(intake: Intake, *arguments: Any, **named: Any) -> Any:
        reached.set()
        await going.wait()
        return await accept(intake, *arguments, **named)

    async with listening(light_house) as address, talk(address) as busy, talk(address) as idle:
        monkeypatch.setattr(Intake, "accept", slow)
        await busy.begin()
        answer = asyncio.create_task(busy.send(mail()))
        await asyncio.wait_for(reached.wait(), 10)
        stopping = asyncio.create_task(light_house.app.mail.stop())
        assert (await idle.reply()).startswith("421")
        with pytest.raises(ConnectionError):
            await asyncio.open_connection(*address)
        assert not answer.done()
        going.set()
        assert (await answer).startswith("250")
        await stopping
        assert await busy.reply() == ""


async def test_one_connection_too_many_is_asked_to_come_again(
    light_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.api.smtp.listener.MOST_CONNECTIONS", 1)
    async with listening(light_house) as address:
        async with talk(address) as first:
            reader, writer = await asyncio.open_connection(*address)
            assert (await reader.readline()).startswith(b"421")
            writer.close()
            assert (await first.say("QUIT")).startswith("221")
            assert await first.reply() == ""
        assert (await sent(address, mail())).startswith("250")


async def test_who_says_nothing_or_never_ends_is_hung_up_on(
    light_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.api.smtp.protocol.IDLE_SECONDS", 0.05)
    monkeypatch.setattr("engine.api.smtp.protocol.MAIL_SECONDS", 0.05)
    async with listening(light_house) as address:
        async with talk(address, hello=False) as silent:
            assert await silent.reply() == ""
        async with talk(address) as endless:
            await endless.begin()
            await endless.say("DATA")
            assert await endless.reply() == ""


@pytest.mark.parametrize("end", [b"\n.\n", b"\r\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\r"])
async def test_only_the_one_true_end_ends_a_mail_so_none_is_smuggled_in(light_house: House, end: bytes) -> None:
    second = b"MAIL FROM:<a@x.example>\r\nRCPT TO:<" + ALERTS.encode() + b">\r\nDATA\r\n" + mail("Smuggled")
    async with listening(light_house) as address, talk(address) as sender:
        await sender.begin()
        assert (await sender.send(mail() + b"and" + end + second)).startswith("250")
    assert len(await kept(light_house)) == 1


async def test_a_line_is_as_long_as_it_likes_and_dots_come_through(light_house: House) -> None:
    text = f"{'x' * 200_000}\r\n.\r\n..\r\n.dot\r\n{'y' * 65536}\r\n"
    async with listening(light_house) as address:
        assert (await sent(address, mail(text=text))).startswith("250")
    [found] = await kept(light_house)
    assert found.size == len(without_keys(mail(text=text), [KEY]))


async def test_no_key_is_told_by_the_log_a_reply_the_incident_or_what_is_kept(
    light_house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in SILENT:
        caplog.set_level(logging.CRITICAL, logger=name)
    own = {"mixed": {"source": "email", "key": MIXED}}
    to = f"alerts+{MIXED.lower()}@tocsin.example.com"
    head = f"Delivered-To: {MIXED}@tocsin.example.com\r\nReceived: by mx for <{MIXED.upper()}@tocsin.example.com>\r\n"
    with capture_logs() as events:
        async with light_house.client() as admin, listening(light_house, integrations=own) as address:
            replies = [
                await sent(address, head.encode() + mail(to=to, text=f"Sent to {to}"), to),
                await sent(address, head.encode() + b"\r\nno sender", to),
                await sent(address, mail(), f"{MIXED}x@x.example"),
            ]
            async with talk(address) as sender:
                await sender.say(f"{MIXED} {MIXED}")  # whoever sends this is told of it again
                replies += [await sender.say(f"RCPT TO:<{MIXED}@x.example")]
                replies += [await sender.say(b"RCPT TO:<" + MIXED.encode() + b"\xff(@x.example> \x00=")]
            shown = (await admin.get(f"{INCIDENTS}/INC-1")).text
            timeline = (await admin.get(f"{INCIDENTS}/INC-1/timeline")).text
    told = f"{events} {caplog.text} {replies} {shown} {timeline} {await kept(light_house)}"
    assert MIXED.lower() not in told.lower()
    assert '"to":"alerts+***@tocsin.example.com"' in shown
    assert [one["event"] for one in events if one["event"] == "mail.refused"] == ["mail.refused"] * 2


async def test_the_key_of_another_integration_that_gets_its_own_copy_is_told_nowhere_either(
    light_house: House,
) -> None:
    own = {"mixed": {"source": "email", "key": MIXED}}
    to = f"Others <tocsin+{MIXED.lower()}@x.example>, {ALERTS}"
    async with light_house.client() as admin, listening(light_house, integrations=own) as address:
        assert (await sent(address, mail(to=to))).startswith("250")
        shown = (await admin.get(f"{INCIDENTS}/INC-1")).text
    assert '"to":"tocsin+***@x.example"' in shown
    for told in (shown, str(await kept(light_house))):
        assert MIXED.lower() not in told.lower()
        assert KEY not in told


GARBAGE = st.one_of(
    st.binary(max_size=300),
    st.lists(
        st.one_of(
            st.sampled_from(
                [b"EHLO x", b"HELO x", b"MAIL FROM:<a@x.example>", b"RCPT TO:<" + ALERTS.encode() + b">", b"DATA", b"."]
            ),
            st.sampled_from([b"RSET", b"AUTH PLAIN AA==", b"VRFY <x", b"HELP \xff", b"STARTTLS", b"BDAT 1", b"QUIT"]),
            st.binary(max_size=80),
        ),
        max_size=12,
    ).map(b"\r\n".join),
)


async def test_whatever_bytes_come_the_next_mail_is_taken(light_house: House) -> None:
    async with listening(light_house) as address:

        async def throw(garbage: bytes) -> None:
            _, writer = await asyncio.open_connection(*address)
            writer.write(garbage + b"\r\n")
            await writer.drain()
            writer.close()

        @settings(max_examples=60, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
        @given(garbage=GARBAGE)
        def run(garbage: bytes) -> None:
            asyncio.run_coroutine_threadsafe(throw(garbage), loop).result(10)

        loop = asyncio.get_running_loop()
        await asyncio.to_thread(run)
        assert (await sent(address, mail())).startswith("250")


async def test_commands_out_of_order_are_refused(light_house: House) -> None:
    async with listening(light_house) as address, talk(address, hello=False) as sender:
        assert (await sender.say("DATA")).startswith("503")
        assert (await sender.say(f"RCPT TO:<{ALERTS}>")).startswith("503")
        assert "AUTH" not in await sender.say("EHLO shop.example")
        assert (await sender.say("DATA")).startswith("503")
        await sender.begin()
        assert (await sender.say("DATA now")).startswith("501")


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("KEY@host", "KEY"),
        ("tocsin+KEY@host", "KEY"),
        ('"KEY"@host', "KEY"),
        ("KEY", "KEY"),
        ("a@b@host", "a@b"),
        ("@host", ""),
        ("", ""),
    ],
)
def test_where_the_key_stands_in_an_address(address: str, key: str) -> None:
    assert key_in(address) == key


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"To: short-one@x", b"To: ***@x"),
        (b"a SHORT-ONE is a word", b"a SHORT-ONE is a word"),
        (b"bounce+short-one=x@y", b"bounce+***=x@y"),
        (b"a-key-of-sixteen and A-KEY-OF-SIXTEEN", b"*** and ***"),
    ],
)
def test_a_key_is_hidden_where_it_is_an_address_and_everywhere_if_it_is_no_word(text: bytes, expected: bytes) -> None:
    assert without_keys(text, ["short-one", "a-key-of-sixteen", ""]) == expected


async def test_a_key_that_an_apply_takes_away_is_refused_from_then_on(light_house: House) -> None:
    async with listening(light_house) as address:
        assert (await sent(address, mail())).startswith("250")
        await apply(light_house, integrations={"email": {"source": "email", "key": "another-key"}})
        assert (await sent(address, mail())).startswith("550")
