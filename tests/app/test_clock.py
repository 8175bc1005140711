"""The replay's clock and the machine's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from app.clock import ReplayClock, SystemClock

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def test_a_replay_stands_still_until_it_is_set() -> None:
    clock = ReplayClock(NOON)
    assert clock.now() == clock.now() == NOON
    clock.set(NOON + timedelta(hours=1))
    assert clock.now() == NOON + timedelta(hours=1)


def test_a_replay_never_goes_back() -> None:
    clock = ReplayClock(NOON)
    clock.set(NOON + timedelta(hours=2))
    clock.set(NOON + timedelta(hours=1))
    assert clock.now() == NOON + timedelta(hours=2)


def test_the_monotonic_time_of_both_runs_on() -> None:
    for clock in (ReplayClock(NOON), SystemClock()):
        first = clock.monotonic()
        assert clock.monotonic() >= first
        assert abs(clock.monotonic() - SystemClock().monotonic()) < 60


def test_the_machines_clock_is_in_utc() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)
