"""A committee of kernel machines: what it tells of few bad lots among many columns, and why."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.quality_committee import MACHINES, SHARE_BAD, committee_of
from detectors.quality_figures import of_classes

Floats = NDArray[np.float64]


def lots(n: int, seed: int, n_columns: int = 120) -> tuple[Floats, Floats]:
    """One lot in fourteen is bad: where t0 + t1 is large or |t2| is, or t3 is missing. Every tenth value is."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(n, n_columns))
    odds = values[:, 0] + values[:, 1] + np.abs(values[:, 2])
    values[random.random(values.shape) < 0.1] = np.nan
    odds += 2.0 * np.isnan(values[:, 3])
    return values, (odds + random.logistic(scale=0.6, size=n) > 3.6).astype(np.float64)


@pytest.mark.parametrize("by", ["near", "apart"])
def test_few_bad_lots_among_many_columns_are_told_on_fresh_lots(by: str) -> None:
    values, label = lots(900, 1)
    fresh, truth = lots(3000, 2)
    assert 0.04 < label.mean() < 0.12
    found = committee_of(values, label, "classification", by, 1).predict(fresh)
    assert of_classes(truth, found, found > 0)["roc_auc"] > 0.75


def test_labels_that_were_shuffled_tell_nothing_of_fresh_lots() -> None:
    values, label = lots(900, 1)
    fresh, truth = lots(3000, 2)
    shuffled = np.random.default_rng(3).permutation(label)
    found = committee_of(values, shuffled, "classification", "near", 1).predict(fresh)
    assert abs(of_classes(truth, found, found > 0)["roc_auc"] - 0.5) < 0.1


def test_machines_differ_and_each_sees_as_many_bad_lots_as_it_may() -> None:
    values, label = lots(400, 1)
    machines = committee_of(values, label, "classification", "near", 1).machines
    assert len(machines) == MACHINES
    assert len({tuple(m.columns) for m in machines}) > MACHINES / 2
    n_bad = round(SHARE_BAD * label.sum())
    assert {len(m.kernel.arrays["landmarks"]) for m in machines} == {4 * n_bad}


def test_a_column_takes_away_what_it_adds_beyond_its_usual_value() -> None:
    values, label = lots(300, 1, n_columns=30)
    machine = committee_of(values, label, "classification", "near", 1).machines[0]
    design, kernel = machine.design, machine.kernel
    own = values[:20, machine.columns]
    usual = design.arrays["median"]
    owner = np.concatenate([np.arange(own.shape[1]), design.arrays["holes"]])
    found = kernel.without(design(own), design(usual[None])[0], owner)
    for column in range(own.shape[1]):
        without = own.copy()
        without[:, column] = usual[column]
        np.testing.assert_allclose(found[:, column], kernel.predict(design(without)), rtol=1e-9, atol=1e-9)


def test_the_same_committee_over_the_columns_it_uses_says_the_same() -> None:
    values, label = lots(300, 1)
    committee = committee_of(values, label, "classification", "near", 1)
    used = committee.used
    np.testing.assert_array_equal(committee.over(used).predict(values[:, used]), committee.predict(values))
    base, parts = committee.contributions(values[:5])
    np.testing.assert_allclose(base + parts.sum(axis=1), committee.predict(values[:5]), rtol=1e-9, atol=1e-9)
