"""The mail sandbox, spoken to by the real SMTP client."""

import asyncio
from collections.abc import AsyncIterator
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

import aiosmtplib
import pytest

from integrations.sandbox.mail import Login, MailFailure
from integrations.sandbox.smtp import MailSandbox

NOW = 1_795_172_538.0
DANA = "dana@example.com"
OMAR = "omar@example.com"


@pytest.fixture
async def mail() -> AsyncIterator[MailSandbox]:
    async with MailSandbox(clock=lambda: NOW) as sandbox:
        yield sandbox


def _page(*to: str, subject: str = "P0: database down") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "tocsin@example.com"
    message["To"] = ", ".join(to or (DANA,))
    message["Subject"] = subject
    message.set_content("Acknowledge by 03:05.\n")
    message.add_alternative("<p>Acknowledge by 03:05.</p>", subtype="html")
    return message


async def _send(mail: MailSandbox, message: EmailMessage | None = None, *, seconds: float = 5) -> str:
    """The outcome of one message in a word or two. The credentials are those of the sandbox's URL."""
    url = urlsplit(mail.url)
    try:
        await aiosmtplib.send(
            message or _page(),
            hostname=url.hostname,
            port=url.port,
            username=unquote(url.username) if url.username else None,
            password=unquote(url.password) if url.password else None,
            start_tls=False,
            timeout=seconds,
        )
    except aiosmtplib.SMTPRecipientsRefused as refused:
        return str(refused.recipients[0].code)
    except aiosmtplib.SMTPResponseException as refused:
        return str(refused.code)
    except aiosmtplib.SMTPServerDisconnected:
        return "connection lost"
    except aiosmtplib.SMTPTimeoutError:
        return "no answer"
    except aiosmtplib.SMTPConnectError:
        return "refused"
    return "sent"


async def test_a_message_is_kept_with_its_envelope_and_both_bodies(mail: MailSandbox) -> None:
    assert await _send(mail, _page(DANA, OMAR)) == "sent"
    (received,) = mail.messages()
    assert (received.sender, received.recipients) == ("tocsin@example.com", (DANA, OMAR))
    assert (received.subject, received.received_at) == ("P0: database down", NOW)
    assert (received.text.strip(), received.html.strip()) == ("Acknowledge by 03:05.", "<p>Acknowledge by 03:05.</p>")
    assert mail.messages(to=OMAR) == [received]
    assert mail.messages(to="nobody@example.com") == []


async def test_a_subject_in_any_script_arrives_as_it_was_written(mail: MailSandbox) -> None:
    await _send(mail, _page(subject="P0: база данных упала ⏰"))
    assert mail.messages()[0].subject == "P0: база данных упала ⏰"


async def test_waiting_ends_with_the_mail_that_was_waited_for(mail: MailSandbox) -> None:
    waiting = mail.wait_for(lambda one: OMAR in one.recipients)
    received, _, _ = await asyncio.gather(waiting, _send(mail), _send(mail, _page(OMAR)))
    assert received.recipients == (OMAR,)
    await mail.wait_until(lambda: len(mail.messages()) == 2)


async def test_a_wait_in_vain_ends_in_time_and_says_what_was_there(mail: MailSandbox) -> None:
    await _send(mail)
    with pytest.raises(TimeoutError, match="database down"):
        await mail.wait_for(lambda one: OMAR in one.recipients, within=0.01)


@pytest.mark.parametrize(
    ("failure", "outcome", "kept"),
    [
        (MailFailure.TEMPORARY, "450", 0),
        (MailFailure.PERMANENT, "550", 0),
        (MailFailure.CLOSING, "421", 0),
        (MailFailure.DROPPED, "connection lost", 0),
        (MailFailure.HANGING, "no answer", 0),
        (MailFailure.ACCEPTED_THEN_DROPPED, "connection lost", 1),
    ],
)
async def test_each_failure_looks_to_the_client_as_the_real_one_does(
    mail: MailSandbox, failure: MailFailure, outcome: str, kept: int
) -> None:
    mail.fail(failure, times=1)
    assert await _send(mail, seconds=0.3) == outcome
    assert len(mail.messages()) == kept
    assert await _send(mail) == "sent"


async def test_a_failure_for_one_recipient_leaves_the_others_alone(mail: MailSandbox) -> None:
    mail.fail(MailFailure.PERMANENT, recipient=DANA)
    assert await _send(mail, _page(DANA)) == "550"
    assert await _send(mail, _page(OMAR)) == "sent"
    mail.recover()
    assert await _send(mail, _page(DANA)) == "sent"


async def test_a_hanging_message_is_taken_when_the_server_recovers(mail: MailSandbox) -> None:
    mail.fail(MailFailure.HANGING, times=1)
    hanging = asyncio.create_task(_send(mail))
    await mail.wait_until(lambda: mail.hanging == 1)
    assert mail.messages() == []
    mail.recover()
    assert await hanging == "sent"


async def test_a_closed_port_refuses_connections_until_it_listens_again(mail: MailSandbox) -> None:
    await mail.refuse_connections()
    assert await _send(mail) == "refused"
    await mail.listen()
    assert await _send(mail) == "sent"


@pytest.mark.parametrize(
    ("password", "outcome", "kept"), [("s3cret/@:", "sent", 1), ("wrong", "535", 0), (None, "530", 0)]
)
async def test_where_a_login_is_wanted_only_the_right_one_sends(password: str | None, outcome: str, kept: int) -> None:
    async with MailSandbox(clock=lambda: NOW, login=Login(user="tocsin", password="s3cret/@:")) as mail:
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=mail.port, start_tls=False)
        async with client:
            try:
                if password is not None:
                    await client.login("tocsin", password)
                await client.send_message(_page())
                answered = "sent"
            except aiosmtplib.SMTPResponseException as refused:
                answered = str(refused.code)
        assert (answered, len(mail.messages())) == (outcome, kept)


async def test_the_url_carries_the_login_in_a_form_that_survives_its_characters() -> None:
    async with MailSandbox(clock=lambda: NOW, login=Login(user="tocsin@ops", password="s3cret/@:")) as mail:
        assert mail.url == f"smtp://tocsin%40ops:s3cret%2F%40%3A@127.0.0.1:{mail.port}"
        assert await _send(mail) == "sent"


async def test_without_a_login_none_is_offered(mail: MailSandbox) -> None:
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=mail.port, start_tls=False) as client:
        assert not client.supports_extension("auth")


def test_the_password_stays_out_of_what_is_printed() -> None:
    assert "s3cret" not in repr(Login(user="tocsin", password="s3cret"))
