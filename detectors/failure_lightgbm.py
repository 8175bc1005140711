"""Failure within the horizon, by gradient-boosted trees (LightGBM), with a threshold chosen for recall out of fold.

Score: probability; low and high span the models trained on the folds. Contributions: LightGBM's own, on the
log-odds scale.
Fails where failures have no precursor in the tags, or where fewer than MIN_EVENTS were seen; it then refuses to train.
Source: Ke et al. (2017), LightGBM, NeurIPS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from detectors import parts as p
from detectors import threshold
from detectors.folds import folds_of
from domain.scores import Scale, Scores, TrainingAids, TrainingError
from domain.vectors import FeatureName, FeatureVectors, Training

MIN_EVENTS: Final = 5
MAX_FEATURES: Final = 120
ROUNDS: Final = 150
PARAMETERS: Final[Mapping[str, Any]] = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_child_samples": 40,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbose": -1,
}


@dataclass(frozen=True, slots=True, eq=False)
class _Tree:
    """One booster and the columns it takes, as indices into the detector's names."""

    booster: Any
    columns: NDArray[np.int64]
    text: str

    def log_odds(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(self.booster.predict(values[:, self.columns], raw_score=True), dtype=np.float64)


class FailureLightGBM:
    """See the module."""

    role: ClassVar[Literal["failure", "quality", "anomaly"]] = "failure"
    needs: ClassVar[Literal["vectors", "windows"]] = "vectors"
    scale: ClassVar[Scale] = Scale.PROBABILITY

    def __init__(
        self,
        names: tuple[FeatureName, ...],
        final: _Tree,
        folds: tuple[_Tree, ...],
        limits: tuple[float, float],
        report: Mapping[str, Any],
    ) -> None:
        self._names, self._final, self._folds, self._limits = names, final, folds, limits
        self._report = report

    @property
    def names(self) -> tuple[FeatureName, ...]:
        """The features any of its models takes."""
        return self._names

    @property
    def threshold(self) -> float:
        """The probability from which an alert is raised."""
        return float(_probability(np.array([self._limits[0]]))[0])

    @property
    def clear_threshold(self) -> float:
        """The probability below which it returns to normal."""
        return float(_probability(np.array([self._limits[1]]))[0])

    @property
    def report(self) -> Mapping[str, Any]:
        """Out-of-fold events, catches and false alarms at the threshold, and the whole curve."""
        return self._report

    @classmethod
    def train(cls, training: Training, options: Mapping[str, Any], aids: TrainingAids) -> Self:
        """Fit, with whole groups held out in turn; raises TrainingError with too few failures."""
        label = training.outcome
        ends = training.vectors.position + training.to_event
        n_events = len({(training.group[i], ends[i]) for i in np.flatnonzero(label == 1)})
        if n_events < MIN_EVENTS:
            raise TrainingError(
                f"{n_events} failures seen in the history, at least {MIN_EVENTS} are needed: "
                "load more history, or record past failures, each with its end (one without keeps its asset stopped)"
            )
        if label.all():
            raise TrainingError("every window lies within the horizon of a failure: the horizon is too long")
        values = training.vectors.values
        parameters = {**PARAMETERS, **options, "seed": aids.seed}
        out_of_fold = np.full(len(label), np.nan)
        trees = []
        for train, test in folds_of(training, aids.n_folds):
            tree = _fit(training, label, train, parameters, aids)
            out_of_fold[test] = tree.log_odds(values[test])
            trees.append(tree)
        final = _fit(training, label, np.arange(len(label)), parameters, aids)
        tested = np.flatnonzero(~np.isnan(out_of_fold))
        if not (label[tested] == 1).any():
            raise TrainingError(
                "no failure lies in the part of the history that models are tested on: load more history, or use "
                'split = "unit", which holds out whole assets'
            )
        tracks = threshold.tracks_of(
            out_of_fold[tested],
            training.group[tested],
            training.vectors.position[tested],
            training.to_event[tested],
        )
        choice, curve = threshold.choose(tracks, aids.target_recall, training.horizon, training.lead, aids.confirm)
        report = {
            "n_rows": len(label),
            "n_groups": len(tracks),
            "n_events": choice.judgement.n_events,
            "events_caught": choice.judgement.n_caught,
            "event_recall": choice.judgement.n_caught / choice.judgement.n_events,
            "false_alarms": choice.judgement.n_false,
            "false_alarms_per_axis_unit": choice.false_alarms_per_unit,
            "target_recall": aids.target_recall,
            "lead_times": list(choice.judgement.lead_times),
            "folds": len(trees),
            "curve": curve,
        }
        return cls._packed(training.vectors.names, final, tuple(trees), (choice.raise_at, choice.clear_at), report)

    @classmethod
    def _packed(
        cls,
        names: tuple[FeatureName, ...],
        final: _Tree,
        folds: tuple[_Tree, ...],
        limits: tuple[float, float],
        report: Mapping[str, Any],
    ) -> Self:
        """Keep only the columns that some tree takes."""
        used = np.unique(np.concatenate([t.columns for t in (final, *folds)]))
        moved = [_Tree(t.booster, np.searchsorted(used, t.columns), t.text) for t in (final, *folds)]
        return cls(tuple(names[i] for i in used), moved[0], tuple(moved[1:]), limits, report)

    def score(self, vectors: FeatureVectors) -> Scores:
        """Score rows; raises ValueError where the columns are not `names`."""
        p.require_columns(vectors.names, self._names)
        n = len(vectors)
        contributions = np.zeros((n, len(self._names)))
        if n == 0:
            empty = np.empty(0)
            return Scores(empty, empty, empty, empty, 0.0, contributions, self.scale)
        found = np.asarray(self._final.booster.predict(vectors.values[:, self._final.columns], pred_contrib=True))
        contributions[:, self._final.columns] = found[:, :-1]
        raw = self._final.log_odds(vectors.values)
        spread = np.vstack([raw, *(t.log_odds(vectors.values) for t in self._folds)])
        return Scores(
            _probability(raw),
            _probability(spread.min(axis=0)),
            _probability(spread.max(axis=0)),
            raw,
            float(found[0, -1]),
            contributions,
            self.scale,
        )

    def dump(self) -> dict[str, bytes]:
        """Return one text per booster and a JSON head."""
        trees = {"final": self._final} | {f"fold_{i}": t for i, t in enumerate(self._folds)}
        head = {
            "names": p.write_names(self._names),
            "columns": {name: tree.columns.tolist() for name, tree in trees.items()},
            "limits": list(self._limits),
            "report": self._report,
        }
        return {"head.json": p.write_json(head)} | {f"{name}.txt": tree.text.encode() for name, tree in trees.items()}

    @classmethod
    def load(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from verified parts; the bundle's checksum must have been checked, for a damaged text can crash
        LightGBM.
        """
        head = p.read_json(parts, "head.json")
        trees = {}
        for name, columns in head["columns"].items():
            if f"{name}.txt" not in parts:
                raise ValueError(f"the model has no part {name}.txt")
            trees[name] = _tree(parts[f"{name}.txt"].decode(), np.array(columns, dtype=np.int64))
        final = trees.pop("final")
        folds = tuple(trees[f"fold_{i}"] for i in range(len(trees)))
        return cls(p.read_names(head["names"]), final, folds, tuple(head["limits"]), head["report"])


def _fit(
    training: Training,
    labels: NDArray[np.float64],
    rows: NDArray[np.int64],
    parameters: Mapping[str, Any],
    aids: TrainingAids,
) -> _Tree:
    """Choose features and fit on these rows alone."""
    import lightgbm

    values, label = training.vectors.values[rows], labels[rows]
    if len(np.unique(label)) < 2:
        raise TrainingError(
            "a training part of the folds holds no failure, or nothing else: load more history, or shorten `embargo`"
        )
    columns = np.sort(aids.select(values, label, training.vectors.names, training.group[rows])[:MAX_FEATURES])
    if not len(columns):
        raise TrainingError("no feature tells windows before a failure from the others")
    try:
        booster = lightgbm.train(dict(parameters), lightgbm.Dataset(values[:, columns], label), ROUNDS)
    except lightgbm.basic.LightGBMError as error:
        raise TrainingError(f"LightGBM refuses the detector's options: {error}") from error
    return _tree(booster.model_to_string(), columns)


def _tree(text: str, columns: NDArray[np.int64]) -> _Tree:
    import lightgbm

    return _Tree(lightgbm.Booster(model_str=text), columns, text)


def _probability(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1.0 / (1.0 + np.exp(-log_odds)), dtype=np.float64)
