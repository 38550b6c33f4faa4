from datetime import UTC, datetime, timedelta, timezone

import pytest

from engine.clock import SpeedClock, SystemClock, VirtualClock, sleep, unix_time, utc_now
from engine.ports import Clock

START = datetime(2026, 3, 7, 3, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize("clock", [SystemClock(), SpeedClock(60), VirtualClock(START)])
def test_every_clock_tells_aware_utc_and_never_waits_for_what_is_over(clock: Clock) -> None:
    assert clock.now().utcoffset() == timedelta()
    assert clock.wait_for(timedelta()) == 0.0
    assert clock.wait_for(-MINUTE) == 0.0
    assert clock.wait_for(MINUTE) > 0.0


def test_the_system_clock_tells_the_real_time_and_waits_real_seconds() -> None:
    before, read, after = utc_now(), SystemClock().now(), utc_now()
    assert before <= read <= after
    assert abs(unix_time() - after.timestamp()) < 5
    assert SystemClock().wait_for(MINUTE) == 60.0


def test_a_fast_clock_starts_at_the_real_now_and_counts_every_second_many_times() -> None:
    real = VirtualClock(START)
    fast = SpeedClock(60, real_now=real.now)
    assert fast.now() == START
    real.advance(timedelta(seconds=5))
    assert fast.now() == START + 5 * MINUTE
    assert fast.wait_for(30 * MINUTE) == 30.0


def test_a_slow_clock_is_a_speed_below_one() -> None:
    real = VirtualClock(START)
    slow = SpeedClock(0.5, real_now=real.now)
    real.advance(2 * MINUTE)
    assert slow.now() == START + MINUTE
    assert slow.wait_for(MINUTE) == 120.0


@pytest.mark.parametrize("factor", [0, -1, float("nan"), float("inf")])
def test_a_clock_can_neither_stand_still_by_speed_nor_run_backwards(factor: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        SpeedClock(factor)


def test_a_virtual_clock_moves_only_when_told() -> None:
    clock = VirtualClock(START)
    assert clock.now() == clock.now() == START
    assert clock.advance(5 * MINUTE) == START + 5 * MINUTE == clock.now()
    clock.set(START - MINUTE)
    assert clock.now() == START - MINUTE


def test_a_virtual_clock_lets_a_waiter_look_again_soon() -> None:
    assert VirtualClock(START).wait_for(timedelta(days=3)) < 0.1


def test_a_virtual_clock_takes_any_zone_and_tells_utc() -> None:
    clock = VirtualClock(START.astimezone(timezone(timedelta(hours=-5))))
    assert (clock.now(), clock.now().tzinfo) == (START, UTC)


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        VirtualClock(datetime(2026, 3, 7))  # noqa: DTZ001 - the refused case
    with pytest.raises(ValueError, match="no time zone"):
        VirtualClock(START).set(datetime(2026, 3, 7))  # noqa: DTZ001 - the refused case


async def test_sleeping_takes_real_seconds() -> None:
    started = unix_time()
    await sleep(0.01)
    assert unix_time() - started >= 0.009
