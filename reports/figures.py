"""Numbers of the reports to text, and to JSON that knows no NaN."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from domain.numerals import NONE


def percent(value: float, digits: int = 1) -> str:
    """Return a share in percent; a dash where there is none."""
    return f"{value:.{digits}%}" if value == value else NONE


def signed(amount: float, told: Callable[[float], str]) -> str:
    """Return an amount with its sign, none where it is told as nothing; of shares in points."""
    text, nothing = told(amount), told(0.0)
    text = nothing if text.lstrip("-") == nothing else f"{'+' if amount > 0 else ''}{text}"
    return text.replace("%", " pp") if told is percent else text


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
