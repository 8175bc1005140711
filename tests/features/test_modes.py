"""Operating modes: found where they are planted, none where there are none, and tags relative to their own mode."""

from __future__ import annotations

import numpy as np
import pytest

from domain.inputs import Inputs, Modes
from domain.instants import to_ns
from features import modes
from features.context import Background, Happened
from features.windows import Grid
from tests.app.tiny_plant import T0

HOUR = 3_600_000_000_000
T = to_ns(T0)
PLAIN = Background()


def grid(values: np.ndarray, tags: tuple[str, ...] = ("speed", "heat")) -> Grid:
    return Grid("a", tags, T + np.arange(len(values), dtype=np.int64) * HOUR, values)


def three_regimes(seed: int = 0, n: int = 300) -> tuple[Grid, np.ndarray]:
    random = np.random.default_rng(seed)
    which = random.integers(0, 3, n)
    speed = np.array([10.0, 50.0, 90.0])[which] + random.normal(size=n)
    heat = np.array([5.0, 100.0, 30.0])[which] + np.array([1.0, 5.0, 2.0])[which] * random.normal(size=n)
    return grid(np.column_stack([speed, heat])), which


def asked(by: str, *tags: str) -> Modes:
    return Modes(by, tags, (), (), (), ())


def test_planted_regimes_are_found_and_tags_lose_what_the_regime_explains() -> None:
    known, which = three_regimes()
    found = modes.fitted({"a": known}, {"a": PLAIN}, asked("regimes", "speed"), 1)
    assert found.names == ("1", "2", "3")
    told = modes.names_of(known, PLAIN, found)
    assert [len(set(told[which == k])) for k in range(3)] == [1, 1, 1]
    heat = modes.applied(known, PLAIN, found).values[:, 1]
    for k in range(3):
        assert abs(heat[which == k].mean()) < 1e-9
        assert heat[which == k].std() == pytest.approx(1.0)
    live, truth = three_regimes(seed=9, n=60)
    assert np.abs(modes.applied(live, PLAIN, found).values[:, 1]).max() < 5
    assert len(set(zip(modes.names_of(live, PLAIN, found), truth, strict=True))) == 3


def test_a_regime_that_training_did_not_hold_has_no_values_and_one_near_a_known_one_has() -> None:
    known, _ = three_regimes()
    found = modes.fitted({"a": known}, {"a": PLAIN}, asked("regimes", "speed"), 1)
    centres = sorted(np.array(found.centres).ravel() * found.spread[0])
    between, beyond, near = (centres[0] + centres[1]) / 2, 2 * centres[-1] - centres[0], centres[1]
    live = grid(np.array([[between, 1.0], [beyond, 1.0], [near, 1.0]]))
    assert [bool(name) for name in modes.names_of(live, PLAIN, found)] == [False, False, True]
    assert np.isnan(modes.applied(live, PLAIN, found).values).all(axis=1).tolist() == [True, True, False]
    assert all(modes.names_of(known, PLAIN, found))
    old = {name: value for name, value in found.as_json().items() if name != "reach"}
    assert Modes.from_json(old).as_json() == old  # a model of before keeps its hash
    assert all(modes.names_of(live, PLAIN, Modes.from_json(old)))


def test_modes_that_inner_folds_share_tell_a_unit_left_out_nothing_of_its_end() -> None:
    """Eight units that wear: each told by modes of all, and by modes of the seven others."""
    random = np.random.default_rng(4)
    fleet, is_near = {}, np.arange(200) >= 170
    for unit in range(8):
        which = random.integers(0, 3, 200)
        worn = np.where(is_near, 3.0, 0.0) + random.normal(size=200)
        fleet[str(unit)] = grid(np.column_stack([10.0 * which + random.normal(scale=0.1, size=200), 50 * which + worn]))
    plain = dict.fromkeys(fleet, PLAIN)
    shared = modes.fitted(fleet, plain, asked("regimes", "speed"), 1)
    gains = []
    for unit, known in fleet.items():
        others = {u: g for u, g in fleet.items() if u != unit}
        own = modes.fitted(others, plain, asked("regimes", "speed"), 1)
        by_shared, by_own = (modes.applied(known, PLAIN, found).values[:, 1] for found in (shared, own))
        np.testing.assert_allclose(by_shared, by_own, atol=0.3)
        contrast = [x[is_near].mean() - x[~is_near].mean() for x in (by_shared, by_own)]
        gains.append(contrast[0] / contrast[1] - 1)
    assert abs(float(np.mean(gains))) < 0.02  # failures stand out no more for it


def test_one_cloud_is_one_regime() -> None:
    cloud = grid(np.random.default_rng(3).normal(size=(400, 2)))
    assert modes.fitted({"a": cloud}, {"a": PLAIN}, asked("regimes", "speed", "heat"), 1).names == ("1",)


def test_the_same_rows_give_the_same_regimes_and_they_survive_json() -> None:
    known, _ = three_regimes()
    first, again = (modes.fitted({"a": known}, {"a": PLAIN}, asked("regimes", "speed"), 1) for _ in range(2))
    assert first == again
    assert Inputs.from_json(Inputs(modes=first).as_json()) == Inputs(modes=first)


def test_a_tag_tells_the_mode_and_a_mode_never_seen_has_no_values() -> None:
    values = np.column_stack([np.repeat([1.0, 2.0], 30), np.repeat([5.0, 50.0], 30) + np.tile([0.0, 1.0], 30)])
    found = modes.fitted({"a": grid(values)}, {"a": PLAIN}, asked("tag", "speed"), 1)
    assert found.names == ("1", "2")
    live = modes.applied(grid(np.array([[1.0, 5.5], [3.0, 5.5], [np.nan, 5.5]])), PLAIN, found)
    assert live.values[0, 1] == 0.0
    assert np.isnan(live.values[1:]).all()


def test_the_newest_mode_event_that_is_known_tells_the_mode() -> None:
    rows = grid(np.arange(8.0).reshape(8, 1), ("heat",))
    events = {
        "mode:fast": Happened(np.array([T + 2 * HOUR]), np.array([T + 2 * HOUR])),
        "mode:slow": Happened(np.array([T + 4 * HOUR]), np.array([T + 6 * HOUR])),
        "alarm:E1": Happened(np.array([T]), np.array([T])),
    }
    told = modes.names_of(rows, Background(events), asked("event"))
    assert told.tolist() == ["", "", "fast", "fast", "fast", "fast", "slow", "slow"]


def test_too_few_rows_of_any_mode_are_refused_in_words() -> None:
    few = grid(np.column_stack([np.arange(10.0), np.arange(10.0)]))
    with pytest.raises(ValueError, match="20 rows"):
        modes.fitted({"a": few}, {"a": PLAIN}, asked("tag", "speed"), 1)
    with pytest.raises(ValueError, match="no regime can be found"):
        modes.fitted({"a": few}, {"a": PLAIN}, asked("regimes", "speed"), 1)


def test_what_is_told_of_two_clouds_by_their_silhouette() -> None:
    points = np.array([[0.0], [1.0], [10.0], [11.0]])
    assert modes.silhouette(points, np.array([0, 0, 1, 1])) == pytest.approx(np.mean([1 - 1 / 10.5, 1 - 1 / 9.5] * 2))
    assert modes.silhouette(points, np.zeros(4, dtype=np.int64)) == -1.0


def test_a_tag_that_never_moves_in_a_mode_stays_finite() -> None:
    flat = grid(np.column_stack([np.repeat([1.0, 2.0], 30), np.full(60, 7.0)]))
    found = modes.fitted({"a": flat}, {"a": PLAIN}, asked("tag", "speed"), 1)
    assert np.isfinite(modes.applied(flat, PLAIN, found).values).all()
