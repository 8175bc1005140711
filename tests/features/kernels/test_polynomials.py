"""The greatest real part of roots: real, double and complex ones, and where only numpy can tell."""

from __future__ import annotations

import numpy as np
import pytest

from features.kernels.polynomials import fit, rightmost_root, scaled_powers


def _root(roots: list[complex]) -> float:
    """Fit a polynomial of these roots to its own values, and return the greatest real part found."""
    degree = len(roots)
    at = np.linspace(-2.0, 2.5, 20)
    columns, scales, c = np.empty((degree + 2, 20)), np.empty(degree + 1), np.empty(degree + 1)
    inverse = np.empty((degree + 1, degree + 1))
    scaled_powers(at, degree, columns, scales)
    columns[-1] = np.polyval(np.poly(roots).real, at)
    error = fit(columns, np.empty_like(columns), scales, inverse, c)
    np.testing.assert_allclose(c, np.polyfit(at, columns[-1], degree), rtol=1e-9, atol=1e-12)
    return float(rightmost_root(columns, scales, inverse, error, c))


@pytest.mark.parametrize(
    "roots",
    [
        [1.5],
        [-1.0, 2.0],
        [1 + 2j, 1 - 2j],
        [-1.0, 0.5, 2.0],
        [3.0, -1 + 1j, -1 - 1j],
        [-3.0, 1 + 1j, 1 - 1j],
        [-100.0, 0.1 + 1j, 0.1 - 1j],
        [100.0, -0.1, -1.0],
    ],
)
def test_the_root_with_the_greatest_real_part(roots: list[complex]) -> None:
    assert _root(roots) == pytest.approx(max(root.real for root in map(complex, roots)), rel=1e-9)


@pytest.mark.parametrize("roots", [[1.0, 1.0, -1.0], [1.0, 1.0], [0.1, 0.2, 0.3, 0.4]])
def test_double_roots_and_high_degrees_are_left_to_numpy(roots: list[complex]) -> None:
    assert np.isnan(_root(roots))
