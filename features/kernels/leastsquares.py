"""Least squares on a series' own past, for compiled kernels: from the products of its lags, which share their sums.

Products are symmetric matrices, held in the upper triangle. Column 0 is the constant.
"""

from __future__ import annotations

from features.kernels.numeric import Floats, Ints, compiled, total


@compiled
def dot(a: Floats, b: Floats) -> float:
    """Return the sum of products of two vectors of one length, by eight running sums."""
    n = len(a)
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
    stop = n - n % 8
    for i in range(0, stop, 8):
        s0 += a[i] * b[i]
        s1 += a[i + 1] * b[i + 1]
        s2 += a[i + 2] * b[i + 2]
        s3 += a[i + 3] * b[i + 3]
        s4 += a[i + 4] * b[i + 4]
        s5 += a[i + 5] * b[i + 5]
        s6 += a[i + 6] * b[i + 6]
        s7 += a[i + 7] * b[i + 7]
    s: float = ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))
    for i in range(stop, n):
        s += a[i] * b[i]
    return s


@compiled
def multiply_lags(a: Floats, lags: int, at: int, products: Floats) -> None:
    """Write the products of the constant and of lags 0..lags of a series, over the rows that have all of them.

    Lag 0 is column `at`, the next lag the next column. Only products with lag 0 are summed: one lag further, the rows
    are the same but for the first and the last.
    """
    rows = len(a) - lags
    series = a[lags:]
    products[0, 0], products[0, at] = rows, total(series)
    for other in range(lags + 1):
        products[at, at + other] = dot(series, a[lags - other : lags - other + rows])
    for lag in range(lags):
        entering, leaving, i = a[lags - lag - 1], a[len(a) - lag - 1], at + lag
        products[0, i + 1] = products[0, i] + entering - leaving
        for other in range(lag, lags):
            j = at + other
            change = entering * a[lags - other - 1] - leaving * a[len(a) - other - 1]
            products[i + 1, j + 1] = products[i, j] + change


@compiled
def arrange(products: Floats, columns: Ints, g: Floats) -> None:
    """Write the products of some columns in another order."""
    for i in range(len(columns)):
        for j in range(i, len(columns)):
            a, b = columns[i], columns[j]
            g[i, j] = products[min(a, b), max(a, b)]


@compiled
def eliminate(g: Floats, j: int, order: int) -> None:
    """Take column j out of those after it: one step of Gauss's elimination."""
    for i in range(j + 1, order):
        share = g[j, i] / g[j, j]
        for k in range(i, order):
            g[i, k] -= share * g[j, k]


@compiled
def forward(g: Floats, order: int, right: Floats) -> None:
    """Take the eliminated columns out of a further right-hand side, in place."""
    for j in range(order):
        share = right[j] / g[j, j]
        for i in range(j + 1, order):
            right[i] -= share * g[j, i]


@compiled
def back(g: Floats, order: int, right: Floats) -> None:
    """Solve the eliminated system, in place."""
    for j in range(order - 1, -1, -1):
        s = right[j]
        for i in range(j + 1, order):
            s -= g[j, i] * right[i]
        right[j] = s / g[j, j]


@compiled
def take_off(a: Floats, lags: int, coefficients: Floats, rest: Floats) -> None:
    """Take coefficients[0] and coefficients[lag] times lag 1..lags of a series off rest, in place."""
    rows = len(a) - lags
    for i in range(rows):
        rest[i] -= coefficients[0]
    for lag in range(1, lags + 1):
        c, column = coefficients[lag], a[lags - lag : lags - lag + rows]
        for i in range(rows):
            rest[i] -= c * column[i]
