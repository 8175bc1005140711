"""Cycle numbers of an asset to instants: where cycle 1 ended, and how long a cycle takes, stand in the config."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from collectors import values
from collectors.values import BadValueError
from domain.plant import Plant
from domain.records import Reason


def cycle_end(raw: Any, asset: str, plant: Plant) -> int:
    """Return the ns UTC at which an asset's cycle of this number nominally ends; raises BadValueError."""
    if asset not in plant.assets:
        raise BadValueError(Reason.UNKNOWN_ASSET, f"{asset!r} is not in assets.csv")
    first = plant.assets[asset].attributes.get("first_cycle_at", "")
    cycle = plant.class_of(asset).cycle
    if not first or cycle is None:
        words = f"{asset} has no `first_cycle_at` in assets.csv, or its class no `cycle`"
        raise BadValueError(Reason.TIME_FORMAT, words)
    return values.cycle_instant(raw, datetime.fromisoformat(first), cycle)
