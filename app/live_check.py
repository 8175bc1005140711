"""What `forewarn check --live` looks at: the broker, and the stores that the config names."""

from __future__ import annotations

from collections.abc import Iterator

from app.rooms import Rooms
from app.settings import Settings
from collectors.probe import Finding, examine
from domain.errors import StoreAwayError, StoreBusyError
from domain.ports import Clock


def findings(settings: Settings, clock: Clock) -> Iterator[Finding]:
    """Yield every finding, good and bad."""
    if settings.root.mqtt.is_enabled:
        yield from examine(settings.root.mqtt, settings.plant, clock)
    else:
        yield Finding("broker", False, "[mqtt] is_enabled is false: not looked at")
    yield from _stores(settings)


def _stores(settings: Settings) -> Iterator[Finding]:
    kind = settings.root.data.telemetry
    try:
        rooms = Rooms(settings)
        try:
            rooms.ledger.start()
            yield Finding("ledger", False, "opens")
            rooms.points.start()
            yield Finding("telemetry", False, f"{kind} opens and holds {rooms.points.count()} points")
        finally:
            rooms.stop()
    except StoreBusyError as error:
        yield Finding("telemetry", False, f"in use: {error}")
    except StoreAwayError as error:
        yield Finding("telemetry", True, f"{kind}: {error}", "check its address, database, user and password")
    except Exception as error:  # noqa: BLE001 - drivers have classes of their own; a check tells of all of them
        yield Finding("stores", True, f"{type(error).__name__}: {error}", "check [data] and the rights on its folder")
