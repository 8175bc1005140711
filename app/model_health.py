"""How the models and the jobs are doing: ledger notes and beats in, readings for the health rules out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from alerts import health
from app import drifting, live_quality, retraining
from app.rooms import Rooms
from app.shelf import REFUSED_NOTE
from domain.health import Reading


def model_readings(rooms: Rooms, now: datetime) -> list[Reading]:
    """Return how many detectors have a champion that cannot be used, failed to train, are overdue,
    have drifted, err more than they should or wait for results.
    """
    refused = dict(json.loads(rooms.ledger.note(REFUSED_NOTE) or "{}"))
    failed = retraining.failed(rooms)
    overdue = {name: f"trained {days:.0f} days ago" for name, days in retraining.overdue(rooms, now).items()}
    drift, live = drifting.noted(rooms), live_quality.noted(rooms)
    return [
        _reading(health.MODELS, refused),
        _reading(health.TRAINING, failed),
        _reading(health.OVERDUE, overdue),
        _reading(health.DRIFT, {name: one.told for name, one in drift.items()}),
        _reading(health.LIVE_ERROR, live.get(live_quality.WORSE, {})),
        _reading(health.RESULTS, live.get(live_quality.OVERDUE, {})),
    ]


def _reading(name: str, by_detector: Mapping[str, str]) -> Reading:
    detail = "; ".join(f"{detector}: {why}" for detector, why in sorted(by_detector.items())[:5])
    return Reading(name, float(len(by_detector)), detail)
