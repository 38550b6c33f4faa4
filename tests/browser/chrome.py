"""A real Chromium, driven over its own debugging protocol: chromedevtools.github.io/devtools-protocol."""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

PROGRAM = "chromium"
PATIENCE = 20.0
PICTURES = "PICTURES"
"""An environment variable: a folder in which the pictures are kept, to be looked at."""
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--mute-audio"),
    *("--disable-dev-shm-usage", "--disable-background-networking", "--window-size=1100,1000", "--lang=en-GB"),
)


@dataclass(kw_only=True)
class Tab:
    """One page. Every message that it writes to its console as an error is kept in `errors`."""

    socket: aiohttp.ClientWebSocketResponse
    folder: Path
    errors: list[str] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        await self.socket.send_json({"id": number, "method": method, "params": params})
        async with asyncio.timeout(PATIENCE):
            while True:
                answer = await self.socket.receive_json()
                self._note(answer)
                if answer.get("id") == number:
                    assert "error" not in answer, answer
                    result: dict[str, Any] = answer["result"]
                    return result

    def _note(self, event: dict[str, Any]) -> None:
        if event.get("method") == "Runtime.exceptionThrown":
            self.errors.append(str(event["params"]["exceptionDetails"]))
        if event.get("method") == "Log.entryAdded" and event["params"]["entry"]["level"] == "error":
            self.errors.append(event["params"]["entry"]["text"])

    async def open(self, url: str) -> None:
        for domain in ("Page", "Runtime", "Log"):
            await self.ask(f"{domain}.enable")
        await self.ask("Page.navigate", url=url)

    async def run(self, script: str) -> Any:
        """What the expression gives, a promise's end."""
        told = await self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    async def until(self, script: str) -> None:
        """Returns once the expression is true, looked at whenever the page changes."""
        watched = f"""new Promise((done) => {{
            const look = () => {{ if ({script}) {{ watcher.disconnect(); done(true); }} }};
            const watcher = new MutationObserver(look);
            watcher.observe(document, {{ subtree: true, childList: true, attributes: true, characterData: true }});
            look();
        }})"""
        try:
            await self.run(watched)
        except TimeoutError:
            raise AssertionError(f"never came true: {script}") from None

    async def press(self, text: str, *, within: str = "main") -> None:
        """The button with this text, once it is there."""
        find = f"[...document.querySelectorAll('{within} button')].find((one) => one.textContent === {text!r})"
        await self.until(find)
        await self.run(f"{find}.click()")

    async def says(self, text: str) -> None:
        await self.until(f"document.body.innerText.includes({text!r})")

    async def picture(self, name: str) -> bytes:
        """A PNG of what is seen, kept where somebody wants to look at it."""
        shot = await self.ask("Page.captureScreenshot", format="png")
        content = base64.b64decode(shot["data"])
        keep(Path(os.environ.get(PICTURES, self.folder)), name, content)
        return content


def keep(folder: Path, name: str, content: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.png").write_bytes(content)


@asynccontextmanager
async def chrome(folder: Path) -> AsyncIterator[Tab]:
    """A browser of its own, with an empty profile, that ends with the block."""
    program = shutil.which(PROGRAM)
    assert program, f"this test needs {PROGRAM}; on Debian: apt-get install chromium"
    process = await asyncio.create_subprocess_exec(
        program,
        *FLAGS,
        "--remote-debugging-port=0",
        f"--user-data-dir={folder / 'profile'}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "TZ": "UTC", "HOME": str(folder)},
    )
    try:
        async with aiohttp.ClientSession() as session:
            port = await _port(process)
            async with session.put(f"http://127.0.0.1:{port}/json/new?about:blank") as answer:
                target = await answer.json()
            async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                yield Tab(socket=socket, folder=folder)
    finally:
        process.kill()
        await process.communicate()


async def _port(process: asyncio.subprocess.Process) -> int:
    """Chromium says where it listens on standard error."""
    assert process.stderr
    async with asyncio.timeout(PATIENCE):
        async for line in process.stderr:
            if b"DevTools listening on ws://" in line:
                return int(line.split(b"127.0.0.1:")[1].split(b"/")[0])
    raise AssertionError("chromium ended without listening")
