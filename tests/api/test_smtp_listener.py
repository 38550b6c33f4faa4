"""Where mail comes in: as the configuration in force says, encrypted where it says so, and no trouble stays unsaid."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import ssl
from pathlib import Path

import aiosmtplib
import pytest
import trustme
import uvloop

from engine.bootstrap import registry
from engine.config.load import advise, load
from engine.config.smtp import server_context
from engine.core.errors import ConfigError, SettingsError
from engine.core.smtp import StartTls
from tests.api.asking import INCIDENTS
from tests.api.conftest import House, config_text, open_house
from tests.api.mailing import ALERTS, apply, listening, mail, sent, talk


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def issue(authority: trustme.CA, folder: Path, name: str = "tocsin.test") -> dict[str, str]:
    """Certificate and key as files."""
    issued = authority.issue_cert(name)
    certificate, key = folder / "mail.crt", folder / "mail.key"
    issued.private_key_pem.write_to_path(str(key))
    certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    return {"certificate": str(certificate), "key": str(key)}


def spoil(certificate: str) -> None:
    Path(certificate).write_text("nothing")
    os.utime(certificate, (1, 1))


def where(house: House) -> tuple[str, int] | None:
    return house.app.mail.address


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def encrypted(address: tuple[str, int], authority: trustme.CA, name: str = "tocsin.test") -> aiosmtplib.SMTP:
    """A client that has made sure who answers."""
    client = aiosmtplib.SMTP(hostname=address[0], port=address[1], start_tls=False, timeout=10)
    await client.connect()
    await client.starttls(tls_context=trusting(authority), server_hostname=name)
    return client


async def test_mail_is_encrypted_where_there_is_a_certificate_and_has_to_be_where_that_is_said(
    light_house: House, authority: trustme.CA, tmp_path: Path
) -> None:
    files = issue(authority, tmp_path)
    async with listening(light_house, starttls={**files, "required": True}) as address:
        async with talk(address) as plain:
            assert (await plain.say("MAIL FROM:<a@x.example>")).startswith("530")
        client = await encrypted(address, authority)
        await client.ehlo()
        assert "auth" not in client.esmtp_extensions
        await client.sendmail("backup@shop.example", [ALERTS], mail())
        await client.quit()
    async with light_house.client() as admin:
        assert (await admin.get(f"{INCIDENTS}/INC-1")).json()["title"] == "Backup failed"


async def test_where_encryption_is_offered_only_mail_may_come_without(
    light_house: House, authority: trustme.CA, tmp_path: Path
) -> None:
    async with listening(light_house, starttls=issue(authority, tmp_path)) as address:
        async with talk(address, hello=False) as plain:
            assert "250-STARTTLS" in await plain.say("EHLO shop.example")
            assert (await plain.say("STARTTLS")).startswith("220")
            plain.writer.write(b"this is no handshake\r\n")
            assert await plain.reader.read() is not None
        assert (await sent(address, mail())).startswith("250")


async def test_a_renewed_certificate_is_shown_without_a_restart_and_a_broken_one_is_told_of(
    light_house: House, authority: trustme.CA, tmp_path: Path
) -> None:
    files = issue(authority, tmp_path)
    async with light_house.client() as admin, listening(light_house, starttls=files) as address:
        spoil(files["certificate"])
        await light_house.app.mail.follow()
        await light_house.app.mail.follow()
        (told,) = (await admin.get(INCIDENTS)).json()["items"]
        assert told["service"] == "tocsin"
        assert (await admin.get(f"{INCIDENTS}/{told['id']}")).json()["alert_count"] == 1
        (await encrypted(address, authority)).close()
        issue(authority, tmp_path, "renewed.test")
        await light_house.app.mail.follow()
        (await encrypted(address, authority, "renewed.test")).close()
        assert where(light_house) == address
        assert (await admin.get(f"{INCIDENTS}/{told['id']}")).json()["state"] == "review"


async def test_a_port_that_is_taken_is_an_incident_and_taken_over_once_it_is_free(light_house: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        await apply(light_house, smtp_listener={"port": port})
        await light_house.app.mail.follow()
        assert where(light_house) is None
    async with light_house.client() as admin:
        (told,) = (await admin.get(INCIDENTS)).json()["items"]
        shown = (await admin.get(f"{INCIDENTS}/{told['id']}")).json()
        assert (
            f"`smtp_listener` says 127.0.0.1, port {port}, and that fails: Address already in use" in shown["summary"]
        )
        await light_house.app.mail.follow()
        assert where(light_house) == ("127.0.0.1", port)
        assert (await admin.get(f"{INCIDENTS}/{told['id']}")).json()["state"] == "review"
    await light_house.app.mail.stop()


async def test_it_opens_moves_and_closes_with_the_configuration_in_force(light_house: House) -> None:
    listener = light_house.app.mail
    await listener.follow()
    assert where(light_house) is None
    async with listening(light_house) as address:
        await listener.follow()
        assert where(light_house) == address
        async with talk(address) as before:
            await apply(light_house, smtp_listener={"port": 0, "listen": "::1"})
            await listener.follow()
            moved = where(light_house)
            assert moved is not None
            assert moved[0] == "::1"
            await before.begin()
            assert (await before.send(mail())).startswith("250")
        with pytest.raises(ConnectionError):
            await asyncio.open_connection(*address)
        assert (await sent(moved, mail())).startswith("250")
        await apply(light_house)
        await listener.follow()
        assert where(light_house) is None


def test_it_works_in_the_loop_that_serve_runs_encrypted_too(
    sqlite_url: str, tmp_path: Path, authority: trustme.CA
) -> None:
    async def work() -> None:
        async with (
            open_house(sqlite_url, tmp_path) as house,
            listening(house, starttls=issue(authority, tmp_path)) as address,
            talk(address) as idle,
        ):
            client = await encrypted(address, authority)
            await client.sendmail("backup@shop.example", [ALERTS], mail())
            assert (await sent(address, mail())).startswith("250")
            stopping = asyncio.create_task(house.app.mail.stop())
            assert (await idle.reply()).startswith("421")
            await stopping
            client.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work())


def section(**terms: object) -> str:
    return json.dumps({**json.loads(config_text()), "smtp_listener": terms})


def faults(**terms: object) -> list[tuple[str, str, str]]:
    with pytest.raises(ConfigError) as caught:
        load(section(**terms), "tocsin.yaml", registry())
    return [(one.path, one.wrong, one.remedy) for one in caught.value.findings]


def test_check_says_what_is_wrong_with_the_section(authority: trustme.CA, tmp_path: Path) -> None:
    files = issue(authority, tmp_path)
    assert faults(listen="localhost")[0][0] == "smtp_listener.listen"
    assert "write it like 127.0.0.1" in str(faults(listen="localhost"))
    assert faults(port=70000) == [("smtp_listener.port", "70000 is too much", "write 65535 or less")]
    ((path, wrong, remedy),) = faults(starttls={**files, "certificate": "/nowhere/mail.crt"})
    assert (path, wrong) == (
        "smtp_listener.starttls",
        "/nowhere/mail.crt can't be read: No such file or directory",
    )
    assert "readable" in remedy
    ((path, wrong, _),) = faults(starttls={**files, "key": "mail.key"})
    assert (path, wrong) == ("smtp_listener.starttls.key", "'mail.key' is no absolute path")
    other = tmp_path / "other"
    other.mkdir()
    ((_, wrong, _),) = faults(starttls={**files, "key": issue(authority, other)["key"]})
    assert wrong.endswith("can't be used: key values mismatch")
    load(section(starttls=files), "tocsin.yaml", registry())


def test_a_key_that_asks_for_a_passphrase_is_refused_and_nobody_is_asked(authority: trustme.CA, tmp_path: Path) -> None:
    files = issue(authority, tmp_path)
    locked = tmp_path / "locked.key"
    locked.write_text(
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIBvTBXBgkqhkiG9w0BBQ0wSjApBgkq\n-----END ENCRYPTED PRIVATE KEY-----\n"
    )
    with pytest.raises(SettingsError, match="can't be used"):
        server_context(StartTls(certificate=Path(files["certificate"]), key=locked))


def advice(**terms: object) -> list[tuple[str, str]]:
    document = json.loads(section(**terms))
    document["integrations"]["email"] |= {"key": "k" * 65, "token": {"env": "TOKEN"}}
    text = json.dumps(document)
    found = advise(text, "tocsin.yaml", load(text, "tocsin.yaml", registry()))
    return [(one.path, one.wrong) for one in found]


def test_check_warns_of_what_is_allowed_and_surely_not_meant(authority: trustme.CA, tmp_path: Path) -> None:
    assert advice() == [
        ("integrations.email.key", "it is too long for an address: more than 64 characters"),
        ("integrations.email.token", "no mail can bring this token, so what comes by SMTP is refused"),
    ]
    open_door = ("smtp_listener.listen", "keys cross the network where anybody can read them")
    assert open_door in advice(listen="0.0.0.0")  # noqa: S104 - it is what is warned of
    assert open_door not in advice(listen="0.0.0.0", starttls=issue(authority, tmp_path))  # noqa: S104 - as above
    document = json.loads(section())
    document["integrations"] = {}
    text = json.dumps(document)
    found = advise(text, "tocsin.yaml", load(text, "tocsin.yaml", registry()))
    assert "no integration takes mail, so all of it is refused" in [one.wrong for one in found]
