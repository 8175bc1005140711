"""What a collector knows between messages: decodes each by its kind of topic, and counts what is worth knowing.

Kinds are the native topics below the root, the plant's own topics (`[[mqtt.topics]]`) and Sparkplug B.
Invariant: `settle` makes durable what later messages need (births, sequence numbers); call it before acknowledging.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from collectors.births import BirthShelf
from collectors.decode import NO_POINTS, READERS, Raw, decode, n_extra_keys
from collectors.health import Noted
from collectors.mapping import Entry, TopicMap
from collectors.payloads import decode_mapped
from collectors.rates import Rates
from collectors.sequences import MOST_NUMBER, Sequences
from collectors.settings import MqttSettings
from collectors.sparkplug import Sparkplug, is_sparkplug
from domain.plant import Plant
from domain.points import Flag
from domain.records import Decoded, Reason, Rejected

log = logging.getLogger(__name__)
PROBE: Final = "$probe"  # the level below the root that `forewarn check --live` publishes to
MENDED_BY_HAND: Final = frozenset(
    {Reason.UNIT, Reason.AMBIGUOUS_TAG, Reason.TIME_UNIT, Reason.FUTURE, Reason.CARDINALITY}
)
TOLD_ONCE: Final = MENDED_BY_HAND | {Reason.ALIAS}
MOST_TOLD: Final = 1000
HEAD: Final = "$head"  # the part of a letter that holds the first bytes of a message only
HEAD_BYTES: Final = 1000
MOST_LETTER_BYTES: Final = 200_000  # each rejected part of a message is kept with all of its bytes


class Reception:
    """Messages in, items out. `folder` keeps births and sequence numbers; without one they last as long as this."""

    def __init__(self, settings: MqttSettings, plant: Plant, folder: Path | None = None) -> None:
        self._settings, self._plant, self._folder = settings, plant, folder
        self._topics = TopicMap(settings.topics)
        self._sequences = Sequences(None if folder is None else folder / "sequences.json")
        shelf = BirthShelf(None if folder is None else folder / "births")
        self._sparkplug = Sparkplug(settings.sparkplug, plant, self._sequences, shelf, settings.max_future_s)
        self._prefix = f"{settings.root}/"
        self._unknown: set[tuple[str, str]] = set()
        self._told: set[tuple[Reason, str, str]] = set()
        self._rejected: Counter[str] = Counter()
        self._faults: dict[str, str] = {}
        self._rates = Rates()
        self._n_retained = self._n_ignored = self._n_extra_keys = 0

    def start(self) -> None:
        """Read what an earlier run left; raises OSError where the folder cannot be made."""
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
        self._sequences.start()
        self._sparkplug.start()

    def connected(self) -> None:
        """Note that a new connection begins."""
        self._sparkplug.connected()

    def arrived(self, topics: Iterable[str], monotonic: float) -> None:
        """Note that messages of these topics came; monotonic in seconds."""
        self._rates.take(topics, monotonic)

    def decode(self, raw: Raw) -> Decoded:
        """Turn a message into items. Nothing, for a message that carries none; never raises for bad input."""
        self._n_retained += raw.is_retained
        is_whole = len(raw.payload) <= self._settings.max_payload_bytes
        decoded = self._by_kind(raw) if is_whole else Decoded(NO_POINTS, rejected=(self._head(raw),))
        if raw.is_retained and len(decoded.points):
            points = decoded.points
            decoded = replace(decoded, points=replace(points, flags=points.flags | np.uint32(Flag.RETAINED)))
        if decoded.rejected:
            rejected = tuple(self._noted(each) for each in decoded.rejected)
            decoded = replace(decoded, rejected=_bounded(rejected, len(raw.payload)))
        return decoded

    def decode_again(self, raw: Raw, part: str = "", detail: str = "") -> Decoded:
        """Turn a dead letter, or its part, into items by the config and the births of today; counts nothing."""
        decoded = self._again(raw, part, detail)
        return replace(decoded, rejected=_bounded(decoded.rejected, len(raw.payload)))

    def _again(self, raw: Raw, part: str, detail: str) -> Decoded:
        if part == HEAD:
            return Decoded(NO_POINTS, rejected=(raw.rejected(Reason.SIZE, detail, part),))
        if self._is_sparkplug(raw.topic):
            return self._sparkplug.decode_again(raw, part, detail)
        decoded = self._by_topic(raw, part)
        if not part or self._entry(raw.topic) is not None:
            return decoded
        is_part = np.array([t.rpartition("/")[2] == part for t in decoded.points.tag_id.tolist()], dtype=bool)
        rejected = tuple(item for item in decoded.rejected if item.part == part)
        return replace(decoded, points=decoded.points.take(is_part), rejected=rejected)

    def rebirths(self, monotonic: float, now: datetime) -> list[tuple[str, bytes]]:
        """Return (topic, payload) of the Sparkplug rebirth requests to publish."""
        return self._sparkplug.rebirths(monotonic, now)

    def settle(self) -> None:
        """Write down what later messages need; raises OSError where the disk refuses."""
        self._sparkplug.settle()
        self._sequences.settle()

    def noted(self) -> Noted:
        """Return the counts since the start."""
        return Noted(
            self._n_retained,
            self._n_ignored + self._sparkplug.n_ignored,
            self._sparkplug.n_absent,
            self._n_extra_keys,
            dict(self._rejected),
            dict(self._faults),
            self._rates.floods(),
            self._sequences.counts(),
        )

    def _by_kind(self, raw: Raw) -> Decoded:
        if raw.is_retained and not raw.payload:  # the broker forgets a retained message
            self._n_ignored += 1
            return Decoded(NO_POINTS)
        if raw.topic.startswith(f"{self._prefix}{PROBE}/"):
            self._n_ignored += 1
            return Decoded(NO_POINTS)
        if self._is_sparkplug(raw.topic):
            return self._sparkplug.decode(raw)
        decoded = self._by_topic(raw)
        is_native = bool(decoded.n_good) and self._entry(raw.topic) is None
        is_numbered = b'"seq"' in raw.payload and not self._settings.share
        if is_native or is_numbered:
            self._look_into(raw, is_native=is_native, is_numbered=is_numbered)
        return decoded

    def _head(self, raw: Raw) -> Rejected:
        """Return the letter of a message that is too large to be kept: a few of them would fill a disk."""
        n_bytes, most = len(raw.payload), self._settings.max_payload_bytes
        digest = hashlib.sha256(raw.payload).hexdigest()
        detail = f"{n_bytes} bytes, the limit is {most}; only the first are kept, sha256 of all {digest}"
        head = raw.payload[: min(HEAD_BYTES, most)]
        return Rejected(raw.source, raw.topic, Reason.SIZE, detail, head, HEAD)

    def _by_topic(self, raw: Raw, part: str = "") -> Decoded:
        found = self._entry(raw.topic)
        if found is not None:
            return decode_mapped(raw, *found, self._plant, self._settings, part)
        return decode(raw, self._plant, self._settings)

    def _entry(self, topic: str) -> tuple[Entry, Mapping[str, str]] | None:
        """Return the entry of one of the plant's own topics; None for a native topic, and for nobody's."""
        is_native = topic.startswith(self._prefix) and topic[len(self._prefix) :].partition("/")[0] in READERS
        return None if is_native else self._topics.find(topic)

    def _is_sparkplug(self, topic: str) -> bool:
        return self._settings.sparkplug.is_enabled and is_sparkplug(topic)

    def _look_into(self, raw: Raw, *, is_native: bool, is_numbered: bool) -> None:
        """Count keys that nothing reads, and follow the numbering of the publisher."""
        try:
            body: Any = json.loads(raw.payload)  # not orjson: a message with NaN in it has its number all the same
        except (ValueError, RecursionError):
            return
        if not isinstance(body, dict):
            return
        if is_native:
            self._n_extra_keys += n_extra_keys(raw.topic[len(self._prefix) :], body)
        if is_numbered:
            self._follow(raw, body)

    def _follow(self, raw: Raw, body: Mapping[str, Any]) -> None:
        """Follow the numbering of a publisher: by its name, where the payload tells one, else by topic."""
        number = body.get("seq")
        if isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= MOST_NUMBER:
            publisher = body.get("publisher")
            source = publisher[:200] if isinstance(publisher, str) and publisher else raw.topic
            self._sequences.follow(source, number, is_duplicate=raw.is_duplicate)

    def _noted(self, rejected: Rejected) -> Rejected:
        """Count a rejected item, say its reason once, and bound the number of unknown names that are told apart."""
        if rejected.reason in (Reason.UNKNOWN_TAG, Reason.UNKNOWN_ASSET):
            name = (rejected.topic, rejected.part)
            if name not in self._unknown and len(self._unknown) >= self._settings.max_unknown_tags:
                detail = f"more than {self._settings.max_unknown_tags} unknown names: {rejected.detail}"
                rejected = replace(rejected, reason=Reason.CARDINALITY, detail=detail)
            else:
                self._unknown.add(name)
        self._rejected[rejected.reason.value] += 1
        if rejected.reason in MENDED_BY_HAND:
            self._faults[rejected.reason.value] = f"{rejected.topic} {rejected.part}".rstrip()[:200]
        told = (rejected.reason, *self._subject(rejected))
        if rejected.reason in TOLD_ONCE and told not in self._told and len(self._told) < MOST_TOLD:
            self._told.add(told)
            log.error("rejected reason=%s topic=%r part=%r detail=%s", *told, rejected.detail)
        return rejected

    @staticmethod
    def _subject(rejected: Rejected) -> tuple[str, str]:
        """Return what a reason is told once of: the tag, the topic of a missing birth, for a flood of names all."""
        if rejected.reason is Reason.CARDINALITY:
            return "", ""
        return rejected.topic, "" if rejected.reason is Reason.ALIAS else rejected.part


def _bounded(rejected: tuple[Rejected, ...], n_bytes: int) -> tuple[Rejected, ...]:
    """Return one letter for all parts of a message, where one for each would take many times the message's room."""
    if len(rejected) < 2 or len(rejected) * n_bytes <= MOST_LETTER_BYTES:
        return rejected
    detail = f"{len(rejected)} parts, the first {rejected[0].part!r}: {rejected[0].detail}"
    return (replace(rejected[0], part="", detail=detail, n_items=sum(each.n_items for each in rejected)),)
