"""Changes between consecutive samples that both lie between two quantiles of their window (`change_quantiles`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from features.kernels.block import Block, Group, Run, Wanted
from features.kernels.numeric import Floats, Ints, compiled, quantile, total

NAME = "change_quantiles"
STATISTICS = ("mean", "var")


@compiled
def _pairs(x: Floats, lower: Floats, upper: Floats, changes: Floats) -> None:
    """Write of each two consecutive samples the lesser, the greater and the change."""
    later = x[1:]
    for i in range(len(later)):
        a, b = x[i], later[i]
        lower[i] = a if a < b else b
        upper[i] = b if a < b else a
        changes[i] = b - a


@compiled
def _keep_from(low: float, lower: Floats, upper: Floats, changes: Floats, kept: Floats, kept_upper: Floats) -> int:
    """Copy what does not begin below `low`; return how many."""
    count = 0
    for i in range(len(changes)):
        kept[count], kept_upper[count] = changes[i], upper[i]
        count += lower[i] >= low
    return count


@compiled
def _keep_to(high: float, kept: Floats, kept_upper: Floats, of: int) -> int:
    """Remove from the first `of` what ends above `high`; return how many are left."""
    count = 0
    for i in range(of):
        change, end = kept[i], kept_upper[i]  # read before written: else the processor waits for each store
        kept[count], kept_upper[count] = change, end
        count += end <= high
    return count


@compiled
def _statistics(changes: Floats, count: int, found: Floats) -> None:
    """Write found = mean and variance of the changes, then of their amounts; zeros where there are none."""
    if count == 0:
        found[:] = 0.0
        return
    mean = total(changes[:count]) / count  # in numpy's order, because changes to and fro cancel
    amount = spread = amount_spread = 0.0
    for i in range(count):
        amount += abs(changes[i])
    amount /= count
    for i in range(count):
        d, e = changes[i] - mean, abs(changes[i]) - amount
        spread += d * d
        amount_spread += e * e
    found[0], found[1], found[2], found[3] = mean, spread / count, amount, amount_spread / count


@compiled
def _corridors(x: Floats, ordered: Floats, at: Floats, ends: Ints, requests: Ints, out: Floats) -> None:
    """Work off the requests: rows of corridor, statistic, column.

    at: virtual indices of the edges. ends: each corridor's low and high edge, by low edge and then from the highest
    high edge down: what is inside a corridor is left of what is inside the one before.
    """
    n = x.shape[1]
    edges, found = np.empty(len(at)), np.empty(4)
    lower, upper, changes = np.empty(n - 1), np.empty(n - 1), np.empty(n - 1)
    kept, kept_upper = np.empty(n), np.empty(n)  # one place more: a value is written before it is known to stay
    for w in range(len(x)):
        for e in range(len(at)):
            edges[e] = quantile(ordered[w], at[e])
        _pairs(x[w], lower, upper, changes)
        count = k = 0
        for c in range(len(ends)):
            if c == 0 or ends[c, 0] != ends[c - 1, 0]:
                count = _keep_from(edges[ends[c, 0]], lower, upper, changes, kept, kept_upper)
            count = _keep_to(edges[ends[c, 1]], kept, kept_upper, count)
            _statistics(kept, count, found)
            while k < len(requests) and requests[k, 0] == c:
                out[w, requests[k, 2]] = found[requests[k, 1]]
                k += 1


def _is_known(params: Mapping[str, Any]) -> bool:
    return params["f_agg"] in STATISTICS and all(isinstance(params[q], (int, float)) for q in ("ql", "qh"))


def _prepare(wanted: Sequence[Wanted], n: int) -> Run:
    pairs = [(float(w.params["ql"]), float(w.params["qh"])) for w in wanted]
    corridors = sorted(
        {pair for pair in pairs if 0.0 <= pair[0] < pair[1] <= 1.0}, key=lambda pair: (pair[0], -pair[1])
    )
    quantiles = sorted({q for corridor in corridors for q in corridor})
    at = (n - 1) * np.array(quantiles)
    ends = np.array([[quantiles.index(q) for q in corridor] for corridor in corridors], dtype=np.int64)
    inside = [(corridors.index(pair), w) for pair, w in zip(pairs, wanted, strict=True) if pair in corridors]
    requests = np.array(sorted((c, _statistic(w), w.column) for c, w in inside), dtype=np.int64)
    nothing = [w.column for pair, w in zip(pairs, wanted, strict=True) if pair not in corridors]

    def run(block: Block, out: Floats) -> None:
        if corridors:
            _corridors(block.x, block.ordered, at, ends, requests, out)
        if nothing:
            out[:, nothing] = 0.0

    return run


def _statistic(wanted: Wanted) -> int:
    return 2 * bool(wanted.params["isabs"]) + STATISTICS.index(wanted.params["f_agg"])


GROUP = Group("corridors", {NAME: _is_known}, _prepare)
