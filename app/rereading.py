"""Dead letters to the stores, once what was wrong is mended: each is read again under the config of today.

What is good now leaves the dead letter for the place it has in the sum of its source and hour; what is still bad stays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson

from app.drain import store
from app.rooms import Rooms
from collectors import dump
from collectors.decode import Raw
from collectors.mqtt import SOURCE
from collectors.reception import Reception
from domain.instants import hour_of
from domain.points import Point, Points
from domain.records import Decoded, Outcome
from store import codec
from store.books import LEDGER_PART, STORE_PART, DeadLetter

MOST = 10_000


@dataclass(frozen=True, slots=True)
class Reread:
    """What became of the letters that were read again; `outcome` counts their items."""

    n_letters: int
    n_mended: int
    outcome: Outcome


def reread(rooms: Rooms, letters: Sequence[DeadLetter], now: datetime) -> Reread:
    """Read letters again and store what is good; raises StoreAwayError with nothing more changed."""
    groups: dict[tuple[str, datetime], list[tuple[DeadLetter, Decoded]]] = defaultdict(list)
    settings = rooms.settings
    reception = Reception(settings.root.mqtt, settings.plant, settings.collector_folder)
    reception.start()
    for letter in letters:
        decoded = read_letter(rooms, reception, letter)
        if decoded is not None and decoded.n_good:
            groups[letter.source, hour_of(letter.received_at)].append((letter, decoded))
    total, n_mended = Outcome(), 0
    for (source, hour), found in groups.items():
        ids = [letter.id for letter, _ in found]
        outcome = store(
            rooms, f"again:{source}:{hour.isoformat()}:{min(ids)}-{max(ids)}:{len(ids)}", [d for _, d in found]
        )
        rejected = [item for _, decoded in found for item in decoded.rejected]
        rooms.journal.books.settle_replay([letter for letter, _ in found], now, outcome, rejected)
        total, n_mended = total + outcome, n_mended + len(found)
    return Reread(len(letters), n_mended, total)


def chosen(rooms: Rooms, number: int | None, reason: str | None) -> list[DeadLetter]:
    """Return one open letter by its number, or those of a reason code, or all; none where there is no such letter."""
    if number is None:
        return rooms.journal.dead_letters(MOST, reason)
    letter = rooms.journal.dead_letter(number)
    return [] if letter is None or letter.replayed_at is not None else [letter]


def told(found: Reread) -> dict[str, int]:
    """Return what a command tells of it, as JSON data."""
    outcome = found.outcome
    return {
        "n_letters": found.n_letters,
        "n_mended": found.n_mended,
        "stored": outcome.stored,
        "duplicates": outcome.duplicates,
        "conflicts": len(outcome.conflicts),
    }


def read_letter(rooms: Rooms, reception: Reception, letter: DeadLetter) -> Decoded | None:
    """Return the items of a letter as they are read now; None where its bytes are not a message or a row."""
    if letter.part == STORE_PART:
        return _point(letter)
    if letter.part == LEDGER_PART:
        return codec.read_records(letter.payload)
    if letter.source == SOURCE:
        raw = Raw(letter.source, letter.topic, letter.payload, letter.received_at)
        return reception.decode_again(raw, letter.part, letter.detail)
    kind, _, name = letter.source.partition(":")
    form = next((f for f in rooms.settings.root.formats if f.name == name), None)
    if kind == "dump" and form is not None and letter.payload:
        return dump.reread(letter.payload, letter.part, form, rooms.settings.plant, letter.received_at, letter.topic)
    return None


def _point(letter: DeadLetter) -> Decoded:
    found = orjson.loads(letter.payload)
    noted = {name: found[name] for name in ("quality", "flags", "received_at") if name in found}
    return Decoded(Points.from_rows([Point(found["tag"], found["at"], found["value"], found["text"], **noted)]))
