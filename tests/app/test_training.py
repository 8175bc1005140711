"""History to models: a fleet with a planted drift, labels worked by hand, champion then challenger."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from app import training
from app.examples import examples
from app.pipeline import Pipeline
from app.rooms import Rooms
from app.settings import Settings
from detectors import bundle
from domain.instants import duration_ns, from_ns, to_ns
from domain.plant import Axis
from domain.points import Point, Points
from domain.records import Event, EventKind
from domain.scores import TrainingError, Verdict
from domain.text import catalogue, spoken
from tests.app import tiny_plant as tiny

HOUR = timedelta(hours=1)
N_ASSETS, LIFE, DRIFT = 12, 90, 20
TAGS = ("heat", "vibration", "speed")

FOREWARN = """
[data]
folder = "DATA"

[evaluate]
split = "unit"

[[classes]]
name = "engine"
axis = "cycle"
cycle = "1h"
period = "1h"
horizon = 18
lead = 4

[[features]]
name = "trend"
asset_class = "engine"
calculators = "trend"
window = 8
train_step = 2

[[detectors]]
name = "engine-failure"
kind = "failure_lightgbm"
asset_class = "engine"
features = "trend"
outcome = "bearing"
target_recall = 0.9
n_folds = 3
"""
RULES = """
[[rules]]
id = "engine-failure"
asset_class = "engine"
watch = "score:engine-failure"
raise = "model"
on_delay = "2h"
"""
ASSETS = "asset,class\n" + "".join(f"fleet/e{i:02d},engine\n" for i in range(N_ASSETS + 1))
TAGS_CSV = "asset,tag\n" + "".join(f"class:engine,{t}\n" for t in TAGS)
NEW = f"fleet/e{N_ASSETS:02d}"  # has no history


def _settings(folder: Path) -> Settings:
    return tiny.settings_in(folder, forewarn_toml=FOREWARN, rules_toml=RULES, assets_csv=ASSETS, tags_csv=TAGS_CSV)


def _at(cycle: float) -> datetime:
    return tiny.T0 + cycle * HOUR


def _life(asset: str, seed: int, life: int = LIFE, drift: int = DRIFT) -> list[Point]:
    random = np.random.default_rng(seed)
    rows = []
    for cycle in range(1, life + 1):
        worn = max(0.0, 1 - (life - cycle) / drift)
        values = random.normal(size=3) + worn * np.array([6.0, 4.0, 0.0])
        rows += [Point(f"{asset}/{t}", to_ns(_at(cycle)), float(v)) for t, v in zip(TAGS, values, strict=True)]
    return rows


def _failed(asset: str, cycle: float, end: float | None = None, code: str = "bearing", known: float = 0.0) -> Event:
    back = None if end is None else _at(end)
    return Event(asset, EventKind.FAILURE, code, _at(cycle), back, _at(max(cycle, known)))


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a fleet in which every asset has run to its failure."""
    folder = tmp_path_factory.mktemp("fleet")
    with tiny.rooms_of(_settings(folder)) as rooms:
        for i in range(N_ASSETS):
            rooms.points.apply(f"b{i}", Points.from_rows(_life(f"fleet/e{i:02d}", i)))
        events = [_failed(f"fleet/e{i:02d}", LIFE) for i in range(N_ASSETS)]
        rooms.ledger.records.apply("events", [tiny.decoded(events=events)])
    return folder / "data"


@pytest.fixture
def fleet(history: Path, tmp_path: Path) -> Iterator[Rooms]:
    shutil.copytree(history, tmp_path / "data")
    with tiny.rooms_of(_settings(tmp_path)) as rooms:
        yield rooms


NOW = _at(LIFE + 1)


def test_a_fleet_with_a_drift_is_learned_and_its_failures_caught_out_of_fold(fleet: Rooms) -> None:
    detector = fleet.settings.detector("engine-failure")
    made = training.build(training.gather(fleet, detector, NOW), fleet.models.folder)
    report = made.about["report"]
    assert (report["n_events"], report["events_caught"]) == (N_ASSETS, N_ASSETS)
    assert report["false_alarms"] <= 2
    assert (made.about["role"], made.about["outcome"], made.about["split"]) == ("failure", "bearing", "unit")
    loaded = bundle.load(fleet.models.folder, "engine-failure", made.model_id)
    assert loaded.features.axis is Axis.CYCLE
    assert {"heat", "vibration"} <= set(loaded.features.sources)


def test_the_first_model_is_champion_and_a_later_one_challenges_it(fleet: Rooms) -> None:
    detector = fleet.settings.detector("engine-failure")
    first = training.build(training.gather(fleet, detector, NOW), fleet.models.folder)
    assert training.promote(fleet, first, NOW) == "champion"
    second = training.build(training.gather(fleet, detector.model_copy(update={"seed": 7}), NOW), fleet.models.folder)
    assert second.model_id != first.model_id
    assert training.promote(fleet, second, _at(LIFE + 2)) == "challenger"
    champion = fleet.ledger.scoring.champion("engine-failure")
    assert champion is not None
    assert champion.model_id == first.model_id
    assert {m.role for m in fleet.ledger.scoring.models()} == {"champion", "challenger"}
    assert fleet.models.champions()["engine-failure"].model_id == first.model_id


def test_two_trainings_on_the_same_history_give_the_same_model(fleet: Rooms) -> None:
    detector = fleet.settings.detector("engine-failure")
    first = training.build(training.gather(fleet, detector, NOW), fleet.models.folder)
    again = training.build(training.gather(fleet, detector, _at(LIFE + 9)), fleet.models.folder / "elsewhere")
    assert again.model_id == first.model_id
    training.promote(fleet, first, NOW)
    assert training.promote(fleet, again, _at(LIFE + 9)) == "champion"
    assert len(fleet.ledger.scoring.models()) == 1


def test_history_known_later_is_not_learned_from(fleet: Rooms) -> None:
    detector = fleet.settings.detector("engine-failure")
    half = training.gather(fleet, detector, _at(40))
    assert {int(g.times[-1]) for g in half.grids.values()} == {to_ns(_at(40))}
    assert half.events == {}
    with pytest.raises(TrainingError, match="0 failures"):
        training.build(half, fleet.models.folder)


def test_no_history_is_refused_in_words(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    with tiny.rooms_of(settings) as rooms, pytest.raises(TrainingError, match="load history first"):
        training.gather(rooms, settings.detector("engine-failure"), NOW)


def test_history_shorter_than_a_window_is_refused_in_words(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    with tiny.rooms_of(settings) as rooms:
        rooms.points.apply("b", Points.from_rows(_life(NEW, 1, life=4)))
        history = training.gather(rooms, settings.detector("engine-failure"), NOW)
        with pytest.raises(TrainingError):
            training.build(history, rooms.models.folder)


def test_the_rules_delay_is_learned_with_in_axis_units(fleet: Rooms) -> None:
    assert training.gather(fleet, fleet.settings.detector("engine-failure"), NOW).confirm == 2.0
    on_time = fleet.settings.plant.classes["engine"].__class__("t", Axis.TIME, 10, 1, HOUR)
    found = training.confirm_units(fleet.settings.rules, "engine-failure", on_time)
    assert found == duration_ns(2 * HOUR)
    assert training.confirm_units(fleet.settings.rules, "another", on_time) == 0.0


def _by_hand(tmp_path: Path, events: list[Event], outcome: str = "bearing") -> dict[int, tuple[float, float]]:
    """Return position -> (to_event, outcome) of one asset of 40 cycles; window 5, horizon 8, every cycle."""
    text = FOREWARN.replace("window = 8", "window = 5\nmin_coverage = 1.0").replace("train_step = 2", "train_step = 1")
    text = text.replace("horizon = 18", "horizon = 8").replace('"bearing"', f'"{outcome}"')
    settings = tiny.settings_in(tmp_path, forewarn_toml=text, rules_toml=RULES, assets_csv=ASSETS, tags_csv=TAGS_CSV)
    with tiny.rooms_of(settings) as rooms:
        rooms.points.apply("b", Points.from_rows(_life(NEW, 1, life=40)))
        rooms.ledger.records.apply("e", [tiny.decoded(events=events)])
        history = training.gather(rooms, settings.detector("engine-failure"), _at(100))
    made, _ = examples(history)
    assert [from_ns(end) for end in made.vectors.end] == [_at(p) for p in made.vectors.position]
    rows = zip(made.vectors.position.tolist(), made.to_event.tolist(), made.outcome.tolist(), strict=True)
    return {int(p): (to_event, label) for p, to_event, label in rows}


def test_labels_are_right_by_hand(tmp_path: Path) -> None:
    """A stop from cycle 15 to 17 and a failure from cycle 30 to 32.

    Windows of 5 rows end at cycles 5 to 40. Those that end after 15 and start before 17 touch the stop: 16 to 20.
    Those that end after 30 and start before 32 touch the failure: 31 to 35. From 36 on no failure is known within
    the horizon of 8, and the data end at 40.
    """
    stop = Event(NEW, EventKind.STOP, "lunch", _at(15), _at(17), _at(15))
    found = _by_hand(tmp_path, [stop, _failed(NEW, 30, 32)])
    assert sorted(found) == [*range(5, 16), *range(21, 31)]
    assert {p: to_event for p, (to_event, _) in found.items()} == {p: 30.0 - p for p in found}
    assert {p for p, (_, label) in found.items() if label == 1} == set(range(22, 31))


def test_without_a_failure_only_windows_with_a_known_future_are_normal(tmp_path: Path) -> None:
    found = _by_hand(tmp_path, [])
    assert sorted(found) == list(range(5, 33))
    assert set(found.values()) == {(float("inf"), 0.0)}


def test_a_failure_of_another_mode_is_a_stop_and_no_outcome(tmp_path: Path) -> None:
    found = _by_hand(tmp_path, [_failed(NEW, 20, 21, code="seal")])
    assert sorted(found) == [*range(5, 21), *range(25, 33)]
    assert {label for _, label in found.values()} == {0.0}


def test_any_failure_counts_where_no_mode_is_named(tmp_path: Path) -> None:
    found = _by_hand(tmp_path, [_failed(NEW, 20, 21, code="seal")], outcome="")
    assert {p for p, (_, label) in found.items() if label == 1} == set(range(12, 21))


def test_a_failure_that_never_ended_leaves_nothing_after_it(tmp_path: Path) -> None:
    found = _by_hand(tmp_path, [_failed(NEW, 20)])
    assert sorted(found) == list(range(5, 21))
    assert found[20] == (0.0, 1.0)


def test_of_two_failures_the_next_one_counts(tmp_path: Path) -> None:
    found = _by_hand(tmp_path, [_failed(NEW, 12, 13), _failed(NEW, 30)])
    assert found[12] == (0.0, 1.0)
    assert found[17] == (13.0, 0.0)
    assert found[22] == (8.0, 1.0)


def _scores_after(settings: Settings, rows: list[Point], ticks: list[float]) -> list[tuple[datetime, Verdict, float]]:
    with tiny.rooms_of(settings) as rooms:
        pipeline = Pipeline(rooms, {}, tiny.T0)
        given = 0
        for cycle in ticks:
            due = [p for p in rows[given:] if p.at <= to_ns(_at(cycle))]
            given += len(due)
            if due:
                tiny.accept(rooms, _at(cycle), tiny.decoded(due))
            pipeline.tick(_at(cycle))
        scores = rooms.ledger.scoring.scores("engine-failure", NEW)
    return [(s.at, s.verdict, -1.0 if s.value is None else s.value) for s in scores]


@pytest.fixture
def two_fleets(history: Path, tmp_path: Path) -> tuple[Settings, Settings]:
    """Two plants with the same champion."""
    shutil.copytree(history, tmp_path / "one" / "data")
    one = _settings(tmp_path / "one")
    with tiny.rooms_of(one) as rooms:
        detector = one.detector("engine-failure")
        made = training.build(training.gather(rooms, detector, NOW), rooms.models.folder)
        training.promote(rooms, made, NOW)
    shutil.copytree(tmp_path / "one" / "data", tmp_path / "two" / "data")
    return one, _settings(tmp_path / "two")


def test_an_asset_on_the_cycle_axis_is_warned_of_before_it_fails(two_fleets: tuple[Settings, Settings]) -> None:
    settings, _ = two_fleets
    _scores_after(settings, _life(NEW, 77), [float(c) for c in range(1, LIFE + 1)])
    with tiny.rooms_of(settings) as rooms:
        raised = [a.raised_at for a in rooms.ledger.alerting.alerts()]
    assert raised
    assert _at(LIFE - DRIFT - 5) <= min(r for r in raised if r is not None) <= _at(LIFE - 4)


def test_a_long_pause_between_cycles_does_not_change_what_is_scored(two_fleets: tuple[Settings, Settings]) -> None:
    one, many = two_fleets
    rows = [p if p.at <= to_ns(_at(40)) else p._replace(at=p.at + duration_ns(100 * HOUR)) for p in _life(NEW, 78, 60)]
    last = 60.0 + 100.0
    together = _scores_after(one, rows, [last])
    apart = _scores_after(many, rows, [*map(float, range(1, 41)), *map(float, range(141, 161))])
    assert [s[1] for s in together][10:] == [Verdict.OK] * 50
    assert apart == together


def test_maintenance_starts_a_relearning_time_with_a_visible_end(history: Path, tmp_path: Path) -> None:
    """A service at cycle 30 shifts a tag for good: nothing is said of it until window and re-learning are over."""
    shutil.copytree(history, tmp_path / "data")
    text = FOREWARN.replace("lead = 4", "lead = 4\nrelearn = 5")
    settings = tiny.settings_in(tmp_path, forewarn_toml=text, rules_toml=RULES, assets_csv=ASSETS, tags_csv=TAGS_CSV)
    with tiny.rooms_of(settings) as rooms:
        made = training.build(training.gather(rooms, settings.detector("engine-failure"), NOW), rooms.models.folder)
        training.promote(rooms, made, NOW)
        service = Event(NEW, EventKind.MAINTENANCE, "belt", _at(30), _at(30), _at(30))
        rooms.ledger.records.apply("service", [tiny.decoded(events=[service])])
    found = _scores_after(settings, _life(NEW, 77, life=60, drift=1), [float(c) for c in range(1, 61)])
    verdicts = {round((at - tiny.T0) / HOUR): verdict for at, verdict, _ in found}
    quiet = [c for c, v in verdicts.items() if c > 8 and v is Verdict.NOT_ASSESSED]
    assert quiet == list(range(31, 42))  # the 5 cycles from 30 on say nothing, and the 8 of a window come after them
    with tiny.rooms_of(settings) as rooms:
        reasons = {s.at: s.reason for s in rooms.ledger.scoring.scores("engine-failure", NEW)}
    assert spoken(catalogue("en"), reasons[_at(33)]).startswith("re-learning after maintenance until 2026-01-06")
