"""`tocsin sandbox` as a process of its own: it says where the page is, and leaves nothing behind."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path
from threading import Timer

import httpx
import pytest

from tests.cli.conftest import Cli

PATIENCE = 60


def test_the_page_is_there_until_it_is_ended(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "engine.cli", "sandbox", "--port", "0"],
        env={"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        watchdog = Timer(PATIENCE, process.kill)
        watchdog.start()
        assert process.stdout
        found = re.search(r"http://127\.0\.0\.1:\d+/", process.stdout.readline())
        assert found
        assert "Tocsin sandbox" in httpx.get(found[0]).text
        pulled = {"as": "U0EXAMPLE01", "do": "pull", "lever": "Checkout goes down (P0)"}
        assert httpx.post(f"{found[0]}sandbox/act", json=pulled).json() == {"note": "CheckoutDown is firing: INC-1"}
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        watchdog.cancel()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("speed", ["0", "-1", "inf", "nan"])
def test_a_speed_that_no_clock_has_is_refused(speed: str) -> None:
    ran = Cli()("sandbox", f"--speed={speed}")
    assert ran.code == 2
    assert "above 0" in ran.err
