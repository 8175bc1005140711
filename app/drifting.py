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
MOST_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Drift:
    """How one detector's inputs have changed. worst: the greatest effect; told: the features and what they did."""

    worst: float
    told: str


def look(rooms: Rooms, now: datetime) -> dict[str, Drift]:
    """Judge the inputs of each champion that this process scored with, and note the result; a champion that has not
    scored enough since the start keeps what was said of it.
    """
    found = noted(rooms)
    held = {b.name: b for b in rooms.models.held()}
    for name, each in held.items():
        if each.reference is None or each.recent is None:
            continue
        values = each.recent.values(to_ns(now))
        if len(values) < drift.MIN_ROWS:
            continue
        seen = drift.drifted(each.reference, values)
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


def _told(of: Bundle, one: drift.Drifted) -> str:
    label = of.features.names[one.column].label
    if one.missing_now > one.missing_before + 0.1:
        return f"{label} is missing in {one.missing_now:.0%} of the windows, was in {one.missing_before:.0%}"
    return f"{label} has changed (index {one.effect:.2f})"
