"""Numbers as people write them."""

from __future__ import annotations

import pytest

from domain.numerals import numeral, numeral_beside


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (0.83456789, "0.8346"),
        (12.0, "12"),
        (-3.14159, "-3.142"),
        (9999.4, "9999"),
        (9999.7, "10000"),
        (123456.7, "123457"),
        (250_000.0, "250000"),
        (0.0001234, "0.0001234"),
        (5.579e-05, "5.579·10⁻⁵"),
        (-2e12, "-2·10¹²"),
        (float("inf"), "∞"),
        (float("nan"), "–"),
        (None, "–"),
    ],
)
def test_a_number_has_four_digits_and_no_exponent_of_a_computer(value: float | None, text: str) -> None:
    assert numeral(value) == text
    assert numeral(value, "bar") == ("–" if text == "–" else f"{text} bar")


@pytest.mark.parametrize(
    ("value", "scale", "text"),
    [
        (5.579e-05, 2.0, "0"),
        (-5.579e-05, 2.0, "0"),
        (0.123456, 2.0, "0.12"),
        (0.123456, 0.2, "0.123"),
        (5.579e-05, 1e-4, "5.6·10⁻⁵"),
        (1234.56, 300.0, "1235"),
        (0.5, 0.0, "0.5"),
        (0.5, float("nan"), "0.5"),
        (None, 2.0, "–"),
    ],
)
def test_a_difference_has_no_more_places_than_what_it_stands_beside(
    value: float | None, scale: float, text: str
) -> None:
    assert numeral_beside(value, scale) == text
