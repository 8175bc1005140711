"""The plant: lookups by name, spans on their axis."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.errors import ConfigError, Fault
from domain.plant import Asset, AssetClass, Axis, Plant, Span, Tag

HOUR = timedelta(hours=1)
TURBOFAN = AssetClass("turbofan", Axis.CYCLE, 30, 5, HOUR, cycle=timedelta(hours=2))
PLANT = Plant.of(
    [TURBOFAN],
    [Asset("fleet/e2", "turbofan", lead=3), Asset("fleet/e1", "turbofan")],
    [Tag("fleet/e1", "T24"), Tag("fleet/e1", "T30")],
)


def test_tag_is_found_by_its_id() -> None:
    assert PLANT.tag("fleet/e1/T30") == Tag("fleet/e1", "T30")


@pytest.mark.parametrize("tag_id", ["fleet/e1/T99", "fleet/e2/T24", "fleet/e9/T24", "T24", ""])
def test_unknown_tag_is_none(tag_id: str) -> None:
    assert PLANT.tag(tag_id) is None


def test_assets_of_a_class_keep_the_order_of_the_config() -> None:
    assert [a.path for a in PLANT.of_class("turbofan")] == ["fleet/e2", "fleet/e1"]
    assert PLANT.of_class("press") == []


def test_own_lead_goes_before_the_class() -> None:
    assert (PLANT.lead_of("fleet/e2"), PLANT.lead_of("fleet/e1")) == (3, 5)


def test_span_counts_its_own_axis_only() -> None:
    assert Span(cycles=30).units(Axis.CYCLE) == 30
    assert Span(duration=HOUR).units(Axis.TIME) == 3_600 * 10**9
    with pytest.raises(ValueError, match="does not fit"):
        Span(cycles=30).units(Axis.TIME)
    with pytest.raises(ValueError, match="does not fit"):
        Span(duration=HOUR).units(Axis.CYCLE)


def test_cycles_and_nanoseconds_as_wall_time() -> None:
    assert TURBOFAN.wall(3) == timedelta(hours=6)
    assert AssetClass("press", Axis.TIME, 1, 0, HOUR).wall(3_600 * 10**9) == HOUR


def test_config_error_says_every_fault() -> None:
    error = ConfigError([Fault("a.toml", "x", "1", "too small"), Fault("b.csv:3", "tag", "", "missing")])
    assert str(error) == "a.toml: x = 1: too small\nb.csv:3: tag: missing"
