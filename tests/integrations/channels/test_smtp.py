"""Which mail server, and how far it is trusted."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from engine.core.errors import DeliveryError
from integrations.channels.smtp import Encryption, Relay, hand_over, read_relay
from tests.integrations.channels.kits import MAIL_PASSWORD
from tests.integrations.channels.providers import HOST, ScriptedMail, listening


@pytest.mark.parametrize(
    ("url", "host", "port", "encryption", "user", "password"),
    [
        ("smtp://mail.example.com", "mail.example.com", 25, Encryption.OFFERED, None, ""),
        ("smtp://mail.example.com:2525/", "mail.example.com", 2525, Encryption.OFFERED, None, ""),
        ("smtp://u:p@mail.example.com", "mail.example.com", 587, Encryption.REQUIRED, "u", "p"),
        ("smtp://u:p@localhost:25", "localhost", 25, Encryption.OFFERED, "u", "p"),
        ("smtp://u:p@127.0.0.1", "127.0.0.1", 25, Encryption.OFFERED, "u", "p"),
        ("smtp://u:p@[::1]:1025", "::1", 1025, Encryption.OFFERED, "u", "p"),
        ("smtp://u:p@localhost.example.com", "localhost.example.com", 587, Encryption.REQUIRED, "u", "p"),
        ("smtps://mail.example.com", "mail.example.com", 465, Encryption.IMPLICIT, None, ""),
        ("smtps://ops%40example.com:p%2F%40%3A@mail", "mail", 465, Encryption.IMPLICIT, "ops@example.com", "p/@:"),
    ],
)
def test_a_password_only_travels_encrypted_or_within_the_machine(
    url: str, host: str, port: int, encryption: Encryption, user: str | None, password: str
) -> None:
    relay = Relay(host=host, port=port, encryption=encryption, user=user, password=SecretStr(password))
    assert read_relay(SecretStr(url)) == relay


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.com",
        "http://mail.example.com",
        "smtp://",
        "smtp://mail.example.com/inbox",
        "smtp://mail.example.com:port",
        "smtp://u:hush-hush/@mail.example.com",
        "smtp://u:hush-hush?@mail.example.com",
        "smtp://[u:hush-hush@mail.example.com",
    ],
)
def test_an_unreadable_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match=r"^TOCSIN_SMTP_URL .*; write it like smtp://") as raised:
        read_relay(SecretStr(url))
    assert "hush" not in str(raised.value)


async def test_a_password_is_not_sent_to_a_server_that_takes_the_encryption_away() -> None:
    server = ScriptedMail(answers={})
    async with listening(server.serve) as port:
        relay = Relay(
            host=HOST, port=port, encryption=Encryption.REQUIRED, user="tocsin", password=SecretStr(MAIL_PASSWORD)
        )
        with pytest.raises(DeliveryError, match="STARTTLS") as raised:
            await hand_over(relay, b"hello", sender="a@example.com", recipient="b@example.com", seconds=1)
    assert raised.value.permanent
    assert [line.split()[0] for line in server.heard] == ["EHLO"]


async def test_the_servers_answer_is_kept_without_the_password() -> None:
    server = ScriptedMail(answers={"content": f"250 2.0.0 queued as 4ABC for {MAIL_PASSWORD}\x1b[2J"})
    async with listening(server.serve) as port:
        relay = Relay(
            host=HOST, port=port, encryption=Encryption.OFFERED, user="tocsin", password=SecretStr(MAIL_PASSWORD)
        )
        answer = await hand_over(relay, b"hello", sender="a@example.com", recipient="b@example.com", seconds=1)
    assert answer == "2.0.0 queued as 4ABC for •••[2J"


async def test_a_goodbye_that_is_never_answered_does_not_undo_the_delivery() -> None:
    server = ScriptedMail(answers={"QUIT": ""})
    async with listening(server.serve) as port:
        relay = Relay(host=HOST, port=port, encryption=Encryption.OFFERED, user=None, password=SecretStr(""))
        answer = await hand_over(relay, b"hello", sender="a@example.com", recipient="b@example.com", seconds=1)
    assert answer == "fine"
