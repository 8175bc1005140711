"""Lines through chunks of any length, and windows that lie on a line."""

from __future__ import annotations

import numpy as np
import pytest

from features.kernels import Wanted, lines
from tests.features.kernels import windows


@pytest.mark.parametrize("n", [7, 60, 300])
def test_any_chunk_length_and_every_attribute(n: int) -> None:
    sizes = (1, 2, 3, 7, n - 1, n, n + 5, n // 2)
    asked = [
        {"attr": attribute, "chunk_len": size, "f_agg": aggregate}
        for attribute in lines.ATTRIBUTES
        for size in sizes
        for aggregate in lines.AGGREGATES
    ]
    wanted = [Wanted(lines.CHUNKED, params, column) for column, params in enumerate(asked)]
    for kind, x in windows.kinds(n):
        found, expected = windows.ours(lines.GROUP, wanted, x), windows.theirs(wanted, x)
        assert not windows.disagreements(wanted, x, found, expected), kind


def test_a_window_on_a_line_has_scipys_own_rounding() -> None:
    wanted = windows.everything(lines.GROUP)
    for n in (60, 137, 256):
        t = np.arange(n)
        x = np.stack([0.1 * t, 1.0 / 3.0 - 1e-3 * t, 293.15 + 1e-5 * t])
        assert windows.ours(lines.GROUP, wanted, x) == pytest.approx(
            windows.theirs(wanted, x), rel=1e-12, abs=0.0, nan_ok=True
        )


def test_what_it_cannot_compute_is_declined() -> None:
    chunked = lines.GROUP.calculators[lines.CHUNKED]
    good = {"attr": "slope", "chunk_len": 5, "f_agg": "max"}
    assert chunked(good)
    for bad in ({"f_agg": "median"}, {"chunk_len": 0}, {"chunk_len": 2.5}, {"attr": "intercept_stderr"}):
        assert not chunked(good | bad)
    assert not lines.GROUP.calculators[lines.TREND]({"attr": "intercept_stderr"})
