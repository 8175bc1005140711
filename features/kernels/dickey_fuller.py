"""Test for a unit root (`augmented_dickey_fuller`), as statsmodels' `adfuller` with a constant and lags by AIC.

The test regresses the differences of a series on its level before, a constant and some lags of the differences.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from features.kernels.block import Block, Group, Run, Wanted
from features.kernels.leastsquares import arrange, back, dot, eliminate, multiply_lags, take_off
from features.kernels.numeric import EPSILON, Floats, Ints, compiled, total

NAME: Final = "augmented_dickey_fuller"
ATTRIBUTES: Final = ("teststat", "pvalue", "usedlag")
CONSTANT, LEVEL, DIFFERENCE = range(3)  # columns of products; the lags of the difference come after it
CLEAR: Final = 1e-9  # share of a square that must be left of a column without those before it, and of the differences
ALLOWED: Final = 1e5  # condition of the statistic, in units of it: statsmodels' error, measured, is 1e-15 times that
CUT: Final = 1e-24  # statsmodels takes squared singular values below 1e-30 of the largest for zero
MARGIN: Final = 1e3  # roundings, times the condition's square, by which the best criterion must be ahead
CERTAIN, UNKNOWN = -1, -2  # doubts; others are the number of lags of a statistic that is in doubt


@compiled
def _pvalue(t: float) -> float:
    """Return MacKinnon's (1994) approximate p-value of a test with a constant."""
    if t > 2.74:
        return 1.0
    if t < -18.83:
        return 0.0
    small = 2.1659 + t * (1.4412 + t * 0.038269)
    large = 1.7339 + t * (0.93202 + t * (-0.12745 + t * -0.010368))
    z = small if t <= -1.61 else large
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


@compiled
def _multiply(level: Floats, d: Floats, lags: int, products: Floats) -> None:
    """Write the products of all columns, over the rows with all the lags."""
    rows = len(d) - lags
    multiply_lags(d, lags, DIFFERENCE, products)
    of_rows = level[lags : lags + rows]
    products[CONSTANT, LEVEL], products[LEVEL, LEVEL] = total(of_rows), dot(of_rows, of_rows)
    for lag in range(lags + 1):
        products[LEVEL, DIFFERENCE + lag] = dot(of_rows, d[lags - lag : lags - lag + rows])


@compiled
def _add_row(level: Floats, d: Floats, row: int, lags: int, products: Floats) -> None:
    """Add a row, with fewer lags, to the products."""
    products[CONSTANT, CONSTANT] += 1.0
    products[CONSTANT, LEVEL] += level[row]
    for lag in range(lags + 1):
        value = d[row - lag]
        products[CONSTANT, DIFFERENCE + lag] += value
        products[LEVEL, DIFFERENCE + lag] += value * level[row]
        for other in range(lag, lags + 1):
            products[DIFFERENCE + lag, DIFFERENCE + other] += value * d[row - other]


@compiled
def _best_lag(d: Floats, around: float, products: Floats, columns: Ints, weights: Floats, g: Floats) -> int:
    """Return the number of lags with the least criterion of Akaike, all on the same rows, or `UNKNOWN` where rounding
    decides.

    columns: the constant, the level, the lags and the difference itself. What is left of its square when they are
    eliminated one by one is left by each regression in turn; weights are the criterion's penalties, as factors of it.
    """
    lags, last = len(columns) - 3, len(columns) - 1
    arrange(products, columns, g)
    eliminate(g, 0, last + 1)
    least = g[1, 1] / products[LEVEL, LEVEL]
    if not least > CLEAR:
        return UNKNOWN
    eliminate(g, 1, last + 1)
    changes, first = 0, 0
    for i in range(lags, len(d)):
        changes += d[i] != 0.0
    while d[first] == 0.0:
        first += 1
    whole = products[DIFFERENCE, DIFFERENCE]
    smallest = largest = whole
    found, used = 0, 0
    best, second = g[last, last] * weights[0], np.inf
    for lag in range(1, lags + 1):
        changes += int(d[lags - lag] != 0.0) - int(d[len(d) - lag] != 0.0)
        # Without a change, products are rounding only; with all changes of a window in the lags, the level is their sum
        if changes > 0 and lag < len(d) - 1 - first:
            j, square = lag + 1, products[DIFFERENCE + lag, DIFFERENCE + lag]
            smallest, largest = min(smallest, square), max(largest, square)
            least = min(least, g[j, j] / square)
            if not least > CLEAR:
                return UNKNOWN
            eliminate(g, j, last + 1)
            used += 1
        criterion = g[last, last] * weights[used]
        if criterion < best:
            best, second, found = criterion, best, lag
        else:
            second = min(second, criterion)
    left = g[last, last] / whole
    doubt = MARGIN * EPSILON * (largest / smallest) / (least * left)
    regular = smallest * least > CUT * products[0, 0] * max(1.0, around)
    return found if regular and left > CLEAR and second - best > doubt * best else UNKNOWN


@compiled
def _explain(lags: int, products: Floats, columns: Ints, g: Floats, room: Floats) -> float:
    """Write the coefficients of the constant and the lags that explain the level to room[0], the difference to room[1];
    return the least mean square that a lag has left of it, 0 if it is too little.
    """
    order = lags + 3
    columns[0], columns[lags + 1], columns[lags + 2] = CONSTANT, LEVEL, DIFFERENCE
    for lag in range(1, lags + 1):
        columns[lag] = DIFFERENCE + lag
    arrange(products, columns[:order], g)
    largest = g[lags + 2, lags + 2]
    for j in range(1, lags + 1):
        largest = max(largest, g[j, j])
    least = np.inf
    eliminate(g, 0, order)
    for j in range(1, lags + 1):
        if not g[j, j] > CLEAR * largest:  # products have the rounding of the largest
            return 0.0
        least = min(least, g[j, j] / g[0, 0])
        eliminate(g, j, order)
    for j in range(lags + 1):
        room[0, j], room[1, j] = g[j, lags + 1], g[j, lags + 2]
    back(g, lags + 1, room[0])
    back(g, lags + 1, room[1])
    return least


@compiled
def _choose(
    level: Floats, d: Floats, around: float, weights: Floats, columns: Ints, products: Floats, g: Floats
) -> int:
    """Return the number of lags, and leave the products of its rows; or `UNKNOWN`."""
    most = len(weights) - 1
    changed = len(d) - 1
    while d[changed] == 0.0:
        changed -= 1
    if changed < most:  # the difference is 0 in all rows, the criterion minus infinity, and the first is taken
        _multiply(level, d, 0, products)
        return 0
    _multiply(level, d, most, products)
    lags = _best_lag(d, around, products, columns, weights, g)
    if lags >= 0:
        for row in range(lags, most):
            _add_row(level, d, row, lags, products)
    return lags


@compiled
def _statistic(
    level: Floats, d: Floats, lags: int, around: float, products: Floats, least: float, room: Floats
) -> float:
    """Return the t-value of a level whose mean square is `around`, or NaN where rounding decides it.

    room: as `_explain` leaves it, and room for what is left of level and difference. The t-value is that of the one in
    a regression of the other: an error of the coefficients counts with its square only.
    """
    rows = len(d) - lags
    levels, differences = room[2, :rows], room[3, :rows]
    levels[:] = level[lags : lags + rows]
    differences[:] = d[lags:]
    take_off(d, lags, room[0], levels)
    take_off(d, lags, room[1], differences)
    left = dot(levels, levels)
    slope = dot(levels, differences) / left
    for i in range(rows):
        differences[i] -= slope * levels[i]
    error, free = dot(differences, differences), rows - lags - 2
    t = slope * math.sqrt(left * free / error)
    of_level, of_difference = rows * around, rows * room[1, 0] * room[1, 0]
    for lag in range(1, lags + 1):
        square = products[DIFFERENCE + lag, DIFFERENCE + lag]
        of_level += room[0, lag] * room[0, lag] * square
        of_difference += room[1, lag] * room[1, lag] * square
    # Rounding counts as often as what is left goes into what cancels and, as statsmodels does not scale its columns, as
    # the faintest goes into the constant's.
    cancelled = math.sqrt(of_level / left) + math.sqrt(of_difference / error)
    fainter = 1.0 / math.sqrt(min(1.0, least, left / rows))
    condition = cancelled * (math.sqrt(free) + abs(t)) + fainter * math.sqrt(free)
    return t if condition < ALLOWED * abs(t) else np.nan


@compiled
def _tests(x: Floats, weights: Floats, values: Ints, out: Floats, doubts: Ints) -> None:
    """Write statistic, p-value and lags of each window, or its doubt. values: (values, 2) attribute, column."""
    n, most = x.shape[1], len(weights) - 1
    level, d, room, found = np.empty(n), np.empty(n - 1), np.empty((4, n)), np.empty(3)
    products, g = np.empty((most + 3, most + 3)), np.empty((most + 3, most + 3))
    columns = np.empty((2, most + 3), dtype=np.int64)
    columns[0, 0], columns[0, 1], columns[0, most + 2] = CONSTANT, LEVEL, DIFFERENCE
    for lag in range(1, most + 1):
        columns[0, lag + 1] = DIFFERENCE + lag
    for w in range(len(x)):
        offset = total(x[w]) / n
        changes = 0
        for i in range(n):
            level[i] = x[w, i] - offset
        for i in range(n - 1):
            d[i] = x[w, i + 1] - x[w, i]
            changes += d[i] != 0.0
        found[:] = np.nan
        if changes > 0:
            spread = dot(level, level) / n
            around = offset * offset + spread
            lags, t = UNKNOWN, np.nan
            if spread > CUT * max(1.0, around * around):
                lags = _choose(level, d, around, weights, columns[0], products, g)
            if lags >= 0:
                least = _explain(lags, products, columns[1], g, room)
                t = _statistic(level, d, lags, around, products, least, room)
            if math.isnan(t):
                doubts[w] = lags
                continue
            found[0], found[1], found[2] = t, _pvalue(t), lags
        for v in range(len(values)):
            out[w, values[v, 1]] = found[values[v, 0]]


def _in_doubt(x: Floats, most: int, lags: int) -> Floats:
    """Return all attributes with a number of lags, or with that of up to `most` which statsmodels takes."""
    try:
        used = _lags_as_statsmodels(x, most) if lags == UNKNOWN else lags
        t = _as_statsmodels(x, used)
    except np.linalg.LinAlgError:
        return np.full(len(ATTRIBUTES), np.nan)
    return np.array([t, _pvalue(t), used])


def _design(x: Floats, lags: int) -> tuple[Floats, Floats]:
    """Return the level and the lags of the differences as columns, and the differences, as `adfuller` lays them out."""
    from statsmodels.tsa.tsatools import lagmat

    d = np.diff(x)
    columns = lagmat(d[:, None], lags, trim="both", original="in")
    rows = len(columns)
    columns[:, 0] = x[-rows - 1 : -1]
    return columns, d[-rows:]


def _rank(singular: Floats) -> float:
    """Return `np.linalg.matrix_rank` of the matrix with these singular values, which come from the largest down."""
    return float(np.count_nonzero(singular > singular[0] * len(singular) * EPSILON))


def _lags_as_statsmodels(x: Floats, most: int) -> int:
    """Return the lags with the least criterion, operation by operation as `_autolag` and `OLS` compute it."""
    from statsmodels.tools.tools import pinv_extended
    from statsmodels.tsa.tsatools import add_trend

    columns, difference = _design(x, most)
    design = add_trend(columns, "c", prepend=True)
    first, rows = design.shape[1] - columns.shape[1] + 1, len(difference)
    criteria = []
    with np.errstate(all="ignore"):
        for width in range(first, first + most + 1):
            inverse, singular = pinv_extended(design[:, :width])
            left = difference - np.dot(design[:, :width], np.dot(inverse, difference))
            half = rows / 2.0
            likelihood = -half * np.log(2 * np.pi) - half * np.log(np.sum(left**2) / float(rows)) - half
            criteria.append((float(-2.0 * likelihood + 2.0 * _rank(singular)), width))
    return int(min(criteria)[1] - first)


def _as_statsmodels(x: Floats, lags: int) -> float:
    """Return the statistic with a number of lags, operation by operation as `adfuller` and `OLS` compute it."""
    from statsmodels.tools.tools import pinv_extended
    from statsmodels.tsa.tsatools import add_trend

    columns, difference = _design(x, lags)
    design = add_trend(columns[:, : lags + 1], "c")
    inverse, singular = pinv_extended(design)
    fitted = np.dot(inverse, difference)
    left = difference - np.dot(design, fitted)
    with np.errstate(all="ignore"):
        scale = np.dot(left, left) / (len(difference) - _rank(singular))
        return float(fitted[0] / np.sqrt(np.dot(inverse, inverse.T)[0, 0] * scale))


def _prepare(wanted: Sequence[Wanted], n: int) -> Run:
    values = np.array([(ATTRIBUTES.index(w.params["attr"]), w.column) for w in wanted], dtype=np.int64)
    most = min(n // 2 - 2, math.ceil(12.0 * np.power(n / 100.0, 1 / 4.0)))  # Schwert's rule, as statsmodels has it
    weights = np.exp(2.0 * np.arange(most + 1) / (n - 1 - most))

    def run(block: Block, out: Floats) -> None:
        if most < 0:
            out[:, values[:, 1]] = np.nan
            return
        doubts = np.full(len(block.x), CERTAIN)
        _tests(block.x, weights, values, out, doubts)
        for w in np.flatnonzero(doubts != CERTAIN):
            out[w, values[:, 1]] = _in_doubt(block.x[w], most, int(doubts[w]))[values[:, 0]]

    return run


def _is_test(params: Mapping[str, Any]) -> bool:
    return params.get("attr") in ATTRIBUTES and params.get("autolag", "AIC") == "AIC"


GROUP: Final = Group("dickey_fuller", {NAME: _is_test}, _prepare)
