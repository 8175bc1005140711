"""The journal: what was received and is not yet in the stores, and the sum of all that ever was.

A log of segments holds the waiting items, the books what became of the others. Invariant: an accepted item is in the
log until, in one transaction, the books have counted what became of it; so that at every instant, after any crash,
received = stored + dead_lettered + duplicates + conflicts + in_journal.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import Final

from domain.errors import JournalFullError, StoreBusyError
from domain.instants import from_ns, to_ns
from domain.points import Points
from domain.records import Decoded, Outcome, Reason, Rejected, Tally
from store import codec
from store.books import Books, DeadLetter, Entered, KeptConflict, Settled
from store.segments import Damage, Entry, Place, Segments
from store.waiting import Waiting, hour_of

log = logging.getLogger(__name__)
SOURCE: Final = "journal"
DAMAGE: Final = "damage:"
MAX_BYTES: Final = 8 << 30
MIN_FREE_BYTES: Final = 64 << 20
CLEAR_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Claimed:
    """Log records on their way to the stores; the same items under the same id until `finish`."""

    batch: str
    places: tuple[Place, ...]
    decoded: tuple[Decoded, ...]


class Journal:
    """`Intake` in `folder/journal` and `folder/journal.db`. The process that first accepts or claims owns the log."""

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES, min_free_bytes: int = MIN_FREE_BYTES) -> None:
        self._folder = folder / "journal"
        self._max_bytes, self._min_free_bytes = max_bytes, min_free_bytes
        self.books = Books(folder / "journal.db")
        self._segments = Segments(self._folder)
        self._waiting: Waiting | None = None  # None: the log is not ours (yet)
        self._lock = threading.Lock()
        self._owner: int | None = None

    def refuse_newer(self) -> None:
        """Raise NewerDataError where a newer Forewarn has written the books; they are only read."""
        self.books.refuse_newer()

    def start(self) -> None:
        """Open or create the books; the log is opened with its first use."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.books.start()

    def stop(self) -> None:
        """Close all files."""
        with self._lock:
            self._segments.close()
            self._waiting = None
            if self._owner is not None:
                os.close(self._owner)
                self._owner = None
            self.books.stop()

    def own(self) -> None:
        """Open the log for this process; raises StoreBusyError where another has it."""
        with self._lock:
            self._opened()

    def accept(self, batch: Sequence[tuple[str, datetime, Decoded]]) -> None:
        """Commit (source, received_at, decoded) items; on return they survive a crash.

        Raises OSError (JournalFullError among them) with nothing accepted.
        """
        entries = [
            Entry(source, to_ns(at), decoded.n_items, codec.write(decoded))
            for source, at, decoded in batch
            if decoded.n_items
        ]
        if not entries:
            return
        with self._lock:
            waiting = self._opened()
            self._check_room(sum(len(e.payload) for e in entries))
            waiting.extend(self._segments.append(entries))

    def claim(self, most: int) -> Claimed | None:
        """Return the oldest records of one source and hour, up to `most` items but at least one record, as one batch;
        None when the journal is empty. A batch that was claimed before a crash comes first, unchanged.
        """
        with self._lock:
            waiting = self._opened()
            if not waiting:
                return None
            settled = self.books.settled() or Settled(0, 0, None)
            claimed = settled.claimed
            if claimed is not None and claimed < waiting.oldest.sequence:
                claimed = None  # all of it was damaged
            places = _group(waiting, most, claimed)
            if claimed is None:
                self.books.claim(places[-1].sequence)
        decoded = tuple(self._read(place) for place in places)
        n_good = sum(d.n_good for d in decoded)  # what was damaged since makes it another batch
        batch = f"journal:{settled.identity}:{places[0].sequence}-{places[-1].sequence}:{n_good}"
        return Claimed(batch, tuple(places), decoded)

    def newest(self) -> int:
        """Return the sequence of the newest waiting record, 0 for an empty journal."""
        with self._lock:
            waiting = self._opened()
            return waiting.newest.sequence if waiting else 0

    def finish(self, claimed: Claimed, outcome: Outcome) -> None:
        """Take a claimed batch out of the journal and count what became of it."""
        first, last = claimed.places[0], claimed.places[-1]
        rejected = tuple(
            (from_ns(place.at), item)
            for place, decoded in zip(claimed.places, claimed.decoded, strict=True)
            for item in decoded.rejected
        )
        n_items = sum(place.n_items for place in claimed.places)
        entered = Entered(first.source, from_ns(first.at), n_items, outcome, rejected)
        self.books.settle_log(last.sequence, last.total, entered)
        with self._lock:
            waiting = self._opened()
            while waiting and waiting.oldest.sequence <= last.sequence:
                waiting.popleft()
            self._give_back(waiting)

    def settle_block(self, batch: str, source: str, at: datetime, decoded: Decoded, outcome: Outcome) -> None:
        """Count one block of a file that went to the stores directly, once; the file itself is its journal."""
        rejected = tuple((at, item) for item in decoded.rejected)
        self.books.settle_block(batch, Entered(source, at, decoded.n_items, outcome, rejected))

    def tallies(self) -> list[Tally]:
        """Return the sum per source and hour, oldest hour first."""
        settled, tallies = self.books.tallies()
        sums = {(t.source, to_ns(t.hour)): t for t in tallies if t.hour is not None}
        for (source, hour), n in self._held(settled).items():
            t = sums.get((source, hour), Tally(source, from_ns(hour)))
            sums[source, hour] = replace(t, received=t.received + n, in_journal=n)
        return [sums[key] for key in sorted(sums, key=lambda key: (key[1], key[0]))]

    def totals(self) -> list[Tally]:
        """Return the sum per source over all hours."""
        sums: dict[str, Tally] = {}
        for t in self.tallies():
            s = sums.get(t.source, Tally(t.source, None))
            sums[t.source] = Tally(
                t.source,
                None,
                s.received + t.received,
                s.stored + t.stored,
                s.dead_lettered + t.dead_lettered,
                s.duplicates + t.duplicates,
                s.conflicts + t.conflicts,
                s.in_journal + t.in_journal,
            )
        return list(sums.values())

    def n_waiting(self) -> int:
        """Number of items received and not yet in the stores."""
        return sum(self._held(self.books.settled()).values())

    def waiting_since(self) -> datetime | None:
        """Return when the oldest waiting item was received; None for an empty journal, or one that is not ours."""
        with self._lock:
            return from_ns(self._waiting.oldest.at) if self._waiting else None

    def fill(self) -> float:
        """Return which share of its bound the log has reached."""
        return self._segments.size() / self._max_bytes

    def size(self) -> int:
        """Bytes of the log on disk."""
        return self._segments.size()

    def dead_letters(self, most: int = 100, reason: str | None = None, before: int | None = None) -> list[DeadLetter]:
        """Return dead letters that were not replayed, newest first, numbered below `before`."""
        return self.books.dead_letters(most, reason, before)

    def dead_letter(self, number: int) -> DeadLetter | None:
        """Return one dead letter by its number."""
        return self.books.dead_letter(number)

    def conflicts(self, most: int = 100) -> list[KeptConflict]:
        """Return the newest conflicts first."""
        return self.books.conflicts(most)

    def dead_letters_by_reason(self) -> dict[str, int]:
        """Return the number of dead items per reason code."""
        return self.books.dead_letters_by_reason()

    def _held(self, settled: Settled | None) -> Counter[tuple[str, int]]:
        """Count the waiting items per source and hour; a process that does not own the log reads it."""
        sequence, total = (0, 0) if settled is None else (settled.sequence, settled.total)
        with self._lock:
            if self._waiting is not None:
                counts = self._waiting.counts.copy()
                for place in takewhile(lambda p: p.sequence <= sequence, self._waiting):  # settled a moment ago
                    counts[place.source, hour_of(place)] -= place.n_items
                return counts
        counts = Counter()
        for place in self._segments.scan(sequence, total).places:
            counts[place.source, hour_of(place)] += place.n_items
        return counts

    def _read(self, place: Place) -> Decoded:
        payload = self._segments.read(place)
        if payload is None:
            log.error("journal record damaged sequence=%d items=%d", place.sequence, place.n_items)
            where, detail = f"journal record {place.sequence}", "it cannot be read again"
            item = Rejected(place.source, where, Reason.DAMAGED, detail, b"", n_items=place.n_items)
            return Decoded(Points.from_rows(()), rejected=(item,))
        return codec.read(payload)

    def _check_room(self, n_bytes: int) -> None:
        size, free = self._segments.size(), shutil.disk_usage(self._folder).free
        if size + n_bytes > self._max_bytes:
            raise JournalFullError(f"the journal holds {size} bytes, its bound is {self._max_bytes}")
        if free - n_bytes < self._min_free_bytes:
            raise JournalFullError(f"{free} bytes free on the journal's disk, {self._min_free_bytes} are kept free")

    def _opened(self) -> Waiting:
        """Open the log for writing with its first use: count what is damaged, and go on behind it."""
        if self._waiting is not None:
            return self._waiting
        self._own()
        settled = self.books.settled()
        if settled is None:
            first = next(iter(self._segments.scan(0, 0).places), None)
            sequence, total = (0, 0) if first is None else (first.sequence - 1, first.total - first.n_items)
            self.books.begin_log(sequence, total)
            settled = self.books.settled() or Settled(sequence, total, None)
        scan = self._segments.scan(settled.sequence, settled.total)
        for damage in scan.damage:
            for after, until in _unknown(damage, self.books.blocks(DAMAGE)):
                self._enter(replace(damage, after=after, n_items=until - after), scan.places)
        self._segments.open(scan.next_sequence, scan.total)
        self._waiting = Waiting(scan.places)
        self._give_back(self._waiting)
        return self._waiting

    def _give_back(self, waiting: Waiting) -> None:
        """Free the room of what is settled: a log at its bound takes nothing, and so would settle nothing more."""
        self._segments.drop_before(waiting.oldest.segment if waiting else self._segments.number)
        if not waiting and self._segments.written > min(CLEAR_BYTES, self._max_bytes // 2):
            self._segments.clear()

    def _enter(self, damage: Damage, places: Sequence[Place]) -> None:
        near = min(places, key=lambda p: abs(p.total - damage.after), default=None)
        source = SOURCE if near is None else near.source
        at = from_ns(0 if near is None else near.at)
        log.error("journal damaged file=%s offset=%d items_lost=%d", damage.file, damage.offset, damage.n_items)
        detail = f"{damage.n_items} items could not be read again"
        where = f"{damage.file}:{damage.offset}"
        item = Rejected(source, where, Reason.DAMAGED, detail, damage.raw, n_items=damage.n_items)
        key = f"{DAMAGE}{damage.after}-{damage.after + damage.n_items}"
        self.books.settle_block(key, Entered(source, at, damage.n_items, Outcome(), ((at, item),)))

    def _own(self) -> None:
        if self._owner is not None:
            return
        owner = os.open(self._folder / "owner", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(owner)
            raise StoreBusyError(f"{self._folder} belongs to a running Forewarn") from error
        self._owner = owner


def _group(waiting: Waiting, most: int, claimed: int | None) -> list[Place]:
    """Return the records of the next batch: those claimed before, or the head's source and hour up to `most` items."""
    head, n_items = waiting.oldest, 0
    group: list[Place] = []
    for place in waiting:
        if claimed is not None and place.sequence > claimed:
            break
        is_other = place.source != head.source or hour_of(place) != hour_of(head)
        if claimed is None and group and (is_other or n_items + place.n_items > most):
            break
        group.append(place)
        n_items += place.n_items
    return group


def _unknown(damage: Damage, entered: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the parts of a damaged stretch that were not entered by an earlier opening, as ranges of the total."""
    start, end = damage.after, damage.after + damage.n_items
    for known_start, known_end in sorted((int(a), int(b)) for a, _, b in (key.partition("-") for key in entered)):
        if known_start >= end:
            break
        if start < known_start:
            yield start, known_start
        start = max(start, known_end)
    if start < end:
        yield start, end
