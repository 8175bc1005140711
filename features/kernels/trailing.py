"""Numbers of a window's end: its last values one by one, and the means and slopes of its last rows.

They are not tsfresh's. `sample` gives the value so many before the newest, NaN where the window is shorter;
`trailing_mean` and `trailing_slope` (per row) take the last `rows` values, or all where there are fewer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from domain.vectors import SAMPLE
from features.kernels.block import Block, Group, Run, Wanted, at_least, columns, numbers
from features.kernels.numeric import Floats, Ints, compiled, total

MEAN: Final = "trailing_mean"
SLOPE: Final = "trailing_slope"


@compiled
def _means(x: Floats, sizes: Ints, to: Ints, out: Floats) -> None:
    n = x.shape[1]
    for w in range(len(x)):
        for k in range(len(to)):
            size = min(sizes[k], n)
            out[w, to[k]] = total(x[w, n - size :]) / size


@compiled
def _slopes(x: Floats, sizes: Ints, to: Ints, out: Floats) -> None:
    n = x.shape[1]
    for w in range(len(x)):
        for k in range(len(to)):
            size = min(sizes[k], n)
            middle = (size - 1) / 2.0
            mean = total(x[w, n - size :]) / size
            product, square = 0.0, 0.0
            for i in range(size):
                product += (i - middle) * (x[w, n - size + i] - mean)
                square += (i - middle) * (i - middle)
            out[w, to[k]] = product / square


def _prepare(wanted: Sequence[Wanted], n: int) -> Run:
    means, slopes, samples = (columns(wanted, name) for name in (MEAN, SLOPE, SAMPLE))
    of_means, of_slopes = (numbers(wanted, name, "rows").astype(np.int64) for name in (MEAN, SLOPE))
    lags = numbers(wanted, SAMPLE, "lag").astype(np.int64)
    is_there = lags < n

    def run(block: Block, out: Floats) -> None:
        if len(means):
            _means(block.x, of_means, means, out)
        if len(slopes):
            _slopes(block.x, of_slopes, slopes, out)
        out[:, samples[is_there]] = block.x[:, n - 1 - lags[is_there]]
        out[:, samples[~is_there]] = np.nan

    return run


GROUP = Group("trailing", {SAMPLE: at_least("lag", 0), MEAN: at_least("rows", 1), SLOPE: at_least("rows", 3)}, _prepare)
