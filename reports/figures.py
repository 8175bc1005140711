"""Numbers of the reports to text, and to JSON that knows no NaN."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite, isinf
from typing import Any


def plain(value: float, unit: str = "") -> str:
    """Return a number with four digits and its unit; "-" where there is none."""
    if value != value:
        return "-"
    return "∞" if isinf(value) else f"{value:.4g} {unit}".rstrip()


def percent(value: float, digits: int = 1) -> str:
    """Return a share in percent; "-" where there is none."""
    return f"{value:.{digits}%}" if value == value else "-"


def signed(amount: float, told: Callable[[float], str]) -> str:
    """Return an amount with its sign."""
    return f"{'+' if amount > 0 else ''}{told(amount)}"


def probability(p: float) -> str:
    """Return a p value."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def nulled(found: Any) -> Any:
    """Return JSON data with null for NaN and infinity."""
    if isinstance(found, Mapping):
        return {key: nulled(value) for key, value in found.items()}
    if isinstance(found, (list, tuple)):
        return [nulled(value) for value in found]
    return None if isinstance(found, float) and not isfinite(found) else found
