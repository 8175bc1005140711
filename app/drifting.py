"""The inputs that champions scored of late against those they learned from: drifted features out, for the health rules.

Drift is information for people; it promotes nothing and trains nothing.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from app.rooms import Rooms
from detectors import drift
from detectors.bundle import Bundle
from domain.instants import to_ns

log = logging.getLogger(__name__)
NOTE: Final = "drift"
SEEN: Final = "drift_seen"  # with the detector, the newest inputs of its champion
MOST_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Drift:
    """How one detector's inputs have changed. worst: the greatest effect; told: the features and what they did."""

    worst: float
    told: str


def look(rooms: Rooms, now: datetime) -> dict[str, Drift]:
    """Judge the inputs of each champion that this process scored with, and note the result and the inputs, so that a
    start forgets nothing; a champion that has not scored enough yet keeps what was said of it.
    """
    found = noted(rooms)
    held = {b.name: b for b in rooms.models.held()}
    for name, each in held.items():
        if each.reference is None or each.recent is None:
            continue
        _remembered(rooms, each, each.recent)
        bins = each.recent.bins(to_ns(now))
        if len(bins) < drift.MIN_ROWS:
            continue
        seen = drift.drifted(each.reference, bins)
        found.pop(name, None)
        if seen:
            found[name] = Drift(seen[0].effect, "; ".join(_told(each, one) for one in seen[:MOST_NAMED]))
            log.info("drift detector=%s %s", name, found[name].told)
    found = {name: one for name, one in found.items() if name in held}
    text = {name: [one.worst, one.told] for name, one in found.items()}
    rooms.ledger.save_note(NOTE, json.dumps(text, sort_keys=True))
    return found


def noted(rooms: Rooms) -> dict[str, Drift]:
    """Return what was last found, by detector."""
    return {name: Drift(*one) for name, one in json.loads(rooms.ledger.note(NOTE) or "{}").items()}


def _remembered(rooms: Rooms, of: Bundle, recent: drift.Recent) -> None:
    """Give back to a champion what it saw before this process began, and keep what it has seen by now."""
    name = f"{SEEN}:{of.name}"
    if not recent.is_restored:
        model_id, _, text = (rooms.ledger.note(name) or "").partition(" ")
        recent.restore(text if model_id == of.model_id else "")
    rooms.ledger.save_note(name, f"{of.model_id} {recent.dump()}")


def _told(of: Bundle, one: drift.Drifted) -> str:
    label = of.features.names[one.column].short
    if one.missing_now > one.missing_before + 0.1:
        return f"{label} is missing in {one.missing_now:.0%} of the windows, was in {one.missing_before:.0%}"
    return f"{label} has changed (index {one.effect:.2f})"
