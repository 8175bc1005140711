"""A detector's way of choosing features: called by its training inside each fold, and reported once it is done.

Invariant: it holds no rows. Each call sees those of its fold alone; kept is only what it found.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors import detector_class
from detectors.settings import DetectorSettings
from domain.vectors import FeatureName
from features.selection import Screened, fresh, stable

FEW_FEATURES: Final = 20  # that the learners of failures weigh well enough by themselves


class Screening:
    """A `SelectFeatures` by the detector's config, that remembers what each call found."""

    def __init__(self, detector: DetectorSettings) -> None:
        self._how, self._stability, self._seed = detector.screening, detector.stability, detector.seed
        self._few = FEW_FEATURES if detector_class(detector.kind).role == "failure" else 0
        self._found: list[tuple[int, tuple[FeatureName, ...], Screened]] = []

    def __call__(
        self,
        values: NDArray[np.float64],
        outcome: NDArray[np.float64],
        names: tuple[FeatureName, ...],
        group: NDArray[np.object_],
    ) -> NDArray[np.int64]:
        """Return the indices of relevant columns, best first."""
        if self._how == "stable":
            found = stable(values, outcome, group, self._stability.rounds, self._stability.min_share, self._seed)
        else:
            found = fresh(values, outcome, self._few)
        self._found.append((len(values), names, found))
        return found.columns

    @property
    def kept(self) -> tuple[FeatureName, ...] | None:
        """The features that the call with the most rows kept: the final model's; None where nothing was screened."""
        final = self._final()
        return None if final is None else tuple(final[1][i] for i in final[2].columns.tolist())

    def report(self) -> Mapping[str, Any] | None:
        """Return what the final screening found, as JSON data, and in how many folds each feature was kept as well."""
        final = self._final()
        if final is None:
            return None
        _, names, found = final
        in_folds = [{n[i] for i in s.columns.tolist()} for _, n, s in self._found if s is not found]
        rows = zip(found.columns.tolist(), found.p_values.tolist(), found.stability.tolist(), strict=True)
        return {
            "method": self._how,
            "n_tested": found.n_tested,
            "n_kept": len(found.columns),
            "n_halves": found.n_halves,
            "min_share": self._stability.min_share if self._how == "stable" else None,
            "n_folds": len(in_folds),
            "features": [
                {
                    "name": names[i].label,
                    "p_value": p,
                    "stability": None if np.isnan(share) else share,
                    "folds_kept": sum(names[i] in fold for fold in in_folds),
                }
                for i, p, share in rows
            ],
        }

    def _final(self) -> tuple[int, tuple[FeatureName, ...], Screened] | None:
        return max(reversed(self._found), key=lambda each: each[0], default=None)
