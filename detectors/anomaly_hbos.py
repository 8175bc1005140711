"""How unusual a window is against normal ones, by per-feature histograms (PyOD's HBOS).

Score: the percentile among held-out normal windows, so that 0.99 means one normal window in a hundred looks as odd.
Contributions: each feature's own part of HBOS's sum. Fails where only the combination of tags is odd, each tag alone
being normal, and where the training windows were not normal.
Source: Goldstein, Dengel (2012), Histogram-based Outlier Score, KI.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from detectors import parts as p
from detectors.folds import folds_of
from domain.limits import Limits, raises
from domain.scores import Scale, Scores, TrainingAids, TrainingError
from domain.vectors import FeatureName, FeatureVectors, Training

MIN_ROWS: Final = 100
ROUNDING: Final = 1e-9  # of a column's size
BINS: Final = 20
INTERVAL_Z: Final = 1.645  # 90 % Wilson interval
RAISE_AT: Final = 0.999
N_CANDIDATES: Final = 60
WEEK_NS: Final = 604_800_000_000_000

Track = tuple[list[float], list[float]]  # percentiles and positions of one asset's windows, in order


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
        """The percentile from which an alert is raised: as often as the budget says on held-out normal windows, or by
        one of them in a thousand.
        """
        return self._settings["raise_at"]

    @property
    def clear_threshold(self) -> float:
        """The percentile below which it returns to normal."""
        return clear_for(self._settings["raise_at"])

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
        tested = normal.take(np.concatenate([b for _, b in folds]))
        fitted = _fit(values, bins)
        arrays = {
            "hist": np.asarray(fitted.hist_, dtype=np.float64),
            "edges": np.asarray(fitted.bin_edges_, dtype=np.float64),
            "held_out": np.sort(held_out),
            "median": np.median(values, axis=0),
        }
        tracks, weeks = _tracks(tested, _share(arrays["held_out"], held_out))
        raise_at = RAISE_AT if aids.aim.budget is None else raise_for(tracks, aids.aim.budget * weeks, aids.confirm)
        n_false = n_raises(tracks, raise_at, aids.confirm)
        settings = {"alpha": float(fitted.alpha), "tol": float(fitted.tol), "raise_at": raise_at}
        report = {
            "n_rows": len(values),
            "n_held_out": len(held_out),
            "n_groups": len(np.unique(normal.group.astype(str))),
            "raise_at": raise_at,
            "alarm_budget": aids.aim.budget,
            "asset_weeks": weeks,
            "false_alarms": n_false,
            "false_alarms_per_week": n_false / weeks if weeks else 0.0,
            "false_alarms_interval": [x / weeks if weeks else 0.0 for x in poisson_interval(n_false)],
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
        share = _share(held_out, raw)
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
        settings = {"raise_at": RAISE_AT, **head["settings"]}
        return cls(p.read_names(head["names"]), arrays, settings, head["report"])


def clear_for(raise_at: float) -> float:
    """Return the percentile below which an alert returns to normal: ten times as many windows are beyond it."""
    return max(0.0, 1.0 - 10.0 * (1.0 - raise_at) - ROUNDING) if raise_at < 1.0 else RAISE_AT


def n_raises(tracks: Sequence[Track], raise_at: float, confirm: float) -> int:
    """Return how many alerts a percentile raises on tracks of normal windows."""
    limits = Limits(raise_at, clear_for(raise_at))
    return sum(len(raises(values, positions, limits, confirm)) for values, positions in tracks)


def raise_for(tracks: Sequence[Track], wanted: float, confirm: float) -> float:
    """Return the percentile that raises as nearly as can be `wanted` alerts on tracks of normal windows; 1, which is
    beyond all of them, where fewer than one is wanted.
    """
    if wanted < 1.0:
        return 1.0
    seen = np.unique(np.concatenate([values for values, _ in tracks]))[::-1]
    picked = np.unique(np.geomspace(1, len(seen), N_CANDIDATES).astype(np.int64)) - 1
    return float(min(seen[picked], key=lambda level: abs(n_raises(tracks, float(level), confirm) - wanted)))


def poisson_interval(n: int) -> tuple[float, float]:
    """Return the exact 90 % interval of a count's expectation (Garwood 1936)."""
    from scipy.stats import chi2

    return float(chi2.ppf(0.05, 2 * n) / 2) if n else 0.0, float(chi2.ppf(0.95, 2 * n + 2) / 2)


def _tracks(tested: Training, share: NDArray[np.float64]) -> tuple[list[Track], float]:
    """Return the percentiles of held-out windows with their positions, by asset in order, and the weeks they cover."""
    tracks, span = [], 0
    asset = tested.vectors.asset.astype(str)
    for name in np.unique(asset):
        rows = np.flatnonzero(asset == name)
        rows = rows[np.argsort(tested.vectors.end[rows], kind="stable")]
        tracks.append((share[rows].tolist(), tested.vectors.position[rows].tolist()))
        gaps = np.diff(tested.vectors.end[rows])
        usual = int(np.median(gaps)) if len(gaps) else 0
        span += int(np.minimum(gaps, 10 * usual).sum()) + usual  # a long pause is no time watched
    return tracks, span / WEEK_NS


def _share(held_out: NDArray[np.float64], raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of held-out normal windows that look less odd."""
    return np.asarray(np.searchsorted(held_out, raw, side="left") / len(held_out), dtype=np.float64)


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
