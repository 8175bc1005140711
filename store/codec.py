"""Decoded items to journal bytes and back; reading back gives equal items.

Layout: u32 length of a JSON head (tag names, texts, records, rejected items), the head, then the columns of the points
as they stand in memory: code of the tag u32, at i64, value f64, quality u8, flags u32, received_at i64.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from domain.instants import from_ns, to_ns
from domain.points import Points
from domain.records import Decoded, Event, EventKind, Lot, Reason, Rejected, Result

_LENGTH: Final = struct.Struct("<I")
_COLUMNS: Final = (np.uint32, np.int64, np.float64, np.uint8, np.uint32, np.int64)


def write(decoded: Decoded) -> bytes:
    """Return all items of a message or batch as bytes, taken and rejected."""
    points = decoded.points
    codes: dict[str, int] = {}
    column = [codes.setdefault(t, len(codes)) for t in points.tag_id.tolist()]
    texts = {str(i): t for i, t in enumerate(points.text.tolist()) if t is not None}
    head = orjson.dumps(
        {
            "tags": list(codes),
            "n": len(points),
            "texts": texts,
            **_records(decoded),
            "rejected": [_rejected_row(r) for r in decoded.rejected],
        },
        option=orjson.OPT_SERIALIZE_NUMPY,
    )
    arrays = (
        np.array(column, np.uint32),
        points.at,
        points.value,
        points.quality,
        points.flags,
        points.received_at,
    )
    return b"".join((_LENGTH.pack(len(head)), head, *(a.tobytes() for a in arrays)))


def read(record: bytes) -> Decoded:
    """Return the items of `write`."""
    (length,) = _LENGTH.unpack_from(record)
    head: Mapping[str, Any] = orjson.loads(record[4 : 4 + length])
    n = head["n"]
    code, at, value, quality, flags, received_at = _arrays(record, 4 + length, n)
    text = np.full(n, None, dtype=object)
    for i, found in head["texts"].items():
        text[int(i)] = found
    names = np.empty(len(head["tags"]), dtype=object)
    names[:] = head["tags"]
    return Decoded(
        Points(names[code] if n else names[:0], at, value, text, quality, flags, received_at),
        *_records_of(head),
        tuple(
            Rejected(source, topic, Reason(reason), detail, base64.b64decode(payload), part, n_items)
            for source, topic, reason, detail, payload, part, n_items in head["rejected"]
        ),
    )


def write_records(decoded: Decoded) -> str:
    """Return the events, lots and results as JSON text of ASCII only, whatever they hold."""
    return json.dumps(_records(decoded), default=str)


def read_records(text: str | bytes) -> Decoded:
    """Return the items of `write_records`."""
    return Decoded(Points.from_rows(()), *_records_of(json.loads(text)))


def _records(decoded: Decoded) -> dict[str, list[list[Any]]]:
    return {
        "events": [
            [e.asset, e.kind.value, e.code, to_ns(e.start), _ns(e.end), to_ns(e.known_at), e.note]
            for e in decoded.events
        ],
        "lots": [
            [x.line, x.lot, _ns(x.start), _ns(x.end), to_ns(x.known_at), dict(x.values), dict(x.texts)]
            for x in decoded.lots
        ],
        "results": [[r.line, r.lot, r.result, r.value, to_ns(r.result_at), r.lab, r.text] for r in decoded.results],
    }


def _records_of(head: Mapping[str, Any]) -> tuple[tuple[Event, ...], tuple[Lot, ...], tuple[Result, ...]]:
    return (
        tuple(
            Event(a, EventKind(k), c, from_ns(s), _at(e), from_ns(n), note) for a, k, c, s, e, n, note in head["events"]
        ),
        # Lots that an earlier Forewarn wrote have no texts.
        tuple(Lot(line, lot, _at(s), _at(e), from_ns(k), *rest) for line, lot, s, e, k, *rest in head["lots"]),
        tuple(Result(line, lot, r, v, from_ns(at), lab, t) for line, lot, r, v, at, lab, t in head["results"]),
    )


def _arrays(record: bytes, offset: int, n: int) -> Sequence[NDArray[Any]]:
    arrays = []
    for kind in _COLUMNS:
        arrays.append(np.frombuffer(record, kind, n, offset))
        offset += arrays[-1].nbytes
    return arrays


def _rejected_row(r: Rejected) -> list[Any]:
    payload = base64.b64encode(r.payload).decode()
    return [r.source, _clean(r.topic), r.reason.value, _clean(r.detail), payload, _clean(r.part), r.n_items]


def _clean(text: str) -> str:
    """Return text that UTF-8 can carry: half characters become question marks."""
    return text.encode("utf-8", "replace").decode()


def _ns(at: datetime | None) -> int | None:
    return None if at is None else to_ns(at)


def _at(ns: int | None) -> datetime | None:
    return None if ns is None else from_ns(ns)
