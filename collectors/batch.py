"""The messages of one read from the broker to items, all at once: the same items that `decode` gives one by one.

Most of a plant's messages are alike: a known asset, known tags, plain numbers, one time. Those are read by columns.
Whatever differs in anything from that goes through `decode`, which alone says what is wrong with a message.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import numpy as np
import orjson

from collectors import values
from collectors.decode import NO_POINTS, Raw, decode
from collectors.settings import MqttSettings
from collectors.values import EXACT_INTEGER, BadValueError
from domain.instants import to_ns
from domain.plant import Plant
from domain.points import Flag, Points, Quality
from domain.records import Decoded, Reason

PLAIN: Final = frozenset({float, int})
POINTS: Final = "points"
MICROSECOND: Final = timedelta(microseconds=1)
MOST_RECEIPTS: Final = 5000  # several times what a broker sends before it waits for acknowledgements


class Arrived(NamedTuple):
    """One message as the broker gave it."""

    topic: str
    payload: bytes
    is_retained: bool = False
    is_duplicate: bool = False
    message_id: int = 0  # 0 where the broker does not give it again


class Receipts:
    """When messages came first: one that the broker gives again, under the same id, keeps the time of its receipt.

    Without it a message that tells no time would be another value of another time. Forgotten with the process.
    """

    def __init__(self) -> None:
        self._first: dict[tuple[int, int], datetime] = {}

    def of(self, message: Arrived, at: datetime) -> datetime:
        """Return when a message that comes at `at` was received."""
        if not message.message_id:
            return at
        key = message.message_id, hash((message.topic, message.payload))
        found = self._first.pop(key, at) if message.is_duplicate else at
        self._first[key] = found
        if len(self._first) > MOST_RECEIPTS:
            del self._first[next(iter(self._first))]
        return found


class BatchDecoder:
    """Decodes for one plant and one config; between batches it knows only when the last messages came first.

    one: decodes a message that differs from most; `decode` where nothing needs to be known of earlier messages.
    """

    def __init__(
        self, plant: Plant, settings: MqttSettings, source: str, one: Callable[[Raw], Decoded] | None = None
    ) -> None:
        self._settings, self._source = settings, source
        limited = [t for tags in plant.tags.values() for t in tags.values() if (t.least, t.most) != (None, None)]
        self._least = {t.tag_id: -np.inf if t.least is None else t.least for t in limited}
        self._most = {t.tag_id: np.inf if t.most is None else t.most for t in limited}
        self._max_bytes, self._time_unit = settings.max_payload_bytes, settings.time_unit
        self._receipts = Receipts()
        self._one_of = one or (lambda raw: decode(raw, plant, settings))
        self._routes: dict[str, Mapping[str, str]] = {
            f"{settings.root}/{POINTS}/{asset}": {name: tag.tag_id for name, tag in tags.items()}
            for asset, tags in plant.tags.items()
            if not any(":" in name for name in tags)
        }

    def decode(
        self, batch: Sequence[Arrived], received_at: datetime, beat: Callable[[], None] = lambda: None
    ) -> Decoded:
        """Return all items of the messages, the plain ones first. beat: told after each message that takes a while.

        A message that tells no time gets that of its receipt, a microsecond after the one before it: two values of
        one tag that came together are two.
        """
        now = to_ns(received_at)
        latest = now + self._settings.max_future_s * 1_000_000_000
        tag_ids: list[str] = []
        numbers: list[float] = []
        ats: list[int] = []
        counts: list[int] = []
        others: list[Decoded] = []
        for i, message in enumerate(batch):
            plain = self._plain(message, latest)
            if plain is None:
                others.append(self._one(message, self._receipts.of(message, received_at + i * MICROSECOND)))
                beat()
                continue
            ids, at, found = plain
            tag_ids += ids
            numbers += found
            ats.append(at)
            counts.append(len(ids))
        points = NO_POINTS
        if tag_ids:
            n = len(tag_ids)
            points = Points.of(
                tag_ids, np.repeat(np.array(ats, np.int64), counts), numbers, received_at=np.full(n, now, np.int64)
            )
        decoded = joined([Decoded(points), *others]) if others else Decoded(points)
        return replace(decoded, points=self._graded(decoded.points)) if self._least else decoded

    def _graded(self, points: Points) -> Points:
        """Return points whose values outside what is physically possible for their tag are flagged, and graded bad."""
        ids = points.tag_id.tolist()
        least = np.array([self._least.get(t, -np.inf) for t in ids])
        most = np.array([self._most.get(t, np.inf) for t in ids])
        is_out = (points.value < least) | (points.value > most)
        flags = points.flags | np.where(is_out, np.uint32(Flag.RANGE), np.uint32(0))
        return replace(points, flags=flags, quality=np.where(is_out, np.uint8(Quality.BAD), points.quality))

    def _plain(self, message: Arrived, latest: int) -> tuple[list[str], int, Sequence[float]] | None:
        """Return (tag ids, ns, values) of a message without anything special about it; None for any other."""
        tags = self._routes.get(message.topic)
        payload = message.payload
        if tags is None or message.is_retained or b"\\" in payload or len(payload) > self._max_bytes:
            return None
        try:
            body: Any = orjson.loads(payload)
        except orjson.JSONDecodeError:
            return None
        if type(body) is not dict or len(body) != 2:
            return None
        found, at = body.get("values"), body.get("at")
        if type(found) is not dict or not found or at is None:
            return None
        n_colons = payload.count(b":") - (at.count(":") if type(at) is str else 0)
        if n_colons != 2 + len(found):  # a key stands twice: the parser would keep the last
            return None
        numbers = list(found.values())
        try:
            ids = [tags[name] for name in found]
            if not PLAIN.issuperset(map(type, numbers)) or max(map(abs, numbers)) > EXACT_INTEGER:
                return None
            ns = values.instant(at, self._time_unit)
        except (KeyError, BadValueError):
            return None
        return (ids, ns, numbers) if ns <= latest else None

    def _one(self, message: Arrived, received_at: datetime) -> Decoded:
        raw = Raw(self._source, message.topic, message.payload, received_at, message.is_retained, message.is_duplicate)
        try:
            return self._one_of(raw)
        except Exception as error:  # noqa: BLE001 - decoding must not raise; if it does, the message is kept
            return Decoded(NO_POINTS, rejected=(raw.rejected(Reason.FORMAT, f"decoding failed: {error!r}"),))


def joined(parts: Sequence[Decoded]) -> Decoded:
    """Return the items of several as one, each kind in order."""
    return Decoded(
        Points.concat([p.points for p in parts if len(p.points)]),
        tuple(x for p in parts for x in p.events),
        tuple(x for p in parts for x in p.lots),
        tuple(x for p in parts for x in p.results),
        tuple(x for p in parts for x in p.rejected),
    )
