"""Windows of one length, and what several groups of calculators need of them, computed once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.kernels.numeric import Floats, Ints


class Block:
    """Windows of one length. x: float64 (windows, n), C-contiguous, no NaN; n >= 3."""

    def __init__(self, x: Floats) -> None:
        self.x = x

    @cached_property
    def ordered(self) -> Floats:
        """Each window's values ascending: float64 (windows, n)."""
        return np.sort(self.x, axis=1)

    @cached_property
    def spectrum(self) -> NDArray[np.complex128]:
        """Each window's discrete Fourier transform at non-negative frequencies: complex128 (windows, n // 2 + 1)."""
        return np.fft.rfft(self.x, axis=1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One value asked for: a calculator with its parameters as tsfresh spells them, and its column of the output."""

    calculator: str
    params: Mapping[str, Any]
    column: int


Run = Callable[[Block, Floats], None]
"""Writes a group's values of a block into its columns of out: float64 (windows, columns)."""


@dataclass(frozen=True, slots=True)
class Group:
    """Calculators that share their work.

    calculators: of each, whether it can compute the given parameters. prepare: what is wanted (not empty) at a window
    length -> the run, with everything done that depends on no data.
    """

    name: str
    calculators: Mapping[str, Callable[[Mapping[str, Any]], bool]]
    prepare: Callable[[Sequence[Wanted], int], Run]


def always(_params: Mapping[str, Any]) -> bool:
    """Say that any parameters can be computed."""
    return True


def whole(value: Any, least: int) -> bool:
    """Say whether a parameter is a whole number, not below the least."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and int(value) >= least


def at_least(param: str, least: int) -> Callable[[Mapping[str, Any]], bool]:
    """Build the predicate of a calculator whose only condition is that one parameter is whole and not below `least`."""
    return lambda params: whole(params[param], least)


def columns(wanted: Sequence[Wanted], calculator: str) -> Ints:
    """Return the columns of one calculator, in the order asked for."""
    return np.array([w.column for w in wanted if w.calculator == calculator], dtype=np.int64)


def numbers(wanted: Sequence[Wanted], calculator: str, param: str) -> Floats:
    """Return one numeric parameter of one calculator, in the order asked for."""
    return np.array([w.params[param] for w in wanted if w.calculator == calculator], dtype=np.float64)


def given(*names: str) -> Callable[[Mapping[str, Any]], bool]:
    """Build the predicate of a calculator that takes exactly these parameters, all of them numbers.

    Numbers of numpy's narrow types are not taken: numpy would calculate with them in their own precision.
    """

    def accepts(params: Mapping[str, Any]) -> bool:
        return set(params) == set(names) and all(isinstance(value, int | float) for value in params.values())

    return accepts


def table(wanted: Sequence[Wanted], params: Mapping[str, Sequence[str]]) -> tuple[Ints, Floats]:
    """Lay out what is wanted for one kernel of many calculators, in the calculators' order.

    params: each calculator's numeric parameters. Returns the calculator's place in `params` and the column: int64
    (wanted, 2), and the values of its parameters: float64 (wanted, the most parameters, at least 1), 0 where there
    are fewer.
    """
    places = {calculator: place for place, calculator in enumerate(params)}
    rows = sorted(wanted, key=lambda w: places[w.calculator])
    values = np.zeros((len(rows), max(1, *map(len, params.values()))))
    for row, w in zip(values, rows, strict=True):
        for i, name in enumerate(params[w.calculator]):
            row[i] = w.params[name]
    return np.array([(places[w.calculator], w.column) for w in rows], dtype=np.int64), values
