"""Decoded items to journal bytes and back; reading back gives equal items."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from domain.instants import from_ns, to_ns
from domain.points import Points
from domain.records import Decoded, Event, EventKind, Lot, Result


def write(decoded: Decoded) -> bytes:
    """Return the taken items of a message as JSON; rejected ones are the dead letter's."""
    rows = [list(p[:6]) for p in decoded.points.rows()]
    return orjson.dumps(
        {
            "points": rows,
            "events": [
                [e.asset, e.kind.value, e.code, to_ns(e.start), _ns(e.end), to_ns(e.known_at), e.note]
                for e in decoded.events
            ],
            "lots": [
                [x.line, x.lot, _ns(x.start), _ns(x.end), to_ns(x.known_at), dict(x.values)] for x in decoded.lots
            ],
            "results": [[r.line, r.lot, r.result, r.value, to_ns(r.result_at), r.lab, r.text] for r in decoded.results],
        },
        option=orjson.OPT_SERIALIZE_NUMPY,
    )


def read(record: bytes, received_at: int) -> Decoded:
    """Return the items of `write`; `received_at` (ns) is filled into the points."""
    data: Mapping[str, Any] = orjson.loads(record)
    tag_id, at, value, text, quality, flags = list(zip(*data["points"], strict=True)) or [()] * 6
    points = Points.of(tag_id, at, value, text, quality, flags, [received_at] * len(at))
    return Decoded(
        points,
        tuple(
            Event(a, EventKind(k), c, from_ns(s), _at(e), from_ns(n), note) for a, k, c, s, e, n, note in data["events"]
        ),
        tuple(Lot(line, lot, _at(s), _at(e), from_ns(k), v) for line, lot, s, e, k, v in data["lots"]),
        tuple(Result(line, lot, r, v, from_ns(at), lab, t) for line, lot, r, v, at, lab, t in data["results"]),
    )


def _ns(at: datetime | None) -> int | None:
    return None if at is None else to_ns(at)


def _at(ns: int | None) -> datetime | None:
    return None if ns is None else from_ns(ns)
