"""Windows that are hard to agree on: every kind of data that a plant sends, and lengths around every boundary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from tsfresh.feature_extraction import EfficientFCParameters

from features import reference
from features.kernels import Block, Group, Wanted

Floats = NDArray[np.float64]
LENGTHS: Final = (
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    10,
    11,
    12,
    15,
    16,
    20,
    21,
    23,
    24,
    33,
    59,
    60,
    61,
    100,
    128,
    129,
    137,
    255,
    256,
    257,
    300,
    512,
    600,
    1000,
)
RELATIVE: Final = 1e-9
OF_SCALE: Final = 1e-12
EFFICIENT: Final[Mapping[str, Any]] = EfficientFCParameters()
DEGREE: Final = {  # to which power of the data a value grows, where that is not one
    "abs_energy": 2, "variance": 2, "c3": 3, "time_reversal_asymmetry_statistic": 3, "spkt_welch_density": 2,
}  # fmt: skip


def _permutation_entropy(x: Floats, tau: int, dimension: int) -> float:
    if len(x) < dimension:
        return np.nan
    runs = np.lib.stride_tricks.sliding_window_view(x, dimension)[::tau]
    ranks = np.argsort(np.argsort(runs, kind="stable"))
    shares = np.unique(ranks, axis=0, return_counts=True)[1] / len(ranks)
    return float(-np.sum(shares * np.log(shares)))


OF_ROUNDING: Final[Mapping[str, float]] = {
    # share of the window's scale: of a straight line the standard error is the rounding of `np.cov`'s sums alone, and
    # OpenBLAS adds in another order on another CPU (OPENBLAS_CORETYPE=Prescott and =Haswell show both)
    "stderr": 1e-7,
}
OF_TIES: Final[Mapping[str, Callable[..., float]]] = {
    # tsfresh's formula for windows with equal samples where tsfresh disagrees with itself: its unstable `np.argsort`
    # orders them as the CPU's vectors do (NPY_DISABLE_CPU_FEATURES="X86_V3 X86_V4" changes its values)
    "permutation_entropy": _permutation_entropy,
}


def kinds(n: int, seed: int = 0) -> Iterator[tuple[str, Floats]]:
    """Yield (kind, windows of length n: float64 (few, n)) of every kind of data."""
    r = np.random.default_rng((seed, n))
    t = np.arange(n, dtype=np.float64)
    yield "random", r.normal(50, 3, (3, n))
    yield "centred", r.normal(0, 1, (2, n))
    yield "sine", np.stack([5 * np.sin(2 * np.pi * t / 47) + r.normal(0, 0.5, n), np.sin(2 * np.pi * t / 5)])
    yield "walk", np.cumsum(r.normal(0, 0.3, (2, n)), axis=1)
    yield "constant", np.repeat([[0.0], [5.0], [0.1], [-3.7], [1e6 + 0.1]], n, axis=1)
    yield "ramp", np.stack([t, -0.7 * t + 3, 0.1 * t, (t % 13) * 0.7])
    yield "integer", r.integers(-3, 9, (3, n)).astype(np.float64)
    yield "binary", (r.random((2, n)) < 0.3).astype(np.float64)
    yield "tiny", r.normal(0, 1e-9, (2, n))
    yield "huge", r.normal(1e9, 1e7, (2, n))
    yield "repeated", np.stack([np.repeat(r.normal(0, 1, n), 4)[:n], np.tile([1.0, 2.0, 4.0], n)[:n]])
    yield "quantised", np.round(r.normal(20, 0.4, (3, n)), 1)
    yield "setpoint", np.where(t < n // 2, 10.0, 35.0)[None] + np.stack([r.normal(0, 0.2, n), np.zeros(n)])
    yield "spike", np.where(t == n // 3, 40.0, 0.0)[None] + np.stack([np.zeros(n), r.normal(0, 0.01, n)])
    yield "nearly constant", 21.6 + 4e-15 * (t % 2)[None]


def everything(group: Group) -> list[Wanted]:
    """Return all that tsfresh's efficient set asks of a group, in its order."""
    nothing: tuple[dict[str, Any], ...] = ({},)
    asked = [(c, p) for c, params in EFFICIENT.items() if c in group.calculators for p in params or nothing]
    return [Wanted(calculator, params, column) for column, (calculator, params) in enumerate(asked)]


def ours(group: Group, wanted: list[Wanted], x: Floats) -> Floats:
    """Return a group's values: float64 (windows, wanted)."""
    out = np.full((len(x), len(wanted)), -12345.678)  # a column that is left out must show
    group.prepare(wanted, x.shape[1])(Block(np.ascontiguousarray(x)), out)
    return out


def theirs(wanted: list[Wanted], x: Floats) -> Floats:
    """Return tsfresh's values: float64 (windows, wanted)."""
    out = np.empty((len(x), len(wanted)))
    for calculator in dict.fromkeys(w.calculator for w in wanted):
        places = [i for i, w in enumerate(wanted) if w.calculator == calculator]
        params = [wanted[i].params for i in places]
        for row, series in enumerate(x):
            if calculator in OF_TIES and len(np.unique(series)) < len(series):
                out[row, places] = [OF_TIES[calculator](series, **each) for each in params]
            else:
                out[row, places] = reference.values(calculator, params, series)
    return out


def disagreements(wanted: list[Wanted], x: Floats, found: Floats, expected: Floats) -> list[str]:
    """Name every value that is neither equal to tsfresh's, within 1e-9 of it or 1e-12 of the window's scale, nor NaN
    with it.
    """
    degree = np.array([DEGREE.get(w.calculator, 1) for w in wanted])
    scale = np.abs(x).max(axis=1, keepdims=True) ** degree
    share = np.array([OF_ROUNDING.get(w.params.get("attr", ""), OF_SCALE) for w in wanted])
    with np.errstate(invalid="ignore"):
        near = np.abs(found - expected) <= RELATIVE * np.abs(expected) + share * scale
    good = near | (found == expected) | (np.isnan(found) & np.isnan(expected))
    return [
        f"{wanted[j].calculator} {dict(wanted[j].params)} window {i}: {found[i, j]!r}, tsfresh {expected[i, j]!r}"
        for i, j in np.argwhere(~good)
    ]
