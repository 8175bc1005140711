"""Refuse rather than guess: no number for a window that cannot be trusted, nor where the plant no longer fits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from alerts import health
from app import training
from app.health import raise_alerts
from app.model_health import model_readings
from app.pipeline import Pipeline
from app.rooms import Rooms
from app.settings import Settings
from detectors.schema import fitted
from domain.alerting import Change
from domain.health import Reading
from domain.points import Point
from domain.records import Event, EventKind
from domain.scores import Score, Verdict
from domain.vectors import FeatureName, FeatureVectors
from tests.app import tiny_plant as tiny

DAY = 24 * 60
PHASE = 1010  # minutes; 200 windows of 10 minutes lie in it whole


def trained(settings: Settings) -> None:
    with tiny.rooms_of(settings) as rooms:
        rows = [p for asset in (tiny.PUMP, tiny.OTHER) for p in tiny.pump_points(asset, -3 * DAY, 0)]
        tiny.accept(rooms, tiny.T0, tiny.decoded(rows))
        pipeline = Pipeline(rooms, {}, tiny.T0)
        pipeline.drain()
        made = training.build(training.gather(rooms, settings.detector("pump-odd"), tiny.T0), rooms.models.folder)
        training.promote(rooms, made, tiny.T0)


def scored(settings: Settings, rows: Sequence[Point], until: float) -> list[Score]:
    with tiny.rooms_of(settings) as rooms:
        pipeline = Pipeline(rooms, {}, tiny.T0)
        tiny.accept(rooms, tiny.at(until), tiny.decoded(rows))
        pipeline.tick(tiny.at(until))
        return [s for s in rooms.ledger.scoring.scores("pump-odd", tiny.PUMP) if s.at > tiny.T0]


def spoiled() -> tuple[list[Point], int]:
    """Five kinds of bad data, a phase each: stuck, without noise, every second value gone, all bad, one tag silent."""
    random = np.random.default_rng(5)
    rows = []
    for p in tiny.pump_points(tiny.PUMP, 0, 5 * PHASE):
        minute = round((p.at - tiny.point(tiny.PUMP, "flow", 0, 0.0).at) / 6e10)
        phase, is_flow = minute // PHASE, p.tag_id.endswith("flow")
        if phase == 0 and is_flow:
            rows.append(p._replace(value=50.0))
        elif phase == 1 and is_flow:
            rows.append(p._replace(value=50.0 + 1e-6 * float(random.normal())))
        elif phase == 2:
            rows += [p] if minute % 2 else []
        elif phase == 3:
            rows.append(tiny.point(tiny.PUMP, p.tag_id.rpartition("/")[2], minute, tiny.NAN))
        elif not (phase == 4 and is_flow):
            rows.append(p)
    return rows, 5 * PHASE


def test_of_a_thousand_bad_windows_none_has_a_number_and_each_says_why(plant: Settings) -> None:
    trained(plant)
    rows, until = spoiled()
    found = scored(plant, rows, until)
    minutes = [(s, (s.at - tiny.T0).total_seconds() / 60) for s in found]
    bad = [s for s, m in minutes if (m - 1e-9) % PHASE >= 10]
    assert len(bad) >= 1000
    assert [s for s in bad if s.value is not None] == []
    assert {s.verdict for s in bad} == {Verdict.NOT_ASSESSED}
    reasons = {tuple(json.loads(s.reason)[1].values()) for s in bad}
    assert reasons == {("flow",), ("flow, pressure",)}


def test_good_windows_beside_them_have_numbers(plant: Settings) -> None:
    trained(plant)
    found = scored(plant, tiny.pump_points(tiny.PUMP, 0, 500, seed=9), 500)
    assert len(found) > 90
    assert all(s.value is not None for s in found[2:])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"tags_csv": tiny.TAGS.replace("flow,m3/h", "flow,l/min")}, "tag {tag} is in {now} now"),
        ({"tags_csv": tiny.TAGS.replace(",flow,m3/h", ",stream,m3/h")}, "the model needs tag {tag}"),
    ],
)
def test_a_unit_that_changed_and_a_renamed_tag_are_refused_in_words(
    tmp_path: Path, changed: dict[str, str], said: str
) -> None:
    trained(tiny.settings_in(tmp_path))
    found = scored(tiny.settings_in(tmp_path, **changed), tiny.pump_points(tiny.PUMP, 0, 100), 100)
    assert found
    assert [s for s in found if s.value is not None] == []
    assert all(said in s.reason for s in found)


def test_another_spelling_of_a_unit_and_a_further_tag_change_nothing(tmp_path: Path) -> None:
    trained(tiny.settings_in(tmp_path))
    tags = tiny.TAGS.replace("flow,m3/h", "flow,m^3/h") + "plant/pump-*,current,A,1min,,,,process,no\n"
    found = scored(tiny.settings_in(tmp_path, tags_csv=tags), tiny.pump_points(tiny.PUMP, 0, 100), 100)
    assert len([s for s in found if s.value is not None]) > 15


def test_columns_are_taken_by_name_and_shuffled_ones_give_the_same_bits(plant: Settings) -> None:
    trained(plant)
    with tiny.rooms_of(plant) as rooms:
        model = rooms.models.champions()["pump-odd"]
    rows = _random(model.features.names)
    expected = model.detector.score(rows)
    order = np.random.default_rng(3).permutation(len(rows.names))
    shuffled = replace(rows, names=tuple(rows.names[i] for i in order), values=rows.values[:, order])
    again = model.detector.score(fitted(shuffled, model.features.names))
    for part in ("value", "low", "high", "raw", "contributions"):
        assert getattr(again, part).tobytes() == getattr(expected, part).tobytes()


@pytest.mark.parametrize("fault", ["renamed", "missing", "extra", "twice"])
def test_renamed_missing_and_extra_columns_are_refused_by_name(fault: str) -> None:
    names = tuple(FeatureName("tag", t, "mean") for t in ("a", "b", "c"))
    other = FeatureName("tag", "d", "mean")
    given = {
        "renamed": (*names[:2], other),
        "missing": names[:2],
        "extra": (*names, other),
        "twice": (*names, names[0]),
    }
    said = {"renamed": "lack c__mean", "missing": "lack c__mean", "extra": "d__mean", "twice": "have twice a__mean"}
    with pytest.raises(ValueError, match=said[fault]):
        fitted(_random(given[fault]), names)


def _random(names: tuple[FeatureName, ...], n: int = 50) -> FeatureVectors:
    values = np.random.default_rng(1).normal(size=(n, len(names)))
    asset, subject = np.full(n, "x", dtype=object), np.full(n, "", dtype=object)
    at = np.arange(n, dtype=np.int64)
    return FeatureVectors(names, values, asset, subject, at, at + 1, at.astype(np.float64))


def stuck(start: int, stop: int, until: int) -> list[Point]:
    """Return a pump's minutes in which its flow stands still from `start` to `stop`."""
    first, last = (tiny.point(tiny.PUMP, "flow", m, 0.0).at for m in (start, stop))
    return [
        p._replace(value=50.0) if p.tag_id.endswith("flow") and first <= p.at < last else p
        for p in tiny.pump_points(tiny.PUMP, 0, until, seed=9)
    ]


def missed(rooms: Rooms, minute: float) -> Reading:
    return next(r for r in model_readings(rooms, tiny.at(minute)) if r.name == health.MISSES)


def test_the_third_refused_window_in_a_row_is_an_alarm_and_a_good_one_ends_it(plant: Settings) -> None:
    trained(plant)
    told: dict[int, float] = {}
    with tiny.rooms_of(plant) as rooms:
        pipeline = Pipeline(rooms, {}, tiny.T0)
        tiny.accept(rooms, tiny.at(200), tiny.decoded(stuck(60, 120, 200)))
        for minute in range(5, 200, 5):
            pipeline.tick(tiny.at(minute))
            found = missed(rooms, minute)
            told[minute] = found.value
            raise_alerts(rooms, [found], tiny.at(minute))
        scores = rooms.ledger.scoring.scores("pump-odd", tiny.PUMP, since=tiny.at(20))
        transitions = [t for t in rooms.ledger.alerting.transitions() if "misses" in _rule_of(rooms, t.alert_id)]
    refused = [round((s.at - tiny.T0).total_seconds() / 60) for s in scores if s.verdict is Verdict.NOT_ASSESSED]
    assert len(refused) > 5
    assert refused == list(range(refused[0], refused[-1] + 5, 5))
    assert [m for m, value in told.items() if m > 20 and value == 1] == refused[2:]
    changes = [(t.change, t.at) for t in transitions if t.at > tiny.at(20)]
    assert changes == [(Change.RAISED, tiny.at(refused[2])), (Change.RETURNED, tiny.at(refused[-1] + 5))]


def _rule_of(rooms: Rooms, alert_id: str) -> str:
    return next(a.key.rule for a in rooms.ledger.alerting.alerts() if a.id == alert_id)


def test_the_alarm_names_the_asset_the_detector_and_the_tag(plant: Settings) -> None:
    trained(plant)
    scored(plant, stuck(60, 200, 200), 200)
    with tiny.rooms_of(plant) as rooms:
        assert missed(rooms, 200).detail == (
            f"{tiny.PUMP} (pump-odd): flow stands still: a sensor that lives has never been so quiet"
        )


def test_what_is_expected_is_not_missed(tmp_path: Path) -> None:
    """A pump that is too young for a window, re-learns after maintenance, or stands still."""
    settings = tiny.settings_in(
        tmp_path, forewarn_toml=tiny.FOREWARN.replace('lead = "30min"', 'lead = "30min"\nrelearn = "2h"', 1)
    )
    trained(settings)
    told = []
    with tiny.rooms_of(settings) as rooms:
        pipeline = Pipeline(rooms, {}, tiny.T0)
        events = [
            Event(tiny.PUMP, EventKind.MAINTENANCE, "oil", tiny.at(60), tiny.at(60), tiny.at(60)),
            Event(tiny.PUMP, EventKind.STOP, "belt", tiny.at(260), None, tiny.at(260)),
        ]
        tiny.accept(rooms, tiny.at(300), tiny.decoded(stuck(220, 300, 300), events=events))
        for minute in range(5, 300, 5):
            pipeline.tick(tiny.at(minute))
            told.append(missed(rooms, minute).value)
        scores = rooms.ledger.scoring.scores("pump-odd", tiny.PUMP)
    is_learning = [s.verdict is Verdict.NOT_ASSESSED and "re-learning" in s.reason for s in scores]
    assert sum(is_learning) > 10
    alarmed = [5 * (i + 1) for i, value in enumerate(told) if value]
    assert alarmed
    assert min(alarmed) >= 235
    assert max(alarmed) < 260
