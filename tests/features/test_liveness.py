"""Sensors that stand still, lose their noise or fall silent; and those that only rest as they always did."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from domain.inputs import Inputs, Liveness
from domain.vectors import FeatureSet
from features import liveness
from features.liveness import longest_stretch, noise_of
from features.windows import Grid, Lack, Windows, cut
from tests.features.grids import grid, on_cycles, on_time

NAN = float("nan")


def of_cycles(found: Grid, known: tuple[Liveness, ...] = ()) -> FeatureSet:
    return replace(on_cycles(20, coverage=0.5, tags=found.tags), inputs=Inputs(liveness=known))


def checked(found: Grid, known: tuple[Liveness, ...]) -> Windows:
    features = of_cycles(found, known)
    return liveness.checked(found, cut(found, features, 1, 1, -1, int(found.times[-1])), features, 1)


def noisy(n: int, seed: int = 0) -> list[float]:
    return np.random.default_rng(seed).normal(size=n).tolist()


def learned(*columns: list[float]) -> tuple[Liveness, ...]:
    known = grid(range(len(columns[0])), *columns, tags=("a", "b"))
    found = cut(known, of_cycles(known), 1, 1, -1, len(columns[0]))
    return liveness.learned([(known, found.take(found.is_whole))], known.tags)


def test_a_tag_that_stands_still_for_longer_than_it_ever_did_is_stuck() -> None:
    (known,) = learned(noisy(200))
    assert known.most == liveness.LEAST_ROWS
    values = noisy(60, 1)
    values[30:] = [values[30]] * 30
    found = checked(grid(range(60), values, tags=("a",)), (known,))
    assert [Lack(x).name for x in found.lacks[28:40, 0]] == ["NONE"] * 7 + ["STUCK"] * 5
    assert set(found.lacks[40:, 0].tolist()) == {Lack.STUCK}


def test_a_tag_that_has_lost_its_noise_is_stuck() -> None:
    known = learned(noisy(200))
    values = [*noisy(40, 2), *(1.0 + 1e-7 * np.array(noisy(40, 3)))]
    found = checked(grid(range(80), values, tags=("a",)), known)
    assert set(found.lacks[:40, 0].tolist()) <= {Lack.NONE, Lack.FEW}
    assert set(found.lacks[60:, 0].tolist()) == {Lack.STUCK}


def test_a_tag_that_rested_in_training_may_rest() -> None:
    switch = [float(i // 50 % 2) for i in range(200)]
    known = learned(switch, noisy(200))
    assert [x.tag for x in known] == ["b"]
    found = checked(grid(range(60), [1.0] * 60, noisy(60, 4)), known)
    assert not (found.lacks == Lack.STUCK).any()


def test_a_stretch_of_one_value_is_counted_over_what_is_missing() -> None:
    values = noisy(60, 5)
    values[30:50] = [7.0, NAN] * 10
    found = checked(grid(range(60), values, tags=("a",)), learned(noisy(200)))
    assert (found.lacks[49, 0], found.lacks[35, 0]) == (Lack.STUCK, Lack.NONE)


def test_a_tag_that_went_silent_at_a_windows_end_is_stale_and_a_few_missing_values_are_not() -> None:
    values = noisy(60, 6)
    values[50:] = [NAN] * 10
    by_cycles = checked(grid(range(60), values, tags=("a",)), ())
    assert [Lack(x).name for x in by_cycles.lacks[48:58, 0]] == ["NONE"] * 5 + ["STALE"] * 5
    on_clock = grid(range(0, 600, 10), values, tags=("a",))
    features = on_time(200, coverage=0.5)
    found = cut(on_clock, features, 10, 10, -1, 590)
    told = liveness.checked(on_clock, found, features, 10)
    names = dict(zip(told.end.tolist(), [Lack(x).name for x in told.lacks[:, 0]], strict=True))
    assert (names[530], names[540], names[590]) == ("NONE", "STALE", "STALE")
    allowed = liveness.checked(on_clock, found, replace(features, max_gap=100), 10)
    assert not (allowed.lacks == Lack.STALE).any()


@given(st.lists(st.integers(0, 2), min_size=1, max_size=40), st.data())
def test_the_longest_stretch_and_the_noise_are_those_of_the_definition(values: list[int], data: st.DataObject) -> None:
    n = len(values)
    spans = data.draw(st.lists(st.tuples(st.integers(0, n), st.integers(0, n)), min_size=1, max_size=6))
    first = np.array([min(s) for s in spans])
    stop = np.array([max(s) for s in spans])
    for i, (a, b) in enumerate(zip(first.tolist(), stop.tolist(), strict=True)):
        part = values[a:b]
        stretches = [(j, k) for j in range(len(part)) for k in range(j + 1, len(part) + 1)]
        longest = max((k - j for j, k in stretches if len(set(part[j:k])) == 1), default=0)
        assert longest_stretch(np.array(values, dtype=float), first, stop)[i] == longest
        steps = np.diff(part)
        expected = float(np.sqrt(np.mean(np.square(steps)))) if len(steps) else 0.0
        assert noise_of(np.array(values, dtype=float), first, stop)[i] == np.float64(expected)
