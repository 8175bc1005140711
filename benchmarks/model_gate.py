"""Challengers whose worth is known, put to the gate: labels shuffled, equally good, truly better."""

from __future__ import annotations

from collections import Counter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors import detector_class, gate
from detectors.gate import Decision
from domain.limits import Limits
from domain.scores import Aim, Detector, TrainingAids, TrainingError
from domain.vectors import FeatureName, FeatureVectors, Training

HOUR: Final = 3_600_000_000_000
GROUPS, LIFE, HORIZON, LEAD = 16, 45, 15, 3
LATER_LIVES: Final = 3
WEAK: Final = (0,)  # the columns that a model with few sensors has
ALL: Final = tuple(range(6))
BUDGET: Final = 5.0  # false alarms per asset-week: an engine of this fleet fails every 45 hours
NAMES: Final = tuple(FeatureName("tag", f"t{i}", "mean") for i in ALL)
KINDS: Final = ("shuffled", "equal", "better")


def fleet(seed: int, first_hour: int, n_lives: int = 1) -> Training:
    """Return lives that end in a failure; six columns begin to rise within the horizon, the first one faintly."""
    random = np.random.default_rng(seed)
    n = GROUPS * LIFE * n_lives
    to_event = np.tile(np.arange(LIFE - 1, -1, -1, dtype=np.float64), GROUPS * n_lives)
    worn = np.clip(1 - to_event / HORIZON, 0, 1)[:, None]
    values = random.normal(size=(n, len(ALL))) + worn * np.array([2.0, 3.0, 3.0, 2.5, 2.5, 2.0])
    asset = np.repeat(np.array([f"g{i:02d}" for i in range(GROUPS)], dtype=object), LIFE * n_lives)
    end = np.tile((first_hour + np.arange(1, LIFE * n_lives + 1, dtype=np.int64)) * HOUR, GROUPS)
    position = np.tile(first_hour + np.arange(1, LIFE * n_lives + 1, dtype=np.float64), GROUPS)
    subject = np.full(n, "", dtype=object)
    vectors = FeatureVectors(NAMES, values, asset, subject, end - HOUR, end, position)
    return Training(vectors, (to_event <= HORIZON).astype(np.float64), asset, to_event, HORIZON, LEAD, False)


def shuffled(rows: Training, seed: int) -> Training:
    """Return rows with the distances to the failures shuffled among them."""
    to_event = np.random.default_rng(seed).permutation(rows.to_event)
    outcome = (to_event <= HORIZON).astype(np.float64)
    return Training(rows.vectors, outcome, rows.group, to_event, HORIZON, LEAD, False)


def learned(rows: Training, columns: tuple[int, ...], seed: int) -> Detector:
    """Train a failure detector on some columns."""

    def select(values: NDArray[np.float64], *_: object) -> NDArray[np.int64]:
        return np.arange(values.shape[1], dtype=np.int64)

    picked = rows.vectors.select(tuple(NAMES[i] for i in columns))
    own = Training(picked, rows.outcome, rows.group, rows.to_event, HORIZON, LEAD, False)
    return detector_class("failure_lightgbm").train(own, {}, TrainingAids(select, 0.0, seed, Aim(recall=0.9), 2))


def decided(kind: str, seed: int) -> Decision:
    """Train a champion and a challenger of a kind, and let the gate decide on lives after both."""
    before, later = fleet(1000 + seed, 0), fleet(2000 + seed, LIFE, n_lives=LATER_LIVES)
    columns = WEAK if kind == "better" or seed % 2 else ALL
    champion = learned(before, columns, seed)
    other = fleet(3000 + seed, 0)
    try:
        challenger = {
            "shuffled": lambda: learned(shuffled(other, seed), ALL, seed),
            "equal": lambda: learned(other, columns, seed + 1),
            "better": lambda: learned(other, ALL, seed),
        }[kind]()
    except TrainingError as refused:  # it is not even a challenger
        return Decision(False, str(refused), 0, (0, 0), (0.0, 0.0), 0.0)
    since = LIFE * HOUR
    found = []
    for model in (champion, challenger):
        value = model.score(later.vectors.select(model.names)).value
        if model.threshold is None or model.clear_threshold is None:
            raise ValueError("a failure detector without a threshold")
        limits = Limits(model.threshold, model.clear_threshold)
        found.append([gate.judged(w, limits, HORIZON, LEAD, 0.0) for w in gate.watched(value, later, since)])
    return gate.decide(found[0], found[1], BUDGET)


def promoted(n: int) -> dict[str, Counter[str]]:
    """Return for each kind how many of n challengers were promoted, and why the others were not."""
    return {
        kind: Counter("promoted" if d.is_promoted else d.reason for d in (decided(kind, seed) for seed in range(n)))
        for kind in KINDS
    }
