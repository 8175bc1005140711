"""Standardised columns to a kernel ridge on landmarks, and to what columns tell of an outcome: of near neighbours
(ReliefF), or of all rows (Welch).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MOST_LANDMARKS: Final = 2_000
MOST_ANCHORS: Final = 400  # rows of each half whose neighbours ReliefF looks at ...
MOST_NEAR: Final = 1_500  # ... among so many of each half
N_NEAR: Final = 10


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """number = mean + sum of alpha x exp(-gamma x squared distance) over landmarks. arrays: by NAMES."""

    NAMES: ClassVar[tuple[str, ...]] = ("landmarks", "alpha", "shape")
    arrays: Mapping[str, NDArray[Any]]

    def predict(self, z: Floats) -> Floats:
        """Return the numbers of rows, each computed as if it were alone."""
        gamma, mean = self.arrays["shape"].tolist()
        landmarks = self.arrays["landmarks"]
        own = (z * z).sum(axis=1)[:, None] + (landmarks * landmarks).sum(axis=1)
        # einsum, for a matrix product may round by the number of rows.
        near = np.exp(-gamma * np.maximum(own - 2.0 * np.einsum("ik,jk->ij", z, landmarks), 0.0))
        return np.asarray((near * self.arrays["alpha"]).sum(axis=1) + mean)

    def without(self, z: Floats, usual: Floats, owner: NDArray[np.int64]) -> Floats:
        """Return the numbers of rows with one column at a time as usual, (n, columns).

        usual: z of a usual row; owner: the column of each term of z.
        """
        gamma, mean = self.arrays["shape"].tolist()
        landmarks, alpha = self.arrays["landmarks"].T, self.arrays["alpha"]
        then = (usual[:, None] - landmarks) ** 2
        found = np.empty((len(z), int(owner.max()) + 1))
        for i, row in enumerate(z):
            now = (row[:, None] - landmarks) ** 2
            apart = np.tile(now.sum(axis=0), (found.shape[1], 1))
            np.add.at(apart, owner, then - now)
            found[i] = (np.exp(-gamma * np.maximum(apart, 0.0)) * alpha).sum(axis=1) + mean
        return found


def kernel_of(z: Floats, target: Floats, weight: Floats, width: float, strength: float, seed: int) -> Kernel:
    """Fit by weighted least squares; width: of the functions, in typical distances. Rows beyond MOST_LANDMARKS are
    landmarks no longer, but are fitted. Source: Williams, Seeger (2001), Nystroem.
    """
    from scipy.linalg import solve

    mean = float((weight * target).sum() / weight.sum())
    gamma = 1.0 / (width * z.shape[1])
    if len(z) <= MOST_LANDMARKS:
        alpha = solve(_near(z, z, gamma) + np.diag(strength / weight), target - mean, assume_a="pos")
        return Kernel({"landmarks": z, "alpha": alpha, "shape": np.array([gamma, mean])})
    landmarks = z[np.sort(np.random.default_rng(seed).choice(len(z), MOST_LANDMARKS // 4, replace=False))]
    inner = _near(landmarks, landmarks, gamma)
    left, right = 1e-8 * np.eye(len(landmarks)) + strength * inner, np.zeros(len(landmarks))
    for start in range(0, len(z), 10_000):
        some = slice(start, start + 10_000)
        outer = _near(z[some], landmarks, gamma)
        left += (outer * weight[some, None]).T @ outer
        right += outer.T @ (weight[some] * (target[some] - mean))
    alpha = np.linalg.lstsq(left, right, rcond=1e-10)[0]
    return Kernel({"landmarks": landmarks, "alpha": alpha, "shape": np.array([gamma, mean])})


def _near(a: Floats, b: Floats, gamma: float) -> Floats:
    apart = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1) - 2.0 * a @ b.T
    return np.asarray(np.exp(-gamma * np.maximum(apart, 0.0)))


def looked_at(outcome: Floats, seed: int) -> NDArray[np.int64]:
    """Return at most 2 x MOST_NEAR rows, of both halves of the outcome, for `nearness` to look at."""
    random = np.random.default_rng(seed)
    is_high = _is_high(outcome)
    return np.sort(np.concatenate([_some(np.flatnonzero(is_high == s), MOST_NEAR, random) for s in (False, True)]))


def _is_high(outcome: Floats) -> NDArray[np.bool_]:
    """Return the upper half: bad lots, or results above the median."""
    return outcome == outcome.max() if len(np.unique(outcome)) == 2 else outcome > np.median(outcome)


def nearness(z: Floats, outcome: Floats, seed: int) -> Floats:
    """Return how much better each column of z tells near rows of the other half of the outcome apart than near rows of
    the same, by at most MOST_ANCHORS rows of each half. Source: Robnik-Sikonja, Kononenko (2003), ReliefF.
    """
    is_high = _is_high(outcome)
    random = np.random.default_rng(seed)
    spread = np.ptp(z, axis=0)
    scaled = (z / np.where(spread > 0, spread, 1.0)).astype(np.float32)
    sides = [np.flatnonzero(is_high == side) for side in (False, True)]
    found = np.zeros(z.shape[1])
    for own, other in ((0, 1), (1, 0)):
        anchors = _some(sides[own], MOST_ANCHORS, random)
        for among, sign in ((sides[own], -1.0), (sides[other], 1.0)):
            found += sign * _apart(scaled, anchors, among)
    return found


def apartness(z: Floats, outcome: Floats) -> Floats:
    """Return how far apart each column's means are in both halves of the outcome, in standard errors (Welch's t)."""
    is_high = _is_high(outcome)
    high, low = z[is_high], z[~is_high]
    if len(high) < 2 or len(low) < 2:
        return np.zeros(z.shape[1])
    noise = np.sqrt(high.var(axis=0, ddof=1) / len(high) + low.var(axis=0, ddof=1) / len(low))
    return np.asarray(np.abs(high.mean(axis=0) - low.mean(axis=0)) / np.where(noise > 0, noise, np.inf))


def _some(rows: NDArray[np.int64], most: int, random: np.random.Generator) -> NDArray[np.int64]:
    return rows if len(rows) <= most else np.sort(random.choice(rows, most, replace=False))


def _apart(z: NDArray[np.float32], anchors: NDArray[np.int64], among: NDArray[np.int64]) -> Floats:
    """Return how far anchors are from their nearest others among some rows, by column."""
    a, b = z[anchors], z[among]
    distance = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1) - 2.0 * a @ b.T
    distance[anchors[:, None] == among] = np.inf
    n_near = min(N_NEAR, len(among) - 1)
    if n_near < 1:
        return np.zeros(z.shape[1])
    nearest = np.argpartition(distance, n_near - 1, axis=1)[:, :n_near]
    total = np.zeros(z.shape[1])
    for row, near in zip(a, nearest, strict=True):
        total += np.abs(b[near] - row).mean(axis=0)
    return total / len(anchors)
