"""What alerts were worth, told afterwards: the rule of events, as the service, the demo and the command run it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from app import ruling
from app.rooms import Rooms
from app.ruling_text import counted, summed


def told(rooms: Rooms, days: float, now: datetime) -> dict[str, Any]:
    """Rule on the alerts of the last days, and tell of it as JSON data."""
    added = ruling.rule_on_alerts(rooms, now, days)
    return {"added": counted(added), "said": summed(added)}
