"""The memory that a plan states is kept, and what shares a chunk or a thread changes no value."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from domain.vectors import FeatureName
from features import sets
from features.compute import CHUNK_BYTES, COPIES, compute, peak_bytes
from features.kernels.numeric import Floats, Ints
from features.plan import Plan, plan

TAGS = ("a", "b", "c")
FIXED = 2 << 20  # what Python holds for chunks, whatever the size of the work


def _plan(calculators: tuple[str, ...] = ()) -> Plan:
    asked = [(c, p) for c, p in sets.EFFICIENT if not calculators or c in calculators]
    return plan([FeatureName("tag", tag, c, p) for tag in TAGS for c, p in asked], TAGS)


def _values(n: int) -> Floats:
    values = np.random.default_rng(1).normal(20, 3, (n, len(TAGS)))
    values[::97, 1] = np.nan
    return values


def _ends(n: int, window: int, step: int) -> tuple[Ints, Ints]:
    stop = np.arange(window, n + 1, step)
    return stop - window, stop


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize(
    ("n", "window", "step", "calculators"),
    [
        (20_000, 60, 10, ("mean", "maximum")),  # places weigh more than values
        (400_000, 600, 5_000, ("mean", "fft_coefficient")),  # samples weigh more than windows
        (6_000, 60, 10, ()),  # values weigh most
    ],
)
def test_the_stated_peak_is_kept_and_is_no_guess(
    n: int, window: int, step: int, calculators: tuple[str, ...], n_threads: int
) -> None:
    of, values, (first, stop) = _plan(calculators), _values(n), _ends(n, window, step)
    compute(of, values[: 2 * window], *_ends(2 * window, window, step), n_threads=n_threads)  # what is compiled stays
    tracemalloc.start()
    try:
        found = compute(of, values, first, stop, np.float32, n_threads)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(found) == len(first)
    stated = peak_bytes(of, len(first), n, window, 4, n_threads)
    assert peak <= stated + FIXED
    assert stated <= 1.5 * peak + n_threads * (1 + COPIES) * CHUNK_BYTES


def test_threads_and_chunks_change_no_bit() -> None:
    of, values, (first, stop) = _plan(), _values(3_000), _ends(3_000, 60, 10)
    whole = compute(of, values, first, stop)
    assert np.array_equal(compute(of, values, first, stop, n_threads=2), whole, equal_nan=True)
    alone = [compute(of, values, first[i : i + 1], stop[i : i + 1])[0] for i in range(0, len(first), 37)]
    assert np.array_equal(np.array(alone), whole[::37], equal_nan=True)
