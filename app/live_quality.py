"""Predictions of lots against the results that came since, and results that do not come: for the health rules and the
weekly report, and for intervals that follow the newest errors.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from app import live_classes
from app.results import possible_results
from app.rooms import Rooms
from detectors.newest_errors import FEWEST, NEWEST, width_of
from detectors.settings import DetectorSettings
from detectors.symptoms import is_of_lots
from domain.instants import to_ns
from domain.numerals import numeral
from domain.records import Result
from domain.scores import Score
from domain.text import Translate, catalogue, mark, phrase, spoken
from reports import live_class
from reports.live_class import LiveClass
from reports.live_error import MOST_LOTS, LiveError, live_error, overdue_since
from store.scoring import ModelRow

log = logging.getLogger(__name__)
NOTE: Final = "live_lots"
WIDTHS: Final = "live_widths"
WORSE, OVERDUE = "worse", "overdue"
HOUR_NS: Final = 3_600 * 10**9
Told = Mapping[str, Sequence[str]]  # detector -> stored phrases


def look(rooms: Rooms, now: datetime) -> dict[str, dict[str, list[str]]]:
    """Judge the champions of lots by their newest results, and note what was found: kind -> detector -> phrases."""
    found: dict[str, dict[str, list[str]]] = {WORSE: {}, OVERDUE: {}}
    widths: dict[str, float] = {}
    for detector in rooms.settings.root.detectors:
        if not is_of_lots(detector):
            continue
        if late := _overdue(rooms, detector, now):
            found[OVERDUE][detector.name] = late
        champion, errors = _errors_of(rooms, detector, now)
        if champion is not None and champion.details.get("split") == "time" and len(errors) >= FEWEST:
            widths[champion.model_id] = width_of(np.abs(errors[-NEWEST:, 0]))
        error, classes = _judged(champion, errors), live_classed(rooms, detector, now)
        worse = [] if error is None else _told(error)
        worse += [] if classes is None else [live_class.told(x) for x in classes.broken]
        if worse:
            found[WORSE][detector.name] = worse
    before = noted(rooms)
    for kind, by_detector in found.items():
        for name, phrases in by_detector.items():
            if name not in before.get(kind, {}):
                told = said(phrases, catalogue("en"), rooms.settings.zone)
                log.warning("live quality detector=%s %s=%r", name, kind, told)
    rooms.ledger.save_note(NOTE, json.dumps(found, sort_keys=True))
    rooms.ledger.save_note(WIDTHS, json.dumps(widths, sort_keys=True))
    return found


def noted(rooms: Rooms) -> Mapping[str, Told]:
    """Return what was last found, by kind."""
    return dict(json.loads(rooms.ledger.note(NOTE) or "{}"))


def said(phrases: Sequence[str], t: Translate, zone: ZoneInfo) -> str:
    """Say what was found of a detector."""
    return "; ".join(spoken(t, x, since=lambda at: _local(at, zone)) for x in phrases)


def followed(rooms: Rooms, model_id: str, scores: Sequence[Score]) -> list[Score]:
    """Return a model's scores of lots with the half width that held its newest errors at the last look; as they are
    where those are few, or the model was not back-tested in time.
    """
    width: float | None = json.loads(rooms.ledger.note(WIDTHS) or "{}").get(model_id)
    if width is None:
        return [*scores]
    return [s if s.value is None else replace(s, low=s.value - width, high=s.value + width) for s in scores]


def live(rooms: Rooms, detector: DetectorSettings, now: datetime) -> LiveError | None:
    """Return the champion's error on the newest lots that it predicted before their result; None where too few."""
    return _judged(*_errors_of(rooms, detector, now))


def _local(at: str, zone: ZoneInfo) -> str:
    return f"{datetime.fromisoformat(at).astimezone(zone):%Y-%m-%d %H:%M %Z}"


def live_classed(rooms: Rooms, detector: DetectorSettings, now: datetime) -> LiveClass | None:
    """Return how the champion of good and bad lots does; None where it is none, or where no result has come yet."""
    champion = rooms.ledger.scoring.champion(detector.name)
    if champion is None or not live_classes.is_of_classes(detector, champion.details):
        return None
    return live_classes.live(rooms, detector, champion, now)


def _errors_of(rooms: Rooms, detector: DetectorSettings, now: datetime) -> tuple[ModelRow | None, NDArray[np.float64]]:
    """Return the champion of a number, and its errors and those of the last known result, float64 (lots, 2), in time
    order.
    """
    champion = rooms.ledger.scoring.champion(detector.name)
    if champion is None or live_classes.is_of_classes(detector, champion.details):
        return None, np.empty((0, 2))
    rows: list[tuple[int, float, float]] = []
    for asset in rooms.settings.plant.of_class(detector.asset_class):
        results = possible_results(rooms, asset.path, detector.outcome, now, 2 * MOST_LOTS)
        rows += _errors(rooms, detector, champion, asset.path, results, now)
    rows.sort()
    return champion, np.array([r[1:] for r in rows], dtype=np.float64).reshape(len(rows), 2)


def _judged(champion: ModelRow | None, errors: NDArray[np.float64]) -> LiveError | None:
    if champion is None:
        return None
    back_test = champion.details.get("report", {}).get("rmse")
    return live_error(errors[:, 0], errors[:, 1], None if back_test is None else float(back_test))


def _errors(
    rooms: Rooms, detector: DetectorSettings, champion: ModelRow, line: str, results: list[Result], now: datetime
) -> list[tuple[int, float, float]]:
    """Return when each lot was predicted, by how much that was wrong, and by how much the last known result was."""
    numbers = sorted((to_ns(r.result_at), r.lot, r.value) for r in results if r.value is not None)
    if not numbers:
        return []
    times = np.array([at for at, _, _ in numbers], dtype=np.int64)
    known = {lot: (at, value) for at, lot, value in numbers}
    since = min(r.result_at for r in results) - timedelta(days=60)
    found = []
    for score in rooms.ledger.scoring.scores(detector.name, line, max(since, champion.trained_at), now):
        at, value = known.get(score.subject, (0, 0.0))
        predicted_at = to_ns(score.at)
        if score.value is None or score.model_id != champion.model_id or at <= predicted_at:
            continue
        place = int(np.searchsorted(times, predicted_at, side="right"))
        last = numbers[place - 1][2] - value if place else float("nan")
        found.append((predicted_at, score.value - value, last))
    return found


def _overdue(rooms: Rooms, detector: DetectorSettings, now: datetime) -> list[str]:
    """Return which lines' results are overdue, as stored phrases."""
    told = []
    for asset in rooms.settings.plant.of_class(detector.asset_class):
        results = possible_results(rooms, asset.path, detector.outcome, now, MOST_LOTS)
        if not results:
            continue
        judged = {r.lot for r in results}
        newest = max(r.result_at for r in results)
        lots = rooms.ledger.records.lots(asset.path, now, newest - timedelta(days=60))
        ends = {x.lot: to_ns(x.end or x.known_at) for x in lots}
        last = max((end for lot, end in ends.items() if lot in judged), default=0)
        waiting = sum(end > last for lot, end in ends.items() if lot not in judged)
        times = np.array([to_ns(r.result_at) for r in results], dtype=np.int64)
        silent = overdue_since(times, waiting, to_ns(now))
        if silent is not None:
            what = mark("{line}: none for {hours} h, {n} lots wait")
            told.append(phrase(what, line=asset.path, hours=f"{silent / HOUR_NS:.0f}", n=waiting))
    return told


def _told(error: LiveError) -> list[str]:
    """Return what is wrong with a live error as stored phrases."""
    told = []
    live = {"rmse": numeral(error.rmse), "n": error.n_lots}
    if error.is_worse:
        what = mark("errs by {rmse} over {n} lots, against {other} in the back-test")
        told.append(phrase(what, **live, other=numeral(error.back_test)))
    if error.is_useless:
        what = mark("errs by {rmse} over {n} lots, against {other} by the last result")
        told.append(phrase(what, **live, other=numeral(error.persistence)))
    if told and error.off:
        what = (
            mark("predicts {off} too much on average")
            if error.off > 0
            else mark("predicts {off} too little on average")
        )
        told.append(phrase(what, off=numeral(abs(error.off))))
    return told
