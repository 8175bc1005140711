"""What a window's values in ascending order tell: extremes, their places, quantiles, and values that come again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from features.kernels.block import Block, Group, Run, Wanted, given, table
from features.kernels.numeric import Floats, Ints, compiled, quantile, total

PARAMS: Final[Mapping[str, Sequence[str]]] = {
    "minimum": (),
    "median": (),
    "maximum": (),
    "absolute_maximum": (),
    "first_location_of_minimum": (),
    "last_location_of_minimum": (),
    "first_location_of_maximum": (),
    "last_location_of_maximum": (),
    "has_duplicate_min": (),
    "has_duplicate_max": (),
    "has_duplicate": (),
    "ratio_value_number_to_time_series_length": (),
    "percentage_of_reoccurring_values_to_all_values": (),
    "percentage_of_reoccurring_datapoints_to_all_datapoints": (),
    "sum_of_reoccurring_values": (),
    "sum_of_reoccurring_data_points": (),
    "quantile": ("q",),
    "mean_n_absolute_max": ("number_of_maxima",),
}
MINIMUM, MEDIAN, MAXIMUM, ABSOLUTE, FIRST_MINIMUM, LAST_MINIMUM, FIRST_MAXIMUM, LAST_MAXIMUM = range(8)
TWICE_MINIMUM, TWICE_MAXIMUM, TWICE_ANY, DISTINCT, REPEATED_VALUES, REPEATED_POINTS, VALUE_SUM, POINT_SUM = range(8, 16)
QUANTILE, LARGEST = range(16, 18)


@compiled
def _order(x: Floats, ordered: Floats, asked: Ints, params: Floats, out: Floats) -> None:
    count, n = x.shape
    found, largest = np.empty(QUANTILE), np.empty(n)
    places, repeats, longest = False, False, 0
    for k in range(len(asked)):
        places |= FIRST_MINIMUM <= asked[k, 0] <= LAST_MAXIMUM
        repeats |= TWICE_ANY <= asked[k, 0] <= POINT_SUM
        if asked[k, 0] == LARGEST and params[k, 0] < n:
            longest = max(longest, int(params[k, 0]))
    for w in range(count):
        s = ordered[w]
        _extremes(s, found)
        if places:
            _places(x[w], s[0], s[n - 1], found)
        if repeats:
            _repeats(s, found)
        _by_size(s, longest, largest)
        for k in range(len(asked)):
            calculator, param = asked[k, 0], params[k, 0]
            if calculator < QUANTILE:
                value = found[calculator]
            elif calculator == QUANTILE:
                value = quantile(s, param * (n - 1))
            elif 0.0 < param < n:
                value = total(largest[n - int(param) :]) / param
            else:
                value = np.nan
            out[w, asked[k, 1]] = value


@compiled
def _extremes(s: Floats, found: Floats) -> None:
    n = len(s)
    found[MINIMUM], found[MAXIMUM] = s[0], s[n - 1]
    found[MEDIAN] = s[n // 2] if n % 2 else (s[n // 2 - 1] + s[n // 2]) / 2.0
    found[ABSOLUTE] = max(abs(s[0]), abs(s[n - 1]))
    found[TWICE_MINIMUM] = s[0] == s[1]
    found[TWICE_MAXIMUM] = s[n - 2] == s[n - 1]


@compiled
def _places(x: Floats, low: float, high: float, found: Floats) -> None:
    n = len(x)
    found[FIRST_MINIMUM], found[LAST_MINIMUM] = _from_start(x, low) / n, 1.0 - _from_end(x, low) / n
    found[FIRST_MAXIMUM], found[LAST_MAXIMUM] = _from_start(x, high) / n, 1.0 - _from_end(x, high) / n


@compiled
def _from_start(x: Floats, value: float) -> int:
    i = 0
    while i < len(x) - 1 and x[i] != value:
        i += 1
    return i


@compiled
def _from_end(x: Floats, value: float) -> int:
    i = len(x) - 1
    while i > 0 and x[i] != value:
        i -= 1
    return len(x) - 1 - i


@compiled
def _repeats(s: Floats, found: Floats) -> None:
    n = len(s)
    distinct, repeated, points, value_sum, point_sum = 0, 0, 0, 0.0, 0.0
    start = 0
    for stop in range(1, n + 1):
        if stop < n and s[stop] == s[start]:
            continue
        distinct += 1
        if stop - start > 1:
            repeated += 1
            points += stop - start
            value_sum += s[start]
            point_sum += (stop - start) * s[start]
        start = stop
    found[TWICE_ANY], found[DISTINCT] = distinct != n, distinct / n
    found[REPEATED_VALUES], found[REPEATED_POINTS] = repeated / distinct, points / n
    found[VALUE_SUM], found[POINT_SUM] = value_sum, point_sum


@compiled
def _by_size(s: Floats, count: int, largest: Floats) -> None:
    """Put the `count` largest absolute values at the end of `largest`, ascending."""
    first, last = 0, len(s) - 1
    for place in range(len(s) - 1, len(s) - 1 - count, -1):
        if abs(s[first]) > abs(s[last]):
            largest[place] = abs(s[first])
            first += 1
        else:
            largest[place] = abs(s[last])
            last -= 1


def _is_share(params: Mapping[str, Any]) -> bool:
    return given("q")(params) and 0.0 <= params["q"] <= 1.0


def _is_count(params: Mapping[str, Any]) -> bool:
    return given("number_of_maxima")(params) and isinstance(params["number_of_maxima"], int)


def _prepare(wanted: Sequence[Wanted], _n: int) -> Run:
    asked, params = table(wanted, PARAMS)

    def run(block: Block, out: Floats) -> None:
        _order(block.x, block.ordered, asked, params, out)

    return run


CALCULATORS: Final = {name: given(*params) for name, params in PARAMS.items()}
GROUP = Group("order", CALCULATORS | {"quantile": _is_share, "mean_n_absolute_max": _is_count}, _prepare)
