"""Guesses from texts and headers: what is told apart, and what is not guessed at all."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from collectors import guessing
from collectors.guessing import NameGuess

MINUTE = 60 * 10**9


@pytest.mark.parametrize(
    ("header", "name", "unit"),
    [
        ("Temp [°C]", "Temp", "°C"),
        ("온도(℃)", "온도", "°C"),
        ("유량 (㎥/h)", "유량", "m³/h"),
        ("pressure_bar", "pressure_bar", "bar"),
        ("Vibration / mm/s", "Vibration", "mm/s"),
        ("Leistung in kW", "Leistung", "kW"),
        ("% Iron Feed", "Iron_Feed", "%"),
        ("FIC-101.PV", "FIC-101.PV", ""),
        ("Flow (avg)", "Flow_avg", ""),
        ("line_a", "line_a", ""),
        ("///", "unnamed", ""),
    ],
)
def test_a_header_holds_a_name_and_perhaps_a_unit(header: str, name: str, unit: str) -> None:
    found = guessing.name_in(header)
    assert (found.name, found.unit) == (name, unit)


@pytest.mark.parametrize(
    ("texts", "formats"),
    [
        (["2026-03-02T05:00:00Z", "2026-03-02T05:00:00.5Z"], ("iso",)),
        (["2026-03-02 05:00"], ("iso",)),
        (["20260302", "20260303"], ("iso",)),
        (["13/04/2026 10:00", "03/04/2026 10:00"], ("%d/%m/%Y %H:%M",)),
        (["03/04/2026 10:00"], ("%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M")),
        (["03/03/2026 10:00"], ("%d/%m/%Y %H:%M",)),
        (["01-Jan-26 00:00:00"], ("%d-%b-%y %H:%M:%S",)),
        (["1.2.2026 0:00", "13.2.2026 10:00"], ("%d.%m.%Y %H:%M",)),
        (["2026년 03월 02일 05:00:00"], ("%Y년 %m월 %d일 %H:%M:%S",)),
    ],
)
def test_every_way_to_read_a_column_of_times_is_named(texts: list[str], formats: tuple[str, ...]) -> None:
    found = guessing.times_in(texts)
    assert found is not None
    assert found.formats == formats
    assert found.is_ambiguous == (len(formats) > 1)


@pytest.mark.parametrize("texts", [[], ["12.5"], ["99999999"], ["2026-03-02", "red"], ["7"], [7, 8]])
def test_what_is_no_time_is_none(texts: list[object]) -> None:
    assert guessing.times_in(texts) is None


def test_a_late_row_decides_between_day_and_month() -> None:
    texts = [f"{d:02}/01/2026" for d in range(1, 13)] * 50 + ["31/01/2026"]
    found = guessing.times_in(texts)
    assert found is not None
    assert found.formats == ("%d/%m/%Y",)


def test_parquet_s_instants_say_whether_they_name_a_zone() -> None:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    zones = [guessing.times_in([x]) for x in (at, at.replace(tzinfo=None))]
    assert [z.has_zone for z in zones if z] == [True, False]


@pytest.mark.parametrize(
    ("cells", "unit"),
    [(["1767225600"], "s"), ([1767225600000], "ms"), ([1.5, 2.5], None), (["1767225600", "5"], None), (["x"], None)],
)
def test_epoch_units(cells: list[object], unit: str | None) -> None:
    assert guessing.epoch_in(cells) == unit


def test_a_period_is_regular_or_a_mean_without_gaps() -> None:
    assert guessing.period_s([i * MINUTE for i in range(50)] + [10_000 * MINUTE]) == (60.0, True)
    uneven = [0, 1, 2, 3, 13, 14, 24, 25, 35, 36, 10_000]
    assert guessing.period_s([i * MINUTE for i in uneven]) == (pytest.approx(36 / 9 * 60), False)
    assert guessing.period_s([0, MINUTE]) is None


def test_names_that_differ_in_case_only_are_told_apart() -> None:
    found = guessing.distinct_names([NameGuess(n, "", n) for n in ("Temp", "temp", "time")], ["time"])
    assert [n.name for n in found] == ["Temp", "temp_2", "time_2"]


def test_two_states_are_1_and_0_and_a_fault_is_1() -> None:
    assert guessing.switches({"OK": 9, "NG": 1}) == {"OK": "0", "NG": "1"}
    assert guessing.switches({"가동": 9, "정지": 1}) == {"가동": "1", "정지": "0"}
    assert guessing.switches({"OK": 9, "maybe": 1}) is None


def test_cycles_count_up_by_one_for_each_owner() -> None:
    assert guessing.has_cycles(["1", "2", "1", "2"], ["a", "a", "b", "b"])
    assert not guessing.has_cycles(["1", "3"], ["a", "a"])
    assert not guessing.has_cycles(["1.5"], ["a"])
