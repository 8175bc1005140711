"""Derived tags: a grid in, the same grid with the columns that formulas make of its tags out.

A value is missing (NaN) where a source is, and where it is no number: a division by zero, the log of what is not above
zero. Invariant: a value depends on rows of its own sources only, and counts back in rows in which any of them has a
value; what other tags are in the grid, and where the grid begins, changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.vectors import DerivedTag
from features import dimensions as d
from features import formula as f
from features.windows import Grid, Reach

Floats = NDArray[np.float64]
Run = Callable[[Mapping[str, Floats]], Floats]
Part = tuple[d.Quantity, Run]
ELEMENTWISE: Final[Mapping[str, Callable[[Floats], Floats]]] = {"abs": np.abs, "sqrt": np.sqrt, "log": np.log}
PAIRWISE: Final[Mapping[str, Callable[[Floats, Floats], Floats]]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "min": np.minimum,
    "max": np.maximum,
}


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """A formula ready to run. sources: its tags. rows_back: rows before a row that it may need.

    is_checked: the units of all its parts are known and fit; else it runs on the numbers as they are.
    """

    sources: tuple[str, ...]
    rows_back: int
    is_checked: bool
    run: Run


@lru_cache(maxsize=256)
def compiled(tag: DerivedTag) -> Compiled:
    """Return a derived tag's formula, checked and compiled; raises FormulaError saying what does not fit."""
    tree = f.parse(tag.formula)
    named = f.sources(tree)
    if not named:
        raise f.FormulaError("names no tag")
    quantity, run = _part(tree, dict(tag.sources))
    move = d.declared(quantity, tag.unit)
    if move is None:
        _, run = _part(tree, None)
    else:
        run = _moved(run, move)
    return Compiled(named, f.rows_back(tree), move is not None, run)


def added(grid: Grid, tags: Sequence[DerivedTag]) -> Grid:
    """Return the grid with a column for each derived tag; raises KeyError for a source that the grid does not have."""
    if not tags:
        return grid
    place = {tag: i for i, tag in enumerate(grid.tags)}
    columns, reach = [grid.values], dict(grid.reach)
    for tag in tags:
        how = compiled(tag)
        places = tuple(place[source] for source in how.sources)
        rows = np.flatnonzero(~np.isnan(grid.values[:, places]).all(axis=1))
        given = {source: grid.values[rows, place[source]] for source in how.sources}
        column = np.full((len(grid.times), 1), np.nan)
        column[rows, 0] = _run(how, given)
        columns.append(column)
        reach[tag.name] = Reach(places, _since(rows, how.rows_back, len(grid.times)))
    names = (*grid.tags, *(tag.name for tag in tags))
    return replace(grid, tags=names, values=np.concatenate(columns, axis=1), reach=reach)


def _run(how: Compiled, given: Mapping[str, Floats]) -> Floats:
    with np.errstate(all="ignore"):
        return how.run(given)


def _since(rows: NDArray[np.int64], n_back: int, n: int) -> NDArray[np.int64] | None:
    """Return for each row of the grid the first row that its value needs, -1 where that lies before the grid."""
    if not n_back:
        return None
    needed = np.full(len(rows), -1, dtype=np.int64)
    needed[n_back:] = rows[: max(0, len(rows) - n_back)]
    # A row without a source has no value of its own: it takes the one before it, so that the array ascends.
    place = np.searchsorted(rows, np.arange(n), side="right")
    return np.concatenate(([-1], needed))[place]


def _part(node: f.Node, units: Mapping[str, str] | None) -> Part:
    """Check and compile a part. units: by tag; None leaves all units out of account."""
    match node:
        case f.Number(value, unit):
            quantity = d.UNKNOWN if units is None else d.of_number(value, unit)
            return quantity, lambda given: np.full(len(next(iter(given.values()))), value)
        case f.Source(tag):
            return d.UNKNOWN if units is None else d.of_unit(units.get(tag, "")), lambda given: given[tag]
        case f.Negative(of):
            quantity, run = _part(of, units)
            return d.negative(quantity), lambda given: -run(given)
        case f.Binary(sign, left, right):
            rule = d.multiplied if sign in "*/" else d.added
            return _pair(_part(left, units), _part(right, units), sign, lambda a, b: rule(a, b, sign))
        case f.Call(function, (first, *others)) if others:
            found = _part(first, units)
            for other in others:
                found = _pair(found, _part(other, units), function, d.smaller)
            return found
        case f.Call(function, (only,)):
            return _single(_part(only, units), function)
        case f.Back(function, of, n):
            quantity, run = _part(of, units)
            if function == "change":
                return d.changed(quantity), lambda given: _change(run(given), n)
            return replace(quantity, constant=None), lambda given: _mean(run(given), n)
    raise f.FormulaError(f"{node} cannot be computed")


def _pair(
    left: Part,
    right: Part,
    function: str,
    rule: Callable[[d.Quantity, d.Quantity], tuple[d.Quantity, d.Move, d.Move]],
) -> Part:
    quantity, one, other = rule(left[0], right[0])
    run_left, run_right = _moved(left[1], one), _moved(right[1], other)
    combine = PAIRWISE[function]
    return quantity, lambda given: _finite(combine(run_left(given), run_right(given)))


def _single(of: Part, function: str) -> Part:
    rule = {"abs": d.absolute, "sqrt": d.rooted, "log": d.logged}[function]
    quantity, move = rule(of[0])
    run, compute = _moved(of[1], move), ELEMENTWISE[function]
    return quantity, lambda given: _finite(compute(run(given)))


def _moved(run: Run, move: d.Move) -> Run:
    if move == d.STAY:
        return run
    if not move.plus:
        return lambda given: run(given) * move.times
    return lambda given: run(given) * move.times + move.plus


def _finite(values: Floats) -> Floats:
    """Return values with NaN for what is no number, before a later step makes one of it (1 / (1 / 0) is not 0)."""
    return np.where(np.isfinite(values), values, np.nan)


def _change(values: Floats, n: int) -> Floats:
    found = np.full(len(values), np.nan)
    found[n:] = values[n:] - values[: max(0, len(values) - n)]
    return found


def _mean(values: Floats, n: int) -> Floats:
    """Return the mean of the last n rows, added in one order, so that what lies before them changes no bit."""
    found = np.full(len(values), np.nan)
    if len(values) >= n:
        total = np.zeros(len(values) - n + 1)
        for back in range(n):
            total += values[back : len(values) - n + 1 + back]
        found[n - 1 :] = total / n
    return found
