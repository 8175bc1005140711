"""Failures and stops of the ledger in, the spans in which assets stood by them out."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Final

from app.rooms import Rooms
from domain.instants import to_ns
from domain.records import EventKind

HOUR: Final = 3_600 * 10**9


def stopped_spans(rooms: Rooms, now: datetime) -> dict[str, list[tuple[int, int]]]:
    """Return by asset the spans (ns) in which it stood by a failure or a stop; what overlaps is one."""
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    events = rooms.ledger.records.events(now, kinds=(EventKind.FAILURE, EventKind.STOP))
    for start, end, asset in sorted((to_ns(e.start), to_ns(e.end or now), e.asset) for e in events):
        own = found[asset]
        if own and start <= own[-1][1]:
            own[-1] = own[-1][0], max(own[-1][1], end)
        else:
            own.append((start, end))
    return found
