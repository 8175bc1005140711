"""Changes between two periods, worked by hand, and the sum of the parts over any lots."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from domain.vectors import FeatureName
from reports.drop import Kind, Lots, Part, causes_of, change_of, comparable, holm, splits_of, wilson
from reports.moves import moved, put_back
from reports.why import Predict, why

NAMES = (FeatureName("process", "temperature", "value"), FeatureName("process", "speed", "value"))


def _lots(*rows: tuple[str, bool, int, int]) -> Lots:
    """Return judged lots in any order. rows: product, is_after, how many, how many of them are bad."""
    product = np.array([p for p, _, n, _ in rows for _ in range(n)], dtype=object)
    after = np.array([a for _, a, n, _ in rows for _ in range(n)])
    bad = np.array([float(i < k) for _, _, n, k in rows for i in range(n)])
    order = np.random.default_rng(0).permutation(len(bad))
    return Lots(bad[order], after[order], {"product": product[order]})


def _part(lots: Lots, stratum: str) -> Part:
    return next(p for p in splits_of(lots)[0].parts if p.stratum == stratum)


def test_worse_lots_of_one_product_are_its_part_alone() -> None:
    lots = _lots(("A", False, 100, 10), ("B", False, 100, 10), ("A", True, 100, 10), ("B", True, 100, 50))
    assert change_of(lots).amount == pytest.approx(0.2)
    a, b = _part(lots, "A"), _part(lots, "B")
    assert (a.mix, a.within) == pytest.approx((0.0, 0.0))
    assert (b.mix, b.within) == pytest.approx((0.0, 0.2))
    cause = causes_of(lots)[0]
    assert (cause.stratum, cause.kind, cause.is_sure) == ("B", Kind.WITHIN, True)


def test_more_lots_of_a_bad_product_are_a_change_of_the_mix() -> None:
    lots = _lots(("A", False, 150, 15), ("B", False, 50, 25), ("A", True, 50, 5), ("B", True, 150, 75))
    assert change_of(lots).amount == pytest.approx(0.2)
    assert sum(p.within for p in splits_of(lots)[0].parts) == pytest.approx(0.0)
    assert sum(p.mix for p in splits_of(lots)[0].parts) == pytest.approx(0.2)
    assert {(c.stratum, c.kind) for c in causes_of(lots) if c.is_sure} == {("A", Kind.MIX), ("B", Kind.MIX)}


def test_a_change_that_is_the_same_everywhere_is_blamed_on_nothing() -> None:
    lots = _lots(("A", False, 200, 20), ("B", False, 200, 20), ("A", True, 200, 60), ("B", True, 200, 60))
    assert [c for c in causes_of(lots) if c.is_sure] == []
    assert [p.within for p in splits_of(lots)[0].parts] == pytest.approx([0.1, 0.1])


def test_a_stratum_of_one_period_only_has_changed_its_share_and_nothing_else() -> None:
    lots = _lots(("A", False, 100, 10), ("A", True, 50, 5), ("new", True, 50, 25))
    new = _part(lots, "new")
    assert new.within == 0.0
    assert new.mix > 0.0
    assert new.before != new.before
    assert sum(p.amount for p in splits_of(lots)[0].parts) == pytest.approx(change_of(lots).amount, abs=1e-12)


def test_a_machine_is_told_apart_from_its_line() -> None:
    random = np.random.default_rng(3)
    machine = random.integers(4, size=800)
    after = np.arange(800) >= 400
    outcome = random.normal(size=800) - 1.5 * (after & (machine == 2))
    lots = Lots(outcome, after, {"line": (machine // 2).astype(object), "machine": machine.astype(object)})
    first = causes_of(lots)[0]
    assert (first.dimension, first.stratum) == ("machine", "2")


@given(
    arrays.arrays(np.float64, 30, elements=st.floats(-1e6, 1e6)),
    arrays.arrays(np.bool_, 30).filter(lambda a: a.any() and not a.all()),
    arrays.arrays(np.int8, 30, elements=st.integers(0, 5)),
)
def test_the_parts_add_up_to_the_change(outcome: np.ndarray, after: np.ndarray, code: np.ndarray) -> None:
    lots = Lots(outcome, after, {"machine": code.astype(object)})
    for split in splits_of(lots):
        size = max(1.0, float(np.abs(outcome).max()))
        assert abs(sum(p.amount for p in split.parts) - change_of(lots).amount) <= 1e-9 * size


def test_a_period_without_lots_is_refused() -> None:
    with pytest.raises(ValueError, match="0 judged lots before"):
        change_of(_lots(("A", True, 5, 1)))


def test_intervals_and_corrections_as_published() -> None:
    assert wilson(1, 10) == pytest.approx((0.0179, 0.4042), abs=1e-4)
    assert holm(np.array([0.01, 0.04, 0.03])) == pytest.approx([0.03, 0.06, 0.06])
    change = change_of(_lots(("A", False, 70, 56), ("A", True, 80, 48)))  # Newcombe (1998), table II, example (a)
    assert (-change.high, -change.low) == pytest.approx((0.0524, 0.3339), abs=1e-4)


def _fit(values: np.ndarray, outcome: np.ndarray) -> Predict:
    slope, *_ = np.linalg.lstsq(values - values.mean(axis=0), outcome - outcome.mean(), rcond=None)
    mean, level = values.mean(axis=0), outcome.mean()
    return lambda x: (x - mean) @ slope + level


def _planted() -> tuple[Lots, np.ndarray]:
    """Return lots of two machines: in B, temperature rose by 2 and lowered the result, and idle speed rose by 3."""
    random = np.random.default_rng(0)
    machine = np.array(["A", "B"], dtype=object)[random.integers(2, size=400)]
    after = np.arange(400) >= 200
    values = random.normal(size=(400, 2))
    values[after & (machine == "B")] += (2.0, 3.0)
    outcome = -values[:, 0] + random.normal(0, 0.3, size=400)
    return Lots(outcome, after, {"machine": machine}), values


def test_the_factor_that_matters_comes_before_the_one_that_moved_more() -> None:
    lots, values = _planted()
    found = why(lots, values, NAMES, _fit)
    assert found.where is not None
    assert found.where.stratum == "B"
    assert found.moves is not None
    assert [m.name.source for m in found.moves.found] == ["temperature", "speed"]
    assert [m.is_sure for m in found.moves.found] == [True, True]
    assert found.moves.found[0].effect == pytest.approx(-2.0, abs=0.4)
    assert found.moves.explained == pytest.approx(found.inside.amount, abs=0.3)
    moves = why(lots, values, NAMES).moves
    assert moves is not None
    assert [m.name.source for m in moves.found] == ["speed", "temperature"]


def test_the_model_never_sees_the_lots_it_explains() -> None:
    lots, values = _planted()
    seen: list[int] = []

    def fit(x: np.ndarray, y: np.ndarray) -> Predict:
        seen.append(len(x))
        return _fit(x, y)

    why(lots, values, NAMES, fit)
    assert seen == [int((~(lots.is_after & (lots.strata["machine"] == "B"))).sum())]


def test_what_moved_everywhere_is_told_as_moved_elsewhere() -> None:
    random = np.random.default_rng(1)
    after, inside = np.arange(300) >= 150, random.random(300) < 0.5
    values = random.normal(size=(300, 2))
    values[after, 0] += 1.0
    values[after & inside, 1] += 1.0
    found = {m.name.source: m for m in moved(values, NAMES, after, inside, -1.0).found}
    assert found["temperature"].elsewhere == pytest.approx(1.0, abs=0.4)
    assert found["speed"].elsewhere == pytest.approx(0.0, abs=0.4)
    assert found["speed"].apart > found["temperature"].apart


def test_a_column_without_values_is_left_out() -> None:
    values = np.column_stack([np.r_[np.zeros(20), np.ones(20)], np.full(40, np.nan)])
    after = np.arange(40) >= 20
    found = moved(values, NAMES, after, np.ones(40, dtype=bool), 1.0)
    assert [m.name.source for m in found.found] == ["temperature"]


def test_a_text_that_moved_is_no_factor_but_the_model_knows_it() -> None:
    names = (NAMES[0], FeatureName("process", "product", "is", (("level", "B"),)))
    after = np.arange(200) >= 100
    values = np.column_stack([np.random.default_rng(2).normal(size=200) + after, after.astype(float)])
    found = moved(values, names, after, np.ones(200, dtype=bool), 1.0, lambda x: x[:, 0] * (1 + x[:, 1]))
    assert [m.name.source for m in found.found] == ["temperature"]
    assert found.found[0].effect == pytest.approx(2.0, abs=0.6)  # as it acts on B


def test_a_value_is_put_back_to_the_one_of_its_rank() -> None:
    after, before = np.array([10.0, 11.0, 12.0, np.nan]), np.array([2.0, 0.0, 1.0])
    back = put_back(after, after, before)
    assert back[:3] == pytest.approx([0.0, 1.0, 2.0])
    assert np.isnan(back[3])


def test_a_year_is_no_cause_of_a_change_between_years() -> None:
    random = np.random.default_rng(5)
    after = np.arange(400) >= 200
    line = random.choice(["a", "b"], 400).astype(object)
    outcome = random.normal(size=400) + after
    lots = Lots(outcome, after, {"year": np.where(after, "2012", "2011").astype(object), "line": line})
    assert set(comparable(lots).strata) == {"line"}
    found = why(lots, outcome[:, None], (FeatureName("process", "x", "value"),))
    assert [s.dimension for s in found.splits] == ["line"]
    assert "year" not in {c.dimension for c in found.causes}


def test_what_no_factor_brought_is_told_with_its_interval() -> None:
    lots, values = _planted()
    as_it_is = why(lots, values, NAMES, _fit).rest
    assert as_it_is is not None
    assert as_it_is.low < 0.0 < as_it_is.high
    worse = Lots(lots.outcome - 3.0 * (lots.is_after & (lots.strata["machine"] == "B")), lots.is_after, lots.strata)
    rest = why(worse, values, NAMES, _fit).rest
    assert rest is not None
    assert rest.low < -3.0 < rest.high < -2.0
    assert why(worse, values, NAMES).rest is None
