"""Wires the console to the rooms of a running service or demo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, Final

from app import health
from app.acknowledging import acknowledge
from app.recording import record
from app.rereading import replay
from app.rooms import Rooms
from dashboard.console import ConsoleServer, PortTakenError, create_app
from dashboard.source import DetectorInfo, Reread, Source
from detectors import detector_class
from domain.health import Reading
from domain.ports import Clock
from domain.records import Told

PATIENCE_S: Final = 10.0  # that a person waits for a button
__all__ = ["PortTakenError", "console"]


def console(
    rooms: Rooms,
    clock: Clock,
    state: Callable[[], str],
    turn: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> ConsoleServer:
    """Return the console's server, not yet started. turn: held while it stores."""
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
        partial(_reread, rooms, clock, turn),
        lambda told: _record(rooms, clock, told),
    )
    return ConsoleServer(create_app(source), root.console.host, root.console.port)


def _record(rooms: Rooms, clock: Clock, told: Told) -> None:
    record(rooms, told, clock.now())


def _readings(rooms: Rooms) -> Sequence[Reading]:
    noted = health.noted(rooms)
    return () if noted is None else noted[1]


def _reread(
    rooms: Rooms,
    clock: Clock,
    turn: Callable[[], AbstractContextManager[Any]],
    number: int | None,
    reason: str | None,
    before: int | None,
) -> Reread:
    """Read as many letters again as a person waits for; the next call goes on with the older ones."""
    until = clock.monotonic() + PATIENCE_S
    found = replay(
        rooms,
        clock.now(),
        number,
        reason,
        before,
        turn=turn,
        is_stopping=lambda: clock.monotonic() > until,
    )
    return Reread(found.n_letters, found.n_mended, found.before)
