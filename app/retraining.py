"""What is done with the models of a running plant by itself: detectors whose model is old are trained again, and
challengers are judged on what came since.

Invariants: a training and a judging run in child processes; only the gate promotes by itself; what failed is noted for
the health rules, and tried again at the next time.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from app import challenge, promotion, training
from app.rooms import Rooms
from detectors import detector_class
from detectors.gate import Decision
from detectors.settings import DetectorSettings
from domain.errors import ModelError
from domain.instants import parse_duration
from domain.scores import TrainingError

log = logging.getLogger(__name__)
NOTE: Final = "training_failed"
OVERDUE_AFTER: Final = timedelta(days=2)


def look_after(rooms: Rooms, detectors: Sequence[DetectorSettings], now: datetime, stopping: threading.Event) -> None:
    """Train the detectors that are due, judge the challengers of all, and clean up; now: when it begins."""
    for detector in detectors:
        if stopping.is_set():
            return
        try:
            if is_due(rooms, detector, now):
                _train(rooms, detector, now, stopping)
            _judge(rooms, detector, now)
        except TrainingError as error:
            if not stopping.is_set():
                log.error("not trained detector=%s reason=%s", detector.name, error)
                _note(rooms, detector.name, str(error))
    promotion.clean(rooms, now)


def is_due(rooms: Rooms, detector: DetectorSettings, now: datetime) -> bool:
    """Say whether a detector is to be trained again by itself."""
    age = _age(rooms, detector, now)
    return bool(detector.retrain.every) and (age is None or age >= parse_duration(detector.retrain.every))


def overdue(rooms: Rooms, now: datetime) -> dict[str, float]:
    """Return the days since the last training of detectors that should have been trained again long ago."""
    found = {}
    for detector in rooms.settings.root.detectors:
        age = _age(rooms, detector, now)
        if not detector.retrain.every or age is None:
            continue
        if age > parse_duration(detector.retrain.every) + OVERDUE_AFTER:
            found[detector.name] = age / timedelta(days=1)
    return found


def failed(rooms: Rooms) -> dict[str, str]:
    """Return the detectors whose last training by itself failed, with the reason."""
    return dict(json.loads(rooms.ledger.note(NOTE) or "{}"))


def _age(rooms: Rooms, detector: DetectorSettings, now: datetime) -> timedelta | None:
    newest = max((row.trained_at for row in rooms.ledger.scoring.models(detector.name)), default=None)
    return None if newest is None else now - newest


def _train(rooms: Rooms, detector: DetectorSettings, now: datetime, stopping: threading.Event) -> None:
    log.info("training detector=%s", detector.name)
    limit_s = parse_duration(detector.retrain.limit).total_seconds()
    found = training.build_apart(training.gather(rooms, detector, now), rooms.models.folder, limit_s, stopping)
    if isinstance(found, TrainingError):
        raise found
    role = training.promote(rooms, found, now)
    log.info("trained detector=%s model=%s role=%s", detector.name, found.model_id, role)
    _note(rooms, detector.name, "")


def _judge(rooms: Rooms, detector: DetectorSettings, now: datetime) -> None:
    """Judge the challengers, the newest first, and promote the first that the gate lets through."""
    rows = rooms.ledger.scoring.models(detector.name)
    champion = next((row for row in rows if row.role == "champion"), None)
    challengers = [row for row in rows if row.role == "challenger"]
    if champion is None or not challengers or detector_class(detector.kind).role != "failure":
        return
    history = training.gather(rooms, detector, now)
    for challenger in challengers:
        try:
            decision = challenge.judge_challenger(rooms, detector, history, champion, challenger)
            log.info("judged detector=%s model=%s %s", detector.name, challenger.model_id, _figures(decision))
            if decision.is_promoted:
                promotion.promote(rooms, challenger.model_id, promotion.FOREWARN, _figures(decision), now)
                return
        except (ModelError, promotion.PromotionError) as error:
            log.warning("not judged detector=%s model=%s reason=%s", detector.name, challenger.model_id, error)


def _figures(d: Decision) -> str:
    told: dict[str, Any] = {
        "failures since": d.n_events,
        "caught before": d.caught[0],
        "caught by it": d.caught[1],
        "false alarms per asset-week before": round(d.false_per_week[0], 3),
        "by it": round(d.false_per_week[1], 3),
        "evidence": f"{d.evidence:.3g} of {d.needed:.3g}",
    }
    return ", ".join(f"{name} {value}" for name, value in told.items()) + (f": {d.reason}" if d.reason else "")


def _note(rooms: Rooms, detector: str, error: str) -> None:
    found = {name: why for name, why in failed(rooms).items() if name != detector}
    rooms.ledger.save_note(NOTE, json.dumps(found | ({detector: error} if error else {}), sort_keys=True))
