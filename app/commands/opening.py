"""Opening the rooms for a command, with the reasons why it may not be possible in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from app.rooms import Rooms, opened
from app.running import CommandError
from app.settings import Settings
from store.duckdb import StoreBusyError


@contextmanager
def opened_for(settings: Settings, *, telemetry: bool = True) -> Iterator[Rooms]:
    """Open the rooms; raises CommandError where a running service owns the telemetry."""
    try:
        with opened(settings, telemetry=telemetry) as rooms:
            yield rooms
    except StoreBusyError as error:
        raise CommandError(f"{error}: stop it first, DuckDB belongs to one process") from error
