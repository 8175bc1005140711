"""A continuous quality result from process features and lab history, by ridge regression.

Score: the result in its own unit; low and high hold 90 % of the out-of-fold errors. Contributions: coefficient times
distance from the training mean. Fails where effects bend or interact, and where the process has left the range of the
history. The figures stand beside persistence, the mean, and the same model on lab history alone.
Source: Hoerl, Kennard (1970), Ridge regression, Technometrics.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from detectors import parts as p
from detectors.folds import folds_of
from domain.scores import Scale, Scores, TrainingAids, TrainingError
from domain.vectors import FeatureName, FeatureVectors, Training

MIN_LOTS: Final = 60
COVERAGE: Final = 0.90
ALPHAS: Final = tuple(10.0**k for k in (0, 1, 1.5, 2, 2.5, 3, 3.5))


class Linear(NamedTuple):
    """A fitted ridge: prediction = intercept + (filled values - mean) @ slope."""

    mean: NDArray[np.float64]
    slope: NDArray[np.float64]
    intercept: float

    def predict(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict rows; a missing value counts as the training mean."""
        return np.asarray(self.parts(values).sum(axis=1) + self.intercept)

    def parts(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return each feature's part, (n, features)."""
        # In C order, so that a row's sum does not depend on its batch.
        return np.ascontiguousarray(np.where(np.isnan(values), 0.0, values - self.mean) * self.slope)


class QualityRidge:
    """See the module."""

    role: ClassVar[Literal["failure", "quality", "anomaly"]] = "quality"
    needs: ClassVar[Literal["vectors", "windows"]] = "vectors"
    scale: ClassVar[Scale] = Scale.PHYSICAL

    def __init__(
        self, names: tuple[FeatureName, ...], model: Linear, half_width: float, report: Mapping[str, Any]
    ) -> None:
        self._names, self._model, self._half_width, self._report = names, model, half_width, report

    @property
    def names(self) -> tuple[FeatureName, ...]:
        """The features it takes."""
        return self._names

    @property
    def threshold(self) -> None:
        """A quality limit is the plant's to set, by a rule."""
        return

    @property
    def clear_threshold(self) -> None:
        """See `threshold`."""
        return

    @property
    def report(self) -> Mapping[str, Any]:
        """Out-of-fold errors beside persistence, mean and lab history alone; factors of the process."""
        return self._report

    @classmethod
    def train(cls, training: Training, options: Mapping[str, Any], aids: TrainingAids) -> Self:  # noqa: ARG003 - the protocol's
        """Fit on lots in time order, tested on later lots; raises TrainingError with fewer than MIN_LOTS."""
        vectors, outcome = training.vectors, training.outcome
        if len(outcome) < MIN_LOTS:
            raise TrainingError(f"{len(outcome)} lots with a result, at least {MIN_LOTS} are needed")
        names = vectors.names
        is_lab = np.array([n.origin == "lab" for n in names])
        out = _Errors(outcome)
        process = _ProcessFactors([n for n in names if n.origin != "lab"], aids.seed)
        for train, test in folds_of(training, aids.n_folds):
            if len(train) < MIN_LOTS // 2:
                continue
            x, y = vectors.values[train], outcome[train]
            columns = _relevant(x, y, names, training.group[train], aids)
            out.add("rmse", test, fit(x[:, columns], y).predict(vectors.values[test][:, columns]))
            out.add("mean_rmse", test, np.full(len(test), y.mean()))
            if is_lab.any():
                history = vectors.values[:, is_lab]
                out.add("lab_rmse", test, fit(history[train], y).predict(history[test]))
                out.add("persistence_rmse", test, history[test][:, 0])
            process.add(x[:, ~is_lab], y, vectors.values[test][:, ~is_lab], outcome[test])
        columns = _relevant(vectors.values, outcome, names, training.group, aids)
        report = {
            "n_lots": len(outcome),
            "folds": process.n_folds,
            **out.figures(),
            "factors": process.factors(),
        }
        errors = np.abs(out.errors("rmse"))
        half_width = float(np.quantile(errors, COVERAGE)) if len(errors) else 0.0
        model = fit(vectors.values[:, columns], outcome)
        return cls(tuple(names[i] for i in columns), model, half_width, report)

    def score(self, vectors: FeatureVectors, *, is_explained: bool = True) -> Scores:  # noqa: ARG002
        """Score rows; raises ValueError where the columns are not `names`."""
        p.require_columns(vectors.names, self._names)
        contributions = self._model.parts(vectors.values)
        raw = contributions.sum(axis=1) + self._model.intercept
        width = self._half_width
        return Scores(raw, raw - width, raw + width, raw, self._model.intercept, contributions, self.scale)

    def dump(self) -> dict[str, bytes]:
        """Return the coefficients and a JSON head."""
        head = {
            "names": p.write_names(self._names),
            "intercept": self._model.intercept,
            "half_width": self._half_width,
            "report": self._report,
        }
        return {
            "head.json": p.write_json(head),
            "mean.npy": p.write_array(self._model.mean),
            "slope.npy": p.write_array(self._model.slope),
        }

    @classmethod
    def load(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from parts."""
        head = p.read_json(parts, "head.json")
        model = Linear(p.read_array(parts, "mean.npy"), p.read_array(parts, "slope.npy"), head["intercept"])
        return cls(p.read_names(head["names"]), model, head["half_width"], head["report"])


def fit(values: NDArray[np.float64], outcome: NDArray[np.float64]) -> Linear:
    """Fit a ridge on standardised columns, its strength chosen by generalised cross-validation."""
    from sklearn.linear_model import RidgeCV

    seen = ~np.isnan(values)
    count = np.maximum(seen.sum(axis=0), 1)
    mean = np.where(seen, values, 0.0).sum(axis=0) / count
    centred = np.where(seen, values - mean, 0.0)
    scale = np.sqrt((centred**2).sum(axis=0) / count)
    scale[scale == 0] = 1.0
    model = RidgeCV(alphas=ALPHAS).fit(centred / scale, outcome)
    return Linear(mean, np.asarray(model.coef_ / scale), float(model.intercept_))


def _relevant(
    values: NDArray[np.float64],
    outcome: NDArray[np.float64],
    names: tuple[FeatureName, ...],
    group: NDArray[np.object_],
    aids: TrainingAids,
) -> NDArray[np.int64]:
    columns = np.sort(aids.select(values, outcome, names, group))
    if not len(columns):
        raise TrainingError("no feature has to do with the result")
    return columns


class _Errors:
    """Out-of-fold errors by model."""

    def __init__(self, outcome: NDArray[np.float64]) -> None:
        self._outcome = outcome
        self._found: dict[str, list[NDArray[np.float64]]] = {}

    def add(self, model: str, rows: NDArray[np.int64], predicted: NDArray[np.float64]) -> None:
        self._found.setdefault(model, []).append(predicted - self._outcome[rows])

    def errors(self, model: str) -> NDArray[np.float64]:
        return np.concatenate(self._found.get(model, [np.empty(0)]))

    def figures(self) -> dict[str, float]:
        return {name: float(np.sqrt(np.nanmean(self.errors(name) ** 2))) for name in self._found}


class _ProcessFactors:
    """Ranks process tags by how much worse held-out lots are predicted when a tag's features are shuffled."""

    def __init__(self, names: list[FeatureName], seed: int) -> None:
        self._names = names
        self._sources = sorted({n.source for n in names})
        self._random = np.random.default_rng(seed)
        self._gains: list[list[float]] = []
        self._directions: list[list[float]] = []

    @property
    def n_folds(self) -> int:
        return len(self._gains)

    def add(
        self,
        x: NDArray[np.float64],
        y: NDArray[np.float64],
        x_test: NDArray[np.float64],
        y_test: NDArray[np.float64],
    ) -> None:
        model = fit(x, y)
        base = _rmse(model.predict(x_test) - y_test)
        gains, directions = [], []
        for source in self._columns():
            shuffled = x_test.copy()
            shuffled[:, source] = self._random.permutation(x_test[:, source])
            gains.append(_rmse(model.predict(shuffled) - y_test) - base)
            effect = model.parts(x_test)[:, source].sum(axis=1)
            level = np.nan_to_num(x_test[:, source[0]])
            together = float(((effect - effect.mean()) * (level - level.mean())).sum())
            directions.append(float(np.sign(together)))
        self._gains.append(gains)
        self._directions.append(directions)

    def factors(self) -> list[dict[str, Any]]:
        if not self._gains:
            return []
        gains = np.array(self._gains)
        ranks = np.argsort(np.argsort(-gains, axis=1), axis=1) + 1
        signs = np.array(self._directions)
        order = np.argsort(-gains.mean(axis=0), kind="stable")
        return [
            {
                "name": self._sources[i],
                "rank": place + 1,
                "importance": float(gains[:, i].mean()),
                "rank_low": int(ranks[:, i].min()),
                "rank_high": int(ranks[:, i].max()),
                "direction": int(signs[0, i]) if len(set(signs[:, i])) == 1 else 0,
            }
            for place, i in enumerate(order.tolist())
        ]

    def _columns(self) -> Iterator[list[int]]:
        for source in self._sources:
            yield [i for i, n in enumerate(self._names) if n.source == source]


def _rmse(errors: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(errors**2)))
