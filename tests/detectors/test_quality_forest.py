"""A forest of lots: what it tells of few bad lots among many columns, of numbers, and what it keeps of its draws."""

from __future__ import annotations

import numpy as np
import pytest

from detectors import quality_forest
from detectors.quality_figures import of_classes
from detectors.quality_forest import Forest, forest_of
from tests.detectors.test_quality_committee import lots


def test_few_bad_lots_among_many_columns_are_told_on_fresh_lots() -> None:
    values, label = lots(900, 1)
    fresh, truth = lots(3000, 2)
    found = forest_of(values, label, "classification", 1).predict(fresh)
    assert of_classes(truth, found, found > 0.5)["roc_auc"] > 0.75


def test_a_bend_is_told_that_no_line_tells() -> None:
    random = np.random.default_rng(1)
    values = random.uniform(-2, 2, size=(600, 5))
    result = values[:, 0] ** 2 + 0.3 * random.normal(size=600)
    model = forest_of(values[:400], result[:400], "regression", 1)
    errors = model.predict(values[400:]) - result[400:]
    assert (errors**2).mean() < 0.4 * result[400:].var()


def test_a_hole_that_tells_is_told_by_its_column() -> None:
    random = np.random.default_rng(1)
    values = random.normal(size=(400, 4))
    values[random.random(400) < 0.3, 2] = np.nan
    label = np.isnan(values[:, 2]).astype(np.float64)
    model = forest_of(values, label, "classification", 1)
    base, parts = model.contributions(values)
    np.testing.assert_allclose(base + parts.sum(axis=1), model.predict(values), atol=1e-12)
    assert np.abs(parts).mean(axis=0).argmax() == 2
    assert parts[label == 1, 2].min() > 0 > parts[label == 0, 2].max()


def test_both_classes_weigh_alike_so_that_few_bad_lots_are_half_of_the_base() -> None:
    values, label = lots(900, 1)
    base, _ = forest_of(values, label, "classification", 1).contributions(values[:1])
    assert base == pytest.approx(0.5, abs=0.02)


def test_a_long_history_grows_no_larger_a_forest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality_forest, "MOST_DRAWN", 100)
    random = np.random.default_rng(1)
    values, result = random.normal(size=(2000, 3)), random.normal(size=2000)
    n_nodes = [len(forest_of(values[:n], result[:n], "regression", 1).table.arrays["column"]) for n in (1000, 2000)]
    assert n_nodes[1] < 1.2 * n_nodes[0]


def test_equal_fits_give_equal_bytes_and_damaged_ones_are_refused() -> None:
    values, label = lots(300, 1)
    one, two = (forest_of(values, label, "classification", 1) for _ in range(2))
    assert one.dump() == two.dump()
    parts = one.dump()
    assert Forest.load(parts).dump() == parts
    with pytest.raises(ValueError, match=r"forest\.roots"):
        Forest.load({name: data for name, data in parts.items() if name != "forest.roots.npy"})
