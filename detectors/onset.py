"""The rows before a failure in, from where on it shows in them out: the change point of a health index. Pure.

The index is the first principal component of the tags, each in standard deviations from the early normal of this very
run-up. A constant that turns into a straight line at the change is fitted to it by least squares, at every place; it is
taken where it explains enough more than the constant alone, by a Bayesian information criterion.
Sources: Hudson (1966), fitting segmented curves whose join points have to be estimated; Schwarz (1978).
Fails where the early rows are not normal, and where the failure comes without a trend; nothing is found then.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
EARLY: Final = 1 / 3  # of the run-up that is taken for normal
BLOCKS: Final = 400  # rows are averaged to at most so many
LEAST_BLOCKS: Final = 20
EDGE: Final = 3  # blocks at either end at which no change is looked for
PENALTY: Final = 3.0  # times log(n): a place, a slope, and as much again for neighbours that say the same


def onset_of(values: Floats, position: Floats) -> float | None:
    """Return the position of the first row at or after the change, None where none is found.

    values: float64 (rows, tags) of one run-up to a failure, NaN = none; position: float64 (rows,), ascending.
    """
    table, places = _blocks(values, position)
    if len(table) < LEAST_BLOCKS:
        return None
    index = health_index(table)
    if index is None:
        return None
    place = change_of(index)
    return None if place is None else float(places[place])


def health_index(table: Floats) -> Floats | None:
    """Return the first principal component against the early normal, float64 (rows,); None where no tag moves."""
    early = table[: max(EDGE, int(len(table) * EARLY))]
    spread = early.std(axis=0)
    whole = table.std(axis=0)
    spread = np.where(spread > 1e-9 * np.maximum(whole, 1e-300), spread, whole)
    moves = spread > 0
    if not moves.any():
        return None
    away = (table[:, moves] - early[:, moves].mean(axis=0)) / spread[moves]
    _, _, axes = np.linalg.svd(away - away.mean(axis=0), full_matrices=False)
    index: Floats = away @ axes[0]
    return index if index[-1] >= index[0] else np.negative(index)


def change_of(index: Floats) -> int | None:
    """Return the place from which an index leaves its constant in a straight line, None where it does not."""
    n = len(index)
    constant = float(np.square(index - index.mean()).sum())
    if constant <= 0:
        return None
    best, place = np.inf, 0
    for at in range(EDGE, n - EDGE):
        ramp = np.maximum(np.arange(n) - at + 1.0, 0.0)
        ramp -= ramp.mean()
        slope = float(ramp @ index) / float(ramp @ ramp)
        rest = constant - slope * float(ramp @ index)
        if rest < best:
            best, place = rest, at
    gain = n * np.log(constant / max(best, 1e-12 * constant))
    return place if gain > PENALTY * np.log(n) else None


def _blocks(values: Floats, position: Floats) -> tuple[Floats, Floats]:
    """Return means of blocks of rows, and the position of each block's first row; without tags that a block lacks."""
    n = min(BLOCKS, len(values))
    if not n:
        return np.empty((0, 0)), np.empty(0)
    edges = np.linspace(0, len(values), n + 1).astype(int)[:-1]
    counts = np.add.reduceat((~np.isnan(values)).astype(np.float64), edges, axis=0)
    sums = np.add.reduceat(np.nan_to_num(values), edges, axis=0)
    whole = (counts > 0).all(axis=0)
    return sums[:, whole] / counts[:, whole], position[edges]
