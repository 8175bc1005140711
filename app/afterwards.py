"""What alerts were worth and why stops came unwarned, as the service, the demo and the commands tell it afterwards."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from app import autopsies, ruling
from app.rooms import Rooms
from app.ruling_text import counted, summed


def told(
    rooms: Rooms, now: datetime, days: float = ruling.DAYS, asset: str = "", *, is_again: bool = False
) -> dict[str, Any]:
    """Rule on the alerts of the last days, make the autopsies of its missed stops, and tell of it as JSON data.

    asset, is_again: see `autopsies.examine_new`.
    """
    added = ruling.rule_on_alerts(rooms, now, days)
    n = autopsies.examine_new(rooms, now, days, asset, is_again=is_again)
    return {"added": counted(added), "autopsies": n, "said": f"{summed(added)}; autopsies made: {n}"}
