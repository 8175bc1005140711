"""Units of sources: a number and the unit it came in to the number in the unit of its tag.

Invariant: nothing is converted by guessing; two units that are not of one row of `DIMENSIONS` do not fit each other.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from collectors.values import BadValueError
from domain.records import Reason
from domain.units import spelled, spellings


@cache
def converter(given: str, wanted: str) -> Callable[[float], float] | None:
    """Return what turns a number in unit `given` into unit `wanted`, None where nothing is to be done.

    A side without a unit is not compared. Raises BadValueError with `unit` where the pair is not listed.
    """
    given, wanted = spelled(given), spelled(wanted)
    if not given or not wanted or given == wanted:
        return None
    one, other = spellings().get(given), spellings().get(wanted)
    if one is None or other is None or one.dimension != other.dimension:
        raise BadValueError(Reason.UNIT, f"unit {given[:40]!r} where the tag is in {wanted!r}: no listed conversion")
    if one == other:
        return None
    factor, offset = one.factor / other.factor, (one.offset - other.offset) / other.factor
    return lambda number: number * factor + offset


def fitting(given: str | None, wanted: str) -> Callable[[float], float] | None:
    """Return what `converter` does, for a source that must state its unit; raises BadValueError with `unit`."""
    if wanted and not given:
        raise BadValueError(Reason.UNIT, f"no unit where the tag is in {wanted!r}")
    return converter(given or "", wanted)
