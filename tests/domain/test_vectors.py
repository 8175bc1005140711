"""Feature sets and vectors: the hash, the order of columns, JSON there and back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from domain.plant import Axis
from domain.vectors import FeatureName, FeatureSet, FeatureVectors, Training

MEAN = FeatureName("tag", "T24", "mean")
QUANTILE = FeatureName("tag", "T30", "quantile", (("q", 0.1),))
TREND = FeatureName("tag", "T24", "linear_trend", (("attr", "slope"), ("f", None)))
FEED = FeatureName("process", "feed", "value")
SET = FeatureSet("short", Axis.CYCLE, 30, 1, 0.8, (MEAN, QUANTILE, TREND, FEED))


def vectors() -> FeatureVectors:
    n = 3
    return FeatureVectors(
        (MEAN, QUANTILE, FEED),
        np.arange(9, dtype=float).reshape(n, 3),
        np.array(["a", "b", "c"], dtype=object),
        np.array(["", "", ""], dtype=object),
        np.arange(n, dtype=np.int64),
        np.arange(n, dtype=np.int64) + 10,
        np.arange(n, dtype=float) + 0.5,
    )


def test_hash_is_the_same_in_every_run() -> None:
    assert SET.hash == "8eef8d9378251f696e01d042de417598a2b61209d742f6d4bd3909227324ac7b"


def test_hash_is_the_same_for_an_equal_set() -> None:
    assert FeatureSet.from_json(json.loads(json.dumps(SET.as_json()))).hash == SET.hash


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"axis": Axis.TIME},
        {"window": 31},
        {"step": 2},
        {"min_coverage": 0.7},
        {"names": (MEAN, QUANTILE, TREND)},
        {"names": (QUANTILE, MEAN, TREND, FEED)},
        {"names": (replace(MEAN, origin="lab"), QUANTILE, TREND, FEED)},
        {"names": (replace(MEAN, source="T25"), QUANTILE, TREND, FEED)},
        {"names": (replace(MEAN, calculator="median"), QUANTILE, TREND, FEED)},
        {"names": (MEAN, replace(QUANTILE, params=(("q", 0.2),)), TREND, FEED)},
    ],
    ids=str,
)
def test_hash_changes_with_every_field(change: dict[str, Any]) -> None:
    assert replace(SET, **change).hash != SET.hash


def test_set_comes_back_equal_from_json() -> None:
    assert FeatureSet.from_json(json.loads(json.dumps(SET.as_json()))) == SET


@pytest.mark.parametrize("name", [MEAN, QUANTILE, TREND, FEED, FeatureName("tag", "a__b", "c__d")], ids=str)
def test_name_comes_back_equal_from_json(name: FeatureName) -> None:
    assert FeatureName.from_json(json.loads(json.dumps(name.as_json()))) == name


def test_label_is_spelled_as_tsfresh_does() -> None:
    assert QUANTILE.label == "T30__quantile__q_0.1"
    assert TREND.label == 'T24__linear_trend__attr_"slope"__f_None'


def test_sources_are_tags_only_each_once() -> None:
    assert SET.sources == ("T24", "T30")


def test_select_gives_columns_in_the_order_asked() -> None:
    picked = vectors().select((FEED, MEAN))
    assert picked.names == (FEED, MEAN)
    assert picked.values.tolist() == [[2, 0], [5, 3], [8, 6]]
    assert picked.asset.tolist() == ["a", "b", "c"]


def test_select_of_no_columns_keeps_the_rows() -> None:
    assert vectors().select(()).values.shape == (3, 0)


def test_select_names_the_first_column_that_is_missing() -> None:
    with pytest.raises(KeyError, match="linear_trend"):
        vectors().select((MEAN, TREND, FeatureName("tag", "zzz", "mean")))


def test_take_keeps_rows_together() -> None:
    taken = vectors().take(np.array([2, 0]))
    assert taken.values.tolist() == [[6, 7, 8], [0, 1, 2]]
    assert taken.asset.tolist() == ["c", "a"]
    assert taken.start.tolist() == [2, 0]
    assert taken.end.tolist() == [12, 10]
    assert taken.position.tolist() == [2.5, 0.5]


def test_values_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        replace(vectors(), values=np.zeros((3, 2)))
    with pytest.raises(ValueError, match="do not fit"):
        replace(vectors(), values=np.zeros((2, 3)))


def test_training_take_keeps_rows_together_and_the_settings() -> None:
    training = Training(
        vectors(), np.array([0.0, 1, 0]), np.array(["a", "b", "c"], object), np.array([9.0, 1, np.inf]), 30, 5, True, 7
    )
    taken = training.take(np.array([False, True, False]))
    assert (taken.outcome.tolist(), taken.group.tolist(), taken.to_event.tolist()) == ([1.0], ["b"], [1.0])
    assert taken.vectors.asset.tolist() == ["b"]
    assert (taken.horizon, taken.lead, taken.is_ordered, taken.embargo_ns) == (30, 5, True, 7)


def test_training_knows_the_mode_of_each_row_and_none_where_none_was_told() -> None:
    told = Training(
        vectors(), np.zeros(3), np.array(["a", "b", "c"], object), np.ones(3), 3, 1, False, 0, modes("hdf", "", "pwf")
    )
    assert told.take(np.array([2, 0])).mode.tolist() == ["pwf", "hdf"]
    assert replace(told, mode=modes()).mode.tolist() == ["", "", ""]
    with pytest.raises(ValueError, match="2 modes do not fit 3 vectors"):
        replace(told, mode=modes("a", "b"))


def modes(*codes: str) -> NDArray[np.object_]:
    return np.array(codes, dtype=object)
