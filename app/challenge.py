"""A challenger against the champion on what came after both were trained: history and two bundles in, a decision out.

The judging runs in a child process, as training does. Drift plays no part in it.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from app import training
from app.children import ChildError, in_child
from app.examples import History
from app.rooms import Rooms
from detectors import bundle, gate
from detectors.bundle import Bundle
from detectors.gate import Decision, Judged
from detectors.settings import DetectorSettings
from domain.errors import ModelError
from domain.instants import parse_duration, to_ns
from domain.limits import Limits
from domain.vectors import Training
from store.scoring import ModelRow

NOTE: Final = "gate:"
LIMIT: Final = timedelta(hours=2)


def judge_challenger(
    rooms: Rooms, detector: DetectorSettings, history: History, champion: ModelRow, challenger: ModelRow
) -> Decision:
    """Judge one challenger, and note the decision in the ledger; raises ModelError where the two cannot be compared."""
    since = max(to_ns(datetime.fromisoformat(row.details["trained_to"])) for row in (champion, challenger))
    limit = min(LIMIT, parse_duration(detector.retrain.limit))
    names = detector.name, champion.model_id, challenger.model_id
    try:
        found = in_child(
            _judge, history, rooms.models.folder, rooms.models.key(), names, since, limit_s=limit.total_seconds()
        )
    except ChildError as error:
        raise ModelError(f"model {challenger.model_id} of {detector.name} could not be judged: {error}") from error
    rooms.ledger.save_note(f"{NOTE}{challenger.model_id}", json.dumps(found.as_json()))
    return found


def noted(rooms: Rooms, model_id: str) -> dict[str, Any] | None:
    """Return what was last decided on a model."""
    text = rooms.ledger.note(f"{NOTE}{model_id}")
    return None if text is None else dict(json.loads(text))


def _judge(history: History, folder: Path, key: bytes, names: tuple[str, str, str], since: int) -> Decision:
    detector, champion, challenger = names
    # As often as live, not as in training: what counts is which alerts there would have been.
    rows, _ = training.training_of(replace(history, train_step=history.features.step))
    found = [_judged(bundle.load(folder, detector, each, key), rows, since, history) for each in (champion, challenger)]
    return gate.decide(found[0], found[1], history.detector.budget)


def _judged(model: Bundle, rows: Training, since: int, history: History) -> list[Judged]:
    if model.detector.threshold is None or model.detector.clear_threshold is None:
        raise ModelError(f"model {model.model_id} of {model.name} has no threshold to raise an alert from")
    try:
        vectors = rows.vectors.select(model.features.names)
    except KeyError as error:
        raise ModelError(
            f"model {model.model_id} of {model.name} needs {error}, which is configured no more"
        ) from error
    limits = Limits(model.detector.threshold, model.detector.clear_threshold)
    value = model.detector.score(vectors).value
    watched = gate.watched(value, rows, since)
    return [gate.judged(each, limits, rows.horizon, rows.lead, history.confirm) for each in watched]
