"""Units: listed pairs are converted both ways, others are refused, spellings of one unit are one."""

from __future__ import annotations

import pytest

from collectors.units import converter
from collectors.values import BadValueError
from domain.records import Reason
from domain.units import spellings


@pytest.mark.parametrize(
    ("given", "wanted", "number", "expected"),
    [
        ("°F", "degC", 212.0, 100.0),
        ("degC", "°F", 100.0, 212.0),
        ("K", "°C", 273.15, 0.0),
        ("psi", "bar", 100.0, 6.89475729),
        ("bar", "psi", 1.0, 14.50377),
        ("kPa", "bar", 250.0, 2.5),
        ("MPa", "bar", 1.0, 10.0),
        ("in", "mm", 2.0, 50.8),
        ("mm", "in", 50.8, 2.0),
        ("%", "fraction", 12.5, 0.125),
        ("fraction", "%", 0.125, 12.5),
        ("in/s", "mm/s", 1.0, 25.4),
        ("mA", "A", 20.0, 0.02),
        ("℉", "℃", 32.0, 0.0),
    ],
)
def test_listed_conversions(given: str, wanted: str, number: float, expected: float) -> None:
    convert = converter(given, wanted)
    assert convert is not None
    assert convert(number) == pytest.approx(expected, abs=1e-9, rel=1e-6)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [("", "bar"), ("bar", ""), ("bar", "bar"), (" bar ", "bar"), ("°C", "degC"), ("widgets", "widgets"), ("µm", "μm")],
)
def test_nothing_to_convert(given: str, wanted: str) -> None:
    assert converter(given, wanted) is None


@pytest.mark.parametrize(
    ("given", "wanted"), [("bar", "degC"), ("barg", "bar"), ("widgets", "bar"), ("bar", "widgets"), ("mpa", "bar")]
)
def test_other_pairs_are_refused(given: str, wanted: str) -> None:
    with pytest.raises(BadValueError) as error:
        converter(given, wanted)
    assert error.value.reason is Reason.UNIT


def test_every_listed_unit_goes_to_its_dimension_and_back() -> None:
    for one, unit in spellings().items():
        for other in (s for s, u in spellings().items() if u.dimension == unit.dimension):
            there, back = converter(one, other), converter(other, one)
            assert (there is None) == (back is None)
            if there is not None and back is not None:
                assert back(there(3.7)) == pytest.approx(3.7)
