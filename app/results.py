"""Results as models may use them: the ledger keeps all, and no model sees one that is physically impossible."""

from __future__ import annotations

from datetime import datetime

from app.rooms import Rooms
from domain.records import Result


def possible_results(rooms: Rooms, line: str, name: str, known_by: datetime, newest: int | None = None) -> list[Result]:
    """Return the latest known version of a line's results by result_at, without those beyond the tag's `min` and `max`;
    all, or those of the `newest`.
    """
    tag = rooms.settings.plant.tags.get(line, {}).get(name)
    found = rooms.ledger.records.results(line, name, known_by, newest)
    return [r for r in found if tag is None or r.value is None or tag.is_possible(r.value)]
