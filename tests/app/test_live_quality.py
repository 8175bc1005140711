"""Champions of lots held against the results that came since, and results that stay away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from alerts import health
from app import live_quality
from app.model_health import model_readings
from app.rooms import Rooms
from domain.records import Lot, Result
from domain.scores import Scale, Score, Verdict
from domain.text import catalogue
from store.audit import Deed
from store.scoring import ModelRow
from tests.app import tiny_plant as tiny
from tests.app.tiny_plant import LINE

HOUR = timedelta(hours=1)
N_LOTS = 80
PURITY = "purity"


def _at(hours: float) -> datetime:
    return tiny.T0 + hours * HOUR


@contextmanager
def _rooms(
    folder: Path, error: float, *, off: float = 0.0, model: str = "m1", n_results: int = N_LOTS
) -> Iterator[Rooms]:
    """Open a plant of hourly lots, judged an hour after; their model errs by `error` about `off`, and by 1 in its
    back-test.
    """
    random = np.random.default_rng(0)
    lots = [Lot(LINE, f"L{i}", _at(i), _at(i + 1), _at(i + 1)) for i in range(N_LOTS)]
    values = 92.0 + random.normal(size=N_LOTS)
    results = [Result(LINE, f"L{i}", PURITY, float(v), _at(i + 2)) for i, v in enumerate(values)][:n_results]
    wrong = off + error * random.normal(size=N_LOTS)
    scores = [
        Score(PURITY, LINE, f"L{i}", _at(i + 1), float(v + e), None, None, Scale.PHYSICAL, model, Verdict.OK, "")
        for i, (v, e) in enumerate(zip(values, wrong, strict=True))
    ]
    with tiny.rooms_of(tiny.settings_in(folder)) as rooms:
        rooms.ledger.records.apply("1", [tiny.decoded(lots=lots, results=results)])
        scoring = rooms.ledger.scoring
        scoring.add_model(ModelRow("m1", PURITY, "challenger", tiny.T0, {"report": {"rmse": 1.0}, "split": "time"}))
        scoring.promote(Deed(tiny.T0, "forewarn", "model promoted", PURITY, "", "m1", "first"))
        scoring.save(scores, {})
        yield rooms


def test_a_model_that_errs_as_it_did_in_its_back_test_is_left_alone(tmp_path: Path) -> None:
    with _rooms(tmp_path, 1.0) as rooms:
        assert live_quality.look(rooms, _at(N_LOTS + 2)) == {"worse": {}, "overdue": {}}
        found = live_quality.live(rooms, rooms.settings.detector(PURITY), _at(N_LOTS + 2))
    assert found is not None
    assert found.n_lots == N_LOTS
    assert found.persistence == pytest.approx(2**0.5, abs=0.25)


def test_a_model_that_errs_more_is_told_on_the_system_page(tmp_path: Path) -> None:
    with _rooms(tmp_path, 3.0) as rooms:
        live_quality.look(rooms, _at(N_LOTS + 2))
        readings = {r.name: r for r in model_readings(rooms, _at(N_LOTS + 2))}
    assert readings[health.LIVE_ERROR].value == 1.0
    assert "in the back-test" in readings[health.LIVE_ERROR].detail
    assert "by the last result" in readings[health.LIVE_ERROR].detail
    assert readings[health.RESULTS].value == 0.0
    assert health.LIVE_ERROR in {r.watch.removeprefix("health:") for r in health.RULES}


def test_a_process_that_has_shifted_is_told_by_how_much_and_where_to(tmp_path: Path) -> None:
    with _rooms(tmp_path, 1.0, off=-4.0) as rooms:
        told = live_quality.look(rooms, _at(N_LOTS + 2))["worse"][PURITY]
        said = live_quality.said(told, catalogue("en"), rooms.settings.zone)
    assert re.search(r"; predicts (3\.[5-9]|4\.[0-4])\d* too little on average$", said)


def test_intervals_follow_the_newest_errors_of_their_own_model(tmp_path: Path) -> None:
    with _rooms(tmp_path, 3.0) as rooms:
        fresh = Score(PURITY, LINE, "new", _at(200), 5.0, 4.9, 5.1, Scale.PHYSICAL, "m1", Verdict.OK, "")
        assert live_quality.followed(rooms, "m1", [fresh]) == [fresh]
        live_quality.look(rooms, _at(N_LOTS + 2))
        (found,) = live_quality.followed(rooms, "m1", [fresh])
        assert live_quality.followed(rooms, "m2", [fresh]) == [fresh]
    assert found.value == 5.0
    assert found.low is not None
    assert found.high is not None
    assert 3.5 < found.high - 5.0 < 7.0  # nine tenths of errors that spread by 3
    assert found.high - 5.0 == pytest.approx(5.0 - found.low)


def test_another_models_predictions_do_not_count(tmp_path: Path) -> None:
    with _rooms(tmp_path, 3.0, model="m0") as rooms:
        assert live_quality.live(rooms, rooms.settings.detector(PURITY), _at(N_LOTS + 2)) is None


def test_results_that_stay_away_while_lots_are_made_are_overdue(tmp_path: Path) -> None:
    with _rooms(tmp_path, 1.0, n_results=60) as rooms:
        assert live_quality.look(rooms, _at(62.4))["overdue"] == {}
        told = live_quality.look(rooms, _at(70))["overdue"][PURITY]
        said = live_quality.said(told, catalogue("en"), rooms.settings.zone)
    assert said == f"{LINE}: none for 9 h, 10 lots wait"
