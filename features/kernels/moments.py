"""How large a window's values are, how far they spread and how lopsided they lie: sums, moments, and what is decided
by them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from features.kernels.block import Block, Group, Run, Wanted, given, table
from features.kernels.numeric import EPSILON, Floats, Ints, above, compiled, total

PARAMS: Final[Mapping[str, Sequence[str]]] = {
    "sum_values": (),
    "mean": (),
    "length": (),
    "abs_energy": (),
    "root_mean_square": (),
    "variance": (),
    "standard_deviation": (),
    "variation_coefficient": (),
    "variance_larger_than_standard_deviation": (),
    "skewness": (),
    "kurtosis": (),
    "large_standard_deviation": ("r",),
    "symmetry_looking": ("r",),
    "ratio_beyond_r_sigma": ("r",),
}
SUM, MEAN, LENGTH, ENERGY, RMS, VARIANCE, DEVIATION, VARIATION, LARGER, SKEWNESS, KURTOSIS = range(11)
LARGE, SYMMETRY, BEYOND = range(11, 14)


@compiled
def _moments(x: Floats, ordered: Floats, asked: Ints, params: Floats, out: Floats) -> None:
    count, n = x.shape
    found, distances, room = np.empty(LARGE), np.empty(n), np.empty((3, n))
    energies, shapes = False, False
    for k in range(len(asked)):
        energies |= asked[k, 0] == ENERGY or asked[k, 0] == RMS
        shapes |= asked[k, 0] == SKEWNESS or asked[k, 0] == KURTOSIS
    for w in range(count):
        low, high = ordered[w, 0], ordered[w, n - 1]
        mean = _sizes(x[w], energies, room[0], found)
        deviation = _spread(x[w], mean, distances, room[0], found)
        if shapes:
            _shape(x[w], mean, max(abs(low), abs(high)), room, found)
        middle = ordered[w, n // 2] if n % 2 else (ordered[w, n // 2 - 1] + ordered[w, n // 2]) / 2.0
        for k in range(len(asked)):
            calculator, r = asked[k, 0], params[k, 0]
            if calculator < LARGE:
                value = found[calculator]
            elif calculator == LARGE:
                value = 1.0 if deviation > r * (high - low) else 0.0
            elif calculator == SYMMETRY:
                value = 1.0 if abs(mean - middle) < r * (high - low) else 0.0
            else:
                value = above(distances, r * deviation) / n
            out[w, asked[k, 1]] = value


@compiled
def _sizes(x: Floats, energies: bool, squares: Floats, found: Floats) -> float:
    n = len(x)
    found[SUM], found[LENGTH] = total(x), n
    found[MEAN] = found[SUM] / n
    if energies:
        for i in range(n):
            squares[i] = x[i] * x[i]
        found[ENERGY] = total(squares)
        found[RMS] = math.sqrt(found[ENERGY] / n)
    return float(found[MEAN])


@compiled
def _spread(x: Floats, mean: float, distances: Floats, squares: Floats, found: Floats) -> float:
    n = len(x)
    for i in range(n):
        d = x[i] - mean
        distances[i] = abs(d)
        squares[i] = d * d
    variance = total(squares) / n
    deviation = math.sqrt(variance)
    found[VARIANCE], found[DEVIATION] = variance, deviation
    found[VARIATION] = np.nan if mean == 0.0 else deviation / mean
    found[LARGER] = variance > deviation
    return deviation


@compiled
def _shape(x: Floats, mean: float, largest: float, room: Floats, found: Floats) -> None:
    """Compute skewness and excess kurtosis as pandas' `nanskew` and `nankurt` do (Joanes and Gill, 1998: G1 and G2).

    Like there, a sum that rounding alone can explain counts as zero.
    """
    n = float(len(x))
    for i in range(len(x)):
        d = x[i] - mean
        square = d * d
        room[0, i], room[1, i], room[2, i] = square, square * d, square * square
    noise = EPSILON * largest
    m2 = _unless_noise(total(room[0]), noise**2 * n)
    m3 = _unless_noise(total(room[1]), noise**3 * n)
    m4 = _unless_noise(total(room[2]), noise**4 * n)
    found[SKEWNESS] = 0.0 if m2 == 0.0 else n * math.sqrt(n - 1.0) / (n - 2.0) * (m3 / m2**1.5)
    below = (n - 2.0) * (n - 3.0) * m2**2
    if n < 4.0:
        found[KURTOSIS] = np.nan
    elif below == 0.0:
        found[KURTOSIS] = 0.0
    else:
        of_normal = 3.0 * (n - 1.0) ** 2 / ((n - 2.0) * (n - 3.0))
        found[KURTOSIS] = n * (n + 1.0) * (n - 1.0) * m4 / below - of_normal


@compiled
def _unless_noise(moment: float, tolerance: float) -> float:
    return 0.0 if abs(moment) < tolerance else moment


def _prepare(wanted: Sequence[Wanted], _n: int) -> Run:
    asked, params = table(wanted, PARAMS)
    sorts = bool(np.isin(asked[:, 0], (SKEWNESS, KURTOSIS, LARGE, SYMMETRY)).any())

    def run(block: Block, out: Floats) -> None:
        _moments(block.x, block.ordered if sorts else block.x, asked, params, out)

    return run


GROUP = Group("moments", {name: given(*params) for name, params in PARAMS.items()}, _prepare)
