"""A tag's values and lots with their results to how long before a lot's own times the tag's station saw it.

The lag of a tag is the one at which its mean over the lot's passage says most of the result beside the other tags at
theirs; the interval holds 90 % of the lags that come out of resampled stretches of lots. Found is a lag that says more
than any tag at any lag does of results turned against the lots, in 19 of 20 turns.
Fails where a tag hardly changes over the lags that are tried, and where a result depends on it in both directions.
Source: Box, Jenkins (1976), the cross-correlation of an input and an output; Künsch (1989), block bootstrap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
ROUNDS: Final = 5
RESAMPLES: Final = 200
TURNS: Final = 199
SURE: Final = 0.05
BAND: Final = (0.05, 0.95)
LOTS_A_TAG: Final = 10  # a tag more is heeded beside a tag for each so many lots
FEWEST: Final = 30


@dataclass(frozen=True, slots=True)
class Lag:
    """How many steps earlier a tag's station sees a lot, with a 90 % interval. share: of what the other tags leave
    unexplained of the result. p: chance that no tag would look so telling at any lag.
    """

    steps: int
    low: int
    high: int
    share: float
    p: float

    @property
    def is_found(self) -> bool:
        """Whether it is beyond chance."""
        return self.p <= SURE


def passage_means(times: Ints, values: Floats, start: Ints, end: Ints, step: int, n_steps: int) -> Floats:
    """Return a tag's mean over [start, end) of each lot, and over the same earlier by 1 to n_steps steps.

    times: ns (n,), ascending. values: (n,), NaN = none. start, end: ns (lots,). step: ns. Returns (lots, n_steps + 1),
    NaN where the tag has no value.
    """
    seen = np.isfinite(values)
    total = np.concatenate([[0.0], np.cumsum(np.where(seen, values, 0.0))])
    count = np.concatenate([[0], np.cumsum(seen)])
    earlier = step * np.arange(n_steps + 1)
    first = np.searchsorted(times, start[:, None] - earlier, side="left")
    stop = np.searchsorted(times, end[:, None] - earlier, side="left")
    n = count[stop] - count[first]
    return np.where(n > 0, (total[stop] - total[first]) / np.maximum(n, 1), np.nan)


def estimated(means: Sequence[Floats], outcome: Floats, seed: int) -> list[Lag]:
    """Return the lag of each tag. means: of each tag (lots, lags), lots in time order; outcome: (lots,).

    Raises ValueError for fewer than FEWEST lots.
    """
    if len(outcome) < FEWEST:
        raise ValueError(f"{len(outcome)} lots, at least {FEWEST} are needed")
    columns = [_standard(m) for m in means]
    y = outcome - outcome.mean()
    steps = [int(np.argmax(_shares(c, y))) for c in columns]
    for _ in range(ROUNDS):
        before = list(steps)
        for i in _telling_first(columns, steps, y):
            rest, left = _left(columns, steps, y, i)
            steps[i] = int(np.argmax(_shares(rest, left)))
        if steps == before:
            break
    apart = [_left(columns, steps, y, i) for i in range(len(columns))]
    shares = [float(_shares(rest, left)[steps[i]]) for i, (rest, left) in enumerate(apart)]
    random = np.random.default_rng(seed)
    turned = _by_chance(apart, random)
    found = []
    for i, (rest, left) in enumerate(apart):
        low, high = _interval(rest, left, random)
        p = float((1 + (turned >= shares[i]).sum()) / (1 + len(turned)))
        found.append(Lag(steps[i], min(low, steps[i]), max(high, steps[i]), shares[i], p))
    return found


def later_r2(means: Sequence[Floats], steps: Sequence[int], outcome: Floats, n_earlier: int) -> float:
    """Return the R2, on the lots from n_earlier on, of least squares on each tag at its lag, fitted on those before."""
    x = np.column_stack([m[:, k] for m, k in zip(means, steps, strict=True)])
    middle = np.nanmean(x[:n_earlier], axis=0)
    x = np.column_stack([np.ones(len(x)), np.where(np.isfinite(x), x, middle)])
    weight, *_ = np.linalg.lstsq(x[:n_earlier], outcome[:n_earlier], rcond=None)
    later = outcome[n_earlier:]
    spread = float(((later - later.mean()) ** 2).sum())
    return 1.0 - float(((later - x[n_earlier:] @ weight) ** 2).sum()) / spread if spread else 0.0


def _standard(means: Floats) -> Floats:
    """Return columns of mean 0 and variance 1; a missing value is the mean, a column that never varies 0."""
    seen = np.isfinite(means)
    n = np.maximum(seen.sum(axis=0), 1)
    centred = np.where(seen, means - np.where(seen, means, 0.0).sum(axis=0) / n, 0.0)
    spread = np.sqrt((centred**2).sum(axis=0) / n)
    return np.asarray(centred / np.where(spread > 0, spread, np.inf))


def _shares(columns: Floats, y: Floats) -> Floats:
    """Return the share of y's variance that each column explains."""
    size = (columns**2).sum(axis=0) * float((y**2).sum())
    return np.asarray((columns.T @ y) ** 2 / np.where(size > 0, size, np.inf))


def _telling_first(columns: Sequence[Floats], steps: Sequence[int], y: Floats) -> list[int]:
    alone = [float(_shares(c[:, [k]], y)[0]) for c, k in zip(columns, steps, strict=True)]
    return sorted(range(len(columns)), key=lambda i: -alone[i])


def _left(columns: Sequence[Floats], steps: Sequence[int], y: Floats, own: int) -> tuple[Floats, Floats]:
    """Return what the other tags, at their lags, leave of a tag's columns and of y."""
    heeded = _telling_first(columns, steps, y)[: max(1, len(y) // LOTS_A_TAG)]
    others = [columns[i][:, steps[i]] for i in heeded if i != own]
    basis, _ = np.linalg.qr(np.column_stack([np.ones(len(y)), *others]))
    return columns[own] - basis @ (basis.T @ columns[own]), y - basis @ (basis.T @ y)


def _by_chance(apart: Sequence[tuple[Floats, Floats]], random: np.random.Generator) -> Floats:
    """Return the most that any tag says at any lag of results that are turned against the lots, as a ring."""
    n = len(apart[0][1])
    turns = random.integers(max(1, n // 20), n - max(1, n // 20), TURNS)
    return np.array([max(float(_shares(rest, np.roll(left, k)).max()) for rest, left in apart) for k in turns])


def _interval(rest: Floats, left: Floats, random: np.random.Generator) -> tuple[int, int]:
    n = len(left)
    length = max(1, round(n ** (1 / 3)))
    n_blocks = -(-n // length)
    places = []
    for _ in range(RESAMPLES):
        first = random.integers(0, n, n_blocks)
        rows = ((first[:, None] + np.arange(length)).ravel() % n)[:n]
        places.append(int(np.argmax(_shares(rest[rows], left[rows]))))
    low, high = np.quantile(places, BAND, method="nearest")
    return int(low), int(high)
