"""How unusual a window is against normal ones, by per-feature histograms (PyOD's HBOS).

Score: the percentile among held-out normal windows, so that 0.99 means one normal window in a hundred looks as odd.
Contributions: each feature's own part of HBOS's sum. Fails where only the combination of tags is odd, each tag alone
being normal, and where the training windows were not normal.
Source: Goldstein, Dengel (2012), Histogram-based Outlier Score, KI.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from detectors import parts as p
from detectors.folds import folds_of
from domain.scores import Scale, Scores, TrainingAids, TrainingError
from domain.vectors import FeatureName, FeatureVectors, Training

MIN_ROWS: Final = 100
ROUNDING: Final = 1e-9  # of a column's size
BINS: Final = 20
INTERVAL_Z: Final = 1.645  # 90 % Wilson interval


class AnomalyHBOS:
    """See the module."""

    role: ClassVar[Literal["failure", "quality", "anomaly"]] = "anomaly"
    needs: ClassVar[Literal["vectors", "windows"]] = "vectors"
    scale: ClassVar[Scale] = Scale.PERCENTILE

    def __init__(
        self,
        names: tuple[FeatureName, ...],
        arrays: Mapping[str, NDArray[np.float64]],
        settings: Mapping[str, float],
        report: Mapping[str, Any],
    ) -> None:
        self._names, self._arrays, self._settings, self._report = names, arrays, settings, report

    @property
    def names(self) -> tuple[FeatureName, ...]:
        """The features it takes."""
        return self._names

    @property
    def threshold(self) -> float:
        """The percentile from which an alert is raised: one held-out normal window in a thousand."""
        return 0.999

    @property
    def clear_threshold(self) -> float:
        """The percentile below which it returns to normal."""
        return 0.99

    @property
    def report(self) -> Mapping[str, Any]:
        """How many normal windows it was trained on and held against."""
        return self._report

    @classmethod
    def train(cls, training: Training, options: Mapping[str, Any], aids: TrainingAids) -> Self:
        """Fit on windows more than two horizons from a failure; percentiles come from held-out groups."""
        is_normal = training.to_event > 2 * training.horizon
        normal = training.take(is_normal)
        values = normal.vectors.values
        varies = np.empty(0, dtype=np.int64)
        if len(values):
            varies = np.flatnonzero(~np.isnan(values).any(axis=0) & (np.ptp(values, axis=0) > 0))
        if len(values) < MIN_ROWS or not len(varies):
            raise TrainingError(
                f"{len(values)} normal windows in the history, at least {MIN_ROWS} that vary are needed"
            )
        values = values[:, varies]
        bins = int(options.get("bins", BINS))
        folds = [(train, test) for train, test in folds_of(normal, aids.n_folds) if len(train) and len(test)]
        if not folds:
            raise TrainingError("the normal windows cannot be split: more assets, or a longer history, are needed")
        held_out = np.concatenate([_raw(_fit(values[a], bins), values[b]).sum(axis=1) for a, b in folds])
        fitted = _fit(values, bins)
        arrays = {
            "hist": np.asarray(fitted.hist_, dtype=np.float64),
            "edges": np.asarray(fitted.bin_edges_, dtype=np.float64),
            "held_out": np.sort(held_out),
            "median": np.median(values, axis=0),
        }
        settings = {"alpha": float(fitted.alpha), "tol": float(fitted.tol)}
        report = {
            "n_rows": len(values),
            "n_held_out": len(held_out),
            "n_groups": len(np.unique(normal.group.astype(str))),
        }
        return cls(tuple(training.vectors.names[i] for i in varies), arrays, settings, report)

    def score(self, vectors: FeatureVectors, *, is_explained: bool = True) -> Scores:  # noqa: ARG002
        """Score rows; a missing value counts as the training median. Raises ValueError for other columns."""
        p.require_columns(vectors.names, self._names)
        values = np.where(np.isnan(vectors.values), self._arrays["median"], vectors.values)
        contributions = density_scores(
            values,
            self._arrays["hist"],
            self._arrays["edges"],
            self._settings["alpha"],
            self._settings["tol"],
        )
        raw = contributions.sum(axis=1)
        held_out = self._arrays["held_out"]
        share = np.searchsorted(held_out, raw, side="left") / len(held_out)
        low, high = wilson(share, len(held_out))
        return Scores(share, np.minimum(low, share), np.maximum(high, share), raw, 0.0, contributions, self.scale)

    def dump(self) -> dict[str, bytes]:
        """Return the histograms and a JSON head."""
        head = {"names": p.write_names(self._names), "settings": dict(self._settings), "report": self._report}
        return {"head.json": p.write_json(head)} | {
            f"{name}.npy": p.write_array(array) for name, array in self._arrays.items()
        }

    @classmethod
    def load(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from parts."""
        head = p.read_json(parts, "head.json")
        arrays = {name: p.read_array(parts, f"{name}.npy") for name in ("hist", "edges", "held_out", "median")}
        return cls(p.read_names(head["names"]), arrays, head["settings"], head["report"])


def _fit(values: NDArray[np.float64], bins: int) -> Any:
    from pyod.models.hbos import HBOS

    return HBOS(n_bins=bins).fit(_steadied(values))


def _steadied(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the columns with those that vary by rounding only made constant: no bins fit between their values."""
    is_steady = np.ptp(values, axis=0) <= ROUNDING * np.abs(values).max(axis=0)
    return np.where(is_steady, values[:1], values)


def _raw(fitted: Any, values: NDArray[np.float64]) -> NDArray[np.float64]:
    return density_scores(values, fitted.hist_, fitted.bin_edges_, fitted.alpha, fitted.tol)


def density_scores(
    values: NDArray[np.float64],
    hist: NDArray[np.float64],
    edges: NDArray[np.float64],
    alpha: float,
    tol: float,
) -> NDArray[np.float64]:
    """Return each feature's part of HBOS's score, (n, features): -log2(density + alpha); their sum is PyOD's score.

    A value beyond the outer edge by more than `tol` bin widths gets the feature's rarest bin, one within it the
    outer bin.
    """
    found = np.empty(values.shape)  # in C order, so that a row's sum does not depend on its batch
    n_bins = hist.shape[0]
    for j in range(values.shape[1]):
        rarity = -np.log2(hist[:, j] + alpha)
        column, edge = values[:, j], edges[:, j]
        bins = np.digitize(column, edge, right=True)
        below, above = edge[0] - column, column - edge[-1]
        is_far = ((bins == 0) & (below > (edge[1] - edge[0]) * tol)) | (
            (bins == n_bins + 1) & (above > (edge[-1] - edge[-2]) * tol)
        )
        found[:, j] = np.where(is_far, rarity.max(), rarity[np.clip(bins - 1, 0, n_bins - 1)])
    return found


def wilson(share: NDArray[np.float64], n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the 90 % Wilson interval of a share seen in n rows."""
    z2 = INTERVAL_Z**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = INTERVAL_Z / (1 + z2 / n) * np.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)
