"""Late data through the real line: exactly the touched windows are scored again, and what was said before is kept."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from app import late, training, windowing
from app.loading import load_file
from app.pipeline import Pipeline
from app.rooms import Rooms
from app.settings import Settings
from detectors.bundle import Bundle
from domain.instants import duration_ns, to_ns
from domain.plant import Axis
from domain.points import Point, Points
from domain.records import Lot
from domain.scores import Score, Verdict
from features import windows
from features.extract import extract
from tests.app import power_plant as power
from tests.app import tiny_plant as tiny
from tests.app.tiny_plant import at

ODD, PRESS = "pump-odd", "press-failure"
PRESSURE = f"{tiny.PUMP}/pressure"


def _without(rows: Iterable[Point], tag_id: str, *minutes: float) -> tuple[list[Point], list[Point]]:
    """Split points into those that come in time and those of a tag that come late."""
    gone = {to_ns(at(m)) for m in minutes}
    rows = list(rows)
    is_late = [p.tag_id == tag_id and p.at in gone for p in rows]
    return [p for p, x in zip(rows, is_late, strict=True) if not x], [
        p for p, x in zip(rows, is_late, strict=True) if x
    ]


def _feed(rooms: Rooms, pipeline: Pipeline, rows: Sequence[Point], start: int, stop: int) -> None:
    for minute in range(start, stop):
        due = [p for p in rows if to_ns(at(minute - 1)) < p.at <= to_ns(at(minute))]
        if due:
            tiny.accept(rooms, at(minute), tiny.decoded(due))
        pipeline.tick(at(minute))


def _scores(rooms: Rooms, detector: str = ODD, asset: str = tiny.PUMP) -> dict[datetime, Score]:
    return {s.at: s for s in rooms.ledger.scoring.scores(detector, asset)}


def _revised(rooms: Rooms, detector: str = ODD) -> list[datetime]:
    return [f.score.at for f in rooms.ledger.revisions.former(detector)]


def _recomputed(rooms: Rooms, model: Bundle, asset: str, until: datetime) -> dict[int, float]:
    """Return the scores of an asset's whole history in one go, straight from the store."""
    plant, features = rooms.settings.plant, model.features
    grid = windowing.grids(rooms.points, plant, [plant.assets[asset]], features, 0, to_ns(until) + 1)[asset]
    period = duration_ns(plant.class_of(asset).period)
    cut = windows.cut(grid, features, features.step, period, to_ns(tiny.T0), to_ns(until))
    cut = cut.take(cut.is_whole)
    values = model.detector.score(extract(grid, cut, features.names)).value
    return dict(zip(cut.end.tolist(), values.tolist(), strict=True))


def _assert_recomputable(rooms: Rooms, detector: str, asset: str, until: datetime) -> None:
    found = {to_ns(s.at): s.value for s in _scores(rooms, detector, asset).values() if s.verdict is Verdict.OK}
    expected = _recomputed(rooms, rooms.models.champions()[detector], asset, until)
    assert len(found) > 5
    assert found == expected  # floats: bit for bit


def test_a_late_point_revises_exactly_the_windows_that_hold_it(trained_rooms: Rooms) -> None:
    rows, later = _without(tiny.pump_points(tiny.PUMP, -20, 60), PRESSURE, 22, 30)
    pipeline = Pipeline(trained_rooms, {}, tiny.T0)
    _feed(trained_rooms, pipeline, rows, -19, 61)
    before = _scores(trained_rooms)
    assert trained_rooms.ledger.revisions.spans() == []
    tiny.accept(trained_rooms, at(61), tiny.decoded(later[:1]))
    pipeline.tick(at(61))
    assert _revised(trained_rooms) == [at(25), at(30)]
    tiny.accept(trained_rooms, at(62), tiny.decoded(later[1:]))  # a window does not hold its end
    pipeline.tick(at(62))
    assert _revised(trained_rooms) == [at(25), at(30), at(35), at(40)]
    assert [f.score for f in trained_rooms.ledger.revisions.former(ODD)] == [before[at(m)] for m in (25, 30, 35, 40)]
    after = _scores(trained_rooms)
    assert {m for m in before if after[m] != before[m]} == {at(25), at(30), at(35), at(40)}
    assert trained_rooms.ledger.revisions.spans() == []
    _assert_recomputable(trained_rooms, ODD, tiny.PUMP, at(62))


def test_points_that_are_known_already_revise_nothing(trained_rooms: Rooms) -> None:
    rows = tiny.pump_points(tiny.PUMP, -20, 40)
    pipeline = Pipeline(trained_rooms, {}, tiny.T0)
    _feed(trained_rooms, pipeline, rows, -19, 41)
    tiny.accept(trained_rooms, at(41), tiny.decoded(rows))
    tiny.accept(trained_rooms, at(41), tiny.decoded([p._replace(value=1.0) for p in rows]))  # the first value stays
    pipeline.tick(at(41))
    assert _revised(trained_rooms) == []
    assert trained_rooms.ledger.revisions.spans() == []


def test_a_window_that_lacked_data_is_assessed_once_they_come(trained_rooms: Rooms) -> None:
    rows, later = _without(tiny.pump_points(tiny.PUMP, -20, 40), PRESSURE, *range(20, 25))
    pipeline = Pipeline(trained_rooms, {}, tiny.T0)
    _feed(trained_rooms, pipeline, rows, -19, 41)
    lacking = {m for m, s in _scores(trained_rooms).items() if s.verdict is Verdict.NOT_ASSESSED}
    assert lacking == {at(25), at(30)}
    tiny.accept(trained_rooms, at(41), tiny.decoded(later))
    pipeline.tick(at(41))
    assert _revised(trained_rooms) == [at(25), at(30)]
    assert {s.verdict for s in _scores(trained_rooms).values()} == {Verdict.OK}


def test_alerts_are_neither_raised_nor_returned_by_what_comes_late(trained_rooms: Rooms) -> None:
    rows = [
        p._replace(value=(p.value or 0.0) + 4.0) if p.tag_id == PRESSURE and p.at >= to_ns(at(20)) else p
        for p in tiny.pump_points(tiny.PUMP, -20, 50)
    ]
    rows, later = _without(rows, PRESSURE, 15, 16, 33)
    pipeline = Pipeline(trained_rooms, {}, tiny.T0)
    _feed(trained_rooms, pipeline, rows, -19, 51)
    alerts, told = trained_rooms.ledger.alerting.alerts(), trained_rooms.ledger.alerting.transitions()
    assert {a.key.rule for a in alerts} == {"pressure-high", ODD}
    tiny.accept(trained_rooms, at(51), tiny.decoded([p._replace(value=4.0) for p in later]))
    pipeline.tick(at(51))
    assert _revised(trained_rooms) == [at(m) for m in (20, 25, 35, 40)]
    assert trained_rooms.ledger.alerting.alerts() == alerts
    assert trained_rooms.ledger.alerting.transitions() == told


def _changed(learned: Path, folder: Path, *changes: tuple[str, str]) -> Settings:
    shutil.copytree(learned, folder / "data")
    text = tiny.FOREWARN
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return tiny.settings_in(folder, forewarn_toml=text)


def test_a_window_waits_for_the_stated_lateness_and_is_not_revised_by_what_comes_within_it(
    learned: Path, tmp_path: Path
) -> None:
    settings = _changed(learned, tmp_path, ('period = "1min"', 'period = "1min"\nlateness = "3min"'))
    rows, later = _without(tiny.pump_points(tiny.PUMP, -20, 40), PRESSURE, 24)
    with tiny.rooms_of(settings) as rooms:
        pipeline = Pipeline(rooms, {}, tiny.T0)
        _feed(rooms, pipeline, rows, -19, 28)
        assert max(_scores(rooms)) == at(20)
        tiny.accept(rooms, at(27), tiny.decoded(later))
        _feed(rooms, pipeline, rows, 28, 41)
        assert max(_scores(rooms)) == at(35)
        assert _revised(rooms) == []
        _assert_recomputable(rooms, ODD, tiny.PUMP, at(37))


@pytest.mark.parametrize(("days", "expected"), [("0", []), ("0.02", [60, 65]), ("7", [15, 20, 60, 65])])
def test_what_comes_too_late_revises_nothing(learned: Path, tmp_path: Path, days: str, expected: list[int]) -> None:
    run = ("[evaluate]", f"[run]\nrevise_days = {days}\n\n[evaluate]")
    rows, later = _without(tiny.pump_points(tiny.PUMP, -20, 70), PRESSURE, 12, 57)
    with tiny.rooms_of(_changed(learned, tmp_path, run)) as rooms:
        pipeline = Pipeline(rooms, {}, tiny.T0)
        _feed(rooms, pipeline, rows, -19, 71)
        tiny.accept(rooms, at(71), tiny.decoded(later))
        pipeline.tick(at(71))
        assert _revised(rooms) == [at(m) for m in expected]


def test_a_new_version_of_a_file_revises_the_windows_of_the_values_it_changes(
    trained_rooms: Rooms, tmp_path: Path
) -> None:
    rows = [p for p in tiny.pump_points(tiny.PUMP, -20, 50) if p.tag_id != PRESSURE]
    pipeline = Pipeline(trained_rooms, {}, tiny.T0)

    def file(value: str) -> Path:
        lines = [f"{at(m).isoformat()},{tiny.PUMP},{5 + m % 7 / 10}" for m in range(-20, 50)]
        lines[42] = f"{at(22).isoformat()},{tiny.PUMP},{value}"
        path = tmp_path / "sensors.csv"
        path.write_text("\n".join(["time,asset,pressure", *lines, ""]))
        return path

    load_file(trained_rooms, file("5.0"), at(50))
    _feed(trained_rooms, pipeline, rows, -19, 51)
    load_file(trained_rooms, file("5.5"), at(51))
    pipeline.tick(at(51))
    assert _revised(trained_rooms) == [at(25), at(30)]
    _assert_recomputable(trained_rooms, ODD, tiny.PUMP, at(51))


def test_a_crash_between_store_and_ledger_loses_no_revision(trained_plant: Settings) -> None:
    rows, later = _without(tiny.pump_points(tiny.PUMP, -20, 40), PRESSURE, 22)
    with tiny.rooms_of(trained_plant) as rooms:
        _feed(rooms, Pipeline(rooms, {}, tiny.T0), rows, -19, 41)
        tiny.accept(rooms, at(41), tiny.decoded(later))
        claimed = rooms.journal.claim(100)
        assert claimed is not None
        rooms.points.apply(claimed.batch, claimed.decoded[0].points)  # and then it is killed
    with tiny.rooms_of(trained_plant) as rooms:
        Pipeline(rooms, {}, at(41)).drain()  # and killed again, before its first tick
    with tiny.rooms_of(trained_plant) as rooms:
        Pipeline(rooms, {}, at(41)).tick(at(42))
        assert _revised(rooms) == [at(25), at(30)]


def test_what_another_process_stores_while_windows_are_read_is_looked_at_again(trained_plant: Settings) -> None:
    """The scorer reads, a collector stores a point of what was read, then the scorer writes."""
    rows, later = _without(tiny.pump_points(tiny.PUMP, -20, 26), PRESSURE, 22)
    with tiny.rooms_of(trained_plant) as rooms:
        pipeline = Pipeline(rooms, {}, tiny.T0, has_journal=False)
        rooms.points.apply("b1", Points.from_rows(rows))
        rooms.ledger.scoring.save((), {late.cursor_name(ODD, ""): to_ns(at(26))})  # as it begins to read
        outcome = rooms.points.apply("b2", Points.from_rows(later))
        late.note(rooms, Points.from_rows(later), outcome)
        (span,) = rooms.ledger.revisions.spans()
        assert (span.detector, span.asset, span.start) == (ODD, tiny.PUMP, to_ns(at(22)))
        pipeline.tick(at(26))  # nothing was scored by then: it has nothing to revise
        assert rooms.ledger.revisions.spans() == []
        assert rooms.ledger.scoring.cursors()[late.cursor_name(ODD, "")] == 0
        _assert_recomputable_or_few(rooms)


def _assert_recomputable_or_few(rooms: Rooms) -> None:
    found = {to_ns(s.at): s.value for s in _scores(rooms).values() if s.verdict is Verdict.OK}
    assert found == _recomputed(rooms, rooms.models.champions()[ODD], tiny.PUMP, at(26))


def test_late_data_are_scored_again_by_the_model_that_scored_them(trained_rooms: Rooms) -> None:
    rows, later = _without(tiny.pump_points(tiny.PUMP, -20, 60), PRESSURE, 22, 52)
    pipeline = Pipeline(trained_rooms, {}, tiny.T0)
    _feed(trained_rooms, pipeline, rows, -19, 41)
    (first,) = {s.model_id for s in _scores(trained_rooms).values()}
    detector = trained_rooms.settings.detector(ODD)
    gathered = training.gather(trained_rooms, detector, at(-300))
    made = training.build(gathered, trained_rooms.models.folder)
    assert made.model_id != first
    row = replace(trained_rooms.ledger.scoring.models(ODD)[0], model_id=made.model_id, trained_at=at(41))
    trained_rooms.ledger.scoring.add_model(row)
    _feed(trained_rooms, pipeline, rows, 41, 61)
    tiny.accept(trained_rooms, at(61), tiny.decoded(later))
    pipeline.tick(at(61))
    assert _revised(trained_rooms) == [at(25), at(30), at(55), at(60)]
    found = _scores(trained_rooms)
    assert [found[at(m)].model_id for m in (25, 30, 55, 60)] == [first, first, made.model_id, made.model_id]


def test_scores_of_a_model_that_is_gone_stay_as_they_are(trained_rooms: Rooms) -> None:
    rows, later = _without(tiny.pump_points(tiny.PUMP, -20, 60), PRESSURE, 22, 52)
    pipeline = Pipeline(trained_rooms, {}, tiny.T0)
    _feed(trained_rooms, pipeline, rows, -19, 61)
    held = trained_rooms.ledger.scoring.scores(ODD, tiny.PUMP, until=at(40))
    trained_rooms.ledger.revisions.revise([replace(s, model_id="gone") for s in held], [], [], at(60))
    before = len(_revised(trained_rooms))
    tiny.accept(trained_rooms, at(61), tiny.decoded(later))
    pipeline.tick(at(61))
    assert len(_revised(trained_rooms)) == before + 2
    found = _scores(trained_rooms)
    assert [found[at(m)].model_id == "gone" for m in (25, 30, 55, 60)] == [True, True, False, False]
    assert trained_rooms.ledger.revisions.spans() == []


def test_a_long_span_is_looked_at_in_parts(trained_rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    from app import revising

    monkeypatch.setattr(revising, "MOST_WINDOWS", 3)
    rows, later = _without(tiny.pump_points(tiny.PUMP, -20, 90), PRESSURE, *range(10, 60, 4))
    pipeline = Pipeline(trained_rooms, {}, tiny.T0)
    _feed(trained_rooms, pipeline, rows, -19, 91)
    tiny.accept(trained_rooms, at(91), tiny.decoded(later))
    seen = []
    for minute in range(91, 97):
        pipeline.tick(at(minute))
        seen.append(len(_revised(trained_rooms)))
    assert seen[0] <= 3
    assert seen == sorted(seen)
    assert _revised(trained_rooms) == [at(m) for m in range(15, 70, 5)]
    assert trained_rooms.ledger.revisions.spans() == []
    _assert_recomputable(trained_rooms, ODD, tiny.PUMP, at(91))


def test_a_late_point_revises_the_lot_that_it_belongs_to_and_no_other(trained_rooms: Rooms) -> None:
    rows, later = _without(
        (tiny.point(tiny.LINE, "feed", m, 100.0 + m % 7) for m in range(0, 60)), f"{tiny.LINE}/feed", 33
    )
    lots = [Lot(tiny.LINE, str(m), at(m - 10), at(m), at(m)) for m in (20, 30, 40, 50)]
    pipeline = Pipeline(trained_rooms, {}, tiny.T0)
    tiny.accept(trained_rooms, at(60), tiny.decoded(rows, lots=lots))
    pipeline.tick(at(60))
    assert len(_scores(trained_rooms, "purity", tiny.LINE)) == 4
    tiny.accept(trained_rooms, at(61), tiny.decoded(later))
    pipeline.tick(at(61))
    assert [f.score.subject for f in trained_rooms.ledger.revisions.former("purity")] == ["40"]


@pytest.mark.parametrize("seed", range(4))
def test_whatever_the_order_of_arrival_the_scores_are_those_of_the_whole_store(trained_rooms: Rooms, seed: int) -> None:
    random = np.random.default_rng(seed)
    rows = [p for p in tiny.pump_points(tiny.PUMP, -20, 90) if random.random() < 0.95]
    delay = np.where(random.random(len(rows)) < 0.2, random.exponential(15.0, len(rows)), 0.0)
    arrives = [(p.at / 6e10 + d, p) for p, d in zip(rows, delay.tolist(), strict=True)]
    pipeline = Pipeline(trained_rooms, {}, tiny.T0)
    zero = to_ns(tiny.T0) / 6e10
    for minute in range(-19, 300):
        due = [p for m, p in arrives if zero + minute - 1 < m <= zero + minute]
        if due:
            tiny.accept(trained_rooms, at(minute), tiny.decoded(due))
        pipeline.tick(at(minute))
    assert len(_revised(trained_rooms)) > 10
    assert trained_rooms.ledger.revisions.spans() == []
    _assert_recomputable(trained_rooms, ODD, tiny.PUMP, at(90))


@pytest.fixture(scope="module")
def presses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of the fleet, with a champion that uses a derived tag."""
    folder = tmp_path_factory.mktemp("presses")
    settings = power.settings_in(folder)
    power.filled(settings)
    with tiny.rooms_of(settings) as rooms:
        made = training.build(training.gather(rooms, settings.detector(PRESS), power.NOW), rooms.models.folder)
        training.promote(rooms, made, power.NOW)
    return folder / "data"


def _press_line(rooms: Rooms, pipeline: Pipeline, rows: Sequence[Point], n: int) -> None:
    for cycle in range(1, n + 1):
        due = [p for p in rows if p.at == to_ns(power.at(cycle))]
        if due:
            tiny.accept(rooms, power.at(cycle), tiny.decoded(due))
        pipeline.tick(power.at(cycle))


@pytest.mark.parametrize("tags", [("torque",), ("torque", "speed", "oil", "hum")])
def test_on_the_cycle_axis_a_late_value_or_a_late_cycle_revises_as_many_windows_as_cycles_in_one(
    presses: Path, tmp_path: Path, tags: tuple[str, ...]
) -> None:
    shutil.copytree(presses, tmp_path / "data")
    settings = power.settings_in(tmp_path)
    rows = power.life(power.NEW, 77, 60)
    is_late = [p.at == to_ns(power.at(30)) and p.tag_id.endswith(tags) for p in rows]
    later = [p for p, x in zip(rows, is_late, strict=True) if x]
    with tiny.rooms_of(settings) as rooms:
        pipeline = Pipeline(rooms, {}, tiny.T0)
        _press_line(rooms, pipeline, [p for p, x in zip(rows, is_late, strict=True) if not x], 60)
        held = set(_scores(rooms, PRESS, power.NEW))
        assert (power.at(30) in held) == (len(tags) == 1)
        tiny.accept(rooms, power.at(61), tiny.decoded(later))
        pipeline.tick(power.at(61))
        revised = set(_revised(rooms, PRESS)) | (set(_scores(rooms, PRESS, power.NEW)) - held)
        assert revised == {power.at(c) for c in range(30, 38)}
        assert rooms.models.champions()[PRESS].features.axis is Axis.CYCLE
        _assert_recomputable(rooms, PRESS, power.NEW, power.at(61))


LOAD = """
[[derived]]
name = "load"
asset_class = "pump"
unit = "1"
formula = "mean(pressure, 2) * flow"
"""
MULTI = (
    ('window = "10min"', 'window = "30min"\nmax_gap = "12min"\nalign = "2min"'),
    ("[[features]]", f"{LOAD}\n[[features]]"),
)


def test_tags_at_different_paces_with_holes_and_a_derived_tag_are_recomputed_bit_for_bit(tmp_path: Path) -> None:
    text = tiny.FOREWARN
    for old, new in MULTI:
        text = text.replace(old, new, 1)
    tags = tiny.TAGS.replace("flow,m3/h,1min", "flow,,5min").replace("pressure,bar,1min", "pressure,,1min")
    settings = tiny.settings_in(tmp_path, forewarn_toml=text, tags_csv=tags)
    random = np.random.default_rng(3)

    def rows(start: int, stop: int) -> list[Point]:
        every = [p for a in (tiny.PUMP, tiny.OTHER) for p in tiny.pump_points(a, start, stop)]
        paced = [p for p in every if not p.tag_id.endswith("flow") or p.at // (60 * 10**9) % 5 == 0]
        return [p._replace(value=None, quality=2) if random.random() < 0.03 else p for p in paced]

    with tiny.rooms_of(settings) as rooms:
        rooms.points.apply("history", Points.from_rows(rows(-1500, -40)))
        detector = settings.detector(ODD)
        made = training.build(training.gather(rooms, detector, at(-40)), rooms.models.folder)
        training.promote(rooms, made, at(-40))
        live = rows(-39, 120)
        pipeline = Pipeline(rooms, {}, tiny.T0)
        _feed(rooms, pipeline, live, -38, 121)
        scores = [s for s in _scores(rooms).values() if s.verdict is Verdict.OK]
        assert {s.at.minute % 5 for s in scores} == {2}
        assert any(n.source == "load" for n in rooms.models.champions()[ODD].features.names)
        _assert_recomputable(rooms, ODD, tiny.PUMP, at(120))
        _assert_recomputable(rooms, ODD, tiny.OTHER, at(120))
