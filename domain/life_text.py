"""A remaining life in words: axis units in, cycles or hours in a person's language out."""

from __future__ import annotations

from typing import Final

from domain.plant import Axis
from domain.scores import Life
from domain.text import Translate

HOUR_NS: Final = 3_600_000_000_000


def said(life: Life, axis: Axis, t: Translate) -> str:
    """Return a remaining life with its interval; one at the cap is told as at least so much."""
    scale = 1 if axis is Axis.CYCLE else HOUR_NS
    value, low, high = (f"{x / scale:.0f}" for x in (life.value, life.low, life.high))
    is_open = life.high >= life.cap
    if axis is Axis.CYCLE:
        if is_open:
            return t("remaining life: {value} cycles, at least {low}", value=value, low=low)
        return t("remaining life: {value} cycles ({low} to {high})", value=value, low=low, high=high)
    if is_open:
        return t("remaining life: {value} h, at least {low} h", value=value, low=low)
    return t("remaining life: {value} h ({low} to {high} h)", value=value, low=low, high=high)
