"""The operating point of a detector: a threshold that people choose on its curve, kept with who and why.

Invariant: a model's id covers its threshold, so a choice makes a new model of the same parts; the one before stays and
can be promoted again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from app import promotion
from app.rooms import Rooms
from detectors import bundle
from detectors.calibration import log_odds_of
from domain.scores import Adjustable
from store.scoring import ModelRow


class ChoiceRefusedError(Exception):
    """A threshold that cannot be taken; the text says why."""


def curve_of(rooms: Rooms, detector: str) -> tuple[ModelRow, Sequence[Mapping[str, Any]]]:
    """Return a detector's champion and the curve that it was trained with; raises ChoiceRefusedError where none is."""
    champion = rooms.ledger.scoring.champion(detector)
    if champion is None:
        raise ChoiceRefusedError(f"{detector} has no model yet: forewarn train makes one")
    curve = champion.details.get("report", {}).get("curve")
    if not curve:
        raise ChoiceRefusedError(f"model {champion.model_id} of {detector} has no curve to choose on")
    return champion, curve


def nearest(curve: Sequence[Mapping[str, Any]], raise_at: float) -> Mapping[str, Any]:
    """Return the point of a curve that is nearest to a threshold, a probability."""
    limit = log_odds_of(raise_at)
    return min(curve, key=lambda row: abs(row["raise_at"] - limit))


def chosen(rooms: Rooms, detector: str, raise_at: float, by: str, reason: str, now: datetime) -> ModelRow:
    """Take a threshold for a detector's champion from now on; raises ChoiceRefusedError, and ModelError for a damaged
    model.
    """
    if not by.strip() or not reason.strip():
        raise ChoiceRefusedError("who chooses and why are both needed")
    champion, curve = curve_of(rooms, detector)
    held = rooms.models.read(detector, champion.model_id)
    if not isinstance(held.detector, Adjustable):
        raise ChoiceRefusedError(f"the threshold of a {held.kind} is not chosen by people")
    try:
        moved = held.detector.at_threshold(raise_at)
    except ValueError as error:
        raise ChoiceRefusedError(str(error)) from error
    made = bundle.bundle_of(held.name, held.kind, held.features, moved, held.reference)
    choice = {
        "threshold": raise_at,
        "by": by,
        "reason": reason,
        "at": now.isoformat(),
        "instead_of": champion.model_id,
        "threshold_before": held.detector.threshold,
        "expected": dict(nearest(curve, raise_at)),
    }
    about = {
        **champion.details,
        "threshold": moved.threshold,
        "clear_threshold": moved.clear_threshold,
        "report": dict(moved.report),
        "choice": choice,
    }
    bundle.save(made, rooms.models.folder, about, rooms.models.key())
    rooms.ledger.scoring.add_model(ModelRow(made.model_id, detector, "challenger", champion.trained_at, about))
    promotion.promote(rooms, made.model_id, by, reason, now)
    return promotion.named(rooms, made.model_id)
