"""A process can end wherever it waits, and nothing of it runs afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.simulation.lives import Died, Life, run

Steps = list[str]
Walk = Callable[[], Coroutine[Any, Any, None]]


def walk(steps: Steps) -> Walk:
    """Two tasks, three waits each."""

    async def one(name: str) -> None:
        for number in range(3):
            steps.append(f"{name}{number}")
            try:
                await asyncio.sleep(0)
            except Exception:  # noqa: BLE001 - as the engine's loops have it: death must not look like a failure
                steps.append("went on")

    async def both() -> None:
        helper = asyncio.create_task(one("b"))
        await one("a")
        await helper

    return both


def die_after(suspensions: int) -> tuple[Steps, bool]:
    steps: Steps = []

    async def live() -> bool:
        life = Life()
        life.end_after(suspensions)
        try:
            await life.run(walk(steps)())
        except Died:
            return True
        return False

    return steps, run(live)


@pytest.mark.parametrize("suspensions", range(1, 7))
def test_nothing_runs_after_the_last_suspension(suspensions: int) -> None:
    steps, died = die_after(suspensions)
    assert died
    assert steps == ["a0", "b0", "a1", "b1", "a2", "b2"][:suspensions]


def test_who_has_time_enough_comes_to_the_end() -> None:
    steps, died = die_after(100)
    assert not died
    assert len(steps) == 6


def test_threads_work_in_their_turn() -> None:
    async def order() -> list[str]:
        done: list[str] = []
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(None, done.append, name) for name in "abc"))
        return done

    assert run(order) == ["a", "b", "c"]


def test_what_fails_in_a_thread_fails_where_it_is_awaited() -> None:
    async def fail() -> None:
        with pytest.raises(ZeroDivisionError):
            await asyncio.get_running_loop().run_in_executor(None, lambda: 1 // 0)

    run(fail)
