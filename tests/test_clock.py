from datetime import UTC, datetime, timedelta, timezone

import pytest

from engine.clock import SpeedClock, SteadyClock, SystemClock, VirtualClock, sleep, unix_time, utc_now
from engine.ports import Clock

START = datetime(2026, 3, 7, 3, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize("clock", [SystemClock(), SteadyClock(), SpeedClock(60), VirtualClock(START)])
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


class Stopwatch:
    """Monotonic seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def test_a_steady_clock_counts_on_whatever_the_machines_clock_is_set_to() -> None:
    watch = Stopwatch()
    clock = SteadyClock(START, monotonic=watch)
    watch.seconds += 300
    assert clock.now() == START + 5 * MINUTE


@pytest.mark.parametrize("leap", [timedelta(seconds=1), timedelta(hours=5), timedelta(days=400)])
def test_a_steady_clock_follows_forward_at_once(leap: timedelta) -> None:
    watch = Stopwatch()
    clock = SteadyClock(START, monotonic=watch)
    assert clock.correct(START + leap) == -leap
    assert clock.now() == START + leap
    watch.seconds += 60
    assert clock.now() == START + leap + MINUTE


@pytest.mark.parametrize("leap", [timedelta(seconds=1), timedelta(hours=5)])
def test_a_steady_clock_never_goes_back_and_delays_a_timer_by_a_twentieth_at_most(leap: timedelta) -> None:
    """The other clock is set back and goes on from there; this one is corrected by it each second."""
    watch = Stopwatch()
    clock = SteadyClock(START, monotonic=watch)
    clock.correct(START)
    shown = [clock.now()]
    for second in range(400):
        clock.correct(START - leap + timedelta(seconds=second))
        watch.seconds += 1
        shown.append(clock.now())
    assert shown == sorted(shown)
    due = next(second for second, at in enumerate(shown) if at >= START + 5 * MINUTE)
    assert 300 <= due <= 300 / 0.95 + 1


def test_a_steady_clock_that_was_ahead_meets_the_other_again() -> None:
    watch = Stopwatch()
    clock = SteadyClock(START, monotonic=watch)
    clock.correct(START)
    for second in range(60):
        clock.correct(START - timedelta(seconds=2) + timedelta(seconds=second))
        watch.seconds += 1
    assert abs(clock.now() - (START + timedelta(seconds=58))) <= timedelta(milliseconds=100)


def test_a_steady_clock_takes_two_clocks_that_all_but_agree_for_one() -> None:
    watch = Stopwatch()
    clock = SteadyClock(START, monotonic=watch)
    clock.correct(START)
    clock.correct(START - timedelta(milliseconds=5))
    watch.seconds += 60
    assert clock.now() == START + MINUTE


@pytest.mark.parametrize("off", [timedelta(hours=-5), timedelta(hours=5)])
def test_a_steady_clock_begins_with_the_others_time(off: timedelta) -> None:
    clock = SteadyClock(START + off, monotonic=Stopwatch())
    clock.correct(START)
    assert clock.now() == START
