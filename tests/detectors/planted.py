"""Trainings with known content: a drift before failures, a linear quality, normal noise."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from domain.plant import Axis
from domain.scores import Aim, TrainingAids
from domain.vectors import SAMPLE, FeatureName, FeatureSet, FeatureVectors, Training

HOUR = 3_600_000_000_000


def every_column(
    values: NDArray[np.float64],
    _outcome: NDArray[np.float64],
    _names: tuple[FeatureName, ...],
    _group: NDArray[np.object_],
) -> NDArray[np.int64]:
    """Select all columns."""
    return np.arange(values.shape[1], dtype=np.int64)


def aids(seed: int = 1, target_recall: float = 1.0, n_folds: int = 4, confirm: float = 0.0) -> TrainingAids:
    """Return aids that select every column."""
    return TrainingAids(every_column, confirm, seed, Aim(recall=target_recall), n_folds)


def tag_names(n: int, calculator: str = "mean") -> tuple[FeatureName, ...]:
    """Return n names t0, t1, ..."""
    return tuple(FeatureName("tag", f"t{i}", calculator) for i in range(n))


def vectors(
    values: NDArray[np.float64],
    names: tuple[FeatureName, ...],
    group: Iterable[str] | None = None,
    end: NDArray[np.int64] | None = None,
    position: NDArray[np.float64] | None = None,
) -> FeatureVectors:
    """Return vectors; ends an hour apart and one asset unless given."""
    n = len(values)
    asset, subject = np.empty(n, dtype=object), np.empty(n, dtype=object)
    asset[:] = ["x"] * n if group is None else list(group)
    subject[:] = ""
    ends = np.arange(1, n + 1, dtype=np.int64) * HOUR if end is None else end
    places = np.arange(n, dtype=np.float64) if position is None else position
    return FeatureVectors(names, values, asset, subject, ends - HOUR, ends, places)


def training(
    found: FeatureVectors,
    outcome: NDArray[np.float64],
    to_event: NDArray[np.float64] | None = None,
    *,
    is_ordered: bool = False,
    embargo_ns: int = 0,
    horizon: int = 15,
    lead: int = 3,
) -> Training:
    """Return a training whose groups are the vectors' assets."""
    distance = np.full(len(found), np.inf) if to_event is None else to_event
    return Training(found, outcome, found.asset, distance, horizon, lead, is_ordered, embargo_ns)


def failures(
    n_groups: int = 12, life: int = 60, n_features: int = 12, seed: int = 3, per_group: int = 1, drift: float = 4.0
) -> Training:
    """Groups that fail at the end of each life; features 0 and 1 drift over the last 15 cycles."""
    random = np.random.default_rng(seed)
    n = n_groups * life * per_group
    values = random.normal(size=(n, n_features))
    to_event = np.tile(np.arange(life - 1, -1, -1, dtype=np.float64), n_groups * per_group)
    is_near = to_event <= 15
    values[:, 0] += is_near * drift
    values[:, 1] -= is_near * drift * (1 - to_event / 30)
    group = [f"g{i:02d}" for i in range(n_groups) for _ in range(life * per_group)]
    position = np.tile(np.arange(1, life * per_group + 1, dtype=np.float64), n_groups)
    found = vectors(values, tag_names(n_features), group, position=position)
    return training(found, is_near.astype(np.float64), to_event)


def sampled_failures(n_groups: int = 12, n_samples: int = 12) -> Training:
    """The same with the last values of one tag more, whose drift shows in them alone."""
    made = failures(n_groups)
    random = np.random.default_rng(11)
    near = (made.to_event <= 15)[:, None] * np.linspace(0.0, 2.0, n_samples)[::-1]
    names = tuple(FeatureName("tag", "raw", SAMPLE, (("lag", i),)) for i in range(n_samples))
    values = np.column_stack([made.vectors.values, random.normal(size=(len(made.outcome), n_samples)) + near])
    position = made.vectors.position
    found = vectors(values, (*made.vectors.names, *names), made.vectors.asset, position=position)
    return training(found, made.outcome, made.to_event)


def lots(n: int = 240, n_features: int = 12, seed: int = 5, noise: float = 0.3) -> Training:
    """Lots in time order: result = 50 + 3 t4 - 2 t7 + noise; two lab columns that say nothing; 3 % missing."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(n, n_features)) * 2.0 + 10.0
    outcome = 50.0 + 3.0 * values[:, 4] - 2.0 * values[:, 7] + noise * random.normal(size=n)
    lab = np.column_stack([np.roll(outcome, 1), np.roll(outcome, 2)])
    lab[:2] = np.nan
    values[random.random(values.shape) < 0.03] = np.nan
    names = (*tag_names(n_features), FeatureName("lab", "y", "last"), FeatureName("lab", "y", "before_last"))
    found = vectors(np.column_stack([values, lab]), names)
    return training(found, outcome, is_ordered=True, embargo_ns=2 * HOUR)


def normal(n_groups: int = 8, rows: int = 60, n_features: int = 12, seed: int = 7) -> Training:
    """Normal windows only, independent of one another."""
    random = np.random.default_rng(seed)
    n = n_groups * rows
    values = random.normal(size=(n, n_features)) * np.arange(1, n_features + 1)
    found = vectors(values, tag_names(n_features), [f"g{i:02d}" for i in range(n_groups) for _ in range(rows)])
    return training(found, np.zeros(n))


def feature_set(names: tuple[FeatureName, ...]) -> FeatureSet:
    """Return a feature set of exactly these names."""
    return FeatureSet("planted", Axis.CYCLE, 10, 1, 0.8, names)
