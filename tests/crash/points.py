"""Every place at which a process can be stopped: each suspension of each task, and both sides of each COMMIT."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections import Counter
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.pool import Pool

ROOT = Path(__file__).parents[2]
OURS = tuple(f"{ROOT / name}{os.sep}" for name in ("engine", "integrations"))
WRITES = re.compile(r'(INSERT INTO|UPDATE|DELETE FROM)\s+"?(\w+)')
WRITTEN, COMMITTED = "written", "committed"


@dataclass(frozen=True, order=True, kw_only=True, slots=True)
class Point:
    """The `occurrence`th time, from 1, that a process comes to a place."""

    place: str
    occurrence: int

    def __str__(self) -> str:
        return f"{self.place} #{self.occurrence}"


class Points:
    """Told of each place while `armed`; the process kills itself at `target`, and else `record` hears of it."""

    def __init__(self, *, armed: Callable[[], bool], target: Point | None, record: Callable[[Point], None]) -> None:
        self._armed = armed
        self._target = target
        self._record = record
        self._met = Counter[str]()

    def meet(self, place: str) -> None:
        self._met[place] += 1
        point = Point(place=place, occurrence=self._met[place])
        if point == self._target:
            os.kill(os.getpid(), signal.SIGKILL)
        self._record(point)

    def watch_tasks(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on each suspension of each task that is inside our code is a place."""

        def factory(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> Any:
            return asyncio.Task(_Watched(coroutine, self._suspended), loop=loop, **options)

        loop.set_task_factory(factory)

    def watch_commits(self) -> None:
        """Both sides of the COMMIT of each transaction that has written, named by what it wrote. On SQLite they are in
        the writer's thread."""
        event.listen(Engine, "before_cursor_execute", self._before_statement)
        event.listen(Engine, "commit", self._before_commit)
        event.listen(Pool, "checkin", self._returned)

    def _suspended(self, coroutine: object) -> None:
        if self._armed() and (place := chain(coroutine)):
            self.meet(place)

    def _before_statement(self, connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        written = connection.info.setdefault(WRITTEN, set())
        if statement.startswith("BEGIN"):
            written.clear()
        elif statement == "COMMIT":
            self._before_commit(connection)
        elif found := WRITES.match(statement):
            written.add(f"{found[1].split()[0].lower()} {found[2]}")

    def _before_commit(self, connection: Connection) -> None:
        written = connection.info.pop(WRITTEN, None)
        if written and self._armed():
            connection.info[COMMITTED] = ", ".join(sorted(written))
            self.meet(f"before COMMIT of {connection.info[COMMITTED]}")

    def _returned(self, _connection: object, record: Any) -> None:
        record.info.pop(WRITTEN, None)
        committed = record.info.pop(COMMITTED, None)
        if committed and self._armed():
            self.meet(f"after COMMIT of {committed}")


class _Watched(Coroutine[Any, Any, Any]):
    """A coroutine that tells of each of its suspensions. All else about it is its own."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], suspended: Callable[[object], None]) -> None:
        self._coroutine = coroutine
        self._tell = suspended

    def __getattr__(self, name: str) -> Any:
        return getattr(self._coroutine, name)

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._coroutine.__await__()

    def send(self, value: Any) -> Any:
        awaited = self._coroutine.send(value)
        self._tell(self._coroutine)
        return awaited

    def throw(self, kind: Any, value: Any = None, trace: TracebackType | None = None) -> Any:
        del trace  # the error bears it
        awaited = self._coroutine.throw(kind if value is None else value)
        self._tell(self._coroutine)
        return awaited

    def close(self) -> None:
        self._coroutine.close()


def chain(coroutine: object) -> str:
    """Our frames of a suspended coroutine, the outermost first; empty where it is none of ours."""
    found = []
    while coroutine is not None:
        frame = _of(coroutine, "frame")
        if frame is not None and frame.f_code.co_filename.startswith(OURS):
            found.append(_name(frame))
        coroutine = _of(coroutine, "await", "yieldfrom")
    return " > ".join(found)


def _of(coroutine: object, *what: str) -> Any:
    names = (f"{kind}_{name}" for kind in ("cr", "gi", "ag") for name in what)
    return next((found for name in names if (found := getattr(coroutine, name, None)) is not None), None)


def _name(frame: FrameType) -> str:
    path = Path(frame.f_code.co_filename).relative_to(ROOT)
    return f"{path}:{frame.f_lineno} {frame.f_code.co_name}"
