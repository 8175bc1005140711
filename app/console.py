"""Wires the console to the rooms of a running service or demo."""

from __future__ import annotations

from collections.abc import Callable

from app.acknowledging import acknowledge
from app.rooms import Rooms
from dashboard.console import ConsoleServer, PortTakenError, create_app
from dashboard.source import DetectorInfo, Source
from detectors import detector_class
from domain.ports import Clock

__all__ = ["PortTakenError", "console"]


def console(rooms: Rooms, clock: Clock, state: Callable[[], str]) -> ConsoleServer:
    """Return the console's server, not yet started."""
    settings = rooms.settings
    root = settings.root
    source = Source(
        root.plant.name,
        settings.plant,
        settings.zone,
        root.console.language,
        root.console.refresh_s,
        rooms.points,
        rooms.ledger,
        rooms.journal,
        settings.rules,
        tuple(DetectorInfo(d.name, detector_class(d.kind).role, d.asset_class, d.outcome) for d in root.detectors),
        clock.now,
        state,
        lambda alert_id, by, note: acknowledge(rooms, alert_id, by, note, clock.now()),
    )
    return ConsoleServer(create_app(source), root.console.host, root.console.port)
