"""The plant's stores and models, opened together and closed together."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from app.settings import Settings
from detectors import bundle
from detectors.bundle import Bundle
from domain.errors import ModelError
from domain.ports import PointStore
from store import open_points
from store.journal import Journal
from store.ledger import Ledger

log = logging.getLogger(__name__)


class Rooms:
    """Journal, telemetry and ledger of one data folder. `telemetry` False leaves DuckDB to the process that owns it."""

    def __init__(self, settings: Settings, *, telemetry: bool = True) -> None:
        folder = settings.data_folder
        self.settings = settings
        self.journal = Journal(folder, settings.root.keeping.journal_max_mb << 20)
        self.ledger = Ledger(folder, settings.root.ledger)
        kind = settings.root.data.telemetry
        self._points = open_points(kind, folder, getattr(settings.root, kind)) if telemetry else None
        self.models = ModelShelf(folder / "models", self.ledger)

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


class ModelShelf:
    """Champions by detector, read from disk when the ledger names a new one."""

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self.folder, self._ledger = folder, ledger
        self._loaded: dict[str, Bundle] = {}

    def read(self, detector: str, model_id: str) -> Bundle:
        """Read a model that is or was a champion; raises ModelError."""
        return bundle.load(self.folder, detector, model_id)

    def champions(self) -> Mapping[str, Bundle]:
        """Return the usable champions by detector name; one that is damaged is left out and logged."""
        found: dict[str, Bundle] = {}
        for row in self._ledger.scoring.models():
            if row.role != "champion":
                continue
            held = self._loaded.get(row.detector)
            try:
                if held is None or held.model_id != row.model_id:
                    held = bundle.load(self.folder, row.detector, row.model_id)
                found[row.detector] = held
            except ModelError as error:
                log.error("model unusable detector=%s error=%s", row.detector, error)
        self._loaded = found
        return found
