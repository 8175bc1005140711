"""A window's correlation with itself some samples later: raw, summarised over lags, and partial."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from features import reference
from features.kernels.block import Block, Group, Run, Wanted, at_least
from features.kernels.numeric import Floats, Ints, compiled, total, variance

RAW, SUMMARY, PARTIAL = "autocorrelation", "agg_autocorrelation", "partial_autocorrelation"
KINDS: Final = (RAW, SUMMARY, PARTIAL)
SUMMARIES: Final = ("mean", "median", "var", "std")
FLAT: Final = 1e-8  # numpy.isclose(variance, 0), where tsfresh gives up the plain autocorrelation
FLAT_SUMMARY: Final = 1e-10  # where tsfresh takes every autocorrelation for zero
LEFT: Final = 1e-4  # share of the variance left to explain, below which rounding shows in partial autocorrelations


@compiled
def _lagged_sums(centred: Floats, n: int, lags: int, sums: Floats) -> None:
    """Write sums[l] = sum of centred[i] * centred[i + l] for l <= lags; zeros follow the n centred samples."""
    for lag in range(lags + 1):
        sums[lag] = 0.0
    for i in range(0, n, 4):
        a, b, c, d = centred[i], centred[i + 1], centred[i + 2], centred[i + 3]
        at_a, at_b, at_c, at_d = centred[i:], centred[i + 1 :], centred[i + 2 :], centred[i + 3 :]
        for lag in range(lags + 1):
            sums[lag] = sums[lag] + a * at_a[lag] + b * at_b[lag] + c * at_c[lag] + d * at_d[lag]


@compiled
def _median(a: Floats) -> float:
    """Return the median by counting for each value how many are less: for a few dozen values faster than sorting."""
    n = len(a)
    low = high = -np.inf
    for i in range(n):
        less = 0
        for k in range(n):
            less += a[k] < a[i]
        if less <= (n - 1) // 2:
            low = max(low, a[i])
        if less <= n // 2:
            high = max(high, a[i])
    return (low + high) / 2.0


@compiled
def _summary(kind: int, a: Floats, room: Floats) -> float:
    if len(a) == 0:
        return np.nan
    if kind == 1:
        return _median(a)
    mean = total(a) / len(a)
    if kind == 0:
        return mean
    spread = variance(a, mean, room)
    return spread if kind == 2 else math.sqrt(spread)


@compiled
def _partial(covariances: Floats, order: int, phi: Floats, before: Floats, found: Floats) -> int:
    """Solve for the partial autocorrelations found[1 : order + 1] by the Levinson-Durbin recursion.

    Return the first lag at which the order of summation shows, because hardly any variance is left to explain; 0 if
    there is none.
    """
    doubtful = 0
    found[1] = before[1] = covariances[1] / covariances[0]
    left = covariances[0] - found[1] * covariances[1]
    for k in range(2, order + 1):
        if doubtful == 0 and abs(left) < LEFT * covariances[0]:
            doubtful = k
        rest = 0.0
        for j in range(1, k):
            rest += before[j] * covariances[k - j]
        found[k] = phi[k] = (covariances[k] - rest) / left
        for j in range(1, k):
            phi[j] = before[j] - found[k] * before[k - j]
        before[1 : k + 1] = phi[1 : k + 1]
        left *= 1.0 - found[k] * found[k]
    return doubtful


@compiled
def _constant(x: Floats) -> bool:
    return bool(np.all(x == x[0]))


@compiled
def _correlations(x: Floats, requests: Ints, lags: int, order: int, out: Floats, doubtful: Ints) -> None:
    """Work off the requests: rows of kind, lag or number of lags, summary, column.

    doubtful: of each window the first lag whose partial autocorrelation must be left to tsfresh, 0 if none.
    """
    n = x.shape[1]
    room, centred = np.empty(n), np.zeros(n + lags + 4)
    sums, covariances, correlations = np.empty(lags + 1), np.empty(lags + 1), np.empty(lags + 1)
    phi, before, partial = np.empty(lags + 1), np.empty(lags + 1), np.full(lags + 1, np.nan)
    if n >= 4:
        partial[0] = 1.0
    for w in range(len(x)):
        mean = total(x[w]) / n
        spread = variance(x[w], mean, room)
        for i in range(n):
            centred[i] = x[w, i] - mean
        _lagged_sums(centred, n, lags, sums)
        for lag in range(lags + 1):
            covariances[lag] = sums[lag] / (n - lag)
            correlations[lag] = 0.0 if spread < FLAT_SUMMARY else covariances[lag] / covariances[0]
        if order > 0:
            doubtful[w] = _partial(covariances, order, phi, before, partial)
            if doubtful[w] > 0 and _constant(x[w]):  # without rounding: the mean's error is the same at every sample
                doubtful[w] = 0
        for k in range(len(requests)):
            kind, lag, summary, to = requests[k]
            if kind == 0:
                out[w, to] = np.nan if lag >= n or spread <= FLAT else sums[lag] / ((n - lag) * spread)
            elif kind == 1:
                out[w, to] = _summary(summary, correlations[1 : 1 + lag], room)
            else:
                out[w, to] = partial[lag] if lag <= lags else np.nan


def _is_known(params: Mapping[str, Any]) -> bool:
    return at_least("maxlag", 0)(params) and params["f_agg"] in SUMMARIES


def _prepare(wanted: Sequence[Wanted], n: int) -> Run:
    requests = np.array([_request(w) for w in wanted], dtype=np.int64)
    partial = [w for w in wanted if w.calculator == PARTIAL and w.params["lag"] > 0]
    lags = min(int(requests[:, 1].max()), n - 1)
    order = min(max((w.params["lag"] for w in partial), default=0), n // 2 - 1)

    def run(block: Block, out: Floats) -> None:
        doubtful = np.zeros(len(block.x), dtype=np.int64)
        _correlations(block.x, requests, lags, order, out, doubtful)
        for w in np.flatnonzero(doubtful):
            again = [p for p in partial if p.params["lag"] >= doubtful[w]]
            out[w, [p.column for p in again]] = reference.values(PARTIAL, [p.params for p in again], block.x[w])

    return run


def _request(wanted: Wanted) -> tuple[int, int, int, int]:
    params = wanted.params
    summary = SUMMARIES.index(params["f_agg"]) if wanted.calculator == SUMMARY else 0
    return KINDS.index(wanted.calculator), int(params.get("lag", params.get("maxlag"))), summary, wanted.column


GROUP = Group("correlation", {RAW: at_least("lag", 0), SUMMARY: _is_known, PARTIAL: at_least("lag", 0)}, _prepare)
