"""The line that the page gives for a mail server, as a mail server runs it: by a shell, the message on its input."""

from __future__ import annotations

import asyncio
import re
import subprocess
from pathlib import Path

import pytest

from integrations.sources.email import Email, Settings
from tests.integrations.sources.bodies import NOW
from tests.real.monitors import Listener, curl_config, listening

PAGE = (Path(__file__).parents[2] / "integrations" / "sources" / "email.md").read_text()
TEMPORARY = 75  # sysexits.h: EX_TEMPFAIL


def command(config: Path) -> str:
    block = re.search(r'```aliases\ntocsin: "\|(.*)"\n```', PAGE)
    assert block
    return block[1].replace("/etc/tocsin/mail.curl", str(config))


async def hand_over(mail: bytes, folder: Path, listener: Listener) -> int | None:
    line = command(curl_config(folder, listener))
    process = await asyncio.create_subprocess_shell(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    said, _ = await process.communicate(mail)
    assert said == b""  # what a command says, mail servers send back to the sender
    return process.returncode


async def test_a_mail_arrives_as_it_was(tmp_path: Path) -> None:
    mail = b"From m@shop.example Fri Nov 20 03:10:00 2026\n" + Email.example.replace(b"db-1", b"db-1 \xff\x00 '$(id)")
    async with listening() as listener:
        assert await hand_over(mail, tmp_path, listener) == 0
        sent = await listener.next()
    assert sent.body == mail
    assert sent.headers["authorization"] == "Bearer t0ken"
    (alert,) = Email().parse(Settings(), sent, NOW).alerts
    assert alert.title == "Backup of the checkout database failed"


@pytest.mark.parametrize("answer", [503, 401])
async def test_where_it_is_not_taken_the_mail_server_is_told_to_keep_it(tmp_path: Path, answer: int) -> None:
    async with listening() as listener:
        listener.answers.append(answer)
        assert await hand_over(Email.example, tmp_path, listener) == TEMPORARY


async def test_while_nothing_listens_the_mail_server_keeps_it(tmp_path: Path) -> None:
    async with listening() as listener:
        pass
    assert await hand_over(Email.example, tmp_path, listener) == TEMPORARY
