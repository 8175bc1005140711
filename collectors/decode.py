"""MQTT messages to items: a topic and bytes in, points and records out, with a reason for whatever cannot be taken.

Topics below the root: `points/<asset>` (many values of one time), `point/<asset>/<tag>` (one value), `event/<asset>`,
`lot/<line>`, `result/<line>`. Never raises for bad input, and one bad value does not sink its neighbours.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from collectors import values
from collectors.grading import grade
from collectors.mapping import unknown_tag
from collectors.settings import MqttSettings
from collectors.units import converter
from collectors.values import BadValueError
from domain.instants import from_ns, to_ns
from domain.plant import Plant
from domain.points import Flag, Point, Points
from domain.records import Decoded, Event, EventKind, Lot, Reason, Rejected, Result
from domain.units import BOOLEAN_UNIT

NO_POINTS: Final = Points.from_rows(())
SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")  # half a character, or a pair
MOST_KEY_BYTES: Final = 600  # of each text of a record's key: PostgreSQL's indexes take 2,700 for all of it
NUL_BYTES: Final = "holds NUL bytes: not UTF-8, but such as UTF-16"
KINDS: Final = frozenset(kind.value for kind in EventKind)


@dataclass(frozen=True, slots=True)
class Raw:
    """One message as it came."""

    source: str
    topic: str
    payload: bytes
    received_at: datetime
    is_retained: bool = False  # given again by the broker on subscribing: old news
    is_duplicate: bool = False  # may have been delivered before

    def rejected(self, reason: Reason, detail: str, part: str = "") -> Rejected:
        """Return the message, or one named part of it, as a rejected item."""
        return Rejected(self.source, self.topic, reason, detail, self.payload, part)


def decode(raw: Raw, plant: Plant, settings: MqttSettings) -> Decoded:
    """Turn one message into items; a message that cannot be read is one rejected item."""
    try:
        kind, path = _address(raw.topic, settings.root)
        body = parse_object(raw.payload, settings.max_payload_bytes)
        return READERS[kind](raw, path, body, plant, settings)
    except BadValueError as bad:
        return Decoded(NO_POINTS, rejected=(raw.rejected(bad.reason, bad.detail),))


def n_extra_keys(place: str, body: Mapping[str, Any]) -> int:
    """Return how many keys of a native message nothing reads; place: its topic below the root."""
    return len(body.keys() - KEYS[place.partition("/")[0]])


def parse_object(payload: bytes, max_bytes: int) -> Mapping[str, Any]:
    """Parse a JSON object strictly; raises BadValueError."""
    body = parse_json(payload, max_bytes)
    if not isinstance(body, dict):
        raise BadValueError(Reason.TYPE, f"a JSON {type(body).__name__} where an object is expected")
    return body


def parse_json(payload: bytes, max_bytes: int) -> Any:
    """Parse one JSON document strictly; raises BadValueError."""
    if not payload:
        raise BadValueError(Reason.EMPTY, "an empty payload")
    if len(payload) > max_bytes:
        raise BadValueError(Reason.SIZE, f"{len(payload)} bytes, the limit is {max_bytes}")
    try:
        text = payload.decode("utf-8-sig")
        body = json.loads(text, object_pairs_hook=_unique, parse_int=_parse_int)
        if SURROGATE.search(text):
            json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise BadValueError(Reason.ENCODING, "an escape for half a character") from error
    except UnicodeDecodeError as error:
        raise BadValueError(Reason.ENCODING, f"not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        if b"\0" in payload:  # no JSON holds one, and every ASCII text in UTF-16 does
            raise BadValueError(Reason.ENCODING, NUL_BYTES) from error
        raise BadValueError(Reason.JSON, f"{error.msg} at character {error.pos}") from error
    except RecursionError as error:
        raise BadValueError(Reason.DEPTH, "nested too deeply") from error
    return body


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise BadValueError(Reason.DUPLICATE_KEY, f"key {twice!r} stands twice")
    return found


def _parse_int(digits: str) -> int:
    if len(digits) > values.MAX_DIGITS:
        raise BadValueError(Reason.NUMBER_SIZE, f"a number of {len(digits)} digits")
    return int(digits)


def _address(topic: str, root: str) -> tuple[str, str]:
    if not topic.startswith(root + "/"):
        raise BadValueError(Reason.TOPIC, f"not below {root}/")
    kind, _, path = topic[len(root) + 1 :].partition("/")
    if kind not in READERS:
        raise BadValueError(Reason.TOPIC, f"{kind!r} is none of {', '.join(READERS)}")
    if not path or "" in path.split("/"):
        raise BadValueError(Reason.TOPIC, "an empty level in the asset's path")
    return kind, path


def _known(asset: str, plant: Plant) -> str:
    if asset not in plant.assets:
        raise BadValueError(Reason.UNKNOWN_ASSET, f"{asset!r} is not in assets.csv")
    return asset


def _points(raw: Raw, path: str, body: Mapping[str, Any], plant: Plant, settings: MqttSettings) -> Decoded:
    asset = _known(path, plant)
    found = body.get("values")
    if not isinstance(found, dict) or not found:
        raise BadValueError(Reason.TYPE, "`values` is not an object of tag names and values")
    return _rows(raw, asset, list(found.items()), body, plant, settings)


def _point(raw: Raw, path: str, body: Mapping[str, Any], plant: Plant, settings: MqttSettings) -> Decoded:
    asset, _, tag = path.rpartition("/")
    return _rows(raw, _known(asset, plant), [(tag, body.get("value"))], body, plant, settings)


def _rows(
    raw: Raw,
    asset: str,
    items: Sequence[tuple[str, Any]],
    body: Mapping[str, Any],
    plant: Plant,
    settings: MqttSettings,
) -> Decoded:
    """Decode values that share one time and quality. A bad time rejects each of them."""
    flags, at, fault = Flag.NONE, 0, None
    received_at = to_ns(raw.received_at)
    try:
        at, flags = values.stamp(body.get("at"), settings.time_unit, received_at, settings.max_future_s)
    except BadValueError as bad:
        fault = bad
    quality = grade(body.get("quality"))
    rows: list[Point] = []
    rejected: list[Rejected] = []
    for name, value in items:
        try:
            if fault is not None:
                raise fault
            tag = plant.tags[asset].get(name)
            if tag is None:
                raise unknown_tag(asset, name, plant)
            reading = values.from_json(
                value, has_text_numbers=settings.has_text_numbers, is_boolean=tag.unit == BOOLEAN_UNIT
            )
            number = reading.value
            convert = converter(_unit(body.get("unit"), name), tag.unit)
        except BadValueError as bad:
            rejected.append(raw.rejected(bad.reason, bad.detail, name))
            continue
        if number is not None and convert is not None:
            number = convert(number)
        grades = max(quality, reading.quality)
        rows.append(Point(tag.tag_id, at, number, reading.text, grades, flags | reading.flags, received_at))
    return Decoded(Points.from_rows(rows), rejected=tuple(rejected))


def _unit(stated: Any, name: str) -> str:
    """Return the unit that a message states: one for all its values, or one by name."""
    unit = stated.get(name) if isinstance(stated, dict) else stated
    if unit is None:
        return ""
    if not isinstance(unit, str):
        raise BadValueError(Reason.UNIT, f"`unit` is a JSON {type(unit).__name__}, not a text")
    return unit


def _event(raw: Raw, path: str, body: Mapping[str, Any], plant: Plant, settings: MqttSettings) -> Decoded:
    return Decoded(NO_POINTS, events=(read_event(_known(path, plant), body, raw.received_at, settings.time_unit),))


def read_event(asset: str, body: Mapping[str, Any], received_at: datetime, unit: str, zone: str = "") -> Event:
    """Read an event's fields; raises BadValueError."""
    kind = _required(body, "kind")
    if kind not in KINDS:
        raise BadValueError(Reason.KIND, f"{kind!r} is none of {', '.join(EventKind)}")
    start = from_ns(values.instant(body.get("start"), unit, zone))
    end = _instant_or_none(body, "end", unit, zone)
    if end is not None and end < start:
        raise BadValueError(Reason.INTERVAL, "the event ends before it starts")
    known_at = _instant_or_none(body, "known_at", unit, zone) or received_at
    code, note = ("" if body.get(name) is None else str(body[name]) for name in ("code", "note"))
    return Event(asset, EventKind(kind), _short("code", code), start, end, known_at, note)


def _lot(raw: Raw, path: str, body: Mapping[str, Any], plant: Plant, settings: MqttSettings) -> Decoded:
    lot = read_lot(_known(path, plant), body, raw.received_at, settings.time_unit, default_known_at=raw.received_at)
    return Decoded(NO_POINTS, lots=(lot,))


def read_lot(
    line: str,
    body: Mapping[str, Any],
    received_at: datetime,
    unit: str,
    zone: str = "",
    default_known_at: datetime | None = None,
) -> Lot:
    """Read a lot's fields; raises BadValueError. Without `known_at` it is known at the default, or at its end."""
    lot = _required(body, "lot")
    start, end = (_instant_or_none(body, name, unit, zone) for name in ("start", "end"))
    if start is not None and end is not None and end < start:
        raise BadValueError(Reason.INTERVAL, "the lot ends before it starts")
    found = body.get("values") or {}
    if not isinstance(found, Mapping):
        raise BadValueError(Reason.TYPE, "`values` is not an object of names and numbers")
    numbers = {}
    for name, value in found.items():
        reading = values.from_json(value, has_text_numbers=False)
        if reading.value is not None:
            numbers[name] = reading.value
    texts = body.get("texts") or {}
    if not isinstance(texts, Mapping) or not all(isinstance(text, str) for text in texts.values()):
        raise BadValueError(Reason.TYPE, "`texts` is not an object of names and texts")
    known_at = _instant_or_none(body, "known_at", unit, zone) or default_known_at or end or received_at
    return Lot(line, lot, start, end, known_at, numbers, dict(texts))


def _result(raw: Raw, path: str, body: Mapping[str, Any], plant: Plant, settings: MqttSettings) -> Decoded:
    return Decoded(NO_POINTS, results=(read_result(_known(path, plant), body, raw.received_at, settings.time_unit),))


def read_result(line: str, body: Mapping[str, Any], received_at: datetime, unit: str, zone: str = "") -> Result:
    """Read a result's fields; raises BadValueError. A text in place of a number is kept as text."""
    lot, name = _required(body, "lot"), _required(body, "result")
    value = body.get("value")
    text = value if isinstance(value, str) else None
    reading = values.NULL if text is not None else values.from_json(value, has_text_numbers=False)
    result_at = _instant_or_none(body, "result_at", unit, zone) or received_at
    return Result(line, lot, name, reading.value, result_at, _short("lab", str(body.get("lab") or "")), text)


def _required(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise BadValueError(Reason.NO_KEY, f"`{name}` is missing or not a text")
    return _short(name, value)


def _short(name: str, text: str) -> str:
    """Return a text of a key; raises BadValueError for one that no index takes: it would hold up what comes after."""
    if len(text) > MOST_KEY_BYTES // 4 and (size := len(text.encode("utf-8", "replace"))) > MOST_KEY_BYTES:
        raise BadValueError(Reason.SIZE, f"`{name}` is {size} bytes long, the limit is {MOST_KEY_BYTES}")
    return text


def _instant_or_none(body: Mapping[str, Any], name: str, unit: str, zone: str) -> datetime | None:
    value = body.get(name)
    return None if value is None or value == "" else from_ns(values.instant(value, unit, zone))


Reader = Callable[[Raw, str, Mapping[str, Any], Plant, MqttSettings], Decoded]
READERS: Final[Mapping[str, Reader]] = {
    "points": _points,
    "point": _point,
    "event": _event,
    "lot": _lot,
    "result": _result,
}
NUMBERED: Final = frozenset({"seq", "publisher"})
KEYS: Final[Mapping[str, frozenset[str]]] = {
    "points": NUMBERED | {"at", "values", "quality", "unit"},
    "point": NUMBERED | {"at", "value", "quality", "unit"},
    "event": NUMBERED | {"kind", "code", "start", "end", "known_at", "note"},
    "lot": NUMBERED | {"lot", "start", "end", "known_at", "values", "texts"},
    "result": NUMBERED | {"lot", "result", "value", "result_at", "lab"},
}
