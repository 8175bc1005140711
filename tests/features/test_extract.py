"""Feature vectors against tsfresh itself."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from domain.plant import Axis
from domain.vectors import FeatureName, FeatureSet
from features import FEATURE_SETS
from features.compute import MIN_VALUES
from features.extract import extract, feature_set, join
from features.windows import Grid, Windows, cut
from tests.features.grids import grid, window

NAN = float("nan")
EVER = 2**62
TAGS = ("flow", "Temp__2", "druck bar")


def _full(calculators: str, lab: tuple[str, ...] = ()) -> FeatureSet:
    return feature_set("s", Axis.CYCLE, 12, 1, 0.1, calculators, TAGS, lab)


def _noisy(n: int = 60) -> Grid:
    random = np.random.default_rng(4)
    values = random.normal(size=(n, 3)) * [1.0, 1e3, 1e-3] + [0.0, 5e4, 0.0]
    values[random.random((n, 3)) < 0.1] = NAN
    values[20:40, 2] = 7.5
    return Grid("plant/x", TAGS, np.cumsum(random.integers(1, 9, n)).astype(np.int64), values)


def _reference(whole: Grid, windows: Windows, calculators: str) -> pd.DataFrame:
    import tsfresh

    rows: list[dict[str, Any]] = []
    for number, (first, stop) in enumerate(zip(windows.first.tolist(), windows.stop.tolist(), strict=True)):
        for column, tag in enumerate(whole.tags):
            series: NDArray[np.float64] = whole.values[first:stop, column]
            rows += [{"id": number, "kind": tag, "time": i, "value": v} for i, v in enumerate(series) if v == v]
    chosen: dict[str, Any] = {}
    for name, params in FEATURE_SETS[calculators]:
        if params:
            chosen.setdefault(name, []).append(dict(params))
        else:
            chosen[name] = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tsfresh.extract_features(
            pd.DataFrame(rows),
            column_id="id",
            column_sort="time",
            column_kind="kind",
            column_value="value",
            default_fc_parameters=chosen,
            n_jobs=0,
            disable_progressbar=True,
        )


OF_TIES = "permutation_entropy"  # the samples dropped and set equal here make ties, where tsfresh differs by CPU


@pytest.mark.parametrize(
    ("calculators", "near"), [("level", 1e-12), ("trend", 1e-12), ("minimal", 1e-12), ("efficient", 1e-7)]
)
def test_each_value_is_tsfreshs_of_the_same_name(calculators: str, near: float) -> None:
    whole, names = _noisy(), _full(calculators).names
    windows = cut(whole, _full(calculators), 1, 1, int(whole.times[10]), EVER)
    found = extract(whole, windows, names)
    reference = _reference(whole, windows, calculators)
    assert found.values.shape == (len(windows), len(names)) == reference.shape
    for place, name in enumerate(names):
        (column,) = [c for c in reference.columns if c.lower() == name.label.lower()]
        if name.calculator != OF_TIES:
            np.testing.assert_allclose(found.values[:, place], reference[column], rtol=near, atol=near, err_msg=column)


@pytest.mark.parametrize("calculators", sorted(set(FEATURE_SETS) - {"trailing"}))
def test_labels_are_spelled_as_tsfresh_spells_its_columns(calculators: str) -> None:
    whole = _noisy(12)
    windows = cut(whole, _full(calculators), 1, 1, int(whole.times[10]), EVER)
    assert {n.label for n in _full(calculators).names} == set(_reference(whole, windows, calculators).columns)


def test_a_window_alone_and_in_a_batch_give_bit_equal_vectors() -> None:
    whole, features = _noisy(), _full("trend")
    windows = cut(whole, features, 1, 1, -1, EVER)
    batch = extract(whole, windows, features.names)
    for i in range(len(windows)):
        alone = extract(whole, windows.take(slice(i, i + 1)), features.names)
        assert alone.values.tobytes() == batch.values[i : i + 1].tobytes()


def test_missing_values_are_dropped_before_anything_is_computed() -> None:
    names = feature_set("s", Axis.CYCLE, 5, 1, 0.1, "trend", ("a",), ()).names
    holes, dense = grid([1, 2, 3, 4, 5], [NAN, 1, NAN, 4, 2]), grid([1, 2, 3], [1, 4, 2])
    with_holes = extract(holes, window(0, 5, 1, 5, 5.0), names)
    np.testing.assert_array_equal(with_holes.values, extract(dense, window(0, 3, 1, 3, 3.0), names).values)
    assert not np.isnan(with_holes.values).any()


def test_fewer_than_three_values_say_nothing() -> None:
    names = feature_set("s", Axis.CYCLE, 4, 1, 0.1, "level", ("a", "b"), ()).names
    found = extract(grid([1, 2, 3, 4], [1, 2, NAN, NAN], [1, 2, 3, NAN]), window(0, 4, 1, 4, 4.0), names)
    is_a = np.array([n.source == "a" for n in names])
    assert MIN_VALUES == 3
    assert np.isnan(found.values[0, is_a]).all()
    assert not np.isnan(found.values[0, ~is_a]).any()


def test_a_feature_set_names_each_calculator_of_each_tag_then_what_is_known_of_each_lab_result() -> None:
    names = _full("level", lab=("silica", "iron")).names
    n_calculators = len(FEATURE_SETS["level"])
    assert [n.source for n in names[: 3 * n_calculators]] == [t for t in TAGS for _ in range(n_calculators)]
    assert [n.calculator for n in names[:n_calculators]] == [c for c, _ in FEATURE_SETS["level"]]
    assert [(n.origin, n.source, n.calculator) for n in names[3 * n_calculators :]] == [
        ("lab", "silica", "last"),
        ("lab", "silica", "before_last"),
        ("lab", "silica", "recent"),
        ("lab", "iron", "last"),
        ("lab", "iron", "before_last"),
        ("lab", "iron", "recent"),
    ]
    assert len(set(names)) == len(names)


def test_values_stand_in_the_order_of_the_names_asked_for() -> None:
    whole, names = _noisy(), _full("trend").names
    windows = cut(whole, _full("trend"), 1, 1, int(whole.times[10]), EVER)
    forward = extract(whole, windows, names)
    backward = extract(whole, windows, names[::-1])
    assert backward.names == names[::-1]
    np.testing.assert_array_equal(backward.values, forward.values[:, ::-1])


def test_lab_columns_go_to_the_lab_names() -> None:
    names = (FeatureName("lab", "y", "last"), FeatureName("tag", "a", "mean"), FeatureName("lab", "y", "before_last"))
    found = extract(grid([1, 2, 3], [1, 2, 3]), window(0, 3, 1, 3, 3.0), names, ["lot-1"], np.array([[8.0, 9.0]]))
    assert found.values.tolist() == [[8.0, 2.0, 9.0]]
    assert found.subject.tolist() == ["lot-1"]


def test_vectors_carry_asset_interval_and_position() -> None:
    names = (FeatureName("tag", "a", "mean"),)
    found = extract(grid([1, 2, 3], [1, 2, 3]), window(0, 3, 1, 7, 42.0), names)
    assert (found.asset[0], found.subject[0]) == ("plant/x", "")
    assert (int(found.start[0]), int(found.end[0]), float(found.position[0])) == (1, 7, 42.0)


def test_joining_keeps_every_row_in_order_and_nothing_joins_to_nothing() -> None:
    names = (FeatureName("tag", "a", "mean"),)
    parts = [extract(grid([1, 2, 3], [k, k, k]), window(0, 3, 1, k, 1.0), names) for k in (5, 4)]
    joined = join(parts, names)
    assert joined.values[:, 0].tolist() == [5.0, 4.0]
    assert joined.end.tolist() == [5, 4]
    assert len(join([], names)) == 0
    assert join([], names).values.shape == (0, 1)


def test_a_feature_set_survives_json_with_its_hash() -> None:
    full = _full("trend", lab=("silica",))
    again = FeatureSet.from_json(full.as_json())
    assert again == full
    assert again.hash == full.hash
    assert full.hash != _full("trend").hash
