"""The programs of a measurement, each a process of its own on loopback: the engine as users start it, the sandbox, the
load."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.load import Order, Sent

ROOT = Path(__file__).parents[2]
TOCSIN = Path(sys.executable).with_name("tocsin")
PEOPLE = ("U0EXAMPLE01:Lead:lead@example.com", "U0EXAMPLE02:Senior:senior@example.com")
TEAM_CHANNELS = ("C0INCIDENTS:incidents", "C0OPERATIONS:operations")
BOT_TOKEN = "xoxb-sandbox"
PATIENCE = 60
"""Seconds that a program is given to start or to end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """`webhook`: where alerts go. `folder` holds the embedded database and the log."""

    address: str
    webhook: str
    folder: Path
    process: subprocess.Popen[str]

    def kill(self) -> None:
        """As a power cut would: what it has not made durable is lost."""
        self.process.kill()
        self.process.wait(PATIENCE)

    @property
    def cpu_seconds(self) -> float:
        """What the process has used so far; 0 where the system does not tell."""
        try:
            numbers = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def engine(folder: Path, settings: Mapping[str, str], *arguments: str) -> Iterator[Engine]:
    """`tocsin serve` with the default configuration, until the end of the block."""
    given = {"TOCSIN_DATA_DIR": str(folder), "TOCSIN_LOG_FORMAT": "json", **settings}
    with _served([TOCSIN, "serve", "--port", "0", *arguments], folder, given) as served:
        yield served


@contextmanager
def prototype(folder: Path, database: Path) -> Iterator[Engine]:
    """The yardstick on a database in which the engine has opened one incident."""
    with _served([sys.executable, "-m", "tests.benchmarks.prototype", database], folder, {}) as served:
        yield served


@contextmanager
def _served(command: Sequence[str | Path], folder: Path, settings: Mapping[str, str]) -> Iterator[Engine]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TOCSIN_", "SLACK_"))}
    with (folder / "engine.log").open("a") as log:
        process = subprocess.Popen(
            command, env={**kept, **settings}, stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT
        )
    with _ended(process):
        ready = _first_line(process)
        webhook = shlex.split(ready["first_alert"])[-1]
        yield Engine(address=ready["address"], webhook=webhook, folder=folder, process=process)


@contextmanager
def sandbox() -> Iterator[dict[str, str]]:
    """Yields the addresses of the Slack and mail sandboxes."""
    people = [argument for one in PEOPLE for argument in ("--user", one)]
    channels = [argument for one in TEAM_CHANNELS for argument in ("--channel", one)]
    process = subprocess.Popen(
        [sys.executable, "-m", "integrations.sandbox", "--bot-token", BOT_TOKEN, *people, *channels],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    with _ended(process):
        yield _first_line(process)


def send(order: Order) -> Sent:
    """Runs the load to its end. Raises CalledProcessError when it breaks off."""
    command = [sys.executable, "-m", "tests.benchmarks.load", json.dumps(asdict(order))]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return Sent(**json.loads(done.stdout))


@contextmanager
def _ended(process: subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _first_line(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What the program says once it is ready."""
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise RuntimeError(f"{process.args!r} ended before it was ready")
    said: dict[str, Any] = json.loads(line)
    return said
