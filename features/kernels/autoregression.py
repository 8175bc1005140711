"""Coefficients of an autoregressive model with a constant (`ar_coefficient`), fitted as statsmodels' `AutoReg`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.kernels.block import Block, Group, Run, Wanted
from features.kernels.leastsquares import arrange, back, dot, eliminate, forward, multiply_lags, take_off
from features.kernels.numeric import Floats, Ints, compiled, total

NAME: Final = "ar_coefficient"
CLEAR: Final = 1e-5  # share of the largest square that must be left of a column, without those before it
GREATEST: Final = 100.0  # coefficient; a greater one is the difference of columns that nearly cancel
CUT: Final = 1e-24  # statsmodels takes squared singular values below 1e-30 of the largest for zero


@compiled
def _is_steady(around: float, spread: float, constant: float) -> bool:
    """Say whether the spread of a series about its mean is enough for statsmodels, which fits it with its mean, to find
    the same coefficients. around: mean square of the series.

    Its error, measured, is 1e-14 for a lag and 2e-15 of the mean for the constant, times the mean by the spread. What
    is allowed is 1e-9 of the value (0.01 of a lag, as a rule) or 1e-12 of the mean.
    """
    if spread * (1e6 + 1e4 * around) <= around:
        return False
    mean = math.sqrt(around)
    return 2e-15 * around <= math.sqrt(spread) * (1e-9 * abs(constant) + 1e-12 * mean)


@compiled
def _eliminate_all(g: Floats, lags: int) -> float:
    """Eliminate the constant and the lags; return the least share of the largest square that a lag, or the series, has
    left, 0 if it is too little: the products have the rounding of the largest, in which a smaller one is lost.
    """
    last = lags + 1
    largest = g[last, last]
    for j in range(1, last):
        largest = max(largest, g[j, j])
    least = 1.0
    eliminate(g, 0, last + 1)
    for j in range(1, last + 1):
        least = min(least, g[j, j] / largest)
        if not least > CLEAR:
            return 0.0
        if j < last:
            eliminate(g, j, last + 1)
    return least


@compiled
def _fit(x: Floats, level: float, columns: Ints, products: Floats, g: Floats, room: Floats) -> bool:
    """Write the constant and the coefficients of a series around `level`, given without it, to room[0]; return whether
    they are certain.

    columns: of products, the constant, the lags and the series itself. What is solved from products has an error of the
    condition's square; fitting what is left once more squares it.
    """
    lags = len(columns) - 2
    found, right, rest = room[0], room[1], room[2, : len(x) - lags]
    last = lags + 1
    multiply_lags(x, lags, 1, products)
    arrange(products, columns, g)
    spread = g[last, last] / len(rest)
    around = level * level + spread
    least = _eliminate_all(g, lags)
    if not min(spread * least, spread / around) > CUT * max(1.0, lags * around):
        return False
    for j in range(last):
        found[j] = g[j, last]
    back(g, last, found)
    rest[:] = x[lags:]
    take_off(x, lags, found, rest)
    right[0] = total(rest)
    for lag in range(1, last):
        right[lag] = dot(rest, x[lags - lag : len(x) - lag])
    forward(g, last, right)
    back(g, last, right)
    for j in range(last):
        found[j] += right[j]
    greatest = 0.0
    for lag in range(1, last):
        greatest = max(greatest, abs(found[lag]))
        found[0] -= found[lag] * level
    found[0] += level
    return greatest < GREATEST and _is_steady(around, spread, found[0])


@compiled
def _coefficients(x: Floats, models: Ints, values: Ints, out: Floats, doubtful: NDArray[np.bool_]) -> None:
    """Write the coefficients of all models, or mark a model as doubtful. models: (models + 1, 2) lags, first of its
    values; values: (values, 2) coefficient, column.
    """
    n, most = x.shape[1], models[:, 0].max()
    centred, products, g = np.empty(n), np.empty((most + 2, most + 2)), np.empty((most + 2, most + 2))
    room, columns = np.empty((3, max(n, most + 1))), np.empty(most + 2, dtype=np.int64)
    for w in range(len(x)):
        level = total(x[w]) / n
        for i in range(n):
            centred[i] = x[w, i] - level
        for k in range(len(models) - 1):
            lags = models[k, 0]
            if not np.any(x[w, lags:]):  # a machine at rest: whatever the inverse is, its product with zeros is zero
                for v in range(models[k, 1], models[k + 1, 1]):
                    out[w, values[v, 1]] = 0.0
                continue
            columns[0], columns[lags + 1] = 0, 1
            for lag in range(1, lags + 1):
                columns[lag] = lag + 1
            if not _fit(centred, level, columns[: lags + 2], products, g, room):
                doubtful[w, k] = True
                continue
            for v in range(models[k, 1], models[k + 1, 1]):
                out[w, values[v, 1]] = room[0, values[v, 0]]


def _as_statsmodels(x: Floats, lags: int) -> Floats:
    """Return the parameters of `AutoReg(x, lags, trend="c").fit()`, bit for bit, without building its models."""
    from statsmodels.tools.tools import pinv_extended
    from statsmodels.tsa.tsatools import lagmat

    columns = lagmat(x[:, None], lags, original="sep")
    design = np.c_[np.ones(len(x)), columns.lags][lags:]
    try:
        inverse, _ = pinv_extended(design)
    except np.linalg.LinAlgError:
        return np.full(lags + 1, np.nan)
    fitted: Floats = np.dot(inverse, columns.leads[lags:, 0])
    return fitted


def _prepare(wanted: Sequence[Wanted], n: int) -> Run:
    of_model: dict[int, list[tuple[int, int]]] = {}
    fixed: list[tuple[int, float]] = []
    for each in wanted:
        lags, coefficient = int(each.params["k"]), int(each.params["coeff"])
        if coefficient > lags:
            fixed.append((each.column, np.nan))
        elif n < 2 * lags + 1:  # AutoReg raises, and tsfresh then looks into a list of `lags` NaN
            fixed.append((each.column, np.nan if coefficient < lags else 0.0))
        else:
            of_model.setdefault(lags, []).append((coefficient, each.column))
    firsts = np.cumsum([0, *map(len, of_model.values())])
    models = np.array([*zip([*of_model, 0], firsts, strict=True)], dtype=np.int64)
    values = np.array([v for model in of_model.values() for v in model], dtype=np.int64)

    def run(block: Block, out: Floats) -> None:
        for column, value in fixed:
            out[:, column] = value
        if not of_model:
            return
        doubtful = np.zeros((len(block.x), len(of_model)), dtype=np.bool_)
        _coefficients(block.x, models, values, out, doubtful)
        for w, k in np.argwhere(doubtful):
            parameters = _as_statsmodels(block.x[w], int(models[k, 0]))
            coefficients, places = values[models[k, 1] : models[k + 1, 1]].T
            out[w, places] = parameters[coefficients]

    return run


def _is_model(params: Mapping[str, Any]) -> bool:
    lags, coefficient = params.get("k"), params.get("coeff")
    return isinstance(lags, int) and isinstance(coefficient, int) and lags > 0 and coefficient >= 0


GROUP: Final = Group("autoregression", {NAME: _is_model}, _prepare)
