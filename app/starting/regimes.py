"""Tags of a sample to those that set an operating mode: they keep to a few levels, and most others follow them.

A guess: it is proposed with its reason, and a person decides. No outcome is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from collectors import roles

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MOST_LEVELS: Final = 8
MOST_ROWS: Final = 4_000
GAP: Final = 0.02  # of a tag's range, from which two neighbouring values are of two levels
LEFT: Final = 1e-3  # of a tag's variance, at most, within its levels
LEAST_SHARE: Final = 0.02  # of the rows in each mode
LEAST_CHANGES: Final = 20  # from row to row: a level that is left once is a change of the plant, not a mode
TOLD: Final = 0.5  # of a tag's variance, from which it follows the mode


def setting_tags(names: Sequence[str], values: Floats, owners: Sequence[object]) -> tuple[str, ...]:
    """Return the tags that set the operating mode, () where none do.

    values: float64 (rows, tags), NaN = none, rows of an owner in order. Of tags that keep to levels, those with a name
    for a setting are taken, else the one that the others follow best.
    """
    keep = ~np.isnan(values).any(axis=1)
    values, owner = values[keep], np.asarray([str(o) for o in owners], dtype=object)[keep]
    varying = [j for j in range(values.shape[1]) if np.ptp(values[:, j]) > 0] if len(values) else []
    levels = {j: found for j in varying if (found := _levels(values[:, j])) is not None}
    worded = [j for j in levels if roles.fits(names[j], "setting")]
    best, taken = TOLD, list[int]()
    for chosen in [worded] if worded else [[j] for j in levels]:
        mode = _together([levels[j] for j in chosen])
        others = [j for j in varying if j not in chosen]
        if not _is_mode(mode, owner) or len(others) < 2:
            continue
        told = float(np.median([_told(values[:, j], mode) for j in others]))
        if told > best:
            best, taken = told, chosen
    return tuple(names[j] for j in taken)


def _levels(column: Floats) -> Ints | None:
    """Return the level of each value, None where the values keep to no few levels."""
    ordered = np.sort(column)
    edges = np.flatnonzero(np.diff(ordered) > GAP * (ordered[-1] - ordered[0]))
    if not 1 <= len(edges) < MOST_LEVELS:
        return None
    level = np.searchsorted(ordered[edges], column, side="left")
    return level if 1 - _told(column, level) <= LEFT else None


def _together(levels: Sequence[Ints]) -> Ints:
    return np.unique(np.stack(levels, axis=1), axis=0, return_inverse=True)[1].ravel()


def _is_mode(mode: Ints, owner: NDArray[np.object_]) -> bool:
    counts = np.bincount(mode)
    n_changes = int(((mode[1:] != mode[:-1]) & (owner[1:] == owner[:-1])).sum())
    return 2 <= len(counts) <= MOST_LEVELS and counts.min() >= LEAST_SHARE * len(mode) and n_changes >= LEAST_CHANGES


def _told(column: Floats, mode: Ints) -> float:
    """Return the share of a column's variance that lies between the modes."""
    n = np.bincount(mode)
    mean = np.bincount(mode, column) / np.maximum(n, 1)
    return 1.0 - float(np.square(column - mean[mode]).sum() / max(np.square(column - column.mean()).sum(), 1e-300))
