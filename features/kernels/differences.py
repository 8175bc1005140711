"""Sums over changes from sample to sample, and over products of samples a lag apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from features.kernels.block import Block, Group, Run, Wanted, always, at_least
from features.kernels.numeric import Floats, Ints, compiled, total, variance

ABSOLUTE_SUM: Final = 0
ABSOLUTE_MEAN: Final = 1
MEAN: Final = 2
SECOND: Final = 3
COMPLEXITY: Final = 4
NORMALISED_COMPLEXITY: Final = 5
C3: Final = 6
ASYMMETRY: Final = 7


@compiled
def _absolute_sum(x: Floats, room: Floats) -> float:
    later = x[1:]
    for i in range(len(later)):
        room[i] = abs(later[i] - x[i])
    return total(room[: len(later)])


@compiled
def _complexity(x: Floats, room: Floats) -> float:
    """Return the length of the line through the samples (CID, Batista et al. 2014)."""
    later = x[1:]
    for i in range(len(later)):
        step = later[i] - x[i]
        room[i] = step * step
    return math.sqrt(total(room[: len(later)]))


@compiled
def _normalised_complexity(x: Floats, room: Floats, normal: Floats) -> float:
    mean = total(x) / len(x)
    deviation = math.sqrt(variance(x, mean, room))
    if deviation == 0.0:
        return 0.0
    for i in range(len(x)):
        normal[i] = (x[i] - mean) / deviation
    return _complexity(normal, room)


@compiled
def _c3(x: Floats, lag: int, room: Floats) -> float:
    """Return the mean of products of three samples, each a lag apart (Schreiber & Schmitz 1997)."""
    n = len(x) - 2 * lag
    if n <= 0:
        return 0.0
    second, third = x[lag:], x[2 * lag :]
    for i in range(n):
        room[i] = third[i] * second[i] * x[i]
    return total(room[:n]) / n


@compiled
def _asymmetry(x: Floats, lag: int, room: Floats) -> float:
    """Return the mean of x[i+2l]^2 x[i+l] - x[i+l] x[i]^2 (time reversal asymmetry, Fulcher & Jones 2014)."""
    n = len(x) - 2 * lag
    if n <= 0:
        return 0.0
    second, third = x[lag:], x[2 * lag :]
    for i in range(n):
        room[i] = third[i] * third[i] * second[i] - second[i] * x[i] * x[i]
    return total(room[:n]) / n


@compiled
def _differences(x: Floats, requests: Ints, out: Floats) -> None:
    n = x.shape[1]
    room, normal = np.empty(n), np.empty(n)
    for w in range(len(x)):
        row = x[w]
        for k in range(len(requests)):
            kind, lag, to = requests[k]
            if kind == ABSOLUTE_SUM:
                value = _absolute_sum(row, room)
            elif kind == ABSOLUTE_MEAN:
                value = _absolute_sum(row, room) / (n - 1)
            elif kind == MEAN:
                value = (row[n - 1] - row[0]) / (n - 1)
            elif kind == SECOND:
                value = (row[n - 1] - row[n - 2] - row[1] + row[0]) / (2 * (n - 2))
            elif kind == COMPLEXITY:
                value = _complexity(row, room)
            elif kind == NORMALISED_COMPLEXITY:
                value = _normalised_complexity(row, room, normal)
            elif kind == C3:
                value = _c3(row, lag, room)
            else:
                value = _asymmetry(row, lag, room)
            out[w, to] = value


KINDS: Final = {
    "absolute_sum_of_changes": ABSOLUTE_SUM,
    "mean_abs_change": ABSOLUTE_MEAN,
    "mean_change": MEAN,
    "mean_second_derivative_central": SECOND,
    "cid_ce": COMPLEXITY,
    "c3": C3,
    "time_reversal_asymmetry_statistic": ASYMMETRY,
}


def _prepare(wanted: Sequence[Wanted], _n: int) -> Run:
    requests = np.array([_request(w) for w in wanted], dtype=np.int64)

    def run(block: Block, out: Floats) -> None:
        _differences(block.x, requests, out)

    return run


def _request(wanted: Wanted) -> tuple[int, int, int]:
    kind = NORMALISED_COMPLEXITY if wanted.params.get("normalize") else KINDS[wanted.calculator]
    return kind, int(wanted.params.get("lag", 0)), wanted.column


GROUP = Group(
    "differences",
    {name: at_least("lag", 0) if kind in (C3, ASYMMETRY) else always for name, kind in KINDS.items()},
    _prepare,
)
