"""Sparkplug B messages to points: births name what aliases mean, data uses them, deaths make values null and bad.

Invariants: an alias is only read by a birth that is sure to be of the same session of its edge node; otherwise the
message is kept as rejected (`alias`) and a rebirth is asked for. Nothing raises for bad input.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, Final, NamedTuple

from collectors import sparkplug_payload as wire
from collectors import values
from collectors.births import BirthShelf, Kept
from collectors.decode import NO_POINTS, Raw
from collectors.mapping import filled, tag_named
from collectors.mqtt_settings import SparkplugSettings
from collectors.sequences import Sequences, Step
from collectors.sparkplug_births import Birth, Letter, Meaning, Node, sense_of, session_of, unit_of
from collectors.units import converter
from collectors.values import BadValueError
from domain.instants import to_ns
from domain.plant import Plant, Tag
from domain.points import Flag, Point, Points, Quality
from domain.records import Decoded, Reason, Rejected

log = logging.getLogger(__name__)
NAMESPACE: Final = "spBv1.0"
SEQUENCE_LENGTH: Final = 256
MOST_NODES: Final = 10_000
OWN_METRICS: Final = ("bdSeq", "Node Control/*", "Device Control/*")
READ_KINDS: Final = ("NBIRTH", "NDATA", "NDEATH")  # each also with D, for devices


class Place(NamedTuple):
    """Where a message came from; a node's own metrics have device ""."""

    group: str
    node: str
    device: str

    @property
    def source(self) -> str:
        """The edge node, which numbers its messages and those of its devices."""
        return f"{self.group}/{self.node}"


def subscriptions(groups: tuple[str, ...]) -> tuple[str, ...]:
    """Return the topic filters of the groups: what edge nodes say, not what they are told."""
    return tuple(
        f"{NAMESPACE}/{group}/{level}{kind[1:]}/+{'/+' if level == 'D' else ''}"
        for group in groups
        for kind in READ_KINDS
        for level in "ND"
    )


def is_sparkplug(topic: str) -> bool:
    """Say whether a topic is of the namespace."""
    return topic.startswith(NAMESPACE + "/")


class Sparkplug:
    """Decodes the messages of all edge nodes; remembers births, and which nodes must be asked for theirs."""

    def __init__(
        self, settings: SparkplugSettings, plant: Plant, sequences: Sequences, shelf: BirthShelf, max_future_s: float
    ) -> None:
        self._settings, self._plant, self._sequences, self._shelf = settings, plant, sequences, shelf
        self._max_future_s = max_future_s
        self._nodes: dict[str, Node] = {}
        self._unborn: set[tuple[str, str]] = set()
        self._asked_at: dict[tuple[str, str], float] = {}  # monotonic seconds
        self.n_ignored = 0  # metrics and messages that are no measurements
        self.n_absent = 0  # points made null by deaths

    def start(self) -> None:
        """Read the births of an earlier run; they are trusted once a node's numbering goes on without a gap."""
        for kept in self._shelf.load():
            try:
                kind, place = _address(kept.topic)
                node = self._node(place)
                node.n_births |= Counter(kept.n_births)
                self._learn(node, place, kind, _parsed(kept.payload), kept.n_births.get(place.device, 0), is_sure=False)
            except BadValueError as bad:
                log.warning("birth unusable topic=%s error=%s", kept.topic, bad.detail)

    def connected(self) -> None:
        """Note a new connection: what was not kept by the broker meanwhile may have been a birth."""
        for source in self._nodes:
            self._doubt(source)

    def decode(self, raw: Raw) -> Decoded:
        """Turn a message into points."""
        try:
            kind, place = _address(raw.topic)
            if not raw.payload:
                raise BadValueError(Reason.EMPTY, "an empty payload")
            payload = _parsed(raw.payload)
            self._follow(kind, place, payload, raw)
            if kind[1:] == "DEATH":
                return self._death(kind, place, payload, raw)
            if kind[1:] == "BIRTH":
                self._born(place, kind, payload, raw)
            return self._metrics(place, payload, raw)
        except BadValueError as bad:
            return Decoded(NO_POINTS, rejected=(_rejected(raw, bad, ""),))

    def decode_again(self, raw: Raw, part: str, detail: str) -> Decoded:
        """Turn what was rejected with `part` and `detail` into points by the births that are known now; remembers
        nothing of it. An alias of another birth's time stays rejected, unless it is known to mean the same now.
        """
        try:
            kind, place = _address(raw.topic)
            payload = _parsed(raw.payload)
        except BadValueError as bad:
            return Decoded(NO_POINTS, rejected=(_rejected(raw, bad, ""),))
        letter = Letter.of(part, detail)
        return Decoded(NO_POINTS) if kind[1:] == "DEATH" else self._metrics(place, payload, raw, letter)

    def rebirths(self, monotonic: float, now: datetime) -> list[tuple[str, bytes]]:
        """Return (topic, payload) of the rebirth requests that are due; each node is asked once per `rebirth_s`."""
        due = [
            node
            for node in self._unborn
            if monotonic - self._asked_at.get(node, -float("inf")) >= self._settings.rebirth_s
        ]
        if len(self._asked_at) >= MOST_NODES:
            self._asked_at.clear()
        for node in due:
            self._asked_at[node] = monotonic
            self._unborn.discard(node)
        return [(f"{NAMESPACE}/{group}/NCMD/{node}", wire.rebirth_command(now)) for group, node in sorted(due)]

    def settle(self) -> None:
        """Write births down, before their messages are acknowledged; raises OSError where the disk refuses."""
        self._shelf.settle()

    def _follow(self, kind: str, place: Place, payload: Any, raw: Raw) -> None:
        """Follow the node's numbering: going on without a gap since its birth, it confirms the births that are known;
        a gap may have been a birth, so that none is sure until the node is born again.
        """
        source = f"sparkplug {place.source}"
        if kind == "NBIRTH":
            self._sequences.begin(source, int(payload.seq))
        elif kind != "NDEATH" and payload.HasField("seq"):
            step = self._sequences.follow(
                source, int(payload.seq), modulus=SEQUENCE_LENGTH, is_duplicate=raw.is_duplicate
            )
            if step is Step.GAP:
                self._unborn.add((place.group, place.node))
                self._doubt(place.source)
            elif step is Step.NEXT and not self._sequences.has_gap(source) and place.source in self._nodes:
                for birth in self._nodes[place.source].births.values():
                    birth.is_sure = not birth.is_dead

    def _doubt(self, source: str) -> None:
        for birth in self._nodes[source].births.values() if source in self._nodes else ():
            birth.is_sure = False

    def _node(self, place: Place) -> Node:
        if place.source not in self._nodes and len(self._nodes) >= MOST_NODES:
            raise BadValueError(Reason.CARDINALITY, f"more than {MOST_NODES} edge nodes")
        return self._nodes.setdefault(place.source, Node())

    def _born(self, place: Place, kind: str, payload: Any, raw: Raw) -> None:
        """Take a birth for what it is; one of a node begins a session, whose devices are yet to be born."""
        node = self._node(place)
        node.n_births[place.device] += 1
        if kind == "NBIRTH":
            for device in [d for d in node.births if d]:
                self._shelf.remove(f"{NAMESPACE}/{place.group}/DBIRTH/{place.node}/{device}")
            node.births.clear()
            self._unborn.discard((place.group, place.node))
        number = node.n_births[place.device]
        self._learn(node, place, kind, payload, number, is_sure=True)
        kept = node.n_births if kind == "NBIRTH" else {place.device: number}  # no count goes with a removed file
        self._shelf.put(Kept(raw.topic, raw.payload, dict(kept)))

    @staticmethod
    def _learn(node: Node, place: Place, kind: str, payload: Any, number: int, *, is_sure: bool) -> None:
        if kind == "NBIRTH":
            node.session = session_of(payload)
        meanings = [(m, Meaning(m.name, m.datatype, unit_of(m))) for m in payload.metrics if m.name]
        node.births[place.device] = Birth(
            {int(m.alias): meaning for m, meaning in meanings if m.HasField("alias")},
            {meaning.name: meaning for _, meaning in meanings},
            number,
            is_sure,
        )

    def _metrics(self, place: Place, payload: Any, raw: Raw, letter: Letter | None = None) -> Decoded:
        rows: list[Point] = []
        rejected: list[Rejected] = []
        node = self._nodes.get(place.source, Node())
        for i, metric in enumerate(payload.metrics):
            sense = sense_of(metric, i, node, place.device, letter)
            if sense is None:
                continue
            try:
                meaning = self._meaning(metric, sense.known, place)
                if self._is_ignored(meaning.name):
                    self.n_ignored += 1
                    continue
                rows.append(self._point(metric, meaning, place, payload, raw))
            except BadValueError as bad:
                rejected.append(_rejected(raw, sense.told(bad), sense.part))
        return Decoded(Points.from_rows(rows) if rows else NO_POINTS, rejected=tuple(rejected))

    def _meaning(self, metric: Any, known: Meaning | None, place: Place) -> Meaning:
        if metric.name:
            datatype = metric.datatype or (known.datatype if known else 0)
            if datatype or not wire.is_word(metric):  # an integer of unknown datatype may be signed
                return Meaning(metric.name, datatype, unit_of(metric) or (known.unit if known else ""))
        elif not metric.HasField("alias"):
            raise BadValueError(Reason.NO_KEY, "a metric with neither a name nor an alias")
        elif known is not None:
            return known
        if len(self._unborn) < MOST_NODES:
            self._unborn.add((place.group, place.node))
        what = f"metric {metric.name!r}" if metric.name else f"alias {metric.alias}"
        raise BadValueError(Reason.ALIAS, f"no birth of {'/'.join(filter(None, place))} says what {what} is")

    def _point(self, metric: Any, meaning: Meaning, place: Place, payload: Any, raw: Raw) -> Point:
        tag = self._tag(meaning.name, place)
        received_at = to_ns(raw.received_at)
        stated = metric.timestamp or payload.timestamp or None
        at, flags = values.stamp(stated, "ms", received_at, self._max_future_s)
        reading = _reading(metric, meaning)
        value = reading.value
        if value is not None and (convert := converter(meaning.unit, tag.unit)) is not None:
            value = convert(value)
        flags |= reading.flags
        flags |= Flag.HISTORICAL if metric.is_historical else Flag.NONE
        quality = max(_quality(metric), Quality(reading.quality))
        return Point(tag.tag_id, at, value, reading.text, quality, flags, received_at)

    def _tag(self, metric: str, place: Place) -> Tag:
        names = {**place._asdict(), "metric": metric}
        name = filled(self._settings.tag, names)
        asset = "/".join(filter(None, filled(self._settings.asset, names).split("/")))
        return tag_named(f"{asset}/{self._settings.rename.get(name, name)}", self._plant)

    def _is_ignored(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in (*OWN_METRICS, *self._settings.ignore))

    def _death(self, kind: str, place: Place, payload: Any, raw: Raw) -> Decoded:
        """Return a null, bad value for each metric that the dead node or device had; its time is that of receipt."""
        node = self._nodes.get(place.source)
        if node is None:
            self.n_ignored += 1
            return Decoded(NO_POINTS)
        session = session_of(payload)
        if kind == "NDEATH" and None not in (session, node.session) and session != node.session:
            self.n_ignored += 1  # the will of an earlier session, delivered after the node was born again
            return Decoded(NO_POINTS)
        received_at = to_ns(raw.received_at)
        rows = []
        for device, birth in node.births.items():
            if kind == "NDEATH" or device == place.device:
                birth.is_sure, birth.is_dead = False, True
                for tag in self._known_tags(birth, place._replace(device=device)):
                    flags = Flag.NULL | Flag.SERVER_TIME
                    rows.append(Point(tag.tag_id, received_at, None, None, Quality.BAD, flags, received_at))
        self.n_absent += len(rows)
        return Decoded(Points.from_rows(rows) if rows else NO_POINTS)

    def _known_tags(self, birth: Birth, place: Place) -> Iterator[Tag]:
        for name in birth.by_name:
            try:
                yield self._tag(name, place)
            except BadValueError:
                continue


def _address(topic: str) -> tuple[str, Place]:
    levels = topic.split("/")
    kind = levels[2] if len(levels) > 2 else ""
    n_levels = {"N": 4, "D": 5}.get(kind[:1])
    if len(levels) != n_levels or f"N{kind[1:]}" not in READ_KINDS or not all(levels):
        raise BadValueError(Reason.TOPIC, "no topic of a birth, data or death of an edge node or device")
    return kind, Place(levels[1], levels[3], levels[4] if kind[0] == "D" else "")


def _parsed(data: bytes) -> Any:
    try:
        payload = wire.parse(data)
    except ValueError as error:
        raise BadValueError(Reason.ENCODING, f"not a Sparkplug payload: {error}") from error
    if not all(isinstance(text, str) for metric in payload.metrics for text in (metric.name, metric.string_value)):
        raise BadValueError(Reason.ENCODING, "a text that is not UTF-8")  # protobuf gives it as bytes
    if payload.uuid == "SPBV1.0_COMPRESSED":
        raise BadValueError(Reason.FORMAT, "a compressed payload: switch compression off at the edge node")
    return payload


def _reading(metric: Any, meaning: Meaning) -> values.Reading:
    if metric.is_null:
        return values.NULL
    raw = wire.raw_value(metric)
    if raw is None:  # bytes, an array, a data set, a template
        raise BadValueError(Reason.TYPE, f"a value of Sparkplug datatype {meaning.datatype} is no number and no text")
    value = wire.typed_value(raw, meaning.datatype)
    if isinstance(value, str):  # the datatype says that it is a text: kept as one
        return values.Reading(None, value, Quality.BAD, Flag.NULL | Flag.TEXT)
    return values.from_json(value, has_text_numbers=False, is_boolean=True)


def _quality(metric: Any) -> Quality:
    """Return the quality that an edge node states as a property, in OPC DA's numbers; without one it is good."""
    properties = dict(zip(metric.properties.keys, metric.properties.values, strict=False))
    stated = None if "Quality" not in properties else wire.raw_value(properties["Quality"])
    if stated is None:
        return Quality.GOOD
    if not isinstance(stated, int) or stated >= 256:
        return Quality.UNCERTAIN
    return Quality.GOOD if stated >= 192 else Quality.UNCERTAIN if stated >= 64 else Quality.BAD


def _rejected(raw: Raw, bad: BadValueError, part: str) -> Rejected:
    return Rejected(raw.source, raw.topic, bad.reason, bad.detail, raw.payload, part)
