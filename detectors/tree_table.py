"""All trees of a forest as one table of nodes, kept as arrays: no code is loaded with them.

A row's number is the mean of its leaves; each split's change of the mean goes to the column that it splits.
Invariant: a row's number does not depend on the other rows of the call, to the bit.
Source of the contributions: Saabas (2014), treeinterpreter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from detectors import parts as p

Floats = NDArray[np.float64]
CHUNK: Final = 4096  # rows at a time


@dataclass(frozen=True, slots=True, eq=False)
class TreeTable:
    """arrays by NAMES. left, right, column (-1 = leaf): int64; limit, share (what rows of a node come to): float64;
    roots: int64.
    """

    NAMES: ClassVar[tuple[str, ...]] = ("left", "right", "column", "limit", "share", "roots")
    arrays: Mapping[str, NDArray[Any]]

    @staticmethod
    def of(estimators: Sequence[Any], *, is_class: bool) -> TreeTable:
        """Copy scikit-learn's trees. is_class: a node's share is that of outcome 1, else its mean."""
        trees = [e.tree_ for e in estimators]
        offsets = np.concatenate([[0], np.cumsum([t.node_count for t in trees])[:-1]]).astype(np.int64)
        shifted = {
            side: np.concatenate(
                [np.asarray(getattr(t, f"children_{side}"), np.int64) + o for t, o in zip(trees, offsets, strict=True)]
            )
            for side in ("left", "right")
        }
        column = np.concatenate([np.where(t.children_left < 0, -1, t.feature) for t in trees]).astype(np.int64)
        counts = [t.value[:, 0, :] for t in trees]
        share = np.concatenate([c[:, 1] / c.sum(axis=1) if is_class else c[:, 0] for c in counts])
        limit = np.concatenate([t.threshold for t in trees]).astype(np.float64)
        return TreeTable({**shifted, "column": column, "limit": limit, "share": share, "roots": offsets})

    def predict(self, values: Floats) -> Floats:
        """Return the mean of the leaves of rows without holes, (n,)."""
        return np.concatenate([self._shares(part) for part in _chunks(values)] or [np.empty(0)])

    def contributions(self, values: Floats) -> tuple[float, Floats]:
        """Return a base, the mean at the roots, and each column's part (n, columns): base + their sum = the number."""
        found = [self._amounts(part) for part in _chunks(values)]
        base = float(self.arrays["share"][self.arrays["roots"]].mean())
        return base, np.concatenate(found) if found else np.empty((0, values.shape[1]))

    def _shares(self, values: Floats) -> Floats:
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

    def _amounts(self, values: Floats) -> Floats:
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

    def dump(self, kind: str) -> dict[str, bytes]:
        """Return one array a part, named after the kind of model."""
        return {f"{kind}.{name}.npy": p.write_array(self.arrays[name]) for name in self.NAMES}

    @staticmethod
    def load(parts: Mapping[str, bytes], kind: str) -> TreeTable:
        """Rebuild from parts; raises ValueError where a node names one that is not there."""
        arrays = {name: p.read_array(parts, f"{kind}.{name}.npy") for name in TreeTable.NAMES}
        n = len(arrays["column"])
        nodes = np.concatenate([arrays["roots"], *(arrays[s][arrays["column"] >= 0] for s in ("left", "right"))])
        if len(nodes) and not (nodes.min() >= 0 and nodes.max() < n):
            raise ValueError("a tree names a node that is not there")
        return TreeTable(arrays)


def _chunks(values: Floats) -> list[Floats]:
    # scikit-learn compares 32-bit values with its limits, so that a row goes here as it went in training
    whole = values.astype(np.float32).astype(np.float64)
    return [whole[i : i + CHUNK] for i in range(0, len(whole), CHUNK)]
