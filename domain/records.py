"""Events, lots, results and rejected items: what a plant reports beside its tag values.

Invariant: nothing is used before its `known_at` (events, lots) or `result_at` (results).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from domain.points import Flag, Points, Quality


class EventKind(StrEnum):
    """The kinds of events; the event's code carries the failure mode, alarm code or recipe."""

    FAILURE = "failure"
    STOP = "stop"
    MAINTENANCE = "maintenance"
    ALARM = "alarm"
    MODE = "mode"
    PRODUCT = "product"
    SHIFT = "shift"


@dataclass(frozen=True, slots=True)
class Event:
    """An interval on an asset, half-open; `end` None is still open, `end` = `start` an instant.

    The key is (asset, kind, code, start); a later row with the same key is a new version of it.
    """

    asset: str
    kind: EventKind
    code: str
    start: datetime
    end: datetime | None
    known_at: datetime
    note: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """An event as a person tells it. start, end: ISO times, in the plant's zone where they name none; end "" = open."""

    asset: str
    kind: str
    code: str
    start: str
    end: str = ""
    note: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Lot:
    """One unit of product of a line, with the interval of its passage, its process values, and its texts (a product,
    a machine), by the names of their columns.
    """

    line: str
    lot: str
    start: datetime | None
    end: datetime | None
    known_at: datetime
    values: Mapping[str, float] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """One quality result of a lot; a later row of the same (line, lot, result, lab) is a new version."""

    line: str
    lot: str
    result: str
    value: float | None
    result_at: datetime
    lab: str = ""
    text: str | None = None


class Reason(StrEnum):
    """Why an item went to the dead letter, or a file to `rejected/`."""

    EMPTY = "empty"
    ENCODING = "encoding"
    JSON = "json"
    DUPLICATE_KEY = "duplicate_key"
    DEPTH = "depth"
    SIZE = "size"
    TYPE = "type"
    NUMBER_FORMAT = "number_format"
    NUMBER_SIZE = "number_size"
    TOPIC = "topic"
    UNKNOWN_ASSET = "unknown_asset"
    UNKNOWN_TAG = "unknown_tag"
    TIME_NAIVE = "time_naive"
    TIME_FORMAT = "time_format"
    EPOCH = "epoch"
    FUTURE = "future"
    INTERVAL = "interval"
    NO_KEY = "no_key"
    KIND = "kind"
    ROW_WIDTH = "row_width"
    HEADER = "header"
    DIALECT = "dialect"
    PARTIAL = "partial"
    FORMAT = "format"
    MAGIC = "magic"
    LIMIT = "limit"
    SCHEMA = "schema"
    ARCHIVE = "archive"
    PATH = "path"
    UNIT = "unit"
    TIME_UNIT = "time_unit"
    AMBIGUOUS_TAG = "ambiguous_tag"
    CARDINALITY = "cardinality"
    ALIAS = "alias"
    CODE = "code"
    RETENTION = "retention"
    REFUSED = "refused"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Rejected:
    """One item that could not be taken: where it came from, its bytes, and why."""

    source: str
    topic: str  # the topic, or file name and row
    reason: Reason
    detail: str
    payload: bytes  # enough to read the item again: the message, or the file's header and row
    part: str = ""  # which value of the payload was rejected; "" is all of it
    n_items: int = 1  # more for a damaged stretch of the journal, and for the many bad parts of a large message


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """What one message or one block of a file turned into. An item is one point, event, lot, result or rejected
    piece.
    """

    points: Points
    events: tuple[Event, ...] = ()
    lots: tuple[Lot, ...] = ()
    results: tuple[Result, ...] = ()
    rejected: tuple[Rejected, ...] = ()

    @property
    def n_good(self) -> int:
        """Number of items that were taken."""
        return len(self.points) + len(self.events) + len(self.lots) + len(self.results)

    @property
    def n_items(self) -> int:
        """Number of items received: taken and rejected."""
        return self.n_good + sum(r.n_items for r in self.rejected)


@dataclass(frozen=True, slots=True)
class Conflict:
    """A second, different value for something already stored; the first one stays."""

    key: str
    at: datetime
    stored: str
    offered: str


@dataclass(frozen=True, slots=True)
class Refused:
    """An item that a store will never take (beyond its retention, a type clash), however often it is offered.

    quality, flags, received_at (ns): those of the point. record: JSON of an event, lot or result; "" for a point.
    """

    key: str
    at: datetime
    value: float | None
    text: str | None
    reason: Reason
    detail: str
    quality: int = Quality.GOOD
    flags: int = Flag.NONE
    received_at: int = 0
    record: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the items of one batch in a store: stored + duplicates + conflicts + refused = items."""

    stored: int = 0
    duplicates: int = 0
    conflicts: tuple[Conflict, ...] = ()
    refused: tuple[Refused, ...] = ()

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(
            self.stored + other.stored,
            self.duplicates + other.duplicates,
            self.conflicts + other.conflicts,
            self.refused + other.refused,
        )


@dataclass(frozen=True, slots=True)
class Tally:
    """The sum of one source (and hour, where it is given), in items."""

    source: str
    hour: datetime | None
    received: int = 0
    stored: int = 0
    dead_lettered: int = 0
    duplicates: int = 0
    conflicts: int = 0
    in_journal: int = 0

    @property
    def difference(self) -> int:
        """received - (stored + dead_lettered + duplicates + conflicts + in_journal); 0 when nothing is lost."""
        known = self.stored + self.dead_lettered + self.duplicates + self.conflicts + self.in_journal
        return self.received - known
