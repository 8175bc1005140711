"""Polynomials fitted as `np.polyfit` does, and the greatest real part of their roots as `np.roots` finds them.

A power series of values far from zero is so ill-conditioned that the rounding of numpy's solver shows in its result:
where it would, LAPACK's own solver is asked, as numpy does. The other fits take a tenth of its time.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from features.kernels.numeric import EPSILON, Floats, compiled

TRUSTED: Final = 5e-10  # relative error up to which a solution of one's own is taken
CUBIC: Final = 3  # the highest degree whose roots are found in closed form


@compiled
def scaled_powers(at: Floats, degree: int, columns: Floats, scales: Floats) -> None:
    """Write the powers of the values from the highest to the 0th, each scaled to a Euclidean length of 1 as numpy does.

    columns: float64 (degree + 1 or more, values). scales: float64 (degree + 1,).
    """
    n = len(at)
    columns[degree] = 1.0
    if degree > 0:
        columns[degree - 1] = at
    for k in range(degree - 2, -1, -1):
        for i in range(n):
            columns[k, i] = columns[k + 1, i] * at[i]
    for k in range(degree + 1):
        squares = 0.0
        for i in range(n):
            squares += columns[k, i] * columns[k, i]
        scales[k] = math.sqrt(squares)
        for i in range(n):
            columns[k, i] /= scales[k]


@compiled
def _dot(columns: Floats, j: int, k: int, first: int) -> float:
    """Return the product of two columns from a row on, by four running sums: a single one would wait for itself."""
    n = columns.shape[1]
    s0 = s1 = s2 = s3 = 0.0
    stop = n - (n - first) % 4
    for i in range(first, stop, 4):
        s0 += columns[j, i] * columns[k, i]
        s1 += columns[j, i + 1] * columns[k, i + 1]
        s2 += columns[j, i + 2] * columns[k, i + 2]
        s3 += columns[j, i + 3] * columns[k, i + 3]
    for i in range(stop, n):
        s0 += columns[j, i] * columns[k, i]
    return (s0 + s1) + (s2 + s3)


@compiled
def _triangularise(columns: Floats) -> None:
    """Reflect columns (Householder) until all but the last are upper triangular.

    columns: float64 (m, n), the last is the right side. The entries below the diagonal are not cleared.
    """
    last = len(columns) - 1
    for k in range(last):
        length = math.sqrt(_dot(columns, k, k, k))
        if length == 0.0:
            continue
        corner = -math.copysign(length, columns[k, k])
        columns[k, k] -= corner
        share = 1.0 / (corner * columns[k, k])
        for j in range(k + 1, last + 1):
            factor = _dot(columns, k, j, k) * share
            for i in range(k, columns.shape[1]):
                columns[j, i] += factor * columns[k, i]
        columns[k, k] = corner


@compiled
def _invert(columns: Floats, inverse: Floats) -> None:
    """Invert an upper triangular matrix of columns; inverse: float64 (size, size), by rows, zero below the diagonal."""
    size = len(inverse)
    inverse[:] = 0.0
    for j in range(size):
        inverse[j, j] = 1.0 / columns[j, j]
        for i in range(j - 1, -1, -1):
            s = 0.0
            for k in range(i + 1, j + 1):
                s += columns[k, i] * inverse[k, j]
            inverse[i, j] = -s / columns[i, i]


@compiled
def _solve(columns: Floats, inverse: Floats, found: Floats) -> float:
    """Solve least squares by Householder reflections; return how large the error is in units of the inverse's rows.

    columns: float64 (size + 1, n >= size), overwritten. found: float64 (size,).
    """
    size = len(inverse)
    _triangularise(columns)
    _invert(columns, inverse)
    norm = frobenius = 0.0
    for i in range(size):
        s = 0.0
        for j in range(i, size):
            s += inverse[i, j] * columns[size, j]
            frobenius += inverse[i, j] * inverse[i, j]
        found[i] = s
        norm += s * s
    residual = _dot(columns, size, size, size)
    return EPSILON * (math.sqrt(norm) + math.sqrt(frobenius * residual))


@compiled
def _solve_by_lapack(columns: Floats, found: Floats) -> None:
    """Solve least squares as `np.polyfit` does, small singular values cut off. columns: as in `_solve`, kept."""
    size, n = len(columns) - 1, columns.shape[1]
    matrix = np.empty((n, size))
    for i in range(n):
        for k in range(size):
            matrix[i, k] = columns[k, i]
    found[:] = np.linalg.lstsq(matrix, columns[size].copy(), n * EPSILON)[0]


@compiled
def _is_exact(found: Floats, inverse: Floats, error: float) -> bool:
    """Say whether each coefficient is known to within a relative error of TRUSTED."""
    for i in range(len(found)):
        row = 0.0
        for j in range(i, len(found)):
            row += inverse[i, j] * inverse[i, j]
        if not error * math.sqrt(row) <= TRUSTED * abs(found[i]):
            return False
    return True


@compiled
def _of_cubic(p: float, q: float, r: float) -> complex:
    """Return the root of z^3 + p z^2 + q z + r with the greatest real part (Cardano, polished by Newton)."""
    third = p / 3
    square = (p * p - 3 * q) / 9
    cube = (2 * p * p * p - 9 * p * q + 27 * r) / 54
    if cube * cube < square * square * square:
        root = math.sqrt(square)
        angle = math.acos(min(1.0, max(-1.0, cube / (square * root))))
        return complex(_polish(-2 * root * math.cos((angle + 2 * math.pi) / 3) - third, p, q, r), 0.0)
    a = -math.copysign((abs(cube) + math.sqrt(cube * cube - square * square * square)) ** (1 / 3), cube)
    real = _polish(a + (square / a if a != 0.0 else 0.0) - third, p, q, r)
    is_largest = abs(real * real * real) > abs(r)  # of two ways to the real part of the pair, one cancels
    pair = (q * real + r) / (2 * real * real) if is_largest else -(p + real) / 2
    if real >= pair:
        return complex(real, 0.0)
    return complex(pair, math.sqrt(max(-r / real - pair * pair, 0.0)))


@compiled
def _polish(z: float, p: float, q: float, r: float) -> float:
    for _ in range(3):
        slope = (3 * z + 2 * p) * z + q
        if slope != 0.0:
            z -= (((z + p) * z + q) * z + r) / slope
    return z


@compiled
def _in_closed_form(c: Floats) -> complex:
    """Return the root with the greatest real part of a polynomial of degree 1 to 3; c: from the highest power."""
    p = c[1] / c[0]
    if len(c) == 2:
        return complex(-p, 0.0)
    q = c[2] / c[0]
    if len(c) == 3:
        under_root = p * p - 4 * q
        if under_root < 0.0:
            return complex(-p / 2, math.sqrt(-under_root) / 2)
        larger = -(p + math.copysign(math.sqrt(under_root), p)) / 2
        return complex(max(larger, q / larger), 0.0)
    return _of_cubic(p, q, c[3] / c[0])


@compiled
def _is_root_exact(z: complex, c: Floats, scales: Floats, inverse: Floats, error: float) -> bool:
    """Say whether neither the fit's error nor that of numpy's eigenvalues moves a root by more than TRUSTED."""
    degree = len(c) - 1
    size = abs(c[degree] / c[0]) ** (1 / degree)
    slope = complex(degree * c[0], 0.0)
    for k in range(1, degree):
        size = max(size, abs(c[k] / c[0]) ** (1 / k))
        slope = slope * z + (degree - k) * c[k]
    moved = 0.0
    for j in range(degree + 1 if error > 0.0 else 0):
        power, shift = complex(1.0, 0.0), complex(0.0, 0.0)
        for k in range(degree, -1, -1):
            shift += inverse[k, j] * power / scales[k]
            power *= z
        moved += shift.real * shift.real + shift.imag * shift.imag
    # numpy's eigenvalues are those of a matrix within rounding of the polynomial's
    moved = error * math.sqrt(moved) + 16 * EPSILON * abs(c[0]) * size**degree
    return bool(c[degree] != 0.0 and moved <= TRUSTED * abs(slope) * abs(z.real))


@compiled
def fit(columns: Floats, work: Floats, scales: Floats, inverse: Floats, c: Floats) -> float:
    """Fit a polynomial; return how large the error is in units of the inverse's rows, 0 for numpy's own solution.

    columns: the scaled powers and the right side, float64 (degree + 2, n). work: overwritten, like columns. inverse:
    of the triangular factor, float64 (degree + 1, degree + 1), not set where the error is 0. c: coefficients from the
    highest power.
    """
    error = 0.0
    if columns.shape[1] >= len(c):
        work[:] = columns
        error = _solve(work, inverse, c)
    if error == 0.0 or not _is_exact(c, inverse, error):
        error = 0.0
        _solve_by_lapack(columns, c)
    for k in range(len(c)):
        c[k] /= scales[k]
    return error


@compiled
def rightmost_root(columns: Floats, scales: Floats, inverse: Floats, error: float, c: Floats) -> float:
    """Return the greatest real part of the roots of a fit, NaN where only numpy can tell.

    As `fit` left them; c is overwritten where its error would show in the root.
    """
    if len(c) > CUBIC + 1:
        return np.nan
    z = _in_closed_form(c)
    if error > 0.0 and not _is_root_exact(z, c, scales, inverse, error):
        error = 0.0
        _solve_by_lapack(columns, c)
        for k in range(len(c)):
            c[k] /= scales[k]
        z = _in_closed_form(c)
    if _is_root_exact(z, c, scales, inverse, error):
        return float(z.real)
    return np.nan
