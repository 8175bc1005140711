"""A batch held against itself and what is stored: which rows are to be written, and what became of the others.

Invariant: the first value of a (tag, time) wins, within a batch too; a batch wins over the store only where it is said
to replace what was received then.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.instants import from_ns
from domain.points import Points, run_starts
from domain.records import Conflict, Outcome, Reason, Refused

HOUR_NS: Final = 3_600_000_000_000
OLDEST_NS: Final = -(2**63 // HOUR_NS) * HOUR_NS  # the whole hours that every store can hold
NEWEST_NS: Final = (2**63 // HOUR_NS - 1) * HOUR_NS - 1
LOOK_BACK_NS: Final = (24 * HOUR_NS, 30 * 24 * HOUR_NS)  # where newest points are looked for before all of history
MOST_SPANS: Final = 16
SPAN_GAP_NS: Final = 60 * 10**9

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """What is stored already under the keys of some rows of a batch. received_at: ns."""

    rows: Rows
    value: NDArray[np.float64]
    text: NDArray[np.object_]
    received_at: NDArray[np.int64]


NOTHING_HELD: Final = Held(np.zeros(0, np.int64), np.zeros(0, np.float64), np.zeros(0, object), np.zeros(0, np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What is to become of a batch. written: mask of rows. cleared: mask of written rows that take away a stored
    text or number. by_row: conflicts by the row that brought them.
    """

    written: NDArray[np.bool_]
    cleared: NDArray[np.bool_]
    n_new: int
    n_duplicates: int
    by_row: Mapping[int, Conflict]

    @property
    def outcome(self) -> Outcome:
        """The outcome, where the store takes every row that is written."""
        return Outcome(self.n_new, self.n_duplicates, tuple(self.by_row.values()))


def judge(points: Points, tag_no: NDArray[np.int32], held: Held, supplied_at: Collection[int] | None = ()) -> Judged:
    """Return what is to become of each row.

    held: what is stored under the key of a row that is the first with it. supplied_at: when what the batch replaces was
    received (ns), None for all of it.
    """
    n = len(points)
    rows, firsts = repeats(tag_no, points.at)
    cleared = np.zeros(n, bool)
    if not len(rows) and not len(held.rows):
        return Judged(np.ones(n, bool), cleared, n, 0, {})
    is_repeat = np.zeros(n, bool)
    is_repeat[rows] = True
    own = ~is_repeat[held.rows]
    stored = held.rows[own]
    wins = np.zeros(n, bool)
    wins[stored] = supplied_at is None or np.isin(held.received_at[own], list(supplied_at))
    value, text = points.value.copy(), points.text.copy()  # what each row is held against
    value[stored], text[stored] = held.value[own], held.text[own]
    value[rows] = np.where(wins, points.value, value)[firsts]
    text[rows] = np.where(wins, points.text, text)[firsts]
    is_new = ~is_repeat
    is_new[stored] = False
    old = np.flatnonzero(~is_new)
    lost = old[~is_same(points.value[old], points.text[old], value[old], text[old])]
    written = is_new.copy()
    won = lost[wins[lost]]
    if len(won):
        written[won] = True
        has_text = np.array([t is not None for t in text[won].tolist()], bool)
        is_text = np.array([t is not None for t in points.text[won].tolist()], bool)
        cleared[won] = (has_text & ~is_text) | (~np.isnan(value[won]) & np.isnan(points.value[won]))
    conflicts = {
        int(i): Conflict(
            str(points.tag_id[i]),
            from_ns(points.at[i]),
            shown(value[i], text[i]),
            shown(points.value[i], points.text[i]),
        )
        for i in lost
    }
    n_new = int(is_new.sum())
    return Judged(written, cleared, n_new, n - n_new - len(lost), conflicts)


def repeats(tag_no: NDArray[np.int32], at: NDArray[np.int64]) -> tuple[Rows, Rows]:
    """Return the rows whose (tag, time) stands in an earlier row, and the first row with it."""
    none = np.zeros(0, np.int64)
    if len(at) < 2:
        return none, none
    low = int(at.min())
    span = int(at.max()) - low + 1
    if span * (int(tag_no.max()) + 1) < 2**63:  # one number per key sorts many times faster than two
        key = tag_no.astype(np.int64) * span + (at - low)
        if (key[1:] > key[:-1]).all():  # as a dump file has it
            return none, none
        ordered = np.sort(key)
        if (ordered[1:] != ordered[:-1]).all():
            return none, none
    order = np.lexsort((at, tag_no))
    is_start = np.ones(len(at), dtype=bool)
    is_start[1:] = (np.diff(tag_no[order]) != 0) | (at[order][1:] != at[order][:-1])
    first = np.empty(len(at), dtype=np.int64)
    first[order] = order[is_start][np.cumsum(is_start) - 1]
    rows = np.flatnonzero(first != np.arange(len(at)))
    return rows, first[rows]


def spans(at: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return the first and last times (ns, both held) of the stretches that times fall into: late points of a batch
    must not make the whole time between be read.
    """
    ordered = np.sort(at)
    gaps = np.diff(ordered)
    wide = np.flatnonzero(gaps > SPAN_GAP_NS)
    wide = np.sort(wide[np.argsort(gaps[wide])[-(MOST_SPANS - 1) :]])
    starts, ends = [0, *(wide + 1).tolist()], [*wide.tolist(), len(ordered) - 1]
    return [(int(ordered[a]), int(ordered[b])) for a, b in zip(starts, ends, strict=True)] if len(at) else []


def is_same(
    value: NDArray[np.float64], text: NDArray[np.object_], other: NDArray[np.float64], other_text: NDArray[np.object_]
) -> NDArray[np.bool_]:
    """Return where two columns of values agree; null agrees with null."""
    same: NDArray[np.bool_] = (value == other) | (np.isnan(value) & np.isnan(other))
    same &= np.array([a == b for a, b in zip(text.tolist(), other_text.tolist(), strict=True)], bool)
    return same


def refusals(points: Points, floor: int) -> dict[int, Refused]:
    """Return by row what no store can hold: a time before `floor` ns or out of range, text that is not Unicode."""
    if not len(points):
        return {}
    found: dict[int, Refused] = {}
    if points.at.min() < max(floor, OLDEST_NS) or points.at.max() > NEWEST_NS:
        for i in np.flatnonzero((points.at < OLDEST_NS) | (points.at > NEWEST_NS)).tolist():
            found[i] = refused(points, i, Reason.REFUSED, "the time is beyond what can be stored")
        for i in np.flatnonzero((points.at < floor) & (points.at >= OLDEST_NS)).tolist():
            found[i] = refused(points, i, Reason.RETENTION, f"older than what is kept, from {from_ns(floor)}")
    broken = {name for name in set(points.tag_id[run_starts(points.tag_id)].tolist()) if not _is_unicode(name)}
    garbled = {text for text in texts_of(points) if not _is_unicode(text)}
    if garbled:
        for i in [i for i, text in enumerate(points.text.tolist()) if text in garbled]:
            found[i] = refused(points, i, Reason.REFUSED, "the text is not valid Unicode")
    if broken:
        for i in [i for i, name in enumerate(points.tag_id.tolist()) if name in broken]:
            found[i] = refused(points, i, Reason.REFUSED, "the name is not valid Unicode")
    return found


def texts_of(points: Points) -> set[str]:
    """Return the distinct texts; almost always there is none."""
    is_one = points.text.strides == (0,)  # one text, or none, for all rows
    return set((points.text[:1] if is_one else points.text).tolist()) - {None}


def refused(points: Points, row: int, reason: Reason, detail: str) -> Refused:
    """Return one row as a refused point."""
    (p,) = points.take(slice(row, row + 1)).rows()
    noted = (p.quality, p.flags, p.received_at)
    return Refused(p.tag_id, from_ns(p.at), p.value, p.text, reason, detail, *noted)


def shown(value: float, text: str | None) -> str:
    """Return a value as the conflict log shows it."""
    return text if text is not None else "null" if np.isnan(value) else repr(float(value))


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
