"""What people said of warnings, as labels to learn from: the ledger's rulings in, and by asset what each labels out.

Only what no event tells already becomes a label: a warning that was true although no failure followed, since it was
prevented, and one of which nobody can tell. A false one excuses nothing: its rows are normal running, as they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.rooms import Rooms
from app.ruling import predictions
from detectors.settings import DetectorSettings
from domain.rulings import Worth, in_force


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One warning that a person ruled on. acted_at: when planned work began after it, None where none did."""

    alert: str
    said_at: datetime
    worth: Worth
    cause: str
    by: str
    at: datetime
    acted_at: datetime | None

    def as_json(self) -> Mapping[str, Any]:
        """Return what a model keeps of it: which warning, what was said, by whom and when."""
        return {
            "alert": self.alert,
            "said_at": self.said_at.isoformat(),
            "worth": self.worth.value,
            "cause": self.cause,
            "by": self.by,
            "at": self.at.isoformat(),
        }


def reviews_of(rooms: Rooms, detector: DetectorSettings, now: datetime) -> dict[str, tuple[Reviewed, ...]]:
    """Return by asset what people had said by `now` of a detector's warnings; nothing where its config says so."""
    rules = {name for name, own in predictions(rooms.settings).items() if own.name == detector.name}
    if detector.reviews != "labels" or not rules:
        return {}
    assets = {a.id: a.key.asset for a in rooms.ledger.alerting.alerts(1_000_000, rules=rules)}
    found: dict[str, list[Reviewed]] = {}
    for r in in_force(r for r in rooms.ledger.rulings.all(list(assets)) if r.at <= now):
        if r.by and r.worth in (Worth.HIT, Worth.UNCLEAR):
            said = Reviewed(r.alert_id, r.said_at, r.worth, r.cause, r.by, r.at, r.acted_at)
            if said not in found.setdefault(assets[r.alert_id], []):
                found[assets[r.alert_id]].append(said)
    return {asset: tuple(rows) for asset, rows in found.items()}
