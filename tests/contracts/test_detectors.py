"""Every detector through one list of contracts; there is no list of exceptions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import pytest

from detectors import DETECTORS, detector_class
from domain.scores import Detector, Scale, Scores, TrainingError
from domain.vectors import FeatureVectors, Training
from tests.detectors import planted

# One small training instance per kind.
INSTANCES: Mapping[str, Callable[[], Training]] = {
    "failure_lightgbm": planted.failures,
    "failure_tournament": planted.sampled_failures,
    "quality_tournament": planted.lots,
    "anomaly_hbos": planted.normal,
}
PARTS = ("value", "low", "high", "raw", "contributions")


@dataclass(frozen=True, slots=True)
class Case:
    """A trained detector and rows that it can score."""

    kind: str
    training: Training
    detector: Detector
    rows: FeatureVectors


@pytest.fixture(scope="module", params=sorted(DETECTORS))
def case(request: pytest.FixtureRequest) -> Case:
    training = INSTANCES[request.param]()
    detector = detector_class(request.param).train(training, {}, planted.aids())
    rows = training.vectors.select(detector.names).take(slice(0, 90))
    rows.values[::7, ::3] = np.nan
    rows.values[5] = 1e6
    return Case(request.param, training, detector, rows)


def _same(one: Scores, two: Scores) -> bool:
    return all(getattr(one, part).tobytes() == getattr(two, part).tobytes() for part in PARTS) and one.base == two.base


def test_every_kind_has_an_instance() -> None:
    assert set(INSTANCES) == set(DETECTORS)


def test_role_needs_and_scale_are_declared(case: Case) -> None:
    kind = type(case.detector)
    assert kind.role in ("failure", "quality", "anomaly")
    assert kind.needs in ("vectors", "windows")
    assert isinstance(kind.scale, Scale)
    assert case.detector.score(case.rows).scale is kind.scale


def test_one_row_alone_scores_bit_equal_to_the_row_in_a_batch(case: Case) -> None:
    batch = case.detector.score(case.rows)
    for i in range(len(case.rows)):
        alone = case.detector.score(case.rows.take(np.array([i])))
        for part in PARTS:
            assert getattr(alone, part).tobytes() == getattr(batch, part)[i : i + 1].tobytes(), (part, i)


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_memory_layout_of_the_values_does_not_change_a_score(case: Case, order: str) -> None:
    values = np.array(case.rows.values, order=order)  # type: ignore[call-overload]
    found = case.detector.score(planted.vectors(values, case.rows.names))
    single = [case.detector.score(planted.vectors(values[i : i + 1].copy(), case.rows.names)) for i in range(30)]
    assert [s.value[0] for s in single] == found.value[:30].tolist()
    assert [s.raw[0] for s in single] == found.raw[:30].tolist()


def test_the_order_of_rows_does_not_change_their_scores(case: Case) -> None:
    order = np.random.default_rng(1).permutation(len(case.rows))
    shuffled, straight = case.detector.score(case.rows.take(order)), case.detector.score(case.rows)
    for part in PARTS:
        np.testing.assert_array_equal(getattr(shuffled, part), getattr(straight, part)[order])


def test_low_value_and_high_are_finite_and_in_order(case: Case) -> None:
    found = case.detector.score(case.rows)
    assert np.isfinite(np.stack([found.low, found.value, found.high, found.raw])).all()
    assert (found.low <= found.value).all()
    assert (found.value <= found.high).all()


def test_probabilities_and_percentiles_are_fractions(case: Case) -> None:
    found = case.detector.score(case.rows)
    if found.scale is not Scale.PHYSICAL:
        assert (found.low >= 0).all()
        assert (found.high <= 1).all()


def test_contributions_and_base_add_up_to_raw(case: Case) -> None:
    found = case.detector.score(case.rows)
    assert found.contributions.shape == (len(case.rows), len(case.detector.names))
    np.testing.assert_allclose(found.base + found.contributions.sum(axis=1), found.raw, rtol=1e-9, atol=1e-6)


def test_a_row_without_any_value_still_gets_a_number(case: Case) -> None:
    empty = planted.vectors(np.full((1, len(case.rows.names)), np.nan), case.rows.names)
    assert np.isfinite(case.detector.score(empty).value).all()


@pytest.mark.parametrize("change", ["shuffled", "fewer", "more", "other"])
def test_other_columns_are_refused(case: Case, change: str) -> None:
    names = case.detector.names
    changed = {
        "shuffled": names[::-1],
        "fewer": names[:-1],
        "more": (*names, *planted.tag_names(1, "median")),
        "other": (*planted.tag_names(1, "median"), *names[1:]),
    }[change]
    with pytest.raises(ValueError, match="do not fit"):
        case.detector.score(planted.vectors(np.zeros((2, len(changed))), changed))


def test_what_is_dumped_loads_with_equal_scores(case: Case) -> None:
    again = type(case.detector).load(case.detector.dump())
    assert _same(again.score(case.rows), case.detector.score(case.rows))
    assert again.names == case.detector.names
    assert (again.threshold, again.clear_threshold) == (case.detector.threshold, case.detector.clear_threshold)
    assert dict(again.report) == dict(case.detector.report)
    assert again.dump() == case.detector.dump()


def test_equal_trainings_give_equal_bytes(case: Case) -> None:
    again = detector_class(case.kind).train(INSTANCES[case.kind](), {}, planted.aids())
    assert again.dump() == case.detector.dump()


@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_a_missing_or_damaged_head_is_refused(case: Case, damage: str) -> None:
    parts = case.detector.dump()
    head = parts.pop("head.json")
    if damage == "cut":
        parts["head.json"] = head[:-5]
    with pytest.raises(ValueError):  # noqa: PT011 - the texts are the JSON reader's
        type(case.detector).load(parts)


def test_scoring_and_training_leave_their_input_alone(case: Case) -> None:
    training = INSTANCES[case.kind]()
    kept = deepcopy(training)
    detector_class(case.kind).train(training, {}, planted.aids())
    for part in ("outcome", "to_event", "group"):
        np.testing.assert_array_equal(getattr(training, part), getattr(kept, part))
    np.testing.assert_array_equal(training.vectors.values, kept.vectors.values)
    rows = deepcopy(case.rows)
    case.detector.score(rows)
    np.testing.assert_array_equal(rows.values, case.rows.values)


def test_no_rows_give_no_scores(case: Case) -> None:
    found = case.detector.score(case.rows.take(slice(0, 0)))
    assert len(found) == 0
    assert found.contributions.shape == (0, len(case.detector.names))


@pytest.mark.parametrize("n", [0, 1, 20])
def test_too_little_data_is_refused_with_a_training_error(case: Case, n: int) -> None:
    with pytest.raises(TrainingError):
        detector_class(case.kind).train(case.training.take(np.arange(n)), {}, planted.aids())


def test_it_clears_where_or_below_it_raises_or_has_no_limit_at_all(case: Case) -> None:
    raise_at, clear_at = case.detector.threshold, case.detector.clear_threshold
    if raise_at is None or clear_at is None:
        assert raise_at is clear_at
    else:
        assert clear_at <= raise_at
