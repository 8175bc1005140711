"""How the models and the jobs are doing: ledger notes and beats in, readings for the health rules out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from alerts import health
from app import drifting, live_quality, misses, retraining
from app.rooms import Rooms
from app.shelf import REFUSED_NOTE
from domain.health import Reading
from domain.text import catalogue


def model_readings(rooms: Rooms, now: datetime) -> list[Reading]:
    """Return how many detectors have a champion that cannot be used, failed to train, are overdue, have drifted, err
    more than they should or wait for results, and how many assets were not assessed several times in a row.
    """
    refused = dict(json.loads(rooms.ledger.note(REFUSED_NOTE) or "{}"))
    failed = retraining.failed(rooms)
    overdue = {name: f"trained {days:.0f} days ago" for name, days in retraining.overdue(rooms, now).items()}
    drift, live = drifting.noted(rooms), _of_lots(rooms)
    return [
        _reading(health.MODELS, refused),
        _reading(health.TRAINING, failed),
        _reading(health.OVERDUE, overdue),
        _reading(health.DRIFT, {name: one.told for name, one in drift.items()}),
        _reading(health.LIVE_ERROR, live[live_quality.WORSE]),
        _reading(health.RESULTS, live[live_quality.OVERDUE]),
        _reading(health.MISSES, misses.noted(rooms)),
    ]


def _of_lots(rooms: Rooms) -> dict[str, dict[str, str]]:
    """Return what was last found of detectors of lots: kind -> detector -> what."""
    found, english = live_quality.noted(rooms), catalogue("en")
    return {
        kind: {name: live_quality.said(x, english, rooms.settings.zone) for name, x in found.get(kind, {}).items()}
        for kind in (live_quality.WORSE, live_quality.OVERDUE)
    }


def _reading(name: str, reasons: Mapping[str, str]) -> Reading:
    """Return how many detectors or assets are named, and the first few with their reasons."""
    detail = "; ".join(f"{of}: {why}" for of, why in sorted(reasons.items())[:5])
    return Reading(name, float(len(reasons)), detail)
