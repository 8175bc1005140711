"""What is kept how long: the settings and an instant in, what is older deleted, and said so in the log and the ledger.

Invariants: the counts of the sum stay; nothing is deleted that the settings do not name; tag values are deleted only
after their hourly figures were brought up to date.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from app.filing import DONE, REJECTED, clear_filed
from app.keeping_settings import KeepingSettings
from app.loading import BLOCKS, blocks_of
from app.rooms import Rooms
from domain.instants import to_ns
from domain.ports import PointStore
from store.clearing import LetterBound, clear_conflicts, clear_letters, forget_blocks

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Before which instant each kind is deleted, and how much of it is kept; None is without a bound."""

    raw: datetime | None
    raw_bytes: int | None
    scores: datetime | None
    messages: datetime | None
    requests: datetime | None
    letters: datetime | None
    letters_bytes: int | None
    conflicts: int | None
    done: datetime | None
    rejected: datetime | None


def bounds(settings: KeepingSettings, now: datetime) -> Bounds:
    """Return what the settings mean at an instant."""

    def before(days: int) -> datetime | None:
        return now - timedelta(days=days) if days else None

    return Bounds(
        before(settings.raw_days),
        settings.raw_max_mb * 1_000_000 or None,
        before(settings.score_days),
        before(settings.message_days),
        before(settings.request_days),
        before(settings.dead_letter_days),
        settings.dead_letter_max_mb * 1_000_000 or None,
        settings.conflicts_max or None,
        before(settings.done_days),
        before(settings.rejected_days),
    )


def keep(rooms: Rooms, now: datetime, inbox: Path | None = None) -> Mapping[str, int]:
    """Roll up tag values, and delete what is beyond the bounds; returns how many of each kind were deleted.

    inbox: the watched folder. One kind that cannot be deleted does not keep the others from it; the
    first error is raised in the end.
    """
    found = bounds(rooms.settings.root.keeping, now)
    upkeep, books = rooms.ledger.upkeep, rooms.journal.books
    works: dict[str, Callable[[], int]] = {
        "points": lambda: _clear_points(rooms.points, found.raw, found.raw_bytes),
        "scores": lambda: 0 if found.scores is None else upkeep.delete_scores(found.scores),
        "messages": lambda: 0 if found.messages is None else upkeep.delete_messages(found.messages),
        "requests": lambda: 0 if found.requests is None else upkeep.delete_requests(found.requests),
        "blocks": lambda: _forget_blocks(rooms),
        "dead letters": lambda: clear_letters(books, found.letters, found.letters_bytes),
        "conflicts": lambda: 0 if found.conflicts is None else clear_conflicts(books, found.conflicts),
        "files": lambda: _clear_filed(inbox, DONE, found.done),
        "rejected files": lambda: _clear_filed(inbox, REJECTED, found.rejected),
    }
    deleted: dict[str, int] = {}
    errors: list[Exception] = []
    for what, work in works.items():
        try:
            deleted[what] = work()
        except Exception as error:  # a store that is away must not keep the others from being cleared
            log.exception("not cleared what=%s", what)
            errors.append(error)
    for what, n in deleted.items():
        if n:
            log.info("cleared what=%r n=%d", what, n)
    upkeep.save_cleared(now, deleted, "beyond the bounds of [keeping]")
    if errors:
        raise errors[0]
    return deleted


class RoomBounds:
    """What a flood may fill within minutes, and is held to its bound with every look: dead letters and conflicts."""

    def __init__(self, rooms: Rooms) -> None:
        keeping = rooms.settings.root.keeping
        self._rooms, self._conflicts = rooms, keeping.conflicts_max
        n_bytes = keeping.dead_letter_max_mb * 1_000_000
        self._letters = LetterBound(rooms.journal.books, n_bytes) if n_bytes else None

    def look(self, now: datetime) -> Mapping[str, int]:
        """Delete what is beyond; returns how many of each kind were deleted, which is told in log and ledger too."""
        books, slack = self._rooms.journal.books, self._conflicts // 10  # not a few with every look
        deleted = {
            "dead letters": self._letters.look() if self._letters is not None else 0,
            "conflicts": clear_conflicts(books, self._conflicts, slack) if self._conflicts else 0,
        }
        if any(deleted.values()):
            log.warning("cleared a flood letters=%d conflicts=%d", *deleted.values())
            self._rooms.ledger.upkeep.save_cleared(now, deleted, "beyond dead_letter_max_mb or conflicts_max")
        return deleted


def _clear_filed(inbox: Path | None, name: str, before: datetime | None) -> int:
    return 0 if inbox is None or before is None else clear_filed(inbox / name, before)


def _forget_blocks(rooms: Rooms) -> int:
    """Delete what was noted so that each block of a file counts once, but for files that may go on.

    The ids are read first: what a load notes meanwhile is not among them.
    """
    books = rooms.journal.books
    noted = books.blocks(BLOCKS)
    going_on = tuple(map(blocks_of, rooms.ledger.records.unfinished_files()))
    return forget_blocks(books, [b for name in noted if not (b := BLOCKS + name).startswith(going_on)])


def _clear_points(points: PointStore, before: datetime | None, max_bytes: int | None) -> int:
    points.roll_up()
    by_size = None if max_bytes is None else points.oldest_that_fits(max_bytes)
    floors = [floor for floor in (None if before is None else to_ns(before), by_size) if floor is not None]
    if not floors:
        return 0
    n_before = points.count()
    points.delete_before(max(floors))
    return max(0, n_before - points.count())
