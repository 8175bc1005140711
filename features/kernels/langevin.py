"""Drift of a window as a polynomial of its value (`friedrich_coefficients`), and where it has its largest root
(`max_langevin_fixed_point`).

Mean steps of groups between quantiles (Friedrich et al., Physics Letters A 271 (2000) 217), with pandas' very groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from features import reference
from features.kernels.block import Block, Group, Run, Wanted, columns, numbers, whole
from features.kernels.numeric import Floats, Ints, compiled, quantile
from features.kernels.polynomials import fit, rightmost_root, scaled_powers

COEFFICIENTS: Final = "friedrich_coefficients"
FIXED_POINT: Final = "max_langevin_fixed_point"
DISTINCT: Final = 1e-13  # quantiles this close, of their size, pandas may label alike
TINY: Final = 1e-280  # below it the labels overflow

FITTED: Final = 0
NO_FIT: Final = 1  # quantiles are equal: pandas refuses, the values are NaN
UNDECIDED: Final = 2  # only pandas and numpy can tell
NO_ROOT: Final = 3  # only numpy can tell the root, the coefficients are good


@compiled
def _quantiles(ordered: Floats, last: float, places: Floats, before: Floats, edges: Floats) -> int:
    """Write the quantiles of all samples but the last.

    ordered: all samples ascending. places: indices of the quantiles, not whole. before: overwritten, one shorter.
    """
    is_out = 0
    for i in range(len(before)):
        is_out |= ordered[i] == last
        before[i] = ordered[i + is_out]
    for k in range(len(places)):
        edges[k] = quantile(before, places[k])
    found = FITTED
    for k in range(len(places) - 1):
        low, high = edges[k], edges[k + 1]
        if low == high and len(places) > 2:
            return NO_FIT
        if not high - low > DISTINCT * max(abs(low), abs(high)) or 0.0 < abs(low) < TINY or 0.0 < abs(high) < TINY:
            found = UNDECIDED
    return found


@compiled
def _find_groups(series: Floats, edges: Floats, groups: Ints) -> None:
    """Write of all samples but the last between which quantiles they lie, the upper one included, in the first both.

    Counted, not searched: so many samples are compared at once.
    """
    groups[:] = 0
    for k in range(1, len(edges) - 1):
        edge = edges[k]
        for i in range(len(groups)):
            groups[i] += edge < series[i]


@compiled
def _means(series: Floats, groups: Ints, sums: Floats, means: Floats) -> int:
    """Write each group's mean value and mean step to the next sample, and return how many groups have samples.

    Summed with compensation in the order of time, as pandas does: the fit shows each last bit. sums: overwritten,
    float64 (groups, 5). means: float64 (2, groups).
    """
    sums[:] = 0.0
    for i in range(len(groups)):
        g = groups[i]
        y = series[i] - sums[g, 1]
        t = sums[g, 0] + y
        sums[g, 1] = t - sums[g, 0] - y
        sums[g, 0] = t
        y = series[i + 1] - series[i] - sums[g, 3]
        t = sums[g, 2] + y
        sums[g, 3] = t - sums[g, 2] - y
        sums[g, 2] = t
        sums[g, 4] += 1.0
    filled = 0
    for g in range(len(sums)):
        if sums[g, 4] > 0.0:
            means[0, filled] = sums[g, 0] / sums[g, 4]
            means[1, filled] = sums[g, 2] / sums[g, 4]
            filled += 1
    return filled


@compiled
def _points(series: Floats, ordered: Floats, places: Floats) -> Floats:
    """Return the mean value and the mean step of each group with samples: float64 (2, groups)."""
    edges, means = np.empty(len(places)), np.empty((2, len(places) - 1))
    _quantiles(ordered, series[-1], places, np.empty(len(series) - 1), edges)
    groups = np.empty(len(series) - 1, np.int64)
    _find_groups(series, edges, groups)
    filled = _means(series, groups, np.empty((len(places) - 1, 5)), means)
    return means[:, :filled].copy()


@compiled
def _drift(
    x: Floats, ordered: Floats, places: Floats, degree: int, to: Ints, which: Ints, to_root: Ints, out: Floats
) -> Ints:
    """Write the coefficients `which` of each window into its columns `to`, and the root into `to_root`.

    Returns how far each window came: FITTED, NO_FIT, UNDECIDED or NO_ROOT. Only the first two are complete.
    """
    n, most = x.shape[1], len(places) - 1
    edges, before, sums, means = np.empty(most + 1), np.empty(n - 1), np.empty((most, 5)), np.empty((2, most))
    room, inverse = np.empty((2, (degree + 2) * most)), np.empty((degree + 1, degree + 1))
    scales, c, groups = np.empty(degree + 1), np.empty(degree + 1), np.empty(n - 1, np.int64)
    states = np.empty(len(x), np.int64)
    for w in range(len(x)):
        state = _quantiles(ordered[w], x[w, n - 1], places, before, edges)
        root = np.nan
        c[:] = np.nan
        if state == FITTED:
            _find_groups(x[w], edges, groups)
            filled = _means(x[w], groups, sums, means)
            columns = room[0, : (degree + 2) * filled].reshape(degree + 2, filled)
            work = room[1, : (degree + 2) * filled].reshape(degree + 2, filled)
            scaled_powers(means[0, :filled], degree, columns, scales)
            columns[degree + 1] = means[1, :filled]
            if not 0.0 < scales.min() <= scales.max() < np.inf:
                state = UNDECIDED
            else:
                error = fit(columns, work, scales, inverse, c)
        for i in range(len(to)):
            out[w, to[i]] = c[which[i]] if which[i] <= degree else np.nan
        if len(to_root) > 0 and state == FITTED:
            root = rightmost_root(columns, scales, inverse, error, c)
            if np.isnan(root):
                state = NO_ROOT
        for i in range(len(to_root)):
            out[w, to_root[i]] = root
        states[w] = state
    return states


def _root_by_numpy(series: Floats, ordered: Floats, places: Floats, degree: int) -> float:
    values, steps = _points(series, ordered, places)
    roots = np.roots(np.polyfit(values, steps, degree, full=True)[0])  # full: nothing is said of a poor condition
    return float(np.max(np.real(roots))) if len(roots) else np.nan


def _places(n: int, groups: int) -> Floats:
    """Return the indices, not whole, of `pd.qcut`'s quantiles among n ascending values: float64 (groups + 1,)."""
    shares = np.linspace(0, 1, groups + 1)
    shares = np.where(groups * shares != np.arange(groups + 1), np.nextafter(shares, 1), shares)
    return (n - 1) * shares


def _prepare(wanted: Sequence[Wanted], n: int) -> Run:
    runs = [
        _prepare_one([w for w in wanted if (w.params["m"], w.params["r"]) == (m, r)], n, m, r)
        for m, r in dict.fromkeys((int(w.params["m"]), int(w.params["r"])) for w in wanted)
    ]

    def run(block: Block, out: Floats) -> None:
        for one in runs:
            one(block, out)

    return run


def _prepare_one(wanted: Sequence[Wanted], n: int, degree: int, groups: int) -> Run:
    to, to_root = columns(wanted, COEFFICIENTS), columns(wanted, FIXED_POINT)
    which = numbers(wanted, COEFFICIENTS, "coeff").astype(np.int64)
    places = _places(n - 1, groups)
    coefficients = [w.params for w in wanted if w.calculator == COEFFICIENTS]

    def run(block: Block, out: Floats) -> None:
        states = _drift(block.x, block.ordered, places, degree, to, which, to_root, out)
        for w in np.flatnonzero(states >= UNDECIDED):
            series = block.x[w]
            if states[w] == NO_ROOT:
                out[w, to_root] = _root_by_numpy(series, block.ordered[w], places, degree)
                continue
            out[w, to] = reference.values(COEFFICIENTS, coefficients, series)
            if len(to_root):
                out[w, to_root] = reference.values(FIXED_POINT, [{"m": degree, "r": groups}], series)[0]

    return run


def _has_fit(params: Mapping[str, Any]) -> bool:
    return whole(params["m"], 1) and whole(params["r"], 1)


def _has_coefficient(params: Mapping[str, Any]) -> bool:
    return _has_fit(params) and whole(params["coeff"], 0)


GROUP: Final = Group("langevin", {COEFFICIENTS: _has_coefficient, FIXED_POINT: _has_fit}, _prepare)
