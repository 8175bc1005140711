"""Values of lots, with holes, to standardised columns without.

Missing values are filled with the training median, and told by indicators where they are no rarity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from detectors import parts as p
from detectors.learners import filled, medians

Floats = NDArray[np.float64]
Task = Literal["regression", "classification"]
FAR: Final = 4.0  # standard deviations; a value further out counts as this far
FEW_HOLES: Final = 8  # missing values of a column from which an indicator may tell something


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """Values to standardised columns without holes. arrays: median, centre, spread (columns,), holes (int64): the
    columns that have an indicator, rate: the share of their values that are missing.
    """

    arrays: Mapping[str, NDArray[Any]]

    @staticmethod
    def of(values: Floats) -> Design:
        """Learn from training rows."""
        median = medians(values)
        whole = filled(values, median)
        spread = whole.std(axis=0)
        is_hole = ~np.isfinite(values)
        n_holes = is_hole.sum(axis=0)
        told = np.flatnonzero((n_holes >= FEW_HOLES) & (n_holes <= len(values) - FEW_HOLES))
        _, first = np.unique(is_hole[:, told], axis=1, return_index=True)  # columns that lack the same rows are one
        holes = told[np.sort(first)] if len(told) else told
        rate = is_hole[:, holes].mean(axis=0)
        spread = np.where(spread > 1e-12 * np.abs(median) + 1e-300, spread, 1.0)
        return Design({"median": median, "centre": whole.mean(axis=0), "spread": spread, "holes": holes, "rate": rate})

    def __call__(self, values: Floats) -> Floats:
        """Return float64 (n, columns + indicators) in C order."""
        a = self.arrays
        z = np.clip((filled(values, a["median"]) - a["centre"]) / a["spread"], -FAR, FAR)
        rate = a["rate"]
        missing = (~np.isfinite(values[:, a["holes"]]) - rate) / np.sqrt(rate * (1 - rate))
        return np.ascontiguousarray(np.hstack([z, np.clip(missing, -FAR, FAR)]))

    @staticmethod
    def load(parts: Mapping[str, bytes], kind: str) -> Design:
        """Rebuild from a model's parts."""
        names = ("median", "centre", "spread", "holes", "rate")
        return Design({name: p.read_array(parts, f"{kind}.{name}.npy") for name in names})

    def by_column(self, terms: Floats) -> Floats:
        """Return terms of the design as terms of its columns: an indicator's is its column's."""
        n = len(self.arrays["median"])
        found = np.ascontiguousarray(terms[:, :n])
        for place, column in enumerate(self.arrays["holes"].tolist()):
            found[:, column] += terms[:, n + place]
        return found


def class_weights(outcome: Floats) -> Floats:
    """Return weights of mean 1 by which both classes weigh alike."""
    share = min(max(float(outcome.mean()), 1.0 / len(outcome)), 1 - 1.0 / len(outcome))
    return np.where(outcome == 1, 0.5 / share, 0.5 / (1 - share))
