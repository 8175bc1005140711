"""What divides the lots: the share of the variance by hand, nothing where levels are dealt by chance."""

from __future__ import annotations

import numpy as np
import pytest

from reports.divided import Level, divided


def test_the_share_between_levels_is_that_of_the_definition_and_the_strongest_comes_first() -> None:
    outcome = np.array([1.0, 3.0, 7.0, 9.0, 8.0])
    product = np.array(["A", "A", "B", "B", "B"], dtype=object)
    odd = np.array(["x", "y", "x", "y", "x"], dtype=object)
    found = divided({"odd": odd, "product": product}, outcome, outcome > 8)
    assert [d.stratum for d in found] == ["product", "odd"]
    left, spread = 2.0 + 2.0, float(((outcome - 5.6) ** 2).sum())
    assert found[0].explained == pytest.approx(1 - (left / 3) / (spread / 4))
    assert found[0].levels == (Level("B", 3, 8.0, pytest.approx(1 / 3)), Level("A", 2, 2.0, 0.0))
    assert found[1].explained == 0.0


def test_many_levels_dealt_by_chance_explain_nothing_in_the_mean() -> None:
    random = np.random.default_rng(1)
    outcome = random.normal(size=400)
    dealt = [random.integers(0, 20, 400).astype(str).astype(object) for _ in range(50)]
    shares = [divided({"dealt": of}, outcome, outcome > 1)[0].explained for of in dealt]
    assert np.mean(shares) < 0.02


def test_results_that_are_all_alike_are_explained_by_nothing() -> None:
    (found,) = divided({"line": np.array(["a", "b"], dtype=object)}, np.ones(2), np.zeros(2, dtype=bool))
    assert found.explained == 0.0
