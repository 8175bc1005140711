"""Wires the console to the rooms of a running service or demo."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from app import health
from app.acknowledging import acknowledge
from app.rereading import MOST, reread
from app.rooms import Rooms
from dashboard.console import ConsoleServer, PortTakenError, create_app
from dashboard.source import DetectorInfo, Source
from detectors import detector_class
from domain.health import Reading
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
        settings.all_rules,
        tuple(DetectorInfo(d.name, detector_class(d.kind).role, d.asset_class, d.outcome) for d in root.detectors),
        clock.now,
        state,
        lambda alert_id, by, note: acknowledge(rooms, alert_id, by, note, clock.now()),
        lambda: _readings(rooms),
        lambda reason: _reread(rooms, reason, clock),
    )
    return ConsoleServer(create_app(source), root.console.host, root.console.port)


def _readings(rooms: Rooms) -> Sequence[Reading]:
    noted = health.noted(rooms)
    return () if noted is None else noted[1]


def _reread(rooms: Rooms, reason: str | None, clock: Clock) -> tuple[int, int]:
    found = reread(rooms, rooms.journal.dead_letters(MOST, reason), clock.now())
    return found.n_letters, found.n_mended
