"""How many of a window's samples meet a condition, how long at a stretch, by when a share of their sum is reached, and
how their leading digits fall.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

import numpy as np

from features.kernels.block import Block, Group, Run, Wanted, given, table
from features.kernels.numeric import Floats, Ints, above, below, compiled, total

PARAMS: Final[Mapping[str, Sequence[str]]] = {
    "count_above_mean": (),
    "count_below_mean": (),
    "longest_strike_above_mean": (),
    "longest_strike_below_mean": (),
    "benford_correlation": (),
    "value_count": ("value",),
    "range_count": ("min", "max"),
    "count_above": ("t",),
    "count_below": ("t",),
    "number_crossing_m": ("m",),
    "index_mass_quantile": ("q",),
}
OVER_MEAN, UNDER_MEAN, RUN_OVER, RUN_UNDER, BENFORD = range(5)
VALUE, RANGE, NOT_BELOW, NOT_ABOVE, CROSSING, MASS = range(5, 11)
WITHOUT_SIGN: Final = (1 << 63) - 1
SHIFT: Final = 48  # leaves the exponent and four bits of the fraction: too few doubles for two changes of their digit
BENFORD_LAW: Final = np.array([np.log10(1 + 1 / digit) for digit in range(1, 10)])


@compiled
def _counts(x: Floats, asked: Ints, params: Floats, edges: Floats, digits: Ints, starts: Ints, out: Floats) -> None:
    count, n = x.shape
    found, mass, seen = np.empty(VALUE), np.empty(n), np.empty(10, np.int64)
    strikes, leading, masses = False, False, False
    for k in range(len(asked)):
        strikes |= asked[k, 0] == RUN_OVER or asked[k, 0] == RUN_UNDER
        leading |= asked[k, 0] == BENFORD
        masses |= asked[k, 0] == MASS
    for w in range(count):
        window = x[w]
        mean = total(window) / n
        found[OVER_MEAN], found[UNDER_MEAN] = above(window, mean), below(window, mean)
        if strikes:
            _strikes(window, mean, found)
        if leading:
            _leading_digits(window, edges, digits, starts, seen)
            found[BENFORD] = _correlation(seen, n)
        has_mass = masses and _cumulate(window, mass)
        for k in range(len(asked)):
            calculator, param = asked[k, 0], params[k, 0]
            if calculator < VALUE:
                value = found[calculator]
            elif calculator == VALUE:
                value = float(_equal(window, param))
            elif calculator == RANGE:
                value = float(_within(window, param, params[k, 1]))
            elif calculator == NOT_BELOW:
                value = _at_least(window, param) / n
            elif calculator == NOT_ABOVE:
                value = _at_most(window, param) / n
            elif calculator == CROSSING:
                value = float(_crossings(window, param))
            elif has_mass:
                value = (below(mass, param) % n + 1) / n  # one that is never reached counts as the first sample
            else:
                value = np.nan
            out[w, asked[k, 1]] = value


@compiled
def _strikes(x: Floats, mean: float, found: Floats) -> None:
    over, under, longest_over, longest_under = 0, 0, 0, 0
    for i in range(len(x)):
        over = over + 1 if x[i] > mean else 0
        under = under + 1 if x[i] < mean else 0
        longest_over = max(longest_over, over)
        longest_under = max(longest_under, under)
    found[RUN_OVER], found[RUN_UNDER] = longest_over, longest_under


@compiled
def _cumulate(x: Floats, mass: Floats) -> bool:
    """Write the running share of the sum of absolute values; False where that sum is zero."""
    for i in range(len(x)):
        mass[i] = abs(x[i])
    whole = total(mass)
    running = 0.0
    for i in range(len(x)):
        running += mass[i]
        mass[i] = running
    for i in range(len(x)):
        mass[i] /= whole
    return whole != 0.0


@compiled
def _equal(x: Floats, value: float) -> int:
    count = 0
    for i in range(len(x)):
        count += x[i] == value
    return count


@compiled
def _within(x: Floats, low: float, high: float) -> int:
    count = 0
    for i in range(len(x)):
        count += (x[i] >= low) & (x[i] < high)
    return count


@compiled
def _at_least(x: Floats, level: float) -> int:
    count = 0
    for i in range(len(x)):
        count += x[i] >= level
    return count


@compiled
def _at_most(x: Floats, level: float) -> int:
    count = 0
    for i in range(len(x)):
        count += x[i] <= level
    return count


@compiled
def _crossings(x: Floats, level: float) -> int:
    count = 0
    for i in range(1, len(x)):
        count += (x[i] > level) != (x[i - 1] > level)
    return count


@compiled
def _leading_digits(x: Floats, edges: Floats, digits: Ints, starts: Ints, seen: Ints) -> None:
    """Count the samples by the first digit of their shortest decimal form (0 for zero)."""
    bits = x.view(np.int64)
    seen[:] = 0
    for i in range(len(x)):
        size = abs(x[i])
        place = starts[(bits[i] & WITHOUT_SIGN) >> SHIFT]
        while size >= edges[place]:
            place += 1
        seen[digits[place]] += 1


@compiled
def _correlation(seen: Ints, n: int) -> float:
    """Return the correlation of the digits' shares with Benford's law, as `np.corrcoef` computes it."""
    shares = np.empty(9)
    for d in range(9):
        shares[d] = seen[d + 1] / n
    law_mean, mean = total(BENFORD_LAW) / 9, total(shares) / 9
    both, law, own = 0.0, 0.0, 0.0
    for d in range(9):
        a, b = BENFORD_LAW[d] - law_mean, shares[d] - mean
        both += a * b
        law += a * a
        own += b * b
    if own == 0.0:
        return np.nan
    return min(1.0, max(-1.0, both / 8 / math.sqrt(law / 8) / math.sqrt(own / 8)))


@lru_cache(maxsize=1)
def _digit_table() -> tuple[Floats, Ints, Ints]:
    """Return the positive doubles at which the first decimal digit changes, ascending, closed by NaN; the digit of a
    value that has so many of them at or below it; and how many lie at or below the least value of each part of the
    doubles (`SHIFT`).
    """
    powers = (float(f"{digit}e{power}") for power in range(-324, 309) for digit in range(1, 10))
    edges = np.unique([edge for edge in powers if 0.0 < edge < np.inf])
    digits = np.array([0] + [int(np.format_float_scientific(edge)[0]) for edge in edges])
    least = (np.arange(1 << (63 - SHIFT)) << SHIFT).view(np.float64)
    return np.append(edges, np.nan), digits, np.searchsorted(edges, least, side="right")


def _prepare(wanted: Sequence[Wanted], _n: int) -> Run:
    asked, params = table(wanted, PARAMS)
    edges, digits, starts = _digit_table()

    def run(block: Block, out: Floats) -> None:
        _counts(block.x, asked, params, edges, digits, starts, out)

    return run


GROUP = Group("counts", {name: given(*params) for name, params in PARAMS.items()}, _prepare)
