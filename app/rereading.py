"""Dead letters to the stores, once what was wrong is mended: each is read again under the config of today.

What is good now leaves the dead letter for the place it has in the sum of its source and hour; what is still bad stays.
All of them are reached: they are read a page at a time, from the newest number down, and what stays is not met again.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

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

PAGE: Final = 2_000  # so that who stores meanwhile has a turn in between


@dataclass(frozen=True, slots=True)
class Reread:
    """What became of the letters that were read again; `outcome` counts their items. before: those numbered below were
    not looked at; None where none is left.
    """

    n_letters: int = 0
    n_mended: int = 0
    outcome: Outcome = field(default_factory=Outcome)
    before: int | None = None


def replay(
    rooms: Rooms,
    now: datetime,
    number: int | None = None,
    reason: str | None = None,
    before: int | None = None,
    *,
    turn: Callable[[], AbstractContextManager[Any]] = nullcontext,
    is_stopping: Callable[[], bool] = lambda: False,
    progress: Callable[[str], None] = lambda _: None,
    page: int = PAGE,
) -> Reread:
    """Read one open letter again by its number, or those of a reason code, or all; those numbered below `before` only.

    turn: held while a page is stored. is_stopping: asked after each page. Raises StoreAwayError.
    """
    if number is not None:
        letter = rooms.journal.dead_letter(number)
        with turn():
            return reread(rooms, [letter] if letter is not None and letter.replayed_at is None else [], now)
    total = Reread()
    while letters := rooms.journal.dead_letters(page, reason, before):
        with turn():
            found = reread(rooms, letters, now)
        n_letters, n_mended = total.n_letters + found.n_letters, total.n_mended + found.n_mended
        total = Reread(n_letters, n_mended, total.outcome + found.outcome)
        before = letters[-1].id
        progress(f"{n_letters:,} read again, {n_mended:,} mended")
        if is_stopping():
            return replace(total, before=before if rooms.journal.dead_letters(1, reason, before) else None)
    return total


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
        outcome = store(rooms, f"again:{source}:{hour.isoformat()}:{_digest(found)}", [d for _, d in found])
        rejected = [item for _, decoded in found for item in decoded.rejected]
        rooms.journal.books.settle_replay([letter for letter, _ in found], now, outcome, rejected)
        total, n_mended = total + outcome, n_mended + len(found)
    return Reread(len(letters), n_mended, total)


def _digest(found: Sequence[tuple[DeadLetter, Decoded]]) -> str:
    """Return a name for just these items: after a crash another set of letters, or another config, is another batch."""
    digest = hashlib.sha256()
    for letter, decoded in found:
        items = codec.write(decoded)
        digest.update(b"%d:%d:" % (letter.id, len(items)) + items)
    return digest.hexdigest()[:32]


def told(found: Reread) -> dict[str, Any]:
    """Return what a command tells of it, as JSON data."""
    outcome = found.outcome
    return {
        "n_letters": found.n_letters,
        "n_mended": found.n_mended,
        "stored": outcome.stored,
        "duplicates": outcome.duplicates,
        "conflicts": len(outcome.conflicts),
        "before": found.before,
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
