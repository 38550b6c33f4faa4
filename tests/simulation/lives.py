"""Processes that can die at any await: each suspension of each of their tasks is counted, and one of them is the last.

Whatever the dead process had begun is cancelled where it stood. A transaction has been committed by then or it has not;
no line of the engine's own code runs afterwards.
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from concurrent.futures import Executor
from contextvars import ContextVar, copy_context
from typing import Any, TypeVar

T = TypeVar("T")
LIFE: ContextVar[Life | None] = ContextVar("life", default=None)


class Died(Exception):
    """The process ended before it had answered; what it was doing is in doubt."""


class OrderlyLoop(asyncio.SelectorEventLoop):
    """Runs what would go to a thread in place, so that the order of things depends on nothing but the program."""

    def __init__(self) -> None:
        super().__init__()
        self.set_task_factory(_task)  # type: ignore[arg-type]  # the stubs want a generic factory

    def run_in_executor(self, executor: Executor | None, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]  # the stubs name the type variables otherwise
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - handed on, as an executor does
            done.set_exception(error)
        return _after_a_turn(done)


def _after_a_turn(done: asyncio.Future[T]) -> asyncio.Future[T]:
    """A future that is done at once would not suspend whoever awaits it."""
    later: asyncio.Future[T] = done.get_loop().create_future()

    def settle() -> None:
        error = done.exception()
        if later.done():
            return
        if error is None:
            later.set_result(done.result())
        else:
            later.set_exception(error)

    done.get_loop().call_soon(settle)
    return later


class Life:
    """One process, as far as its tasks are concerned."""

    def __init__(self) -> None:
        self.dead = False
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.tasks: set[asyncio.Task[Any]] = set()
        self.suspensions = 0
        self._last: int | None = None

    def end_after(self, suspensions: int) -> None:
        """So many suspensions from now."""
        self._last = self.suspensions + suspensions

    def suspended(self) -> None:
        self.suspensions += 1
        if self._last is not None and self.suspensions >= self._last:
            self.die()

    def die(self) -> None:
        self.dead = True
        if not self.ended.done():
            self.ended.set_result(None)

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Raises Died where the process ends before the work does."""
        context = copy_context()
        context.run(LIFE.set, self)
        task: asyncio.Task[T] = context.run(asyncio.get_running_loop().create_task, work)
        waiting: set[asyncio.Future[Any]] = {task, self.ended}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if self.dead:
            await self._bury()
            raise Died
        return await task

    async def _bury(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


def _task(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T], **options: Any) -> asyncio.Task[T]:
    life = LIFE.get()
    if life is None:
        return asyncio.Task(work, loop=loop, **options)
    task = asyncio.Task(_mortal(work, life), loop=loop, **options)
    life.tasks.add(task)
    task.add_done_callback(life.tasks.discard)
    return task


async def _mortal(work: Coroutine[Any, Any, T], life: Life) -> T:
    return await _counted(work, life)


@types.coroutine
def _counted(work: Coroutine[Any, Any, T], life: Life) -> Generator[Any, Any, T]:
    """Drives the work as `await` would, and counts where it waits. The dead are told so once, and may clean up."""
    told = life.dead
    error: BaseException | None = asyncio.CancelledError() if told else None
    while True:
        try:
            wish = work.send(None) if error is None else work.throw(error)
        except StopIteration as end:
            result: T = end.value
            return result
        life.suspended()
        error = yield from _wait(wish)
        if life.dead and not told:
            told, error = True, asyncio.CancelledError()


def _wait(wish: object) -> Generator[Any, Any, BaseException | None]:
    """What was thrown at the waiting, to be handed on to the work, which it was meant for."""
    try:
        yield wish
    except BaseException as error:  # noqa: BLE001 - handed on
        return error
    return None


def run(work: Callable[[], Awaitable[T]]) -> T:
    """In a loop of its own."""

    async def main() -> T:
        return await work()

    with asyncio.Runner(loop_factory=OrderlyLoop) as runner:
        return runner.run(main())
