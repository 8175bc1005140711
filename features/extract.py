"""Windows to feature vectors: the same code for history and live, for one window and many."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.vectors import FeatureName, FeatureVectors
from features.compute import compute
from features.naming import feature_set
from features.plan import Plan, plan
from features.warming import warm
from features.windows import Grid, Windows

__all__ = ["extract", "feature_set", "join", "planned"]


def extract(
    grid: Grid,
    windows: Windows,
    names: Sequence[FeatureName],
    subjects: Sequence[str] | None = None,
    beside: NDArray[np.float64] | None = None,
    dtype: Any = np.float64,
    n_threads: int = 1,
) -> FeatureVectors:
    """Compute the named features of each window.

    beside: float64 (windows, number of names of other origins than `tag`), in the names' order. subjects: lot ids, ""
    for none.
    dtype: of the values; float32 is for files, detectors take float64.
    """
    first, stop = windows.first, windows.stop
    firsts = {grid.tags.index(tag): grid.first_rows(tag, first, stop) for tag in grid.reach}
    values = compute(planned(tuple(names), grid.tags), grid.values, first, stop, dtype, n_threads, firsts)
    if beside is not None:
        values[:, [i for i, n in enumerate(names) if n.origin != "tag"]] = beside
    n = len(windows)
    asset, subject = np.empty(n, dtype=object), np.empty(n, dtype=object)
    asset[:] = grid.asset
    subject[:] = list(subjects) if subjects is not None else ""
    return FeatureVectors(tuple(names), values, asset, subject, windows.start, windows.end, windows.position)


def join(parts: Sequence[FeatureVectors], names: tuple[FeatureName, ...]) -> FeatureVectors:
    """Join vectors of equal names, in order."""
    if not parts:
        empty = np.empty(0, dtype=object)
        none = np.empty(0, dtype=np.int64)
        return FeatureVectors(names, np.empty((0, len(names))), empty, empty, none, none, np.empty(0))
    return FeatureVectors(
        names,
        np.concatenate([p.values for p in parts]),
        np.concatenate([p.asset for p in parts]),
        np.concatenate([p.subject for p in parts]),
        np.concatenate([p.start for p in parts]),
        np.concatenate([p.end for p in parts]),
        np.concatenate([p.position for p in parts]),
    )


class _Same:
    """Names by identity: hashing some thousand names would take longer than computing them for one window."""

    def __init__(self, names: tuple[FeatureName, ...]) -> None:
        self.names = names

    def __hash__(self) -> int:
        return id(self.names)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.names is other.names


def planned(names: tuple[FeatureName, ...], tags: tuple[str, ...]) -> Plan:
    """Return the plan of these names over a grid's tags, compiled; it is kept for this very tuple, with what it has
    prepared.
    """
    return _planned(_Same(names), tags)


@lru_cache(maxsize=64)
def _planned(same: _Same, tags: tuple[str, ...]) -> Plan:
    made = plan(same.names, tags)
    warm(made)
    return made
