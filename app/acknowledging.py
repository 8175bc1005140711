"""Acknowledging an alert by name, from the command line or the console."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from alerts import lifecycle
from app.rooms import Rooms
from domain.audit import Action, Deed
from domain.errors import StaleAlertError

ATTEMPTS: Final = 5


def acknowledge(rooms: Rooms, alert_id: str, by: str, note: str, now: datetime, origin: str = "") -> None:
    """Acknowledge an alert, and keep it and who did it from where.

    Raises ValueError where there is no such alert, no name, or nothing to do.
    """
    for _ in range(ATTEMPTS):
        alert = rooms.ledger.alerting.alert(alert_id)
        if alert is None:
            raise ValueError(f"no alert {alert_id!r}: forewarn alerts list names them")
        sequence = len(rooms.ledger.alerting.transitions([alert_id]))
        update = lifecycle.acknowledge(alert, by, now, note, sequence)
        try:
            rooms.ledger.alerting.save([update], {}, now)
            break
        except StaleAlertError:
            continue  # the service changed it meanwhile
    else:
        raise ValueError(f"alert {alert_id} keeps changing: try again")
    rooms.ledger.audit.save(Deed(now, by, Action.ACKNOWLEDGED, alert_id, reason=note, origin=origin))
