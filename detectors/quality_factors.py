"""Folds of lots to a first ranking of the process's factors: which, shuffled, makes held-out lots worse predicted.

By a ridge on the process alone; lab history is no factor of the process.
Source: Breiman (2001), Random forests, permutation importance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.folds import Fold
from detectors.quality_learners import ridge
from domain.vectors import Training

Floats = NDArray[np.float64]


def factors(training: Training, folds: Sequence[Fold], seed: int) -> list[dict[str, Any]]:
    """Return the factors as JSON rows, the most important first; the interval of ranks and the sign are over folds."""
    columns = np.array([i for i, n in enumerate(training.vectors.names) if n.origin != "lab"], dtype=np.int64)
    names = [training.vectors.names[i] for i in columns]
    sources = sorted({n.source for n in names})
    if not sources:
        return []
    of = [[i for i, n in enumerate(names) if n.source == source] for source in sources]
    values, outcome = training.vectors.values[:, columns], training.outcome
    random = np.random.default_rng(seed)
    gains, signs = [], []
    for train, test in folds:
        model = ridge(values[train], outcome[train], "regression", {}, seed)
        base, parts = model.contributions(values[test])
        predicted = base + parts.sum(axis=1)
        worse, direction = [], []
        for own in of:
            shuffled = values[test].copy()
            shuffled[:, own] = random.permutation(shuffled[:, own])
            moved = predicted - parts[:, own].sum(axis=1) + model.contributions(shuffled)[1][:, own].sum(axis=1)
            worse.append(_rmse(moved - outcome[test]) - _rmse(predicted - outcome[test]))
            level, effect = np.nan_to_num(values[test][:, own[0]]), parts[:, own].sum(axis=1)
            direction.append(float(np.sign(((effect - effect.mean()) * (level - level.mean())).sum())))
        gains.append(worse)
        signs.append(direction)
    return _ranked(sources, np.array(gains), np.array(signs))


def _ranked(sources: Sequence[str], gains: Floats, signs: Floats) -> list[dict[str, Any]]:
    ranks = np.argsort(np.argsort(-gains, axis=1), axis=1) + 1
    order = np.argsort(-gains.mean(axis=0), kind="stable")
    return [
        {
            "name": sources[i],
            "rank": place + 1,
            "importance": float(gains[:, i].mean()),
            "rank_low": int(ranks[:, i].min()),
            "rank_high": int(ranks[:, i].max()),
            "direction": int(signs[0, i]) if len(set(signs[:, i])) == 1 else 0,
        }
        for place, i in enumerate(order.tolist())
    ]


def _rmse(errors: Floats) -> float:
    return float(np.sqrt(np.mean(errors**2)))
