"""A window's discrete Fourier transform (`fft_coefficient`) and the moments of its magnitudes (`fft_aggregated`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features import reference
from features.kernels.block import Block, Group, Run, Wanted, whole
from features.kernels.numeric import Floats, Ints, compiled, total

COEFFICIENT: Final = "fft_coefficient"
AGGREGATED: Final = "fft_aggregated"
PARTS: Final = ("real", "imag", "abs", "angle")
MOMENTS: Final = ("centroid", "variance", "skew", "kurtosis")
NARROWEST: Final = 0.5  # variance below which tsfresh gives no skew and no kurtosis
LOST: Final = 1e-5  # a difference this small of its terms has too few digits left to be the same in another order


@compiled
def _moments(magnitudes: Floats, found: Floats) -> bool:
    """Compute centroid, variance, skew, kurtosis over the frequencies 0, 1, ...; say whether rounding decides on them.

    The formulas are tsfresh's: the kurtosis subtracts 3 * centroid where the fourth power would be due.
    """
    s1 = s2 = s3 = s4 = 0.0
    for i in range(len(magnitudes)):
        k = float(i)
        y, square = magnitudes[i], k * k
        s1 += y * k
        s2 += y * square
        s3 += y * (square * k)
        s4 += y * (square * square)
    whole_sum = total(magnitudes)
    centroid, m2, m3, m4 = s1 / whole_sum, s2 / whole_sum, s3 / whole_sum, s4 / whole_sum
    spread = m2 - centroid * centroid
    found[0], found[1] = centroid, spread
    if spread < NARROWEST:
        found[2] = found[3] = np.nan
    else:
        third = m3 - 3 * centroid * spread - centroid**3
        fourth = m4 - 4 * centroid * m3 + 6 * m2 * centroid**2 - 3 * centroid
        found[2], found[3] = third / spread**1.5, fourth / spread**2
        if abs(third) < LOST * m3 or abs(fourth) < LOST * m4:
            return True
    return bool(spread < LOST * m2 or abs(spread - NARROWEST) < LOST * NARROWEST)


@compiled
def _features(
    parts: Floats,
    magnitudes: Floats,
    angles: Floats,
    at: Ints,
    to: Ints,
    stops: Ints,
    out: Floats,
) -> NDArray[np.bool_]:
    """Write values into the columns `to`; return the windows whose moments are left to the reference.

    parts: real and imaginary parts in turn. at: places in parts up to stops[0], in magnitudes up to stops[1], in angles
    up to stops[2], among the moments up to stops[3]; there is none beyond.
    """
    unsure = np.zeros(len(out), np.bool_)
    found = np.empty(4)
    for w in range(len(out)):
        for k in range(stops[0]):
            out[w, to[k]] = parts[w, at[k]]
        for k in range(stops[0], stops[1]):
            out[w, to[k]] = magnitudes[w, at[k]]
        for k in range(stops[1], stops[2]):
            out[w, to[k]] = angles[w, at[k]]
        if stops[3] > stops[2]:
            unsure[w] = _moments(magnitudes[w], found)
            for k in range(stops[2], stops[3]):
                out[w, to[k]] = found[at[k]]
        for k in range(stops[3], len(to)):
            out[w, to[k]] = np.nan
    return unsure


def _has_coefficient(params: Mapping[str, Any]) -> bool:
    return params["attr"] in PARTS and whole(params["coeff"], 0)


def _has_moment(params: Mapping[str, Any]) -> bool:
    return params["aggtype"] in MOMENTS


def _places(wanted: Sequence[Wanted], known: int) -> list[list[tuple[int, int]]]:
    """Sort what is wanted by where it is found: (place, column) in parts, magnitudes, angles, moments, nowhere."""
    found: list[list[tuple[int, int]]] = [[], [], [], [], []]
    for w in wanted:
        if w.calculator == AGGREGATED:
            found[3].append((MOMENTS.index(w.params["aggtype"]), w.column))
            continue
        k, part = w.params["coeff"], PARTS.index(w.params["attr"])
        if k >= known:
            found[4].append((0, w.column))
        elif part < 2:
            found[0].append((2 * k + part, w.column))
        else:
            found[part - 1].append((k, w.column))
    return found


def _prepare(wanted: Sequence[Wanted], n: int) -> Run:
    sorts = _places(wanted, n // 2 + 1)
    at = np.array([place for sort in sorts for place, _ in sort], dtype=np.int64)
    to = np.array([column for sort in sorts for _, column in sort], dtype=np.int64)
    stops = np.cumsum([len(sort) for sort in sorts[:4]])
    moments = [w for w in wanted if w.calculator == AGGREGATED]
    sized = n // 2 + 1 if moments else 1 + max((place for place, _ in sorts[1]), default=-1)
    angled = 1 + max((place for place, _ in sorts[2]), default=-1)
    moment_columns = [w.column for w in moments]
    moment_params = [w.params for w in moments]

    def run(block: Block, out: Floats) -> None:
        spectrum = block.spectrum
        # numpy's own functions: its vector units round magnitudes and angles otherwise than a scalar library does
        magnitudes = np.abs(spectrum[:, :sized])
        angles = np.angle(spectrum[:, :angled], deg=True)
        unsure = _features(spectrum.view(np.float64), magnitudes, angles, at, to, stops, out)
        for row in np.flatnonzero(unsure):
            out[row, moment_columns] = reference.values(AGGREGATED, moment_params, block.x[row])

    return run


GROUP = Group("spectrum", {COEFFICIENT: _has_coefficient, AGGREGATED: _has_moment}, _prepare)
