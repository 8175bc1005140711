"""Numbers and instants, strictly: nothing is guessed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.values import NULL, BadValueError, Reading, cycle_instant, from_json, from_text, instant
from domain.instants import to_ns
from domain.points import Flag, Quality
from domain.records import Reason

GOOD, BAD = Quality.GOOD, Quality.BAD
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def reason_of(error: pytest.ExceptionInfo[BadValueError]) -> Reason:
    return error.value.reason


def text_fault(raw: str, decimal: str = ".") -> Reason:
    with pytest.raises(BadValueError) as error:
        from_text(raw, decimal)
    return reason_of(error)


def time_fault(raw: Any, unit: str = "iso", zone: str = "") -> Reason:
    with pytest.raises(BadValueError) as error:
        instant(raw, unit, zone)
    return reason_of(error)


@pytest.mark.parametrize(
    ("raw", "value"),
    [("12", 12.0), ("-0.5", -0.5), ("+3", 3.0), (".5", 0.5), ("5.", 5.0), ("1e-3", 0.001), ("2E+2", 200.0)],
)
def test_number_is_read(raw: str, value: float) -> None:
    assert from_text(raw) == Reading(value, None, GOOD, Flag.NONE)


@pytest.mark.parametrize(
    "raw",
    [
        "1_000",
        " 12 ",
        "12 ",
        "\t12",
        "12\n",
        "٣٤",
        "１２",
        "12,5",
        "1,000.5",
        "0x1F",
        "1e",
        "--1",
        "1.2.3",
        "five",
        "12%",
    ],
)
def test_other_spellings_are_no_numbers(raw: str) -> None:
    assert text_fault(raw) is Reason.NUMBER_FORMAT


@pytest.mark.parametrize(
    ("raw", "value"), [("12,5", 12.5), ("-0,25", -0.25), (",5", 0.5), ("1,5e3", 1500.0), ("7", 7.0)]
)
def test_decimal_comma_is_read_where_the_config_says_so(raw: str, value: float) -> None:
    assert from_text(raw, ",") == Reading(value, None, GOOD, Flag.NONE)


@pytest.mark.parametrize("raw", ["1.234,5", "1.234", "12.5", "1,2,3"])
def test_decimal_point_is_no_number_where_the_comma_is_meant(raw: str) -> None:
    assert text_fault(raw, ",") is Reason.NUMBER_FORMAT


@pytest.mark.parametrize("raw", ["nan", "NaN", "inf", "-Infinity", "+INF"])
def test_text_that_is_not_finite_is_kept_as_null(raw: str) -> None:
    assert from_text(raw) == Reading(None, raw, BAD, Flag.NON_FINITE)


def test_number_too_large_for_a_float_is_kept_as_null() -> None:
    assert from_text("1e999") == Reading(None, "1e999", BAD, Flag.NON_FINITE)


def test_endless_number_is_refused() -> None:
    assert text_fault("1" * 401) is Reason.NUMBER_SIZE


def test_null_texts_are_null_and_kept() -> None:
    assert from_text("") == NULL
    assert from_text("N/A", null_texts=("", "N/A")) == Reading(None, "N/A", BAD, Flag.NULL | Flag.TEXT)
    assert from_text("Bad Input") == Reading(None, "Bad Input", BAD, Flag.NULL | Flag.TEXT)
    assert text_fault("none") is Reason.NUMBER_FORMAT


@pytest.mark.parametrize("raw", [None, ""])
def test_json_without_a_value_is_null(raw: Any) -> None:
    assert from_json(raw, has_text_numbers=False) == NULL


@pytest.mark.parametrize("raw", [3, 3.0, 2**53, -(2**53)])
def test_json_number_is_read(raw: float) -> None:
    assert from_json(raw, has_text_numbers=False) == Reading(float(raw), None, GOOD, Flag.NONE)


def test_integer_beyond_exact_floats_is_uncertain() -> None:
    assert from_json(2**53 + 1, has_text_numbers=False).quality == Quality.UNCERTAIN


@pytest.mark.parametrize("raw", [float("nan"), float("inf"), float("-inf")])
def test_json_that_is_not_finite_is_kept_as_null(raw: float) -> None:
    assert from_json(raw, has_text_numbers=False) == Reading(None, None, BAD, Flag.NON_FINITE)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (True, Reason.TYPE),
        (False, Reason.TYPE),
        ("12", Reason.TYPE),
        ([1], Reason.TYPE),
        ({"v": 1}, Reason.TYPE),
        (10**400, Reason.NUMBER_SIZE),
    ],
    ids=lambda v: str(v)[:12],
)
def test_other_json_is_refused(raw: Any, reason: Reason) -> None:
    with pytest.raises(BadValueError) as error:
        from_json(raw, has_text_numbers=False)
    assert reason_of(error) is reason


def test_text_number_is_read_where_the_config_says_so() -> None:
    assert from_json("12.5", has_text_numbers=True) == Reading(12.5, None, GOOD, Flag.NONE)
    with pytest.raises(BadValueError) as error:
        from_json("12 kg", has_text_numbers=True)
    assert reason_of(error) is Reason.NUMBER_FORMAT


@given(st.text(), st.sampled_from([".", ","]))
def test_text_is_a_number_or_refused(raw: str, decimal: str) -> None:
    try:
        reading = from_text(raw, decimal)
    except BadValueError as bad:
        fault = bad.reason
    else:
        fault = None
        assert (reading.value is None) == (reading.quality == BAD)
    assert fault in (None, Reason.NUMBER_FORMAT, Reason.NUMBER_SIZE)


@pytest.mark.parametrize(
    ("raw", "unit"),
    [
        ("2026-03-01T10:00:00Z", "iso"),
        ("2026-03-01T19:00:00+09:00", "iso"),
        ("2026-03-01 10:00:00.000000+00:00", "iso"),
        (1772359200, "s"),
        (1772359200.0, "s"),
        ("1772359200", "s"),
        (1772359200_000, "ms"),
        (1772359200_000_000, "us"),
        (1772359200_000_000_000, "ns"),
        ("01.03.2026 10:00 +0000", "%d.%m.%Y %H:%M %z"),
        (datetime(2026, 3, 1, 19, tzinfo=timezone(timedelta(hours=9))), "iso"),
    ],
    ids=str,
)
def test_instant_is_read(raw: Any, unit: str) -> None:
    assert instant(raw, unit) == 1772359200_000_000_000


def test_local_time_is_read_in_its_zone() -> None:
    assert instant("2026-03-01T19:00:00", "iso", "Asia/Seoul") == 1772359200_000_000_000
    assert instant("01.03.2026 11:00", "%d.%m.%Y %H:%M", "Europe/Berlin") == 1772359200_000_000_000


def test_stated_zone_goes_before_the_config() -> None:
    assert instant("2026-03-01T10:00:00Z", "iso", "Asia/Seoul") == 1772359200_000_000_000


def test_naive_time_without_a_zone_is_refused() -> None:
    assert time_fault("2026-03-01T10:00:00") is Reason.TIME_NAIVE
    assert time_fault(datetime(2026, 3, 1, 10)) is Reason.TIME_NAIVE  # noqa: DTZ001


def test_local_time_that_does_not_exist_is_refused() -> None:
    assert time_fault("2026-03-29T02:30:00", zone="Europe/Berlin") is Reason.TIME_FORMAT


def test_local_time_that_happens_twice_is_refused() -> None:
    assert time_fault("2026-10-25T02:30:00", zone="Europe/Berlin") is Reason.TIME_FORMAT


@pytest.mark.parametrize(
    "raw", ["2026-03-29T01:59:00", "2026-03-29T03:00:00", "2026-10-25T01:59:00", "2026-10-25T03:00:00"]
)
def test_local_times_beside_a_change_of_the_clocks_are_read(raw: str) -> None:
    assert instant(raw, "iso", "Europe/Berlin") > 0


@pytest.mark.parametrize(
    ("raw", "unit"),
    [
        ("", "iso"),
        ("yesterday", "iso"),
        ("2026-13-01T00:00:00Z", "iso"),
        (1772359200, "iso"),
        (None, "iso"),
        (["2026-03-01T10:00:00Z"], "iso"),
        ("2026-03-01T10:00:00Z", "s"),
        (None, "s"),
        (True, "s"),
        (float("nan"), "s"),
        (float("inf"), "ms"),
        ("1e999", "s"),
        ("٣", "s"),
        ([1], "s"),
        ("2026-03-01", "%d.%m.%Y"),
    ],
    ids=str,
)
def test_other_times_are_refused(raw: Any, unit: str) -> None:
    assert time_fault(raw, unit) is Reason.TIME_FORMAT


@pytest.mark.parametrize(
    ("raw", "unit"),
    [
        ("1989-12-31T23:59:59Z", "iso"),
        (0, "s"),
        (-1, "s"),
        (946684800, "ms"),
        ("2200-01-01T00:00:00Z", "iso"),
        ("9999-12-31T23:59:59-14:00", "iso"),
        ("0001-01-01T00:00:00+14:00", "iso"),
        (1e300, "s"),
        (10**30, "ns"),
    ],
    ids=str,
)
def test_implausible_time_is_refused(raw: Any, unit: str) -> None:
    assert time_fault(raw, unit) is Reason.EPOCH


@pytest.mark.parametrize(
    ("raw", "unit"),
    [(1772359200, "ms"), (1772359200_000, "s"), (1772359200_000_000, "ms"), ("1772359200", "us"), (1772359200.5, "ns")],
    ids=str,
)
def test_epoch_time_that_fits_another_unit_is_refused_naming_it(raw: Any, unit: str) -> None:
    assert time_fault(raw, unit) is Reason.TIME_UNIT


@pytest.mark.parametrize(
    ("raw", "meant"),
    [
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2017-01-01T08:59:60+09:00", "2017-01-01T00:00:00Z"),
        ("2026-02-28T24:00:00Z", "2026-03-01T00:00:00Z"),
        ("2026-02-28T24:00+09:00", "2026-02-28T15:00:00Z"),
        ("2026-12-31 24:00:00.000Z", "2027-01-01T00:00:00Z"),
    ],
)
def test_leap_second_and_end_of_day_are_the_next_instant(raw: str, meant: str) -> None:
    assert instant(raw, "iso") == instant(meant, "iso")


def test_digits_that_look_like_a_sixtieth_second_are_no_leap_second() -> None:
    assert instant("2026-03-01T10:00:00.123460Z", "iso") == 1772359200_123_460_000
    assert instant("2026-03-01T10:00:00+01:00", "iso") == 1772355600_000_000_000


@pytest.mark.parametrize(
    "raw", ["2026-03-01T10:15:60Z", "2026-03-01T24:00:01Z", "2026-03-01T24:30:00Z", "2026-02-29T00:00:00Z"]
)
def test_times_that_do_not_exist_are_refused(raw: str) -> None:
    assert time_fault(raw, "iso") is Reason.TIME_FORMAT


def test_first_plausible_instant() -> None:
    assert instant("1990-01-01T00:00:00Z", "iso") == 631152000_000_000_000


@pytest.mark.parametrize("raw", [10**399, "9" * 400, "9" * 5000, "1" + "0" * 350 + ".5"], ids=lambda v: str(type(v)))
def test_endless_epoch_time_is_refused(raw: Any) -> None:
    assert time_fault(raw, "s") in (Reason.EPOCH, Reason.TIME_FORMAT, Reason.NUMBER_SIZE)


@pytest.mark.parametrize("raw", ["0001-01-01T00:00:00", "9999-12-31T23:59:59"])
@pytest.mark.parametrize("zone", ["Asia/Seoul", "America/New_York"])
def test_local_time_at_the_end_of_the_calendar_is_refused(raw: str, zone: str) -> None:
    assert time_fault(raw, zone=zone) in (Reason.EPOCH, Reason.TIME_FORMAT)


@given(
    st.text() | st.integers() | st.floats() | st.none() | st.booleans(), st.sampled_from(["iso", "s", "ms", "ns", "%Y"])
)
def test_anything_is_an_instant_or_refused(raw: Any, unit: str) -> None:
    try:
        ns = instant(raw, unit)
    except BadValueError:
        return
    assert 631152000_000_000_000 <= ns < 2**62


@pytest.mark.parametrize(("raw", "hours"), [(1, 0), ("1", 0), (4, 6), ("10", 18)])
def test_cycle_is_its_nominal_time(raw: Any, hours: int) -> None:
    assert cycle_instant(raw, FIRST, timedelta(hours=2)) == to_ns(FIRST + timedelta(hours=hours))


@pytest.mark.parametrize(
    "raw",
    [0, -1, "0", "-1", "1.5", "", "x", None, True, "²", "٣", 10**12, "9" * 30, "9" * 5000],
    ids=lambda v: str(v)[:8],
)
def test_other_cycle_numbers_are_refused(raw: Any) -> None:
    with pytest.raises(BadValueError):
        cycle_instant(raw, FIRST, timedelta(hours=2))
