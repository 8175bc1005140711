"""What divides the lots, such as the product or the line, to how far the results differ between them. Pure.

Source: Kelley (1935), An unbiased correlation ratio measure (epsilon squared, which allows for the number of levels).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports.study import Bools, Floats


@dataclass(frozen=True, slots=True)
class Level:
    """The lots of one level of a stratum: n of them, their mean result, and the share that is bad."""

    level: str
    n: int
    mean: float
    bad: float


@dataclass(frozen=True, slots=True)
class Divided:
    """A stratum, its levels with the most lots first. explained: share of the results' variance between its levels,
    net of what chance would give, 0 to 1.
    """

    stratum: str
    explained: float
    levels: tuple[Level, ...]


def divided(strata: Mapping[str, NDArray[np.object_]], outcome: Floats, is_bad: Bools) -> list[Divided]:
    """Return the strata (object (n,) each) by how much of the outcome (n,) they explain, the most first."""
    found = [_divided(name, level, outcome, is_bad) for name, level in strata.items()]
    return sorted(found, key=lambda one: -one.explained)


def _divided(name: str, level: NDArray[np.object_], outcome: Floats, is_bad: Bools) -> Divided:
    names, member, counts = np.unique(level.astype(str), return_inverse=True, return_counts=True)
    means, bad = (np.bincount(member, of) / counts for of in (outcome, is_bad.astype(np.float64)))
    n, spread = len(outcome), float(((outcome - outcome.mean()) ** 2).sum())
    left = float(((outcome - means[member]) ** 2).sum())
    free = max(1, n - len(names))
    explained = 1.0 - (left / free) / (spread / max(1, n - 1)) if spread else 0.0
    levels = [
        Level(str(names[i]), int(counts[i]), float(means[i]), float(bad[i])) for i in np.argsort(-counts, kind="stable")
    ]
    return Divided(name, max(0.0, explained), tuple(levels))
