"""`tocsin serve` as a process of its own, on an empty home and an empty data folder."""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Timer
from typing import Any

import httpx
import pytest

import engine
from tests.cli.conftest import Cli

PATIENCE = 60
"""Seconds after which a server that says nothing is ended, so that a test fails and does not hang."""
STOPS_WITHIN = 5  # seconds
TOCSIN = [sys.executable, "-m", "engine.cli"]
SOURCE = Path(engine.__file__).parent.parent


class Server:
    """A running `tocsin serve`; `greeting` is all that it said on standard output before it listens."""

    def __init__(self, environ: dict[str, str], log: Path, *options: str) -> None:
        with log.open("ab") as stderr:
            self.process = subprocess.Popen(
                [*TOCSIN, "serve", "--port", "0", *options],
                env=environ,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        self.greeting = ""
        watchdog = Timer(PATIENCE, self.process.kill)
        watchdog.start()
        while line := self.process.stdout.readline() if self.process.stdout else "":
            self.greeting += line
            if line.startswith(("curl ", "{")):
                break
        watchdog.cancel()

    @property
    def address(self) -> str:
        found = re.search(r"http://127\.0\.0\.1:\d+", self.greeting)
        assert found, self.greeting
        return found[0]

    @property
    def line_to_paste(self) -> str:
        return self.greeting.splitlines()[-1]

    def get(self, path: str, bearer: str = "none") -> Any:
        answer = httpx.get(self.address + path, headers={"Authorization": f"Bearer {bearer}"}, timeout=10)
        return answer.raise_for_status().json()

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        code = self.process.wait(STOPS_WITHIN)
        if self.process.stdout:
            self.process.stdout.close()
        return code


Start = Callable[..., Server]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Nothing but a path, an empty home, and an empty data folder in it."""
    home = tmp_path / "home"
    home.mkdir()
    return {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(SOURCE)}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "server.log"


@pytest.fixture
def start(environ: dict[str, str], log: Path) -> Iterator[Start]:
    servers: list[Server] = []

    def started(*options: str, **more: str) -> Server:
        servers.append(Server(environ | more, log, *options))
        return servers[-1]

    yield started
    for server in servers:
        if server.process.poll() is None:
            server.end(signal.SIGKILL)


@pytest.fixture
def beside(environ: dict[str, str]) -> Cli:
    """The command line with the server's own environment."""
    return Cli(**environ)


def paste(line: str) -> Any:
    """Into a shell; on a machine without curl, what curl would do."""
    if shutil.which("curl") is None:
        *_, body, address = shlex.split(line)
        return httpx.post(address, content=body, headers={"Content-Type": "application/json"}).raise_for_status().json()
    answer = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=PATIENCE, check=True)
    return json.loads(answer.stdout)


def token_in(greeting: str) -> str:
    found = re.search(r"shown this once:\n(tocsin_\S+)\n", greeting)
    assert found, greeting
    return found[1]


def test_it_starts_on_nothing_and_what_it_prints_works_when_pasted(start: Start, beside: Cli, log: Path) -> None:
    server = start()
    assert server.get("/readyz")["status"] == "ready"
    assert paste(server.line_to_paste)["alerts"][0]["action"] == "opened"
    token = token_in(server.greeting)
    shown = server.get("/api/v1/incidents/INC-1", token)
    assert (shown["title"], shown["priority"]) == ("My first alert", "P1")
    assert "not slack    SLACK_BOT_TOKEN is not set" in server.greeting
    assert beside("incident", "ack", "INC-1", "--as", "ops-lead").code == 0
    assert server.get("/api/v1/incidents/INC-1", token)["acknowledged_by"] == "ops-lead"
    assert token not in log.read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_it_stops_when_it_is_told_to_with_all_that_it_took(
    start: Start, beside: Cli, log: Path, number: signal.Signals
) -> None:
    server = start()
    paste(server.line_to_paste)
    assert server.end(number) == 0
    assert "server.stopped" in log.read_text()
    assert "Traceback" not in log.read_text()
    [message] = beside.done("incident", "show", "INC-1", "--json").json["messages"]
    assert message["state"] == "sent"


def test_killed_right_after_its_answer_it_has_the_alert_the_incident_and_the_page_when_it_is_back(
    start: Start, beside: Cli, log: Path
) -> None:
    server = start()
    token = token_in(server.greeting)
    paste(server.line_to_paste)
    server.end(signal.SIGKILL)
    again = start()
    assert "shown this once" not in again.greeting
    assert again.line_to_paste.replace(again.address, "") == server.line_to_paste.replace(server.address, "")
    shown = again.get("/api/v1/incidents/INC-1", token)
    assert (shown["alert_count"], shown["messages"][0]["contact"]) == (1, "ops-lead")
    assert again.end(signal.SIGTERM) == 0
    beside.done("verify")
    assert "My first alert" in log.read_text()


def test_a_second_server_on_the_same_data_says_so_and_leaves(start: Start, beside: Cli) -> None:
    server = start()
    second = beside("serve", "--port", "0")
    assert (second.code, second.out) == (1, "")
    assert f"another engine (process {server.process.pid}) serves" in second.err
    assert len(second.err.splitlines()) == 1
    assert server.get("/readyz")["status"] == "ready"


def test_a_port_that_is_taken_is_one_line(cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = cli("serve", "--port", str(port))
    assert ran.code == 1
    assert ran.err.strip() == f"tocsin: can't listen on 127.0.0.1, port {port}: Address already in use"


def test_where_the_log_is_for_machines_the_greeting_is_one_line_of_json(start: Start) -> None:
    server = start(TOCSIN_LOG_FORMAT="json", TOCSIN_ADMIN_TOKEN="given-token")
    greeting = json.loads(server.greeting)
    assert (greeting["event"], greeting["admin_token"], greeting["speed"]) == ("serve.ready", None, 1)
    assert paste(greeting["first_alert"])["alerts"][0]["incident"] == "INC-1"
    assert server.get("/api/v1/incidents/INC-1", "given-token")["id"] == "INC-1"


def test_a_drill_says_so_and_its_clock_runs_ahead(start: Start) -> None:
    server = start("--speed", "600")
    assert "DRILL: one real second is 600 engine seconds" in server.greeting
    assert server.get("/readyz")["status"] == "ready"


@pytest.mark.parametrize("speed", ["0", "-1", "inf", "nan", "fast"])
def test_a_speed_that_is_none_is_misuse(cli: Cli, speed: str) -> None:
    assert cli("serve", "--speed", speed).code == 2


def test_a_database_that_is_not_there_is_one_line_without_its_password(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOCSIN_DATABASE_URL", "postgresql://tocsin:s3cr3t@127.0.0.1:1/tocsin")
    ran = cli("serve", "--port", "0")
    assert (ran.code, ran.out) == (1, "")
    assert "the database can't be reached" in ran.err
    assert len(ran.err.splitlines()) == 1
    assert "s3cr3t" not in ran.err
