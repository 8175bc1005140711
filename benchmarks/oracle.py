"""The oracle: issues values that it can work out again, and judges what a store holds of those that were acknowledged.

Invariant: a value's id gives its tag, its time and its number, and a (tag, time) gives the id back, so that whatever is
read can be judged without a copy of what was sent. An id counts as owed once the broker has acknowledged its message.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.points import Points
from domain.records import Tally

START_NS: Final = 1_772_323_200_000_000_000  # 2026-03-01 UTC: past, or a clock under test would refuse it
ASSET: Final = "oracle/press"

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Stream:
    """`width` values in a message, one per tag, `n_tags` tags; a whole number of messages makes one instant."""

    width: int = 1
    n_tags: int = 8
    step_ns: int = 1_000_000

    def __post_init__(self) -> None:
        if self.n_tags % self.width:
            raise ValueError(f"{self.n_tags} tags are not a whole number of messages of {self.width} values")

    @property
    def names(self) -> list[str]:
        """The tags' names."""
        return [f"t{i:03d}" for i in range(self.n_tags)]

    @property
    def tag_ids(self) -> list[str]:
        """The tags' full names."""
        return [f"{ASSET}/{name}" for name in self.names]

    @property
    def topic(self) -> str:
        """Where the messages go."""
        return f"forewarn/points/{ASSET}"

    def payload(self, message: int, version: int = 0) -> bytes:
        """Return one message; another version holds other values for the same keys."""
        ids = np.arange(message * self.width, (message + 1) * self.width, dtype=np.int64)
        names, numbers = self.names, value_of(ids, version).tolist()
        body = {
            "oracle_id": int(ids[0]),
            "seq": message,
            "at": START_NS + int(ids[0]) // self.n_tags * self.step_ns,
            "values": {names[i % self.n_tags]: v for i, v in zip(ids.tolist(), numbers, strict=True)},
        }
        return json.dumps(body).encode()

    def ids_of(self, tag: int, at: NDArray[np.int64]) -> Ids:
        """Return the ids of a tag's instants, -1 where none can be."""
        steps, rest = np.divmod(at - START_NS, self.step_ns)
        return np.where((rest == 0) & (steps >= 0), steps * self.n_tags + tag, -1)


def value_of(ids: Ids, version: int = 0) -> NDArray[np.float64]:
    """Return the values of ids: exact as floats and in JSON, and no two neighbours alike."""
    return (((ids + version) * 2654435761) & 0xFFFFFFFF) / 256.0


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of the values; `difference` is the software's own sum, the delay from publishing to receipt."""

    issued: int
    acked: int
    stored: int
    dead_lettered: int
    missing: int
    spurious: int
    corrupted: int
    duplicates: int
    redelivered: int
    conflicts: int
    difference: int
    max_delay_s: float
    missing_ids: tuple[int, ...] = ()  # the first of them

    @property
    def is_clean(self) -> bool:
        """Whether nothing is lost, made up, changed or doubled, and the software's own sum agrees."""
        return not (self.missing or self.spurious or self.corrupted or self.duplicates or self.difference)

    def figure(self) -> dict[str, Any]:
        """Return the numbers for a bar."""
        row = {k: v for k, v in asdict(self).items() if k != "missing_ids" or v}
        return row | {"max_delay_s": round(self.max_delay_s, 3)}


def judge(
    stream: Stream,
    acked: NDArray[np.bool_],
    points: Iterable[tuple[int, Points]],
    tallies: Iterable[Tally] = (),
    published_at: NDArray[np.int64] | None = None,
    excused: Ids | None = None,
) -> Judgement:
    """Judge (tag number, its points) against the messages acknowledged.

    acked: per message issued. published_at: ns per message. excused: ids known to be in the dead letter.
    """
    issued = len(acked) * stream.width
    found = np.zeros(issued, dtype=bool)
    n_rows = spurious = corrupted = duplicates = 0
    delay = 0
    for tag, of_tag in points:
        ids = stream.ids_of(tag, of_tag.at)
        is_ours = (ids >= 0) & (ids < issued)
        ids, values = ids[is_ours], of_tag.value[is_ours]
        n_rows += len(of_tag)
        spurious += int((~is_ours).sum())
        corrupted += int((values != value_of(ids)).sum())
        duplicates += len(ids) - len(np.unique(ids))
        found[ids] = True
        if published_at is not None and len(ids):
            delay = max(delay, int((of_tag.received_at[is_ours] - published_at[ids // stream.width]).max()))
    owed = np.repeat(acked, stream.width)
    if excused is not None:
        owed[excused] = False
    lost = np.flatnonzero(owed & ~found)
    sums = list(tallies)
    return Judgement(
        issued,
        int(acked.sum()) * stream.width,
        n_rows,
        sum(t.dead_lettered for t in sums),
        len(lost),
        spurious,
        corrupted,
        duplicates,
        sum(t.duplicates for t in sums),
        sum(t.conflicts for t in sums),
        sum(abs(t.difference) for t in sums),
        delay / 1e9,
        tuple(lost[:10].tolist()),
    )


def table_hash(points: Iterable[tuple[int, Points]]) -> str:
    """Return a hash of what is stored (tag, time, value, text, quality), whatever order it came in."""
    found = hashlib.sha256()
    for tag, of_tag in points:
        order = np.argsort(of_tag.at, kind="stable")
        found.update(f"{tag}:{len(order)}".encode())
        for column in (of_tag.at, of_tag.value, of_tag.quality):
            found.update(np.ascontiguousarray(column[order]).tobytes())
        found.update("\x00".join("" if x is None else x for x in of_tag.text[order]).encode())
    return found.hexdigest()
