"""Fleets with a known truth: units that wear, fail and are renewed, in any number, from a seed.

Each failure has an onset drawn anew; from it on, two of the tags drift by a strength drawn anew, some hardly at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.scores import Aim, TrainingAids
from domain.vectors import FeatureName, FeatureVectors, Training

HOUR = 3_600_000_000_000
HORIZON, LEAD, LIFE = 24, 6, 72
N_TAGS = 5


@dataclass(frozen=True, slots=True)
class Kind:
    """What makes a fleet hard: the mean strength of the drift in units of the tags' noise; or whether there is any.

    has_counter: a tag that is the same in half a day's rows and nowhere else, as a batch number is.
    """

    strength: float = 4.0
    has_counter: bool = False
    has_precursor: bool = True


def fleet(n_events: int, seed: int, kind: Kind = Kind()) -> Training:
    """Return the rows of `n_events` lives of units, one failure each; each unit has up to three lives."""
    random = np.random.default_rng(seed)
    batch = np.random.default_rng([seed, 1])  # of its own: with a counter the fleet is the same
    parts, to_event, unit, position = [], [], [], []
    for i in range(n_events):
        life = int(random.integers(LIFE // 2, LIFE * 3 // 2))
        ahead = np.arange(life - 1, -1, -1, dtype=np.float64)
        values = _smooth(random.normal(size=(life, N_TAGS)))
        if kind.has_precursor:
            onset = random.uniform(LEAD + 4, HORIZON + 6)
            drift = kind.strength * random.lognormal(0.0, 0.35) * np.clip(1 - ahead / onset, 0, None) ** 0.5
            values[:, 0] += drift
            values[:, 1] -= 0.6 * drift
        if kind.has_counter:
            values = np.column_stack([values, batch.permutation(life)[(ahead // 12).astype(int)] + 1000.0 * i])
        parts.append(values)
        to_event.append(ahead)
        unit += [f"unit-{i // 3:04d}"] * life
        position.append(np.arange(life, dtype=np.float64) + (i % 3) * 10 * LIFE)
    table = np.concatenate(parts)
    names = tuple(FeatureName("tag", f"t{j}", "mean") for j in range(table.shape[1]))
    n = len(table)
    asset, subject = np.array(unit, dtype=object), np.full(n, "", dtype=object)
    end = (np.concatenate(position) * HOUR).astype(np.int64) + HOUR
    vectors = FeatureVectors(names, table, asset, subject, end - HOUR, end, np.concatenate(position))
    distance = np.concatenate(to_event)
    mode = np.full(n, "wear", dtype=object)
    label = (distance <= HORIZON).astype(np.float64)
    return Training(vectors, label, asset, distance, HORIZON, LEAD, False, 0, mode)


def aids(aim: Aim, seed: int, n_folds: int = 5) -> TrainingAids:
    """Return aids that take every column."""

    def every(values: NDArray[np.float64], *_: object) -> NDArray[np.int64]:
        return np.arange(values.shape[1], dtype=np.int64)

    return TrainingAids(every, 0.0, seed, aim, n_folds, "unit")


def _smooth(noise: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return noise that remembers: neighbouring rows of a real machine resemble one another."""
    found = noise.copy()
    for i in range(1, len(found)):
        found[i] = 0.6 * found[i - 1] + 0.8 * noise[i]
    return found
