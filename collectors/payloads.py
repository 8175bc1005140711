"""Messages of the plant's own topics to points, as `[[mqtt.topics]]` says. Never raises for bad input.

Invariant: one bad value, record or line does not sink its neighbours, and each is named as a part of its message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from collectors import values
from collectors.decode import NO_POINTS, NUL_BYTES, Raw, parse_json
from collectors.grading import grade
from collectors.json_paths import MISSING, Path, found_at
from collectors.mapping import Entry, filled, tag_named
from collectors.settings import MqttSettings
from collectors.units import converter
from collectors.values import BadValueError
from domain.instants import to_ns
from domain.plant import Plant, Tag
from domain.points import Point, Points, Quality
from domain.records import Decoded, Reason, Rejected
from domain.units import BOOLEAN_UNIT

BOOLEANS: Final = {"true": True, "false": False}


class _Item(NamedTuple):
    """One value of a message: which part of the payload it is, its name there, and where it stands."""

    part: str
    name: str = ""
    value: Any = None
    record: Any = None
    body: Any = None  # what the whole message, or its line, holds: it may state time, quality or unit for all records
    fault: BadValueError | None = None


def decode_mapped(
    raw: Raw, entry: Entry, levels: Mapping[str, str], plant: Plant, settings: MqttSettings, only: str = ""
) -> Decoded:
    """Turn one message into points by the entry that reads its topic; `levels` are the topic's named levels.

    only: a part of the message, to be read alone.
    """
    rows: list[Point] = []
    rejected: list[Rejected] = []
    try:
        for part, load in _documents(raw.payload, entry, settings.max_payload_bytes):
            for item in _items(load, entry, part):
                if not f"{item.part} ".startswith(f"{only} " if only else ""):
                    continue
                try:
                    rows.append(_point(item, entry, levels, raw, plant, settings))
                except BadValueError as bad:
                    rejected.append(_rejected(raw, bad, item.part))
    except BadValueError as bad:
        rejected.append(_rejected(raw, bad, ""))
    return Decoded(Points.from_rows(rows) if rows else NO_POINTS, rejected=tuple(rejected))


def _rejected(raw: Raw, bad: BadValueError, part: str) -> Rejected:
    return Rejected(raw.source, raw.topic, bad.reason, bad.detail, raw.payload, part)


def _documents(payload: bytes, entry: Entry, max_bytes: int) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield each document of a payload by the part that it is, still to be parsed."""
    if entry.settings.payload == "plain":
        yield "", lambda: _text(payload, max_bytes)
    elif entry.settings.payload == "json":
        yield "", lambda: parse_json(payload, max_bytes)
    elif not payload.strip() or len(payload) > max_bytes:
        parse_json(payload.strip(), max_bytes)  # raises for both
        raise BadValueError(Reason.EMPTY, "no lines")
    else:
        for number, line in enumerate(payload.split(b"\n"), 1):
            if line.strip():
                yield f"line {number}", lambda line=line: parse_json(line, max_bytes)  # type: ignore[misc]


def _text(payload: bytes, max_bytes: int) -> str:
    if not payload:
        raise BadValueError(Reason.EMPTY, "an empty payload")
    if len(payload) > max_bytes:
        raise BadValueError(Reason.SIZE, f"{len(payload)} bytes, the limit is {max_bytes}")
    if b"\0" in payload:
        raise BadValueError(Reason.ENCODING, NUL_BYTES)
    try:
        return payload.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadValueError(Reason.ENCODING, f"not UTF-8 at byte {error.start}") from error


def _items(load: Callable[[], Any], entry: Entry, part: str) -> Iterator[_Item]:
    """Yield the values of a document; what cannot be read is the `fault` of its part."""
    try:
        body = load()
    except BadValueError as bad:
        yield _Item(part, fault=bad)
        return
    if entry.settings.payload == "plain":
        yield _Item(part, "", body)
        return
    for place, record in _records(body, entry, part):
        try:
            yield from _values(body, record, entry, place)
        except BadValueError as bad:
            yield _Item(place, fault=bad)


def _records(body: Any, entry: Entry, part: str) -> Iterator[tuple[str, Any]]:
    found = [body] if entry.records is None else found_at(entry.records, body)
    if not isinstance(found, list) or not found:
        yield part, MISSING
    elif entry.records is None:
        yield part, body
    else:
        for i, record in enumerate(found):
            yield f"{part} [{i}]".lstrip(), record


def _values(body: Any, record: Any, entry: Entry, place: str) -> Iterator[_Item]:
    if record is MISSING:
        raise BadValueError(Reason.TYPE, f"no list of records at {entry.settings.records_path!r}")
    if entry.values is None:
        name = "" if entry.name is None else _word(found_at(entry.name, record), "name")
        yield _Item(place, name, found_at(entry.value, record), record, body)
        return
    found = found_at(entry.values, record)
    if not isinstance(found, dict) or not found:
        raise BadValueError(Reason.TYPE, f"no object of names and values at {entry.settings.values_path!r}")
    for name, value in found.items():
        yield _Item(f"{place} {name}".lstrip(), name, value, record, body)


def _point(
    item: _Item, entry: Entry, levels: Mapping[str, str], raw: Raw, plant: Plant, settings: MqttSettings
) -> Point:
    if item.fault is not None:
        raise item.fault
    names = dict(levels)
    for field, path in entry.fields.items():
        names[field] = _word(_stated(path, item), field)
    names["name"] = item.name
    tag_name = filled(entry.settings.tag, names)
    tag = tag_named(f"{filled(entry.settings.asset, names)}/{entry.settings.rename.get(tag_name, tag_name)}", plant)
    received_at = to_ns(raw.received_at)
    at, flags = values.stamp(_stated(entry.time, item), entry.settings.time_unit, received_at, settings.max_future_s)
    reading = _reading(item.value, entry, tag)
    value = reading.value
    if value is not None:
        unit = _stated(entry.unit, item)
        convert = converter(entry.settings.unit if unit is None else _word(unit, "unit"), tag.unit)
        value = value if convert is None else convert(value)
    quality = max(grade(_stated(entry.quality, item), entry.settings.quality_codes), Quality(reading.quality))
    return Point(tag.tag_id, at, value, reading.text, quality, flags | reading.flags, received_at)


def _reading(value: Any, entry: Entry, tag: Tag) -> values.Reading:
    if value is MISSING:
        return values.NULL
    how = entry.settings
    is_plain, is_boolean = how.payload == "plain", tag.unit == BOOLEAN_UNIT
    if is_plain:
        value = value.strip()
        value = BOOLEANS.get(value.lower(), value) if is_boolean else value
    return values.from_json(
        value, has_text_numbers=is_plain or how.has_text_numbers, decimal=how.decimal, is_boolean=is_boolean
    )


def _stated(path: Path | None, item: _Item) -> Any:
    """Return what a record, or else the document around it, states; None where neither does."""
    if path is None:
        return None
    found = found_at(path, item.record)
    if found is MISSING:
        found = found_at(path, item.body)
    return None if found is MISSING else found


def _word(found: Any, what: str) -> str:
    """Return a name that a payload holds; raises BadValueError where there is no text or whole number."""
    if isinstance(found, bool) or not isinstance(found, str | int) or found == "":
        raise BadValueError(Reason.NO_KEY, f"no {what} where the config says it stands")
    return str(found)
