"""Champions of good and bad lots held against the results that came since, and what of it is told."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alerts import health
from app import live_classes, live_quality
from app.live_classes import promised, said_lots
from app.model_health import model_readings
from app.reporting import weekly
from app.rooms import Rooms
from domain.instants import to_ns
from domain.records import Lot, Result
from domain.scores import Scale, Score, Verdict
from domain.text import catalogue
from reports.live_class import Counts, Promise
from store.audit import Deed
from store.scoring import ModelRow
from tests.app import tiny_plant as tiny
from tests.app.tiny_plant import LINE

HOUR = timedelta(hours=1)
N_LOTS = 240
CLASSES = (
    tiny.FOREWARN.replace('outcome = "purity"\n', 'outcome = "purity"\ntask = "classification"\n')
    + """
[[results]]
asset_class = "line"
name = "purity"
bad_below = 90.0
labs = ["main"]
"""
)
REPORT = {
    "task": "classification", "n_bad": 40, "n_good": 160, "recall": 0.8, "balanced_error_rate": 0.2,
}  # fmt: skip


def _at(hours: float) -> datetime:
    return tiny.T0 + hours * HOUR


@contextmanager
def _rooms(folder: Path, is_flipped: bool, report: Mapping[str, Any] = REPORT) -> Iterator[Rooms]:
    """Open a plant of hourly lots of which a third is bad, judged six hours after; its model knows four of five of each
    kind, until from the middle on it says the contrary where `is_flipped`.
    """
    random = np.random.default_rng(0)
    lots = [Lot(LINE, f"L{i}", _at(i), _at(i + 1), _at(i + 1)) for i in range(N_LOTS)]
    is_bad = random.random(N_LOTS) < 1 / 3
    results = [
        Result(LINE, f"L{i}", "purity", 88.0 if bad else 93.0, _at(i + 7), "main") for i, bad in enumerate(is_bad)
    ]
    results += [Result(LINE, f"L{i}", "purity", 50.0, _at(i + 7), "other") for i in range(0, N_LOTS, 2)]
    is_called = is_bad ^ (random.random(N_LOTS) > 0.8)
    if is_flipped:
        is_called[N_LOTS // 2 :] ^= True
    scores = [
        Score("purity", LINE, f"L{i}", _at(i + 1), p := 0.7 if called else 0.15, p, p, Scale.PROBABILITY, "m1",
              Verdict.OK)
        for i, called in enumerate(is_called)
    ]  # fmt: skip
    with tiny.rooms_of(tiny.settings_in(folder, forewarn_toml=CLASSES)) as rooms:
        rooms.ledger.records.apply("1", [tiny.decoded(lots=lots, results=results)])
        scoring = rooms.ledger.scoring
        scoring.add_model(ModelRow("m1", "purity", "challenger", tiny.T0, {"report": report, "threshold": 0.4}))
        scoring.promote(Deed(tiny.T0, "forewarn", "model promoted", "purity", "", "m1", "first"))
        scoring.save(scores, {})
        yield rooms


def test_a_model_that_calls_lots_as_in_its_back_test_is_left_alone(tmp_path: Path) -> None:
    with _rooms(tmp_path, is_flipped=False) as rooms:
        assert live_quality.look(rooms, _at(N_LOTS + 8)) == {"worse": {}, "overdue": {}}
        found = live_quality.live_classed(rooms, rooms.settings.detector("purity"), _at(N_LOTS + 8))
    assert found is not None
    assert found.promised == Counts(40, 32, 160, 32)
    assert found.figures.counts.recall == pytest.approx(0.8, abs=0.12)
    assert found.figures.counts.false_calls == pytest.approx(0.2, abs=0.1)


def test_one_that_calls_good_lots_bad_and_bad_ones_good_is_told_on_the_system_page(tmp_path: Path) -> None:
    with _rooms(tmp_path, is_flipped=True) as rooms:
        live_quality.look(rooms, _at(N_LOTS + 8))
        readings = {r.name: r for r in model_readings(rooms, _at(N_LOTS + 8))}
        korean = live_quality.said(live_quality.noted(rooms)["worse"]["purity"], catalogue("ko"), rooms.settings.zone)
    found = readings[health.LIVE_ERROR]
    assert found.value == 1.0
    assert found.detail.startswith("purity: misses ")
    assert "against 20.0% in the back-test; calls " in found.detail
    assert "KST, against" in found.detail
    assert "by the newest results alone" in found.detail
    assert korean
    assert "misses" not in korean


def test_a_lot_counts_by_the_laboratory_that_counts_and_only_where_it_was_predicted_before(tmp_path: Path) -> None:
    with _rooms(tmp_path, is_flipped=False) as rooms:
        detector, champion = rooms.settings.detector("purity"), rooms.ledger.scoring.champion("purity")
        assert champion is not None
        models = {"m1": champion}
        every = said_lots(rooms, detector, models, tiny.T0, _at(N_LOTS + 8))
        early = said_lots(rooms, detector, models, tiny.T0, _at(20))
        later = said_lots(rooms, detector, models, _at(100), _at(N_LOTS + 8))
        other = said_lots(rooms, detector, {"m2": champion}, tiny.T0, _at(N_LOTS + 8))
        late = Score("purity", LINE, "L0", _at(9), 0.9, 0.9, 0.9, Scale.PROBABILITY, "m1", Verdict.OK)
        rooms.ledger.scoring.save([late], {})
        again = said_lots(rooms, detector, models, tiny.T0, _at(N_LOTS + 8))
    assert len(every.is_bad) == N_LOTS == len(again.is_bad)
    assert 0.2 < every.is_bad.mean() < 0.45  # by the other laboratory half of them would be bad
    assert len(early.is_bad) == 14  # L0 to L13 are judged by the twentieth hour
    assert len(later.is_bad) == N_LOTS - 100
    assert len(other.is_bad) == 0
    assert np.isnan(every.persistence[:6]).all()  # nothing was known when the first six ended
    assert every.persistence[6] == every.is_bad[0]
    assert every.persistence[100] == pytest.approx(every.is_bad[65:95].mean())
    assert (np.diff(every.known_at) >= 0).all()
    assert every.known_at[0] == to_ns(_at(7))


def test_a_model_whose_back_test_counted_nothing_is_held_against_persistence_alone(tmp_path: Path) -> None:
    with _rooms(tmp_path, is_flipped=True, report={"task": "classification"}) as rooms:
        found = live_quality.live_classed(rooms, rooms.settings.detector("purity"), _at(N_LOTS + 8))
    assert found is not None
    assert found.promised is None
    assert [x.promise for x in found.broken] == [Promise.TELLS]


@pytest.mark.parametrize(
    ("report", "counted"),
    [
        (REPORT, Counts(40, 32, 160, 32)),
        ({**REPORT, "recall": None}, None),
        ({"n_events": 20, "events_caught": 19, "n_good": 80, "false_alarms": 8}, Counts(20, 19, 80, 8)),
        ({"n_events": 20, "events_caught": 19, "n_good": 80, "false_alarms": 8, "chosen_threshold": 0.2}, None),
        ({"n_events": 20, "events_caught": 19, "n_good": None, "false_alarms": 8}, None),
        ({}, None),
    ],
)
def test_the_promise_is_what_the_back_test_counted(report: Mapping[str, Any], counted: Counts | None) -> None:
    assert promised({"report": report}) == counted


def test_a_detector_is_of_classes_by_its_config_or_by_what_its_model_found(tmp_path: Path) -> None:
    with _rooms(tmp_path, is_flipped=False) as rooms:
        detector = rooms.settings.detector("purity")
        other = rooms.settings.detector("pump-odd")
    number = detector.model_copy(update={"task": ""})
    assert live_classes.is_of_classes(detector, {})
    assert not live_classes.is_of_classes(number, {})
    assert live_classes.is_of_classes(number, {"report": {"task": "classification"}})
    assert not live_classes.is_of_classes(other, {})


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_weekly_report_tells_what_was_called_and_what_is_broken(tmp_path: Path, language: str) -> None:
    t = catalogue(language)
    with _rooms(tmp_path, is_flipped=True) as rooms:
        live_quality.look(rooms, _at(N_LOTS + 8))
        args = argparse.Namespace(
            week=None, since="2026-01-05T09:00+09:00", until="2026-01-10T09:00+09:00",
            against_since="2026-01-10T09:00+09:00", against_until="2026-01-15T09:00+09:00",
        )  # fmt: skip
        said = weekly.report(rooms, args, _at(N_LOTS + 8), t)
    assert said.data["live"] == []
    (found,) = said.data["live_calls"]
    assert (found["week"]["n_lots"], found["before"]["n_lots"]) == (114, 114)  # of 120, the last six were judged later
    assert found["week"]["recall"] > 0.65 > 0.35 > found["before"]["recall"]
    assert found["week"]["counts"]["n_bad"] + found["week"]["counts"]["n_good"] == 114
    assert len(found["alarms"]) == 3
    (need,) = [x["what"] for x in said.data["needs"] if x["path"] == "/quality"]
    assert need == t("{detector} errs more than its back-test promised: train it anew, or go back.", detector="purity")
    text = "\n".join(said.lines)
    assert t("bad lots that it called bad") in text
    assert f"purity: {found['alarms'][0]}" in text
