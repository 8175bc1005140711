"""What-if: the moved prediction, its interval, and refusals outside of history; the study's record as a whole."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reports.effects import effects
from reports.factor_study import study
from reports.whatif import answer, basis
from tests.reports.study_lots import fit, lots


def _basis(n: int = 600) -> dict[str, Any]:
    given = lots(n)
    found = effects(given, fit, ["a", "b"])
    return basis(given, fit(given.values, given.outcome)(given.values), 1.5, found)


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
    data = basis(given, given.outcome, 1.0, effects(given, fit, ["a", "b"]))
    assert answer(data, {"a": 1.0, "b": 1.0}).reason == ""
    assert "never came together" in answer(data, {"a": 1.5, "b": -1.5}).reason


def test_factors_that_people_cannot_move_are_not_offered() -> None:
    given = replace(lots(), controllable=frozenset({"b"}))
    data = basis(given, given.outcome, 1.0, effects(given, fit, ["a", "b"]))
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
