"""Spans of the config, a number of cycles or a duration as text, to axis units."""

from __future__ import annotations

from domain.instants import parse_duration
from domain.plant import Axis, Span


def units(span: int | str, axis: Axis) -> int:
    """Return a configured span in axis units; raises ValueError where it is of the other axis."""
    if isinstance(span, int):
        if axis is not Axis.CYCLE:
            raise ValueError(f'{span} counts cycles; the time axis takes a duration such as "6h"')
        return span
    if axis is not Axis.TIME:
        raise ValueError(f"{span!r} is a duration; the cycle axis takes a number of cycles")
    return Span(duration=parse_duration(span)).units(axis)
