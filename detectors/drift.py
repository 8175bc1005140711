"""The inputs that a model learned from, as a small sketch kept in its bundle, against those that come in: which
feature's distribution has changed. Pure.

A feature has drifted where the change is both large (population stability index, less what chance gives) and more than
chance (a chi-square test, corrected for all features of the model). Rows that follow each other resemble each other, so
chance is measured: by how much the days of the training differed from their whole.
Fails where the training itself holds as large changes from day to day; the effect then hides them, which is right.
Source: Siddiqi (2006), Credit Risk Scorecards (the index, and that 0.1 is slight and 0.25 great); Rao, Scott (1984), On
chi-squared tests for multiway contingency tables, Annals of Statistics (the second-order correction for rows that are
not independent, by Satterthwaite's scale and degrees of freedom).
"""

from __future__ import annotations

import base64
import json
import threading
import zlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors import parts as p
from domain.vectors import FeatureVectors

BINS: Final = 10
MAX_ROWS: Final = 20_000
MIN_ROWS: Final = 50  # fewer say nothing
ENOUGH_ROWS: Final = 100  # where a day brings fewer, more days are looked at
MAX_RECENT: Final = 5000
MOST_DAYS: Final = 14
MIN_EFFECT: Final = 0.1
RISK: Final = 0.005  # of a false alarm per look, over all features of a model
DAY_NS: Final = 86_400_000_000_000
MIN_BLOCKS, FALLBACK_BLOCKS, MIN_BLOCK_ROWS = 5, 8, 20
FLOOR: Final = 0.5  # rows that count as seen in an empty bin


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """The inputs of a training. edges: float64 (features, BINS - 1), ascending, NaN beyond those a feature has;
    shares: float64 (features, BINS + 1), the last for missing values; n: rows; step: ns from one row of an asset to its
    next.
    chance: float64 (features, 2), scale and degrees of freedom of the chi-square by which the training's days differed.
    """

    edges: NDArray[np.float64]
    shares: NDArray[np.float64]
    chance: NDArray[np.float64]
    n: int
    step: int

    def binned(self, values: NDArray[np.float64]) -> NDArray[np.uint8]:
        """Return the bin of each value, (rows, features), BINS for a missing one."""
        found = np.full(values.shape, BINS, dtype=np.uint8)
        for j, own in enumerate(self.edges):
            is_known = np.isfinite(values[:, j])
            found[is_known, j] = np.searchsorted(own[~np.isnan(own)], values[is_known, j], side="right")
        return found

    def dump(self) -> dict[str, bytes]:
        """Return its parts by file name."""
        arrays = {"edges.npy": self.edges, "shares.npy": self.shares, "chance.npy": self.chance}
        return {name: p.write_array(array) for name, array in arrays.items()} | {
            "head.json": p.write_json({"n": self.n, "step": self.step})
        }

    @classmethod
    def load(cls, parts: Mapping[str, bytes]) -> Reference:
        """Rebuild from parts; raises ValueError."""
        edges, shares, chance = (p.read_array(parts, f"{name}.npy") for name in ("edges", "shares", "chance"))
        head = p.read_json(parts, "head.json")
        return cls(edges, shares, chance, int(head["n"]), int(head["step"]))


@dataclass(frozen=True, slots=True)
class Drifted:
    """One feature that has drifted: its column, the index beyond chance, and the share of missing values before and
    now.
    """

    column: int
    effect: float
    p_value: float
    missing_before: float
    missing_now: float


class Recent:
    """The bins of a champion's newest inputs, no closer together than its training rows were; safe to use from two
    threads.
    """

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self._rows: deque[tuple[int, NDArray[np.uint8]]] = deque(maxlen=MAX_RECENT)
        self._last: dict[str, int] = {}
        self._lock = threading.Lock()
        self.is_restored = False

    def note(self, vectors: FeatureVectors) -> None:
        """Take notice of rows that are scored."""
        bins = self._reference.binned(np.asarray(vectors.values, dtype=np.float64))
        with self._lock:
            for i in np.argsort(vectors.end, kind="stable").tolist():
                asset, end = str(vectors.asset[i]), int(vectors.end[i])
                last = self._last.get(asset)
                if last is None or end - last >= self._reference.step:
                    self._last[asset] = end
                    self._rows.append((end, bins[i]))

    def bins(self, now: int) -> NDArray[np.uint8]:
        """Return the rows of the day before `now` (ns), or the newest ENOUGH_ROWS of two weeks where it has fewer;
        (n, features).
        """
        with self._lock:
            rows = sorted(self._rows, key=lambda row: row[0])
        n_day = sum(end > now - DAY_NS for end, _ in rows)
        n_all = sum(end > now - MOST_DAYS * DAY_NS for end, _ in rows)
        kept = rows[len(rows) - max(n_day, min(n_all, ENOUGH_ROWS)) :]
        return np.vstack([bins for _, bins in kept]) if kept else np.empty((0, 0), dtype=np.uint8)

    def dump(self) -> str:
        """Return what is held as one text, for a start to come."""
        with self._lock:
            rows = list(self._rows)
        ends = np.array([end for end, _ in rows], dtype="<i8")
        packed = zlib.compress(ends.tobytes() + b"".join(bins.tobytes() for _, bins in rows))
        return json.dumps({"n": len(rows), "rows": base64.b64encode(packed).decode()})

    def restore(self, text: str) -> None:
        """Take back what an earlier process held, before what this one noted; what does not fit is left out."""
        self.is_restored = True
        width = len(self._reference.edges)
        try:
            found = json.loads(text)
            n, data = int(found["n"]), zlib.decompress(base64.b64decode(found["rows"]))
        except (ValueError, KeyError, zlib.error):
            return
        if n <= 0 or len(data) != n * (8 + width):
            return
        ends = np.frombuffer(data, dtype="<i8", count=n).tolist()
        bins = np.frombuffer(data, dtype=np.uint8, offset=8 * n).reshape(n, width)
        with self._lock:
            self._rows = deque([*zip(ends, bins, strict=True), *self._rows], maxlen=MAX_RECENT)


def reference_of(vectors: FeatureVectors) -> Reference:
    """Return the sketch of training rows."""
    values, end = vectors.values, vectors.end
    step = _step(vectors)
    order = np.argsort(end, kind="stable")
    if len(order) > MAX_ROWS:
        order = order[np.linspace(0, len(order) - 1, MAX_ROWS).astype(np.int64)]
    values, end = values[order], end[order]
    n, n_features = values.shape
    edges = np.full((n_features, BINS - 1), np.nan)
    for j in range(n_features):
        known = values[:, j][np.isfinite(values[:, j])]
        if len(known):
            found = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1]))
            edges[j, : len(found)] = found
    bins = Reference(edges, np.empty((0, 0)), np.empty((0, 0)), n, step).binned(values)
    blocks = [_counts(bins[rows]) for rows in _blocks(end)]
    shares = _counts(bins) / max(n, 1)
    return Reference(edges, shares, _chance(shares, blocks, n), n, step)


def drifted(reference: Reference, bins: NDArray[np.uint8]) -> list[Drifted]:
    """Return the features of rows that no longer look like the training's, the most changed first; [] for too few
    rows. bins: the rows as `reference.binned` gives them.
    """
    n, n_features = bins.shape
    if n < MIN_ROWS or not n_features:
        return []
    from scipy.stats import chi2

    index, per_row = _index(reference.shares, _counts(bins), reference.n)
    scale, degrees = reference.chance.T
    beyond = index - scale * degrees * per_row
    p_value = chi2.sf(index / per_row / scale, degrees)
    has_drifted = (beyond > MIN_EFFECT) & (p_value < RISK / n_features)
    missing = _counts(bins)[:, -1] / n
    found = [
        Drifted(int(j), float(beyond[j]), float(p_value[j]), float(reference.shares[j, -1]), float(missing[j]))
        for j in np.flatnonzero(has_drifted)
    ]
    return sorted(found, key=lambda each: -each.effect)


def _step(vectors: FeatureVectors) -> int:
    gaps = [np.diff(np.sort(vectors.end[vectors.asset == asset])) for asset in set(vectors.asset.tolist())]
    joined = np.concatenate(gaps) if gaps else np.empty(0, dtype=np.int64)
    return int(np.median(joined)) if len(joined) else 0


def _counts(bins: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return how many rows fall into each bin, missing ones into the last, (features, BINS + 1)."""
    if not bins.size:
        return np.zeros((bins.shape[1], BINS + 1))
    return np.stack([np.bincount(column, minlength=BINS + 1) for column in bins.T]).astype(np.float64)


def _index(
    shares: NDArray[np.float64], counts: NDArray[np.float64], n_before: int
) -> tuple[NDArray[np.float64], float]:
    """Return the population stability index of each feature, and what chance adds to it per degree of freedom."""
    n = counts.sum(axis=1, keepdims=True)
    is_used = (shares > 0) | (counts > 0)
    before = np.maximum(shares, FLOOR / max(n_before, 1))
    now = np.maximum(counts, FLOOR) / n
    terms = np.where(is_used, (now - before) * np.log(now / before), 0.0)
    return terms.sum(axis=1), 1 / float(n.max()) + 1 / max(n_before, 1)


def _blocks(end: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the rows of each day that has enough of them, or of equal parts where there are too few such days."""
    day = end // DAY_NS
    days = [rows for d in np.unique(day) if len(rows := np.flatnonzero(day == d)) >= MIN_BLOCK_ROWS]
    if len(days) >= MIN_BLOCKS:
        return days
    return [rows for rows in np.array_split(np.arange(len(end)), FALLBACK_BLOCKS) if len(rows) >= MIN_BLOCK_ROWS]


def _chance(shares: NDArray[np.float64], blocks: list[NDArray[np.float64]], n: int) -> NDArray[np.float64]:
    """Return the scale and degrees of freedom whose chi-square has the mean and variance of the blocks' own; with no
    more of either than chance alone gives, those of chance.
    """
    degrees = np.maximum((shares > 0).sum(axis=1) - 1, 1).astype(np.float64)
    if len(blocks) < MIN_BLOCKS:
        return np.column_stack([np.ones(len(shares)), degrees])
    found = [index / per_row for index, per_row in (_index(shares, counts, n) for counts in blocks)]
    mean = np.maximum(np.mean(found, axis=0), degrees)
    variance = np.maximum(np.var(found, axis=0, ddof=1), 2 * mean)
    return np.column_stack([variance / (2 * mean), 2 * mean**2 / variance])
