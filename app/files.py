"""Dump files beside the running plant: the watched folder and what `forewarn load` asks for, one file at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.filing import report_of
from app.inbox import Inbox
from app.loading import Loading, load_file
from app.requests import in_turn
from app.rooms import Rooms
from collectors.tables import BadFileError
from domain.ports import Clock


class Files:
    """Loads files for a running service; `how` says what to do between blocks."""

    def __init__(self, rooms: Rooms, clock: Clock, how: Loading) -> None:
        self._rooms, self._clock, self._how = rooms, clock, how
        self._one = threading.Lock()
        self._inbox = Inbox(rooms, rooms.settings.root.inbox, clock, how)

    def look(self) -> None:
        """Take what has come into the watched folder."""
        with self._one:
            self._inbox.look()

    def load(self, asked: Mapping[str, Any], note: Callable[[str], None]) -> Mapping[str, Any]:
        """Answer a request to load `path`, of a `kind` or None, also where it is known: its report, or `refused`."""
        how = replace(self._how, progress=note)
        with in_turn(self._one, note, "a file of the watched folder"):
            try:
                loaded = load_file(
                    self._rooms,
                    Path(asked["path"]),
                    self._clock.now(),
                    asked.get("kind"),
                    is_again=bool(asked.get("is_again")),
                    how=how,
                )
            except (BadFileError, OSError) as error:
                return {"refused": str(error)}
        return report_of(loaded)
