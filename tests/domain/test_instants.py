"""Instants and durations: aware only, exact, and refused where they are not what they say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.instants import duration_ns, from_ns, hour_of, parse_duration, to_ns

KST = timezone(timedelta(hours=9))


def test_naive_instant_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        to_ns(datetime(2026, 1, 1))  # noqa: DTZ001


def test_known_instant() -> None:
    assert to_ns(datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)) == 10**18


def test_zone_does_not_change_the_instant() -> None:
    assert to_ns(datetime(2001, 9, 9, 10, 46, 40, tzinfo=KST)) == 10**18


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_instants_come_back_equal(at: datetime) -> None:
    assert from_ns(to_ns(at)) == at
    assert from_ns(to_ns(at)).tzinfo is UTC


def test_nanoseconds_are_cut_to_microseconds() -> None:
    assert from_ns(1_999) == from_ns(1_000)
    assert from_ns(2_000) - from_ns(1_999) == timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("15min", 900), ("6h", 21_600), ("2d", 172_800), ("250ms", 0.25), ("1.5 h", 5_400), (" 0s ", 0)],
)
def test_duration_is_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "30", "s", "-5s", "5 m", "1h30min", "5 S", "1e3s", "five s", "5s\n5s"])
def test_other_text_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


def test_duration_in_nanoseconds_is_exact() -> None:
    assert duration_ns(timedelta(days=40_000, microseconds=1)) == 40_000 * 86_400 * 10**9 + 1_000


def test_hour_is_cut_in_utc() -> None:
    at = datetime(2026, 3, 1, 0, 29, 59, 999_999, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert hour_of(at) == datetime(2026, 2, 28, 18, tzinfo=UTC)
