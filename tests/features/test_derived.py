"""Derived tags: values by hand, units, what is missing, and that a window alone equals the window in a batch."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.plant import Axis
from domain.vectors import DerivedTag, FeatureSet
from features.derived import added, compiled
from features.dimensions import UnitError
from features.extract import extract, feature_set
from features.formula import FormulaError, parse, sources
from features.windows import Grid, cut
from tests.features.grids import all_missing, grid

NAN = float("nan")
UNITS = {
    "torque": "Nm",
    "speed": "rpm",
    "inlet": "degC",
    "outlet": "degC",
    "hot": "°F",
    "abs_t": "K",
    "rise": "delta_degC",
    "p": "bar",
    "q": "mbar",
    "g": "barg",
    "flow": "m3/h",
    "share": "%",
    "pulse": "widgets",
    "bare": "",
}


def derived(formula: str, unit: str = "", name: str = "d") -> DerivedTag:
    named = sources(parse(formula))
    return DerivedTag(name, unit, formula, tuple((tag, UNITS.get(tag, "")) for tag in named))


def value(formula: str, unit: str, **given: float) -> float:
    tag = derived(formula, unit)
    found = grid([1], *([v] for v in given.values()), tags=tuple(given))
    return float(added(found, [tag]).values[0, -1])


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("a + b * 2", 8.0),
        ("(a + b) * 2", 10.0),
        ("a - b - 1", -2.0),
        ("a / b / 2", 1 / 3),
        ("-a * -b", 6.0),
        ("2 - -a", 4.0),
        ("1.5e1 * a", 30.0),
        ("abs(a - b) + sqrt(a * 8) + log(b / 3)", 5.0),
        ("min(a, b, 1) + max(a, b)", 4.0),
    ],
)
def test_values_by_hand(formula: str, expected: float) -> None:
    assert value(formula, "", a=2.0, b=3.0) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    ("formula", "unit", "given", "expected"),
    [
        ("torque * speed", "W", {"torque": 10.0, "speed": 60.0}, 20 * math.pi),
        ("torque * speed", "kW", {"torque": 10.0, "speed": 60.0}, 0.02 * math.pi),
        ("inlet - outlet", "degC", {"inlet": 80.0, "outlet": 60.0}, 20.0),
        ("inlet - outlet", "K", {"inlet": 80.0, "outlet": 60.0}, 20.0),
        ("inlet - outlet", "°F", {"inlet": 80.0, "outlet": 60.0}, 36.0),
        ("inlet - hot", "degC", {"inlet": 80.0, "hot": 50.0}, 70.0),
        ("(inlet + outlet) / 2", "degC", {"inlet": 80.0, "outlet": 60.0}, 70.0),
        ("(inlet + hot) / 2", "°F", {"inlet": 100.0, "hot": 32.0}, 122.0),
        ("inlet + rise", "degC", {"inlet": 80.0, "rise": 5.0}, 85.0),
        ("inlet - 20 [degC]", "K", {"inlet": 80.0}, 60.0),
        ("inlet / abs_t", "1", {"inlet": 26.85, "abs_t": 150.0}, 2.0),
        ("inlet", "K", {"inlet": 26.85}, 300.0),
        ("abs_t - inlet", "K", {"abs_t": 300.0, "inlet": 6.85}, 20.0),
        ("max(inlet, hot)", "degC", {"inlet": 5.0, "hot": 50.0}, 10.0),
        ("change(inlet, 1) + rise", "K", {"inlet": 5.0, "rise": 1.0}, NAN),
        ("p - q", "bar", {"p": 1.0, "q": 250.0}, 0.75),
        ("p - q", "mbar", {"p": 1.0, "q": 250.0}, 750.0),
        ("g - p", "barg", {"g": 5.0, "p": 1.0}, 4.0),
        ("g * flow", "kW", {"g": 1.0, "flow": 36.0}, 1.0),
        ("sqrt(p / (1 [kg/m3]))", "m/s", {"p": 1.0}, math.sqrt(1e5)),
        ("log(p / 1 [mbar])", "1", {"p": 1.0}, math.log(1000)),
        ("1 [1] - share", "%", {"share": 95.0}, 5.0),
        ("share - 5 [%]", "%", {"share": 95.0}, 90.0),
        ("p / q - 1", "1", {"p": 1.0, "q": 500.0}, 1.0),
    ],
)
def test_units_are_brought_together_and_to_the_declared_one(
    formula: str, unit: str, given: dict[str, float], expected: float
) -> None:
    assert compiled(derived(formula, unit)).is_checked
    assert value(formula, unit, **given) == pytest.approx(expected, rel=1e-9, nan_ok=True)


def test_the_difference_of_two_readings_in_one_unit_is_exact() -> None:
    assert value("inlet - outlet", "degC", inlet=20.3, outlet=20.1) == 20.3 - 20.1


@pytest.mark.parametrize(
    ("formula", "unit", "said"),
    [
        ("p + inlet", "bar", "pressure or gauge pressure is added to temperature"),
        ("p - torque", "bar", "torque or energy is subtracted from pressure"),
        ("max(p, speed)", "bar", "is compared with rotation"),
        ("inlet - 20", "degC", "write its unit after the number"),
        ("p + 0", "bar", "write its unit after the number"),
        ("share - 5", "%", "bare number"),
        ("1 - share", "%", "bare number"),
        ("log(p)", "1", "log of a pressure"),
        ("p - 3 [widgets]", "bar", "unit 'widgets' of a number is not known"),
        ("min(inlet, inlet - outlet)", "degC", "a reading with a difference"),
        ("2 * 3", "1", "names no tag"),
    ],
)
def test_what_does_not_fit_is_told(formula: str, unit: str, said: str) -> None:
    with pytest.raises(FormulaError) as error:
        compiled(derived(formula, unit))
    assert said in str(error.value)
    assert not isinstance(error.value, UnitError)


@pytest.mark.parametrize(
    ("formula", "unit", "said"),
    [
        ("torque * speed", "bar", "gives power or apparent power (kg*m^2/s^3)"),
        ("inlet + outlet", "degC", "holds the zero point of its readings 2 times"),
        ("abs_t", "degC", "cannot be told"),
        ("g - p", "bar", "gauge against absolute"),
        ("p", "barg", "gauge against absolute"),
        ("g - g", "barg", "gauge against absolute"),
    ],
)
def test_a_declared_unit_that_does_not_fit_is_a_fault_of_the_unit(formula: str, unit: str, said: str) -> None:
    with pytest.raises(UnitError) as error:
        compiled(derived(formula, unit))
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("formula", "unit"), [("p * pulse", "bar"), ("p - q", ""), ("p - q", "widgets"), ("p + bare", "bar")]
)
def test_with_a_unit_that_is_not_known_the_numbers_stay_as_they_are(formula: str, unit: str) -> None:
    assert not compiled(derived(formula, unit)).is_checked
    given = {"p": 3.0, "pulse": 2.0, "q": 2.0, "bare": 2.0}
    assert value(formula, unit, **given) == {"*": 6.0, "-": 1.0, "+": 5.0}[formula[2]]


def test_what_is_known_is_checked_even_beside_what_is_not() -> None:
    with pytest.raises(FormulaError, match="is added to"):
        compiled(derived("(p + inlet) * pulse"))


@pytest.mark.parametrize(
    "formula", ["a / b", "1 / (1 / b)", "log(b)", "log(-a)", "sqrt(-a)", "a / b * 0", "a * 1e300 * 1e300"]
)
def test_what_is_no_number_is_missing(formula: str) -> None:
    assert math.isnan(value(formula, "", a=2.0, b=0.0))


def test_a_value_is_missing_where_a_source_is() -> None:
    found = added(grid([1, 2, 3], [1.0, NAN, 3.0], [1.0, 2.0, NAN]), [derived("a + b"), derived("max(a, b)", name="e")])
    np.testing.assert_array_equal(found.values[:, 2:], [[2.0, 1.0], [NAN, NAN], [NAN, NAN]])


def test_rows_back_are_rows_of_the_sources_and_not_of_other_tags() -> None:
    """`b` reports between the rows of `a`: the change of `a` does not see those rows."""
    both = grid([1, 2, 3, 4, 5], [1.0, NAN, 4.0, NAN, 9.0], [0.0, 7.0, NAN, 7.0, NAN])
    alone = grid([1, 3, 5], [1.0, 4.0, 9.0])
    tags = [derived("change(a, 1)", name="c"), derived("mean(a, 2)", name="m")]
    expected = np.array([[NAN, NAN], [3.0, 2.5], [5.0, 6.5]])
    np.testing.assert_array_equal(added(alone, tags).values[:, 1:], expected)
    np.testing.assert_array_equal(added(both, tags).values[[0, 2, 4], 2:], expected)
    assert np.isnan(added(both, tags).values[[1, 3], 2:]).all()


def _set(tags: tuple[DerivedTag, ...], window: int, coverage: float = 1.0) -> FeatureSet:
    return feature_set("s", Axis.CYCLE, window, 1, coverage, "level", ("a", "b"), (), tags)


def test_a_change_does_not_look_out_of_its_window() -> None:
    tags = (derived("change(a, 2)", name="c"),)
    whole = added(grid(range(1, 9), [1.0, 100.0, 3.0, 5.0, 8.0, 12.0, 17.0, 23.0], [0.0] * 8), tags)
    features = _set(tags, 5)
    last = cut(whole, features, 1, 1, 7, 8)
    found = extract(whole, last, features.names)
    assert len(last) == 1
    mean = {n.label: v for n, v in zip(found.names, found.values[0].tolist(), strict=True)}
    assert mean["c__mean"] == pytest.approx((7 + 9 + 11) / 3)
    assert mean["c__maximum"] == 11.0


def test_a_window_without_enough_of_a_source_names_it_and_not_the_derived_tag() -> None:
    tags = (derived("a * b", name="c"),)
    whole = added(grid([1, 2, 3, 4], [1.0, NAN, NAN, 2.0], [1.0, 2.0, 3.0, 4.0]), tags)
    windows = cut(whole, _set(tags, 4, 0.8), 4, 1, -1, 9)
    assert all_missing(windows) == [("a",)]


def test_sources_that_are_never_there_together_name_the_derived_tag() -> None:
    tags = (derived("a * b", name="c"),)
    whole = added(grid([1, 2, 3, 4], [1.0, NAN, 2.0, NAN], [NAN, 2.0, NAN, 4.0]), tags)
    windows = cut(whole, _set(tags, 4, 0.5), 4, 1, -1, 9)
    assert all_missing(windows) == [("c",)]


def test_a_division_by_zero_leaves_the_window_assessed() -> None:
    tags = (derived("a / b", name="c"),)
    whole = added(grid([1, 2, 3, 4, 5], [1.0, 2.0, 3.0, 4.0, 5.0], [0.0, 1.0, 0.0, 1.0, 2.0]), tags)
    windows = cut(whole, _set(tags, 5), 5, 1, -1, 9)
    assert all_missing(windows) == [()]
    found = extract(whole, windows, _set(tags, 5).names)
    assert found.values[0, [n.label for n in found.names].index("c__maximum")] == 4.0


FORMULAS = (
    derived("log(abs(a) + 1) * sqrt(abs(b))", name="f0"),
    derived("mean(a, 4) - mean(b, 3)", name="f1"),
    derived("change(mean(a * b, 3), 2) / b", name="f2"),
    derived("change(a, 5)", name="f3"),
)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(8, 25), st.floats(0.0, 0.5))
def test_a_window_from_a_grid_of_its_own_equals_the_window_of_history_bit_for_bit(
    seed: int, window: int, gaps: float
) -> None:
    """Live, a grid begins with the window and holds the model's tags only; in training it holds all of both."""
    random = np.random.default_rng(seed)
    n = 60
    values = random.normal(size=(n, 3)) * [3.0, 1e3, 1.0]
    values[random.random((n, 3)) < gaps] = NAN
    times = np.cumsum(random.integers(1, 5, n)).astype(np.int64)
    history = added(Grid("plant/x", ("a", "b", "other"), times, values), FORMULAS)
    features = _set(FORMULAS, window, 0.01)
    cuts = cut(history, features, 7, 1, -1, 2**62)
    batch = extract(history, cuts, features.names)
    for i, (first, stop) in enumerate(zip(cuts.first.tolist(), cuts.stop.tolist(), strict=True)):
        part = values[first:stop, :2]
        is_there = ~np.isnan(part).all(axis=1)
        live = added(Grid("plant/x", ("a", "b"), times[first:stop][is_there], part[is_there]), FORMULAS)
        alone = cut(live, features, 1, 1, -1, 2**62)
        alone = alone.take(alone.stop == len(live.times))
        if len(alone):
            found = extract(live, alone, features.names)
            assert found.values.tobytes() == batch.values[i : i + 1].tobytes()


def test_a_feature_set_reads_the_sources_and_keeps_its_formulas() -> None:
    features = feature_set(
        "s", Axis.CYCLE, 9, 1, 0.8, "level", ("inlet",), (), (derived("torque * speed", "W", "power"),)
    )
    assert features.sources == ("inlet", "speed", "torque")
    assert FeatureSet.from_json(features.as_json()) == features
    only = features.only(tuple(n for n in features.names if n.source == "inlet"))
    assert (only.sources, only.derived) == (("inlet",), ())
    other = feature_set("s", Axis.CYCLE, 9, 1, 0.8, "level", ("inlet",), (), (derived("torque / speed", "W", "power"),))
    assert other.names == features.names
    assert other.hash != features.hash
