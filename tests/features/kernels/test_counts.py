"""Counts: free parameters, and the first digit of doubles right at the places where it changes."""

from __future__ import annotations

import numpy as np
import pytest

from features.kernels import Wanted, counts
from tests.features.kernels import windows

NAN = float("nan")


def test_any_level_is_taken() -> None:
    asked = [("value_count", {"value": v}) for v in (2, -0.5, 20.1, NAN)]
    asked += [("range_count", {"min": low, "max": high}) for low, high in ((0.1, 20.3), (3, 1), (NAN, 2), (2, NAN))]
    asked += [(c, {"t": t}) for c in ("count_above", "count_below") for t in (20.1, -1, 1e9, NAN)]
    asked += [("number_crossing_m", {"m": m}) for m in (20.1, -2, NAN)]
    asked += [("index_mass_quantile", {"q": q}) for q in (0.77, 0.0, 1, 0.013, 1.5, -1.0, NAN)]
    wanted = [Wanted(calculator, params, column) for column, (calculator, params) in enumerate(asked)]
    assert all(counts.GROUP.calculators[w.calculator](w.params) for w in wanted)
    for n in (3, 60, 129):
        for _, x in windows.kinds(n):
            found, expected = windows.ours(counts.GROUP, wanted, x), windows.theirs(wanted, x)
            assert windows.disagreements(wanted, x, found, expected) == []


@pytest.mark.parametrize("power", [*range(-324, -305), *range(-300, 300, 25), -3, -2, -1, 1, 2, 3, 15, 16, 307, 308])
def test_first_digits_change_where_the_shortest_decimal_form_does(power: int) -> None:
    edges = np.array([float(f"{digit}e{power}") for digit in range(1, 10)])
    x = np.stack([np.nextafter(edges, 0.0), edges, -np.nextafter(edges, np.inf)], axis=1)
    x = x[np.isfinite(x).all(axis=1)]
    wanted = [Wanted("benford_correlation", {}, 0)]
    found, expected = windows.ours(counts.GROUP, wanted, x), windows.theirs(wanted, x)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_smallest_doubles_have_the_first_digit_of_their_shortest_decimal_form() -> None:
    x = np.arange(1, 3001, dtype=np.int64).view(np.float64).reshape(-1, 3)
    wanted = [Wanted("benford_correlation", {}, 0)]
    np.testing.assert_allclose(windows.ours(counts.GROUP, wanted, x), windows.theirs(wanted, x), rtol=1e-9, atol=1e-12)
