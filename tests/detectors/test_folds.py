"""Folds that cannot leak."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detectors.folds import by_group, folds_of, in_time
from tests.detectors import planted


def _objects(names: list[str]) -> np.ndarray:
    found = np.empty(len(names), dtype=object)
    found[:] = names
    return found


@given(st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=40), st.integers(2, 9))
def test_no_group_is_on_both_sides_and_every_row_is_tested_once(names: list[str], n_folds: int) -> None:
    group = _objects(names)
    tested: list[int] = []
    for train, test in by_group(group, n_folds):
        assert not set(group[train]) & set(group[test])
        assert sorted([*train.tolist(), *test.tolist()]) == list(range(len(names)))
        assert len(test)
        tested += test.tolist()
    assert sorted(tested) == list(range(len(names)))


def test_groups_are_dealt_in_sorted_order_whatever_the_order_of_rows() -> None:
    names = ["c", "a", "b", "d", "a", "c"]
    found = {tuple(sorted(set(_objects(names)[test]))) for _, test in by_group(_objects(names), 2)}
    assert found == {("a", "c"), ("b", "d")}


@given(
    st.lists(st.integers(0, 20), min_size=2, max_size=60),
    st.integers(1, 6),
    st.integers(0, 50),
)
def test_training_ends_an_embargo_before_the_test_begins_and_grows(gaps: list[int], n: int, embargo: int) -> None:
    at = np.cumsum(gaps).astype(np.int64)
    sizes = []
    tested: list[int] = []
    for train, test in in_time(at, n, embargo):
        if len(train):
            assert at[train].max() < at[test].min() - embargo
            assert train.max() < test.min()
        sizes.append(len(train))
        tested += test.tolist()
    assert sizes == sorted(sizes)
    assert tested == list(range(len(at) - len(at) // 2, len(at)))


def test_a_row_whose_outcome_was_known_after_the_test_began_is_not_learned_from() -> None:
    at = np.arange(20, dtype=np.int64)
    known_at = at + 2
    known_at[3] = 15
    found = [(train.tolist(), test[0]) for train, test in in_time(at, 2, 0, 0.5, known_at)]
    assert found == [([0, 1, 2, 4, 5, 6, 7, 8], 10), (list(range(14)), 15)]


def test_nothing_is_tested_before_there_is_data_to_train_on() -> None:
    at = np.arange(20, dtype=np.int64)
    found = [(train.tolist(), test.tolist()) for train, test in in_time(at, 2, 3)]
    assert found == [(list(range(7)), [10, 11, 12, 13, 14]), (list(range(12)), [15, 16, 17, 18, 19])]


def test_an_ordered_training_is_cut_by_the_ends_of_its_rows_not_by_their_order() -> None:
    shuffled = np.random.default_rng(1).permutation(40)
    end = (shuffled + 1).astype(np.int64) * planted.HOUR
    found = planted.vectors(np.zeros((40, 1)), planted.tag_names(1), end=end)
    made = planted.training(found, np.zeros(40), is_ordered=True, embargo_ns=2 * planted.HOUR)
    folds = list(folds_of(made, 4))
    assert len(folds) == 4
    for train, test in folds:
        assert end[train].max() < end[test].min() - 2 * planted.HOUR


def test_an_unordered_training_is_cut_by_group() -> None:
    made = planted.failures(n_groups=6, life=5)
    for train, test in folds_of(made, 3):
        assert not set(made.group[train]) & set(made.group[test])
