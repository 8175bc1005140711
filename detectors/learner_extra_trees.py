"""Extremely randomised trees, kept as arrays: no code is loaded with them.

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
        median = medians(examples.values)
        return _Prepared(filled(examples.values, median), examples.label, median, examples.seed)

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
        return np.concatenate([self._walked(part)[0] for part in self._chunks(values)] or [np.empty(0)])

    def contributions(self, values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """The base is the mean share at the roots."""
        found = [self._walked(part)[1] for part in self._chunks(values)]
        base = float(self.arrays["share"][self.arrays["roots"]].mean())
        return base, np.concatenate(found) if found else np.empty((0, values.shape[1]))

    def _chunks(self, values: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        # scikit-learn compares 32-bit values with its limits, so that a row goes here as it went in training
        whole = filled(values, self.arrays["median"]).astype(np.float32).astype(np.float64)
        return [whole[i : i + CHUNK] for i in range(0, len(whole), CHUNK)]

    def _walked(self, values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
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
        return float(a["share"][a["roots"]].mean()) + amounts.sum(axis=1), amounts

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
