"""How the models and the jobs are doing: ledger notes and beats in, readings for the health rules out."""

from __future__ import annotations

import json
from datetime import datetime

from alerts import health
from app import drifting, retraining
from app.rooms import Rooms
from app.shelf import REFUSED_NOTE
from domain.health import Reading


def model_readings(rooms: Rooms, now: datetime) -> list[Reading]:
    """Return how many detectors have a champion that cannot be used, failed to train, are overdue, or have drifted."""
    refused = dict(json.loads(rooms.ledger.note(REFUSED_NOTE) or "{}"))
    failed = retraining.failed(rooms)
    overdue = {name: f"trained {days:.0f} days ago" for name, days in retraining.overdue(rooms, now).items()}
    drift = drifting.noted(rooms)
    return [
        _reading(health.MODELS, refused),
        _reading(health.TRAINING, failed),
        _reading(health.OVERDUE, overdue),
        _reading(health.DRIFT, {name: one.told for name, one in drift.items()}),
    ]


def _reading(name: str, by_detector: dict[str, str]) -> Reading:
    detail = "; ".join(f"{detector}: {why}" for detector, why in sorted(by_detector.items())[:5])
    return Reading(name, float(len(by_detector)), detail)
