"""Samples greater than all their neighbours within a distance (`number_peaks`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from features.kernels.block import Block, Group, Run, Wanted, at_least, columns, numbers
from features.kernels.numeric import Floats, Ints, compiled

NAME = "number_peaks"


@compiled
def _maxima(x: Floats, found: Ints) -> int:
    """Gather where a sample is greater than both neighbours; return how many."""
    count = 0
    middle, after = x[1:], x[2:]
    for i in range(len(after)):
        found[count] = i + 1
        count += (middle[i] > x[i]) & (middle[i] > after[i])
    return count


@compiled
def _support(x: Floats, peak: int, most: int) -> int:
    """Return how many samples on both sides of a maximum are less than it, at most `most` and to the window's ends."""
    most = min(most, peak, len(x) - 1 - peak)
    for distance in range(2, most + 1):
        if not (x[peak] > x[peak - distance] and x[peak] > x[peak + distance]):
            return distance - 1
    return most


@compiled
def _peaks(x: Floats, spans: Ints, most: int, to: Ints, out: Floats) -> None:
    supports = np.empty(x.shape[1], np.int64)
    for w in range(len(x)):
        count = _maxima(x[w], supports)
        for p in range(count):
            supports[p] = _support(x[w], supports[p], most)
        for k in range(len(to)):
            peaks = 0
            for p in range(count):
                peaks += supports[p] >= spans[k]
            out[w, to[k]] = peaks


def _prepare(wanted: Sequence[Wanted], _n: int) -> Run:
    to = columns(wanted, NAME)
    spans = numbers(wanted, NAME, "n").astype(np.int64)
    most = int(spans.max())

    def run(block: Block, out: Floats) -> None:
        _peaks(block.x, spans, most, to, out)

    return run


GROUP = Group("peaks", {NAME: at_least("n", 1)}, _prepare)
