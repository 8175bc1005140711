"""Extremely randomised trees, kept as arrays: no code is loaded with them.

Of a long history it takes MOST_ROWS, spread evenly: neighbouring windows overlap, and the trees' time grows faster than
what more of them tell. Failures are thinned only where they alone are more than half of that; outcomes weigh the same.
Contributions: each split's change of the leaf's share goes to the column that it splits.
Source: Geurts, Ernst, Wehenkel (2006), Machine Learning 63; contributions: Saabas (2014), treeinterpreter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from detectors import parts as p
from detectors.learners import Examples, filled, medians

N_TREES: Final = 100
MOST_ROWS: Final = 40_000
NAMES: Final = ("left", "right", "column", "limit", "share", "roots", "median")
CHUNK: Final = 4096  # rows at a time


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    values: NDArray[np.float64]
    label: NDArray[np.float64]
    median: NDArray[np.float64]
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class ExtraTrees:
    """All trees in one table of nodes. left, right, column (-1 = leaf): int64; limit, share: float64; roots: int64."""

    needs: ClassVar[Literal["vectors", "windows"]] = "vectors"
    arrays: Mapping[str, NDArray[Any]]

    @staticmethod
    def settings(n: int, _seed: int) -> Sequence[Mapping[str, Any]]:
        """Return leaf sizes."""
        return tuple({"min_samples_leaf": leaf} for leaf in (5, 15)[: max(1, n // 4)])

    @staticmethod
    def prepare(examples: Examples) -> _Prepared:
        """Fill what is missing."""
        median, rows = medians(examples.values), _spread(examples.label)
        return _Prepared(filled(examples.values[rows], median), examples.label[rows], median, examples.seed)

    @classmethod
    def fit(cls, prepared: _Prepared, setting: Mapping[str, Any]) -> Self:
        """Fit with scikit-learn and copy the trees' arrays."""
        from sklearn.ensemble import ExtraTreesClassifier

        forest = ExtraTreesClassifier(
            N_TREES,
            max_features=0.3,
            max_depth=16,
            class_weight="balanced",
            n_jobs=1,
            random_state=prepared.seed,
            **setting,
        ).fit(prepared.values.astype(np.float32), prepared.label.astype(np.int64))
        return cls({**_table([e.tree_ for e in forest.estimators_]), "median": prepared.median})

    def margin(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean share of failures in the leaves."""
        return np.concatenate([self._shares(part) for part in self._chunks(values)] or [np.empty(0)])

    def contributions(self, values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """The base is the mean share at the roots."""
        found = [self._amounts(part) for part in self._chunks(values)]
        base = float(self.arrays["share"][self.arrays["roots"]].mean())
        return base, np.concatenate(found) if found else np.empty((0, values.shape[1]))

    def _chunks(self, values: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        # scikit-learn compares 32-bit values with its limits, so that a row goes here as it went in training
        whole = filled(values, self.arrays["median"]).astype(np.float32).astype(np.float64)
        return [whole[i : i + CHUNK] for i in range(0, len(whole), CHUNK)]

    def _shares(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what `_amounts` sum to beside the base, several times as fast."""
        a = self.arrays
        n, n_trees = len(values), len(a["roots"])
        node, row = np.tile(a["roots"], n), np.repeat(np.arange(n), n_trees)
        going = np.flatnonzero(a["column"][node] >= 0)
        while len(going):
            at = node[going]
            goes_left = values[row[going], a["column"][at]] <= a["limit"][at]
            node[going] = np.where(goes_left, a["left"][at], a["right"][at])
            going = going[a["column"][node[going]] >= 0]
        return np.asarray(a["share"][node].reshape(n, n_trees).mean(axis=1), dtype=np.float64)

    def _amounts(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        a = self.arrays
        n, k = values.shape
        n_trees = len(a["roots"])
        node = np.tile(a["roots"], n)
        row = np.repeat(np.arange(n), n_trees)
        amounts = np.zeros((n, k))
        while len(node):
            column = a["column"][node]
            is_split = column >= 0
            node, row, column = node[is_split], row[is_split], column[is_split]
            goes_left = values[row, column] <= a["limit"][node]
            child = np.where(goes_left, a["left"][node], a["right"][node])
            np.add.at(amounts, (row, column), (a["share"][child] - a["share"][node]) / n_trees)
            node = child
        return amounts

    def dump(self) -> dict[str, bytes]:
        """Return one array a part."""
        return {f"trees.{name}.npy": p.write_array(self.arrays[name]) for name in NAMES}

    @classmethod
    def load(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from parts; raises ValueError where a node names one that is not there."""
        arrays = {name: p.read_array(parts, f"trees.{name}.npy") for name in NAMES}
        n = len(arrays["column"])
        nodes = np.concatenate([arrays["roots"], *(arrays[s][arrays["column"] >= 0] for s in ("left", "right"))])
        if len(nodes) and not (nodes.min() >= 0 and nodes.max() < n):
            raise ValueError("a tree names a node that is not there")
        return cls(arrays)


def _spread(label: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return up to MOST_ROWS rows, in order: of each outcome some that lie evenly, or all."""
    if len(label) <= MOST_ROWS:
        return np.arange(len(label))
    failing, others = np.flatnonzero(label > 0), np.flatnonzero(label <= 0)
    n = max(min(len(failing), MOST_ROWS // 2), MOST_ROWS - len(others))
    return np.sort(np.concatenate([_evenly(failing, n), _evenly(others, MOST_ROWS - n)]))


def _evenly(rows: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    return rows[np.linspace(0, len(rows) - 1, n).astype(np.int64)]


def _table(trees: Sequence[Any]) -> dict[str, NDArray[Any]]:
    sizes = [t.node_count for t in trees]
    offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    shifted = {
        side: np.concatenate(
            [np.asarray(getattr(t, f"children_{side}"), np.int64) + o for t, o in zip(trees, offsets, strict=True)]
        )
        for side in ("left", "right")
    }
    column = np.concatenate([np.where(t.children_left < 0, -1, t.feature) for t in trees]).astype(np.int64)
    counts = [t.value[:, 0, :] for t in trees]
    share = np.concatenate([c[:, 1] / c.sum(axis=1) for c in counts])
    limit = np.concatenate([t.threshold for t in trees]).astype(np.float64)
    return {**shifted, "column": column, "limit": limit, "share": share, "roots": offsets}
