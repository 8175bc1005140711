"""The plant's stores and models, opened together and closed together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from app.settings import Settings
from app.shelf import ModelShelf
from domain.ports import PointStore
from store import open_points
from store.journal import Journal
from store.ledger import Ledger


class Rooms:
    """Journal, telemetry and ledger of one data folder. `telemetry` False leaves DuckDB to the process that owns it."""

    def __init__(self, settings: Settings, *, telemetry: bool = True) -> None:
        folder = settings.data_folder
        self.settings = settings
        self.journal = Journal(folder, settings.root.keeping.journal_max_mb << 20)
        self.ledger = Ledger(folder, settings.root.ledger)
        kind = settings.root.data.telemetry
        self._points = open_points(kind, folder, getattr(settings.root, kind)) if telemetry else None
        self.models = ModelShelf(folder / "models", self.ledger, settings.root.models.file)

    @property
    def points(self) -> PointStore:
        """The telemetry store; raises RuntimeError where it was left out."""
        if self._points is None:
            raise RuntimeError("opened without telemetry")
        return self._points

    def start(self) -> None:
        """Open all; raises where another process owns the telemetry file, and NewerDataError with none opened."""
        rooms = [room for room in (self._points, self.journal, self.ledger) if room is not None]
        for room in rooms:
            room.refuse_newer()
        for room in rooms:
            room.start()

    def stop(self) -> None:
        """Close all."""
        for room in (self.ledger, self.journal, self._points):
            if room is not None:
                room.stop()


@contextmanager
def opened(settings: Settings, *, telemetry: bool = True) -> Iterator[Rooms]:
    """Open the rooms for the length of a command."""
    rooms = Rooms(settings, telemetry=telemetry)
    try:
        rooms.start()
        yield rooms
    finally:
        rooms.stop()
