"""Units through a formula: what each operation makes of two quantities, and how their numbers are first made to fit.

Numbers stay in the units of their tags as long as they can: the difference of two temperatures in degC is exact.
A quantity of unknown unit makes what it touches unknown; nothing is converted then.
Source: BIPM (2019), The International System of Units (SI), sections 2.3 and 5.4.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from domain.units import NO_DIMENSION, Base, described, measure, written
from features.formula import FormulaError

TOLERANCE: Final = 1e-9  # of counts such as 3 * (1/3)


class UnitError(FormulaError):
    """The declared unit does not fit the formula."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """What the numbers of a part of a formula are: number * factor + zeros * offset is the number in coherent SI.

    base: None where the unit is not known. zeros: how often a number holds its unit's zero point (1 for a tag in degC,
    0 for a difference of two, None where it cannot be told; `offset` is 0 then). constant: the number, where it is one.
    is_scaled: without a dimension, but not in parts of one (%).
    """

    base: Base | None
    factor: float = 1.0
    offset: float = 0.0
    zeros: float | None = 0.0
    constant: float | None = None
    is_scaled: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """number * times + plus."""

    times: float = 1.0
    plus: float = 0.0


STAY: Final = Move()
UNKNOWN: Final = Quantity(None)


def of_unit(unit: str) -> Quantity:
    """Return the quantity of a tag by its unit; unknown where the unit is."""
    found = measure(unit)
    if found is None:
        return UNKNOWN
    is_scaled = not any(found.base) and found.factor != 1.0
    return Quantity(found.base, found.factor, found.offset, found.zeros, None, is_scaled)


def of_number(value: float, unit: str) -> Quantity:
    """Return the quantity of a number in a formula; raises FormulaError for a unit that is not known."""
    if not unit:
        return Quantity(NO_DIMENSION, constant=value)
    found = of_unit(unit)
    if found.base is None:
        raise FormulaError(f"unit {unit!r} of a number is not known")
    return found


def added(left: Quantity, right: Quantity, sign: str) -> tuple[Quantity, Move, Move]:
    """Return what left + right (or -) is, and how each side moves first; raises FormulaError where they do not fit."""
    if left.base is None or right.base is None:
        return UNKNOWN, STAY, STAY
    _fit(left, right, "added to" if sign == "+" else "subtracted from")
    left, right, moves = _together(left, right)
    zeros = None if left.zeros is None or right.zeros is None else _signed(left.zeros, right.zeros, sign)
    constant = None if left.constant is None or right.constant is None else _signed(left.constant, right.constant, sign)
    return replace(left, zeros=zeros, constant=constant, is_scaled=left.is_scaled or right.is_scaled), *moves


def smaller(left: Quantity, right: Quantity) -> tuple[Quantity, Move, Move]:
    """Return what min or max of two is, as `added`; both must hold their zero point equally often."""
    if left.base is None or right.base is None:
        return UNKNOWN, STAY, STAY
    _fit(left, right, "compared with")
    left, right, moves = _together(left, right)
    if left.zeros is not None and right.zeros is not None and abs(left.zeros - right.zeros) > TOLERANCE:
        raise FormulaError("min and max compare a reading with a difference of readings")
    zeros = None if left.zeros is None or right.zeros is None else left.zeros
    return replace(left, zeros=zeros, constant=None, is_scaled=left.is_scaled or right.is_scaled), *moves


def multiplied(left: Quantity, right: Quantity, sign: str) -> tuple[Quantity, Move, Move]:
    """Return what left * right (or /) is; a zero point other than nothing (degC) is first brought to nothing (K)."""
    if left.base is None or right.base is None:
        return UNKNOWN, STAY, STAY
    power = 1 if sign == "*" else -1
    if right.constant is not None:
        return _times(left, right.constant if power == 1 else _inverse(right.constant)), STAY, STAY
    if left.constant is not None and power == 1:
        return _times(right, left.constant), STAY, STAY
    base = tuple(a + power * b for a, b in zip(left.base, right.base, strict=True))
    zeros = 0.0 if left.zeros == 0 and right.zeros == 0 else None
    moved_left, one = _to_nothing(left)
    moved_right, other = _to_nothing(right)
    return Quantity(base, moved_left.factor * moved_right.factor**power, 0.0, zeros), one, other


def rooted(of: Quantity) -> tuple[Quantity, Move]:
    """Return what the square root is."""
    if of.base is None:
        return UNKNOWN, STAY
    moved, move = _to_nothing(of)
    zeros = 0.0 if of.zeros == 0 else None
    return Quantity(tuple(p / 2 for p in of.base), moved.factor**0.5, 0.0, zeros), move


def logged(of: Quantity) -> tuple[Quantity, Move]:
    """Return what the natural logarithm is; raises FormulaError where the argument has a dimension."""
    if of.base is None:
        return UNKNOWN, STAY
    if any(of.base):
        raise FormulaError(f"log of a {described(of.base)}: divide by a number with a unit first, as in x / 1 [bar]")
    return Quantity(NO_DIMENSION), Move(of.factor)


def absolute(of: Quantity) -> tuple[Quantity, Move]:
    """Return what the absolute value is."""
    moved, move = _to_nothing(of) if of.base is not None else (of, STAY)
    return replace(moved, zeros=0.0 if of.zeros == 0 else None, constant=None), move


def changed(of: Quantity) -> Quantity:
    """Return what a change is: a difference of two readings."""
    return replace(of, zeros=0.0, constant=None) if of.base is not None else of


def negative(of: Quantity) -> Quantity:
    """Return what the negative is."""
    return _times(of, -1.0) if of.base is not None else of


def declared(of: Quantity, unit: str) -> Move | None:
    """Return how a formula's numbers become the declared unit's; None where a unit is not known.

    Raises UnitError where the dimension or the zero point is another.
    """
    wanted = measure(unit)
    if of.base is None or wanted is None:
        return None
    if of.base != wanted.base:
        raise UnitError(
            f"the formula gives {described(of.base)} ({written(of.base)}), the unit {unit!r} is "
            f"{described(wanted.base)} ({written(wanted.base)})"
        )
    if wanted.zeros is None or (wanted.offset and of.zeros == 0):  # in K, or a difference of temperatures, said in degC
        return _move(of, wanted.factor, 0.0)
    if of.zeros is None and wanted.zeros == 1:
        other = "K" if wanted.offset else "bar"
        raise UnitError(
            f"whether the result is a reading or a difference of two cannot be told, so it cannot be in {unit!r}: "
            f"declare it in {other}"
        )
    if of.zeros is not None and abs(of.zeros - wanted.zeros) > TOLERANCE:
        raise UnitError(
            f"the formula holds the zero point of its readings {of.zeros:g} times, a number in {unit!r} "
            f"{wanted.zeros} times (gauge against absolute pressure, or a sum of temperatures)"
        )
    return _move(of, wanted.factor, wanted.zeros * wanted.offset)


def _move(of: Quantity, factor: float, offset: float) -> Move:
    own = of.offset * (of.zeros or 0.0)
    return Move(of.factor / factor, (own - offset) / factor) if (of.factor, own) != (factor, offset) else STAY


def _inverse(constant: float) -> float:
    return 1.0 / constant if constant else 0.0


def _times(of: Quantity, number: float) -> Quantity:
    zeros = None if of.zeros is None else of.zeros * number
    return replace(of, zeros=zeros, constant=None if of.constant is None else of.constant * number)


def _signed(left: float, right: float, sign: str) -> float:
    return left + right if sign == "+" else left - right


def _fit(left: Quantity, right: Quantity, word: str) -> None:
    if left.base is None or right.base is None:
        return
    if left.base != right.base:
        bare = any(q.constant is not None for q in (left, right))
        advice = ": write its unit after the number, as in 20 [degC]" if bare else ""
        one, other = (left, right) if word != "subtracted from" else (right, left)
        raise FormulaError(f"{described(one.base or ())} is {word} {described(other.base or ())}{advice}")
    if (left.is_scaled and right.constant is not None) or (right.is_scaled and left.constant is not None):
        raise FormulaError("a bare number beside a share in % or ppm: write its unit after it, as in 5 [%] or 0.05 [1]")


def _together(left: Quantity, right: Quantity) -> tuple[Quantity, Quantity, tuple[Move, Move]]:
    """Bring both to one unit: the left one's, unless a zero point cannot be told."""
    if (left.factor, left.offset) == (right.factor, right.offset):
        return left, right, (STAY, STAY)
    if right.zeros is not None:
        plus = right.zeros * (right.offset - left.offset) / left.factor
        moved = replace(right, factor=left.factor, offset=left.offset)
        return left, moved, (STAY, Move(right.factor / left.factor, plus))
    moved_left, one = _to_nothing(left)
    moved_right, other = _to_nothing(right)
    return _coherent(moved_left), _coherent(moved_right), (_scaled(one, left.factor), _scaled(other, right.factor))


def _to_nothing(of: Quantity) -> tuple[Quantity, Move]:
    """Bring a number with a known zero point of its own (degC) to one that counts from nothing."""
    if not of.offset or not of.zeros:
        return replace(of, offset=0.0), STAY
    return replace(of, offset=0.0, constant=None), Move(1.0, of.zeros * of.offset / of.factor)


def _coherent(of: Quantity) -> Quantity:
    return replace(of, factor=1.0)


def _scaled(move: Move, factor: float) -> Move:
    return Move(move.times * factor, move.plus * factor)
