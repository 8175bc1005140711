"""What-if: the moved prediction, its interval, and refusals outside of history; the study's record as a whole."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from detectors import factor_learner
from domain.vectors import FeatureName
from reports.effects import effects
from reports.factor_study import study
from reports.study import Floats, Lots
from reports.whatif import answer, basis
from tests.reports.study_lots import fit, lots


def _basis(n: int = 600) -> dict[str, Any]:
    given = lots(n)
    found = effects(given, fit, ["a", "b"])
    return basis(given, fit(given.values, given.outcome), 1.5, found)


def test_a_move_changes_the_prediction_by_the_effect_and_widens_the_interval() -> None:
    data = _basis()
    still = answer(data, {})
    assert still.reason == ""
    moved = answer(data, {"b": data["start"]["b"] + 0.5})
    assert moved.predicted is not None
    assert still.predicted is not None
    assert moved.predicted - still.predicted == pytest.approx(-0.5, abs=0.1)
    assert still.high is not None
    assert moved.high is not None
    assert moved.high - moved.predicted > still.high - still.predicted


def test_outside_of_the_range_it_is_refused() -> None:
    found = answer(_basis(), {"a": 50.0})
    assert found.predicted is None
    assert "hardly ever" in found.reason


def test_levels_that_never_came_together_are_refused() -> None:
    given = lots(600)
    values = given.values.copy()
    values[:, 1] = values[:, 0] + 0.05 * values[:, 1]
    given = replace(given, values=values)
    data = basis(given, fit(given.values, given.outcome), 1.0, effects(given, fit, ["a", "b"]))
    assert answer(data, {"a": 1.0, "b": 1.0}).reason == ""
    assert "never came together" in answer(data, {"a": 1.5, "b": -1.5}).reason


@dataclass(frozen=True, slots=True, eq=False)
class Crossed:
    """A model in which what `a` does depends on `b`."""

    def __call__(self, values: Floats) -> Floats:
        """Predict."""
        return np.asarray(values[:, 0] + 1.5 * values[:, 0] * values[:, 1])

    def parts(self, values: Floats) -> Floats:
        """Nobody asks."""
        raise NotImplementedError


def test_two_factors_that_act_on_each_other_are_predicted_as_the_model_does() -> None:
    given = replace(lots(600), controllable=frozenset({"a", "b"}))
    values = given.values.copy()
    values[:, 4] = np.random.default_rng(1).normal(size=600)
    given = replace(given, values=values)
    model = Crossed()
    data = basis(given, model, 1.0, effects(given, lambda _x, _y: model, ["a", "b"]))
    start = given.values[-1]
    assert answer(data, {}).predicted == pytest.approx(model(start[None])[0], abs=1e-4)
    for a, b in ((-1.0, -1.0), (1.0, -1.0), (0.5, 0.9), (1.0, start[1])):
        found = answer(data, {"a": a, "b": b})
        assert found.predicted == pytest.approx(a + 1.5 * a * b, abs=0.02), found.reason


def test_the_interval_covers_what_comes_though_factors_act_on_each_other() -> None:
    is_inside = []
    for seed in range(3):
        random = np.random.default_rng(seed)
        x = random.normal(size=(600, 3))
        spread = 0.8

        def truth(x: Floats) -> Floats:
            return np.asarray(x[:, 0] + 0.5 * x[:, 1] + 1.5 * x[:, 0] * x[:, 1])

        outcome = truth(x) + spread * random.normal(size=600)
        names = tuple(FeatureName("process", f, "value") for f in "abc")
        folds = [(np.arange(start), np.arange(start, start + 100)) for start in (300, 400, 500)]
        given = Lots(x, names, outcome, folds, controllable=frozenset({"a", "b"}))
        data = study(given, factor_learner.fit)["what_if"]
        start = x[np.argmin(np.abs(x[:, :2] - np.array(list(data["start"].values()))).sum(axis=1))]
        for a, b, _ in x[random.choice(600, 100)]:
            found = answer(data, {"a": float(a), "b": float(b)})
            if found.low is not None and found.high is not None:
                came = truth(np.array([[a, b, start[2]]]))[0] + spread * random.normal()
                is_inside.append(found.low <= came <= found.high)
    assert len(is_inside) > 200
    assert 0.85 <= np.mean(is_inside) <= 0.97


def test_a_study_of_an_earlier_version_says_so() -> None:
    data = _basis()
    del data["pairs"]
    found = answer(data, {})
    assert found.predicted is None
    assert "earlier version" in found.reason


def test_factors_that_people_cannot_move_are_not_offered() -> None:
    given = replace(lots(), controllable=frozenset({"b"}))
    data = basis(given, fit(given.values, given.outcome), 1.0, effects(given, fit, ["a", "b"]))
    assert [f["name"] for f in data["factors"]] == ["b"]


def test_a_study_is_one_record_of_plain_data() -> None:
    steps: list[str] = []
    record = study(lots(400), fit, cost=(10.0, 1.0), tell=steps.append)
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record["factors"][0]["members"][0] in ("a", "twin")
    assert record["factors"][0]["controllable"] == ["a"]
    assert record["effects"]["a"]["counts"]
    assert {a["factor"] for a in record["advice"]} >= {"a", "b", "c"}
    assert [d["tenth"] for d in record["deciles"]] == list(range(1, 11))
    assert record["what_if"]["factors"]
    assert len(steps) == 4


def test_a_study_is_the_same_when_made_again() -> None:
    assert study(lots(300), fit) == study(lots(300), fit)
    assert np.isfinite(study(lots(300), fit)["rmse"])
