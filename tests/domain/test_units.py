"""Units: what is listed, what is made of listed ones, and what is not known."""

from __future__ import annotations

import math

import pytest

from domain.units import COHERENT, DIMENSIONS, described, measure, spellings, written


@pytest.mark.parametrize(
    ("unit", "base", "factor"),
    [
        ("kW", "kg*m^2/s^3", 1e3),
        ("N*m", "kg*m^2/s^2", 1.0),
        ("rpm", "1/s", 2 * math.pi / 60),
        ("rad/s", "1/s", 1.0),
        ("m³/h", "m^3/s", 1 / 3600),
        ("kJ/(kg*K)", "m^2/(s^2*K)", 1e3),
        ("kJ/(kg·degC)", "m^2/(s^2*K)", 1e3),
        ("W/m²", "kg/s^3", 1.0),
        ("mm^-1", "1/m", 1e3),
        ("Pa*s", "kg/(m*s)", 1.0),
        ("%", "1", 0.01),
        ("bool", "1", 1.0),
        ("min⁻¹", "1/s", 2 * math.pi / 60),
    ],
)
def test_units_in_base_units(unit: str, base: str, factor: float) -> None:
    found = measure(unit)
    assert found is not None
    assert written(found.base) == base
    assert found.factor == pytest.approx(factor, rel=1e-12)


@pytest.mark.parametrize(
    ("unit", "offset", "zeros"),
    [
        ("degC", 273.15, 1),
        ("°F", 459.67 * 5 / 9, 1),
        ("K", 0.0, None),
        ("delta_degC", 0.0, 0),
        ("barg", 0.0, 1),
        ("bar", 0.0, 0),
    ],
)
def test_zero_points(unit: str, offset: float, zeros: int | None) -> None:
    found = measure(unit)
    assert found is not None
    assert found.offset == pytest.approx(offset, rel=1e-12)
    assert found.zeros == zeros


@pytest.mark.parametrize(
    "unit", ["", "widgets", "m/", "(m", "m)", "*m", "m**2", "g/mol", "C*s", "barg*m", "m^99", "m" * 61, "(" * 30 + "m"]
)
def test_what_is_not_known(unit: str) -> None:
    assert measure(unit) is None


def test_a_listed_unit_and_the_same_made_of_others_are_one() -> None:
    for unit, made in [("kW", "kJ/s"), ("m3/h", "(m3)/(h)"), ("V", "W/A"), ("Ω", "V/A"), ("bar", "kN/(m2)")]:
        one, other = measure(unit), measure(made)
        assert one is not None
        assert other is not None
        assert one.base == other.base
        assert one.factor == pytest.approx(other.factor * (100 if unit == "bar" else 1))


def test_every_dimension_has_base_units_and_every_spelling_is_known() -> None:
    assert set(COHERENT) == set(DIMENSIONS)
    assert all(measure(text) is not None for text in spellings())


def test_a_dimension_is_told_in_words() -> None:
    found = {unit: measure(unit) for unit in ("bar", "Nm", "%", "Pa*s")}
    told = {unit: described(m.base) for unit, m in found.items() if m is not None}
    assert told == {
        "bar": "pressure or gauge pressure",
        "Nm": "torque or energy",
        "%": "no dimension",
        "Pa*s": "kg/(m*s)",
    }
