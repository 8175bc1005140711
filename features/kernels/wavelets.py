"""Continuous wavelet transform with the Mexican hat (`cwt_coefficients`), as a fixed linear operator on a window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from features.kernels.block import Block, Group, Run, Wanted, whole
from features.kernels.numeric import Floats, Ints, compiled

NAME: Final = "cwt_coefficients"
WIDTHS: Final = (0.125, 10_000)  # below a sixteenth pywt refuses; a wavelet is sixteen widths long


@compiled
def _apply(x: Floats, operator: Floats, to: Ints, missing: Ints, out: Floats) -> None:
    """Write x[:, :len(operator)] @ operator into the columns `to`, each sum in the order of the samples."""
    reach, wanted = operator.shape
    sums = np.empty(wanted)
    for w in range(len(x)):
        sums[:] = 0.0
        paired = reach - reach % 4
        for i in range(0, paired, 4):
            a, b, c, d = x[w, i], x[w, i + 1], x[w, i + 2], x[w, i + 3]
            for k in range(wanted):
                s = sums[k] + a * operator[i, k]
                s += b * operator[i + 1, k]
                s += c * operator[i + 2, k]
                sums[k] = s + d * operator[i + 3, k]
        for i in range(paired, reach):
            for k in range(wanted):
                sums[k] += x[w, i] * operator[i, k]
        for k in range(wanted):
            out[w, to[k]] = sums[k]
        for k in range(len(missing)):
            out[w, missing[k]] = np.nan


def _possible(params: Mapping[str, Any]) -> bool:
    widths = tuple(params["widths"])
    return (
        whole(params["coeff"], 0) and params["w"] in widths and all(WIDTHS[0] <= width <= WIDTHS[1] for width in widths)
    )


def _operator(widths: Sequence[float], coefficients: Sequence[int], n: int) -> Floats:
    """Return the weights of a window's samples in each coefficient: float64 (reach, coefficients).

    The transform is the same at every sample but for the ends, beyond which a window counts as zero: what it makes of
    one impulse gives every weight. reach: up to the last sample that has a weight in any coefficient.
    """
    import pywt

    impulse = np.zeros(2 * n - 1)
    impulse[n - 1] = 1.0
    distinct = list(dict.fromkeys(widths))
    responses, _ = pywt.cwt(impulse, scales=distinct, wavelet="mexh")
    weights = [
        responses[distinct.index(width), n - 1 + k - np.arange(n)]
        for width, k in zip(widths, coefficients, strict=True)
    ]
    operator = np.array(weights).T
    return np.ascontiguousarray(operator[: 1 + np.flatnonzero(operator.any(axis=1))[-1]])


def _prepare(wanted: Sequence[Wanted], n: int) -> Run:
    inside = [w for w in wanted if w.params["coeff"] < n]
    missing = np.array([w.column for w in wanted if w.params["coeff"] >= n], dtype=np.int64)
    to = np.array([w.column for w in inside], dtype=np.int64)
    operator = np.empty((0, 0))
    if inside:
        operator = _operator([w.params["w"] for w in inside], [w.params["coeff"] for w in inside], n)

    def run(block: Block, out: Floats) -> None:
        _apply(block.x, operator, to, missing, out)

    return run


GROUP = Group("wavelets", {NAME: _possible}, _prepare)
