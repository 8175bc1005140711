"""Energy of a window's parts against the whole window's (`energy_ratio_by_chunks`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from features.kernels.block import Block, Group, Run, Wanted, always, columns, numbers
from features.kernels.numeric import Floats, Ints, compiled, total

NAME = "energy_ratio_by_chunks"


@compiled
def _energy_ratios(x: Floats, first: Ints, stop: Ints, to: Ints, out: Floats) -> None:
    n = x.shape[1]
    squares = np.empty(n)
    for w in range(len(x)):
        for i in range(n):
            squares[i] = x[w, i] * x[w, i]
        energy = total(squares)
        for k in range(len(to)):
            out[w, to[k]] = np.nan if energy == 0.0 else total(squares[first[k] : stop[k]]) / energy


def _prepare(wanted: Sequence[Wanted], n: int) -> Run:
    to = columns(wanted, NAME)
    parts = numbers(wanted, NAME, "num_segments").astype(np.int64)
    focus = numbers(wanted, NAME, "segment_focus").astype(np.int64)
    size, longer = n // parts, n % parts  # as np.array_split cuts: the first `longer` parts are one longer
    first = focus * size + np.minimum(focus, longer)
    stop = first + size + (focus < longer)

    def run(block: Block, out: Floats) -> None:
        _energy_ratios(block.x, first, stop, to, out)

    return run


GROUP = Group("chunks", {NAME: always}, _prepare)
