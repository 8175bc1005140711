"""Numbers in; text as people write them out: four digits, no exponent of a computer, a dash where there is none."""

from __future__ import annotations

from math import floor, isinf, isnan, log10
from typing import Final

NONE: Final = "–"
DIGITS: Final = 4
SMALLEST, LARGEST = 1e-4, 1e7  # outside of it a power of ten is easier to read than noughts
RAISED: Final = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def numeral(value: float | None, unit: str = "") -> str:
    """Return a number in four digits, or whole where it is long, and its unit; a dash where there is none."""
    if value is None or isnan(value):
        return NONE
    return f"{_digits(value)} {unit}".rstrip()


def numeral_beside(value: float | None, scale: float, unit: str = "") -> str:
    """Return a number with no more places than matter beside another: 0.00005579 beside an error of 2 is 0.

    scale: the other, in the same unit, e.g. an error or the width of an interval, of which the third digit is the last
    that is told; 0 or NaN: not known.
    """
    if value is None or isnan(value) or isinf(value) or not 0 < abs(scale) < float("inf"):
        return numeral(value, unit)
    places = DIGITS - 2 - floor(log10(abs(scale)))
    return numeral(round(value, places) + 0.0, unit)


def _digits(value: float) -> str:
    size = abs(value)
    if isinf(value):
        return "∞" if value > 0 else "-∞"
    if size == 0:
        return "0"
    if size < SMALLEST or size >= LARGEST:
        mantissa, _, power = f"{value:.{DIGITS - 1}e}".partition("e")
        return f"{mantissa.rstrip('0').rstrip('.')}·10{str(int(power)).translate(RAISED)}"
    return f"{value:.0f}" if size >= 10**DIGITS - 0.5 else f"{value:.{DIGITS}g}"
