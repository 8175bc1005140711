"""How the models and the jobs are doing: ledger notes and beats in, readings for the health rules out."""

from __future__ import annotations

import json
from datetime import datetime

from alerts import health
from app import drifting, misses, retraining
from app.rooms import Rooms
from app.shelf import REFUSED_NOTE
from domain.health import Reading


def model_readings(rooms: Rooms, now: datetime) -> list[Reading]:
    """Return how many detectors have a champion that cannot be used, failed to train, are overdue, or have drifted, and
    how many assets were not assessed several times in a row.
    """
    refused = dict(json.loads(rooms.ledger.note(REFUSED_NOTE) or "{}"))
    failed = retraining.failed(rooms)
    overdue = {name: f"trained {days:.0f} days ago" for name, days in retraining.overdue(rooms, now).items()}
    drift = drifting.noted(rooms)
    return [
        _reading(health.MODELS, refused),
        _reading(health.TRAINING, failed),
        _reading(health.OVERDUE, overdue),
        _reading(health.DRIFT, {name: one.told for name, one in drift.items()}),
        _reading(health.MISSES, misses.noted(rooms)),
    ]


def _reading(name: str, reasons: dict[str, str]) -> Reading:
    """Return how many detectors or assets are named, and the first few with their reasons."""
    detail = "; ".join(f"{of}: {why}" for of, why in sorted(reasons.items())[:5])
    return Reading(name, float(len(reasons)), detail)
