"""Effects of factors: their shape, their centre, holes in history, signs within strata."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reports.effects import effects, slopes
from tests.reports.study_lots import fit, lots


def test_the_effect_of_a_straight_line_is_its_slope_and_its_mean_is_nought() -> None:
    (found,) = effects(lots(2000), fit, ["b"])
    slope = (found.y[-1] - found.y[0]) / (found.x[-1] - found.x[0])
    assert abs(slope + 1.0) < 0.1
    assert found.sign == -1
    assert abs(np.average((found.y[1:] + found.y[:-1]) / 2, weights=found.counts)) < 1e-9
    assert (found.low <= found.y).all()
    assert (found.y <= found.high).all()
    assert found.is_supported.all()


def test_a_hole_in_history_is_not_supported() -> None:
    given = lots(400)
    values = given.values.copy()
    values[:, 2] = np.sign(values[:, 2]) * (3 + np.abs(values[:, 2]))
    (found,) = effects(replace(given, values=values), fit, ["c"])
    holes = [(a, b) for a, b, ok in zip(found.x[:-1], found.x[1:], found.is_supported, strict=True) if not ok]
    assert len(holes) == 1
    assert holes[0][0] < 0 < holes[0][1]


def test_a_factor_that_hardly_was_measured_has_no_effect_told() -> None:
    given = lots()
    values = given.values.copy()
    values[5:, 2] = np.nan
    assert effects(replace(given, values=values), fit, ["c"]) == []


def test_the_sign_in_each_stratum_may_differ_from_the_sign_over_all() -> None:
    random = np.random.default_rng(3)
    given = lots(400)
    is_b = given.strata["product"] == "B"
    values = given.values.copy()
    values[:, 2] += 4.0 * is_b
    outcome = 5.0 * is_b - 0.8 * values[:, 2] + 0.3 * random.normal(size=400)
    found = slopes(replace(given, values=values, outcome=outcome), "c", ["a"], given.strata)
    assert {(s.level, s.sign) for s in found} == {("A", -1), ("B", -1)}
    assert np.corrcoef(values[:, 2], outcome)[0, 1] > 0
