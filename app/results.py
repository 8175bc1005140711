"""Results as models may use them: the ledger keeps all, and no model sees one that is physically impossible."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from app.rooms import Rooms
from domain.records import Result
from features.lab import LabHistory, lab_history


def possible_results(rooms: Rooms, line: str, name: str, known_by: datetime, newest: int | None = None) -> list[Result]:
    """Return the latest known version of a line's results by result_at, without those beyond the tag's `min` and `max`;
    all, or those of the `newest`.
    """
    return _possible(rooms, line, name, rooms.ledger.records.results(line, name, known_by, newest))


def lab_histories(
    rooms: Rooms, line: str, names: Iterable[str], known_by: datetime, newest: int | None = None
) -> dict[str, LabHistory]:
    """Return what was known of each of these results of a line, when; of all lots, or of the `newest` ones."""
    asset_class, records = rooms.settings.plant.assets[line].class_name, rooms.ledger.records
    return {
        name: lab_history(
            _possible(rooms, line, name, records.result_versions(line, name, known_by, newest)),
            rooms.settings.judged(asset_class, name),
        )
        for name in names
    }


def samples(
    rooms: Rooms, outcome: str, lines: Iterable[str], known_by: datetime
) -> dict[str, dict[tuple[str, str], float]]:
    """Return every result of these lines but the outcome: by name, the number of each (line, lot)."""
    found: dict[str, dict[tuple[str, str], float]] = {}
    for line in lines:
        for name in rooms.ledger.records.result_names(line):
            if name != outcome:
                numbers = rooms.ledger.records.results(line, name, known_by)
                found.setdefault(name, {}).update({(line, r.lot): r.value for r in numbers if r.value is not None})
    return found


def _possible(rooms: Rooms, line: str, name: str, results: Sequence[Result]) -> list[Result]:
    tag = rooms.settings.plant.tags.get(line, {}).get(name)
    return [r for r in results if tag is None or r.value is None or tag.is_possible(r.value)]
