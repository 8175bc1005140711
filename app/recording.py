"""What a person says of a stop, a failure or maintenance to an event of the ledger: the next version of its key."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from app.faults import suggest
from app.rooms import Rooms
from collectors import values
from collectors.values import BadValueError
from domain.audit import Action, Deed
from domain.errors import RecordError
from domain.instants import from_ns, to_ns
from domain.points import Points
from domain.records import Decoded, Event, EventKind, Told
from domain.text import mark

UNKNOWN_ASSET: Final = mark("no such asset: {asset}{hint}")
UNKNOWN_KIND: Final = mark("no such kind of event: {kind}{hint}")
BAD_TIME: Final = mark("{which} cannot be read: {text}. Write it as 2026-03-01T14:30, or with a zone at its end")
AHEAD: Final = mark("the start lies in the future")
TOO_LONG: Final = mark("the code is longer than {n} letters")
BACKWARDS: Final = mark("the end lies before the start")


MOST_LETTERS: Final = 200  # of a code: it is part of the key


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of it: the event, and whether it is new, a new version of a known one, or known already."""

    event: Event
    outcome: str


NEW, VERSION, KNOWN = "new", "version", "known"


def record(rooms: Rooms, told: Told, now: datetime, origin: str = "") -> Recorded:
    """Write an event to the ledger, known from now on, and who told it; raises RecordError saying what is wrong."""
    event = _event(rooms, told, now)
    key = (event.kind, event.code, event.start)
    is_known = any((e.kind, e.code, e.start) == key for e in rooms.ledger.records.events(now, event.asset))
    digest = hashlib.sha256(repr((event, to_ns(now))).encode()).hexdigest()
    outcome = rooms.ledger.records.apply(f"hand:{digest[:24]}", [Decoded(Points.from_rows(()), events=(event,))])
    if not outcome.stored:
        return Recorded(event, KNOWN)
    subject = " ".join(x for x in (event.asset, event.kind.value, event.code, event.start.isoformat()) if x)
    end = "" if event.end is None else event.end.isoformat()
    rooms.ledger.audit.save(
        Deed(now, told.by, Action.EVENT_RECORDED, subject, new=end, reason=told.note.strip(), origin=origin)
    )
    return Recorded(event, VERSION if is_known else NEW)


def _event(rooms: Rooms, told: Told, now: datetime) -> Event:
    plant = rooms.settings.plant
    if told.asset not in plant.assets:
        raise RecordError(UNKNOWN_ASSET, asset=repr(told.asset), hint=suggest(told.asset, plant.assets))
    kinds = [str(k) for k in EventKind]
    if told.kind not in kinds:
        raise RecordError(UNKNOWN_KIND, kind=repr(told.kind), hint=suggest(told.kind, kinds))
    zone = rooms.settings.root.plant.zone
    start = read_instant("start", told.start, zone)
    end = read_instant("end", told.end, zone) if told.end.strip() else None
    if start > now:
        raise RecordError(AHEAD)
    if end is not None and end < start:
        raise RecordError(BACKWARDS)
    if len(told.code.strip()) > MOST_LETTERS:
        raise RecordError(TOO_LONG, n=MOST_LETTERS)
    said = [told.note.strip(), f"({told.by.strip()})" if told.by.strip() else ""]
    note = " ".join(x for x in said if x)
    return Event(told.asset, EventKind(told.kind), told.code.strip(), start, end, now, note)


def read_instant(which: str, text: str, zone: str) -> datetime:
    """Read an ISO time, in `zone` where it names none; raises RecordError."""
    try:
        return from_ns(values.instant(text.strip(), "iso", zone))
    except BadValueError as bad:
        raise RecordError(BAD_TIME, which=which, text=repr(text)) from bad
