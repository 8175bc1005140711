"""Simulated lots whose causes are known: what a factor study must find, and what it must not advise."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.vectors import FeatureName
from reports.study import Floats, Fold, Lots

N_LOTS: Final = 400
N_FACTORS: Final = 40
R2: Final = 0.5


def names_of(n: int) -> tuple[FeatureName, ...]:
    """Return the names of n lot columns."""
    return tuple(FeatureName("process", f"f{i:02d}", "value") for i in range(n))


def in_time(n: int, n_folds: int = 5) -> list[Fold]:
    """Return expanding folds of the last half."""
    edges = np.linspace(n // 2, n, n_folds + 1).astype(int)
    return [(np.arange(a), np.arange(a, b)) for a, b in pairwise(edges.tolist())]


def planted(seed: int) -> tuple[Lots, tuple[str, ...]]:
    """Return lots of 40 factors, neighbours correlated 0.7, and the three that move the result: a straight line, a
    bend, and a step.
    """
    random = np.random.default_rng(seed)
    x = np.empty((N_LOTS, N_FACTORS))
    x[:, 0] = random.normal(size=N_LOTS)
    for i in range(1, N_FACTORS):
        x[:, i] = 0.7 * x[:, i - 1] + np.sqrt(1 - 0.49) * random.normal(size=N_LOTS)
    causes = random.choice(N_FACTORS, 3, replace=False)
    straight, bent, stepped = (x[:, c] for c in causes)
    effects = (straight, np.maximum(bent, 0.0) ** 1.5, np.tanh(4 * (stepped - 0.3)))
    signal = np.sum([_standard(e) for e in effects], axis=0)
    noise = random.normal(size=N_LOTS) * np.std(signal) * np.sqrt(1 / R2 - 1)
    lots = Lots(x, names_of(N_FACTORS), signal + noise, in_time(N_LOTS))
    return lots, tuple(f"f{c:02d}" for c in causes)


def _standard(values: Floats) -> Floats:
    return np.asarray((values - values.mean()) / values.std())


def reversal(seed: int) -> Lots:
    """Return lots of two products: over both the result rises with f00, in each it falls with it (Simpson)."""
    random = np.random.default_rng(seed)
    is_b = random.random(N_LOTS) < 0.5
    x = random.normal(size=(N_LOTS, 5))
    x[:, 0] += 4.0 * is_b
    signal = 5.0 * is_b - 0.6 * x[:, 0]
    worse = signal + random.normal(size=N_LOTS) * np.std(signal) * np.sqrt(1 / R2 - 1)
    return _advised(x, worse, _product(is_b))


def unsupported(seed: int) -> Lots:
    """Return lots whose result would be best where f00 hardly ever was: history has two regions, and the good one in
    between holds a few lots in a hundred; nothing else moves it.
    """
    random = np.random.default_rng(seed)
    x = random.normal(size=(N_LOTS, 5))
    side = np.where(random.random(N_LOTS) < 0.5, -1.0, 1.0)
    x[:, 0] = side * (3.0 + random.random(N_LOTS))
    few = random.random(N_LOTS) < 0.02
    x[few, 0] = random.uniform(-0.5, 0.5, size=int(few.sum()))
    signal = np.abs(x[:, 0])
    worse = np.where(np.abs(x[:, 0]) > 2, 3.5, signal) + 0.4 * x[:, 1]
    worse = worse + random.normal(size=N_LOTS) * np.std(worse) * np.sqrt(1 / R2 - 1)
    return _advised(x, worse, _product(random.random(N_LOTS) < 0.5))


def helpful(seed: int) -> Lots:
    """Return lots whose result is better where f00 is low, in both products alike: advice is due."""
    random = np.random.default_rng(seed)
    is_b = random.random(N_LOTS) < 0.5
    x = random.normal(size=(N_LOTS, 5))
    signal = x[:, 0] + 0.5 * is_b
    worse = signal + random.normal(size=N_LOTS) * np.std(signal) * np.sqrt(1 / R2 - 1)
    return _advised(x, worse, _product(is_b))


def _product(is_b: NDArray[np.bool_]) -> NDArray[np.object_]:
    return np.where(is_b, "B", "A").astype(object)


def _advised(x: Floats, worse: Floats, product: NDArray[np.object_]) -> Lots:
    named = names_of(x.shape[1])
    return Lots(x, named, worse, in_time(len(x)), {"product": product}, frozenset(n.source for n in named), worse)
