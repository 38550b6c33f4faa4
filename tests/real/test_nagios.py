"""The notification script by itself, and as a real Nagios and a real Icinga start it with what its page tells."""

from __future__ import annotations

import asyncio
import getpass
import grp
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.clock import sleep, utc_now
from engine.core.model import AlertStatus
from integrations.sources.nagios import Nagios, Settings
from tests.integrations.sources.bodies import NOW
from tests.real.monitors import PATIENCE, SCRIPT, Listener, commands, curl_config, listening, program, running

HOSTILE = """$(touch {0}) `touch {0}` '; touch {0} #' " \\ & | < > %41 = @/etc/passwd"""


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    async with listening() as listener:
        yield listener


async def notify(folder: Path, listener: Listener, *fields: str, **settings: str) -> tuple[int, bytes]:
    """Its exit status and what it complains of."""
    process = await asyncio.create_subprocess_exec(
        SCRIPT,
        curl_config(folder, listener),
        *fields,
        env=os.environ | settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    _, complaint = await process.communicate()
    return process.returncode or 0, complaint


def test_the_script_is_what_shellcheck_takes() -> None:
    checked = subprocess.run([program("shellcheck", "shellcheck"), SCRIPT], capture_output=True, text=True, check=False)
    assert checked.stdout == ""
    assert checked.returncode == 0


async def test_whatever_a_plugin_writes_stays_one_value(tmp_path: Path, listener: Listener) -> None:
    hostile = HOSTILE.format(tmp_path / "pwned") + "\nnext line\tü 😀"
    status, complaint = await notify(tmp_path, listener, "type=PROBLEM", "host=web-1", f"output={hostile}", "state=")
    assert (status, complaint) == (0, b"")
    sent = await listener.next()
    assert sent.headers["authorization"] == "Bearer t0ken"
    (alert,) = Nagios().parse(Settings(), sent, NOW).alerts
    assert (alert.fingerprint, alert.summary) == ("web-1", hostile)
    assert not (tmp_path / "pwned").exists()


async def test_output_that_is_no_text_is_sent_all_the_same(tmp_path: Path, listener: Listener) -> None:
    fields = [b"type=PROBLEM", b"host=web-1", b"output=caf\xe9 \xff"]
    process = await asyncio.create_subprocess_exec(SCRIPT, curl_config(tmp_path, listener), *fields)
    assert await process.wait() == 0
    assert (await listener.alert()).summary == "caf\ufffd \ufffd"


async def test_an_answer_that_asks_for_patience_is_met_with_patience_in_the_background(
    tmp_path: Path, listener: Listener
) -> None:
    listener.answers += [503, 429, 500]
    fields = ("type=PROBLEM", "host=web-1", "state=DOWN")
    status, complaint = await notify(tmp_path, listener, *fields, TOCSIN_NOTIFY_PAUSE="1")
    assert (status, complaint) == (0, b"")
    alerts = [await listener.alert() for _ in range(4)]
    assert {alert.fingerprint for alert in alerts} == {"web-1"}


async def test_while_nothing_listens_it_goes_on_trying(tmp_path: Path) -> None:
    async with listening() as away:
        url, port = away.url, int(away.url.split(":")[2].split("/")[0])
    status, _ = await notify(tmp_path, away, "type=PROBLEM", "host=web-1", TOCSIN_NOTIFY_PAUSE="1")
    assert status == 0
    async with listening(port=port) as back:
        assert back.url == url
        assert (await back.alert()).fingerprint == "web-1"


@pytest.mark.parametrize("answer", [401, 404, 422])
async def test_a_refusal_is_told_and_not_repeated(tmp_path: Path, listener: Listener, answer: int) -> None:
    listener.answers.append(answer)
    status, complaint = await notify(tmp_path, listener, "type=PROBLEM", "host=web-1")
    assert status == 1
    assert f"Tocsin answered {answer}".encode() in complaint
    assert b"k3y" not in complaint
    await listener.next()
    assert listener.requests.empty()


def test_without_its_file_it_says_how_it_is_used(tmp_path: Path) -> None:
    for arguments in ([], [tmp_path / "missing", "type=PROBLEM"], [SCRIPT]):
        ran = subprocess.run([SCRIPT, *arguments], capture_output=True, text=True, check=False)
        assert ran.returncode == 2
        assert "usage:" in ran.stderr


NAGIOS = """
{settings}
cfg_file={folder}/objects.cfg
log_file={folder}/nagios.log
object_cache_file={folder}/objects.cache
precached_object_file={folder}/objects.precache
status_file={folder}/status.dat
state_retention_file={folder}/retention.dat
command_file={folder}/nagios.cmd
lock_file={folder}/nagios.lock
temp_file={folder}/nagios.tmp
temp_path={folder}
check_result_path={folder}/results
query_socket={folder}/nagios.qh
nagios_user={user}
nagios_group={group}
check_external_commands=1
execute_host_checks=0
execute_service_checks=0
check_for_updates=0
use_syslog=0
"""
SHIPPED = Path("/etc/nagios4/nagios.cfg")
OBJECTS = """
define timeperiod {
    timeperiod_name  24x7
    alias            always
    sunday           00:00-24:00
    monday           00:00-24:00
    tuesday          00:00-24:00
    wednesday        00:00-24:00
    thursday         00:00-24:00
    friday           00:00-24:00
    saturday         00:00-24:00
}
define command {
    command_name  none
    command_line  /bin/true
}
define host {
    host_name            web-1
    address              192.0.2.7
    max_check_attempts   1
    check_command        none
    check_period         24x7
    notification_period  24x7
    contacts             tocsin
}
define service {
    host_name              web-1
    service_description    HTTP checkout
    check_command          none
    check_period           24x7
    notification_period    24x7
    max_check_attempts     1
    notification_interval  0
    contacts               tocsin
    _service               checkout
}
"""


async def test_nagios_tells_of_a_problem_and_of_its_end(tmp_path: Path, listener: Listener) -> None:
    user, group = getpass.getuser(), str(os.getgid())
    (tmp_path / "results").mkdir()
    (tmp_path / "nagios.cfg").write_text(
        NAGIOS.format(folder=tmp_path, user=user, group=group, settings=kept_from_shells())
    )
    (tmp_path / "objects.cfg").write_text(OBJECTS + commands("nagios", curl_config(tmp_path, listener)))
    async with running(program("nagios4", "nagios4-core"), str(tmp_path / "nagios.cfg"), log=tmp_path / "log"):
        await say(tmp_path, f"PROCESS_SERVICE_CHECK_RESULT;web-1;HTTP checkout;2;{HOSTILE.format(tmp_path / 'pwned')}")
        problem = await listener.alert()
        assert (problem.title, problem.service) == ("HTTP checkout on web-1 is CRITICAL", "checkout")
        assert (problem.labels["address"], problem.labels["severity"]) == ("192.0.2.7", "critical")
        assert problem.starts_at is not None
        assert "team" not in problem.labels
        assert [link.title for link in problem.links] == ["Monitoring"]
        await say(tmp_path, "ACKNOWLEDGE_SVC_PROBLEM;web-1;HTTP checkout;1;1;0;dev;on it")
        assert (await listener.parsed()).note.startswith("ACKNOWLEDGEMENT")
        await say(tmp_path, "PROCESS_SERVICE_CHECK_RESULT;web-1;HTTP checkout;0;fine\\nagain")
        over = await listener.alert()
        assert (over.status, over.fingerprint) == (AlertStatus.RESOLVED, problem.fingerprint)
        assert over.summary == "fine\n\nagain"
        await say(tmp_path, "PROCESS_HOST_CHECK_RESULT;web-1;1;no route")
        down = await listener.alert()
        assert (down.title, down.fingerprint, down.summary) == ("web-1 is DOWN", "web-1", "no route")
    assert not (tmp_path / "pwned").exists()


def kept_from_shells() -> str:
    """The setting that takes out of outputs what a shell heeds, as it ships."""
    return next(line for line in SHIPPED.read_text().splitlines() if line.startswith("illegal_macro_output_chars="))


async def say(folder: Path, command: str) -> None:
    """Through the pipe that Nagios makes when it starts."""
    pipe = folder / "nagios.cmd"
    async with asyncio.timeout(PATIENCE):
        while not pipe.exists():
            await sleep(0.05)
    await asyncio.to_thread(pipe.write_text, f"[{utc_now().timestamp():.0f}] {command}\n")


ICINGA = """
const NodeName = "test"
library "notification"
object CheckerComponent "checker" {{ }}
object NotificationComponent "notification" {{ }}
object CheckCommand "probe" {{ command = [ "/bin/sh", "{folder}/probe.sh" ] }}
object Host "web-1" {{
    address = "192.0.2.7"
    check_command = "probe"
    enable_active_checks = false
}}
object Service "HTTP" {{
    host_name = "web-1"
    check_command = "probe"
    check_interval = 1s
    retry_interval = 1s
    max_check_attempts = 1
    enable_flapping = false
    vars.service = "checkout"
}}
"""


async def test_icinga_tells_of_a_problem_and_of_its_end(tmp_path: Path, listener: Listener) -> None:
    (tmp_path / "probe.sh").write_text(f'read -r code <"{tmp_path}/code"\ncat "{tmp_path}/output"\nexit "$code"\n')
    hostile = f"ü {HOSTILE.format(tmp_path / 'pwned')}"
    (tmp_path / "output").write_text(hostile)
    (tmp_path / "code").write_text("2\n")
    config = tmp_path / "icinga2.conf"
    config.write_text(ICINGA.format(folder=tmp_path) + commands("icinga", curl_config(tmp_path, listener)))
    folders = {name: tmp_path / name for name in ("DataDir", "LogDir", "CacheDir", "InitRunDir", "SpoolDir")}
    for folder in folders.values():
        folder.mkdir()
    own = {**folders, "RunAsUser": getpass.getuser(), "RunAsGroup": grp.getgrgid(os.getgid()).gr_name}
    defined = [word for name, value in own.items() for word in ("-D", f"{name}={value}")]
    icinga = program("icinga2", "icinga2-bin")
    async with running(icinga, "daemon", "-c", str(config), *defined, log=tmp_path / "log"):
        problem = await listener.alert()
        # After the bar there is performance data.
        assert (problem.title, problem.summary) == ("HTTP on web-1 is CRITICAL", hostile.partition("|")[0].strip())
        assert (problem.service, problem.labels["address"]) == ("checkout", "192.0.2.7")
        assert problem.starts_at is not None
        assert [link.url for link in problem.links] == [
            "https://icinga.example.com/icingadb/service?name=HTTP&host.name=web-1"
        ]
        (tmp_path / "code").write_text("0\n")
        over = await listener.alert()
        assert (over.status, over.fingerprint) == (AlertStatus.RESOLVED, problem.fingerprint)
    assert not (tmp_path / "pwned").exists()
