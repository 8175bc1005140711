"""The daily test: a synthetic asset gets a known fault through the real path, from the journal to the outbox.

Invariant: the asset is in no list that people see; its alert closes itself when it has arrived.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Final

from alerts.watchdog import CANARY, CANARY_ASSET, CANARY_TAG
from app.attending import acknowledge
from app.rooms import Rooms
from domain.alerting import Message
from domain.audit import Actor
from domain.errors import NotifyError
from domain.instants import to_ns
from domain.points import Point, Points
from domain.records import Decoded

SENT_NOTE: Final = "canary_sent"
ARRIVED_NOTE: Final = "canary_arrived"
PULSE: Final = timedelta(milliseconds=10)


def inject(rooms: Rooms, now: datetime) -> None:
    """Hand a fault and its end to the journal, as a collector does with what it receives."""
    tag_id = f"{CANARY_ASSET}/{CANARY_TAG}"
    points = [Point(tag_id, to_ns(now - PULSE), 1.0), Point(tag_id, to_ns(now), 0.0)]
    rooms.journal.accept([(CANARY, now, Decoded(Points.from_rows(points)))])
    rooms.ledger.save_note(SENT_NOTE, now.isoformat())


def noted(rooms: Rooms) -> tuple[datetime | None, datetime | None]:
    """Return when the last test was made and when one last arrived."""
    sent, arrived = rooms.ledger.note(SENT_NOTE), rooms.ledger.note(ARRIVED_NOTE)
    return datetime.fromisoformat(sent) if sent else None, datetime.fromisoformat(arrived) if arrived else None


class CanaryReceiver:
    """The receiver at the end of the path: it notes the arrival and closes the alert by name."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    def start(self) -> None:
        """Nothing to connect."""

    def stop(self) -> None:
        """Nothing to close."""

    def send(self, message: Message) -> None:
        """Note the arrival; raises NotifyError where the message is no test."""
        now = message.tried_at
        if now is None or not message.alert_id:
            raise NotifyError("not a test of the alarm path", is_retryable=False)
        self._rooms.ledger.save_note(ARRIVED_NOTE, now.isoformat())
        for each in json.loads(message.payload)["alerts"]:
            alert = self._rooms.ledger.alerting.alert(each["alert"])
            if alert is not None and alert.state.is_open and not alert.acked_by:
                acknowledge(self._rooms, alert.id, Actor("forewarn"), "", now)
