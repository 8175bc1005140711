"""Which columns can exist, against tsfresh itself: left out exactly where it has no value for any window."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from domain.vectors import FeatureName
from features import reference, sets
from features.existence import RULES, existing, exists
from features.extract import planned
from features.kernels import Block
from tests.features.kernels import windows

NAMES = tuple(FeatureName("tag", "a", c, p) for c, p in sets.EFFICIENT)
PLAN = planned(NAMES, ("a",))
EDGES = sorted({*range(3, 25), 40, 49, 50, 51, 59, 60, 99, 100, 101, 197, 198, 199, 200, 256, 300})


def _by_tsfresh(series: NDArray[np.float64], names: tuple[FeatureName, ...]) -> dict[FeatureName, float]:
    asked: dict[str, list[FeatureName]] = defaultdict(list)
    for name in names:
        asked[name.calculator].append(name)
    found: dict[FeatureName, float] = {}
    for calculator, each in asked.items():
        params: list[dict[str, Any]] = [dict(name.params) for name in each]
        found |= dict(zip(each, reference.values(calculator, params, series), strict=True))
    return found


def _by_kernels(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values of all names, which other tests hold against tsfresh's: float64 (windows, names)."""
    (bundle,) = PLAN.bundles
    out = np.empty((len(x), bundle.width))
    for run in bundle.prepared(x.shape[1]):
        run(Block(np.ascontiguousarray(x)), out)
    return out


@settings(max_examples=12)
@given(n=st.sampled_from(EDGES), seed=st.integers(0, 2**31))
def test_what_is_left_out_has_no_value_in_tsfresh_and_what_stays_has_one_on_some_window(n: int, seed: int) -> None:
    ruled = tuple(name for name in NAMES if name.calculator in RULES)
    random = np.random.default_rng(seed)
    tone = np.cos(2 * np.pi * np.arange(n) * (n // 2) / n) + 0.5 * random.normal(size=n)
    series = (random.normal(50, 3, n), random.normal(0, 1, n), tone)
    found = [_by_tsfresh(x, ruled) for x in series]
    has_value = {name for name in ruled if any(not np.isnan(values[name]) for values in found)}
    assert {n.label for n in has_value - set(existing(ruled, {"a": n}))} == set()
    unstable = {"fft_aggregated"}  # whether a spectrum is wide enough is the data's
    never = {name.label for name in set(existing(ruled, {"a": n})) - has_value if name.calculator not in unstable}
    assert never == set()


@pytest.mark.parametrize("n", EDGES)
def test_over_every_kind_of_window_a_column_is_left_out_just_where_it_is_always_nan(n: int) -> None:
    values = np.concatenate([_by_kernels(x) for _, x in windows.kinds(n)])
    always_nan = {name.label for name, nan in zip(NAMES, np.isnan(values).all(axis=0), strict=True) if nan}
    left_out = {name.label for name in NAMES if not exists(name, n)}
    assert left_out == always_nan


def test_each_tag_has_its_own_length_and_what_is_of_no_tag_stays() -> None:
    asked = tuple(FeatureName("tag", tag, "fft_coefficient", (("attr", "abs"), ("coeff", 40))) for tag in ("a", "b"))
    lab = FeatureName("lab", "silica", "last")
    assert existing((*asked, lab), {"a": 79, "b": 80}) == (asked[1], lab)
