"""A small plant and its settings, for the tests of collectors and of the cases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from collectors.settings import FormatSettings, MqttSettings
from domain.plant import Asset, AssetClass, Axis, Plant, Tag

NOW = datetime(2026, 3, 1, 10, 0, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PRESS, OVEN, ENGINE = "plant/press", "plant/oven", "fleet/engine-1"
SETTINGS = MqttSettings()

PLANT = Plant.of(
    [
        AssetClass("press", Axis.TIME, 1000, 10, MINUTE),
        AssetClass("turbofan", Axis.CYCLE, 30, 5, MINUTE, cycle=timedelta(hours=2)),
    ],
    [
        Asset(PRESS, "press"),
        Asset(OVEN, "press"),
        Asset(ENGINE, "turbofan", attributes={"first_cycle_at": "2026-01-01T00:00:00+00:00"}),
        Asset("fleet/engine-2", "turbofan"),
    ],
    [
        Tag(PRESS, "force"),
        Tag(PRESS, "temp"),
        Tag(OVEN, "temp"),
        Tag(PRESS, "압력"),
        Tag(ENGINE, "T24"),
        Tag("fleet/engine-2", "T24"),
    ],
)


def form(**changes: Any) -> FormatSettings:
    """A wide CSV format of the press, changed as said."""
    return FormatSettings(**{"name": "press", "asset": PRESS} | changes)
