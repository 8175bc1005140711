"""The journal against a model: accept, claim, finish, crash, tear and flip in any order.

What is good comes out once and in order; what is damaged is counted to the item.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from domain.errors import JournalFullError
from domain.points import Points
from domain.records import Decoded, Outcome, Reason
from store.books import Books
from store.journal import Claimed, Journal
from store.segments import Place, Segments
from tests.store.items import at

MAX_BYTES = 4000
SOURCES = ("mqtt", "opc")


@dataclass(slots=True)
class Record:
    """What the model knows of one accepted record; `is_damaged` once a byte of it was flipped."""

    values: list[float]
    is_damaged: bool = False


class JournalModel(RuleBasedStateMachine):
    """Values are numbered as they are accepted, so that each can be told from all others."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.numbers = count()
        self.waiting: list[Record] = []
        self.stored: list[float] = []
        self.n_accepted = self.n_dead = 0
        self.held: Claimed | None = None
        self.open()

    def open(self) -> None:
        self.journal = Journal(self.folder, max_bytes=MAX_BYTES, min_free_bytes=0)
        self.journal.start()

    @rule(
        sizes=st.lists(st.integers(1, 4), min_size=1, max_size=3), source=st.sampled_from(SOURCES), hour=st.booleans()
    )
    def accept(self, sizes: list[int], source: str, hour: bool) -> None:
        """All of a batch is taken, or nothing where the journal has reached its bound."""
        records = [Record([float(next(self.numbers)) for _ in range(n)]) for n in sizes]
        try:
            self.journal.accept([(source, at(float(hour)), Decoded(points_of(r.values))) for r in records])
        except JournalFullError:
            return
        self.waiting += records
        self.n_accepted += sum(sizes)

    @precondition(lambda self: self.held is None)
    @rule(most=st.integers(1, 8))
    def claim(self, most: int) -> None:
        """What is claimed is the oldest, whole records only; a damaged one says so."""
        self.held = self.journal.claim(most)
        assert (self.held is None) == (not self.waiting)
        if self.held is None:
            return
        for record, decoded in zip(self.waiting, self.held.decoded, strict=False):
            found = decoded.points.value.tolist()
            if record.is_damaged and not found:
                assert [(r.reason, r.n_items) for r in decoded.rejected] == [(Reason.DAMAGED, len(record.values))]
            else:
                assert found == record.values
        assert len(self.held.decoded) <= len(self.waiting)

    @precondition(lambda self: self.held is not None)
    @rule()
    def finish(self) -> None:
        """What is finished does not come again."""
        assert self.held is not None
        found = [v for d in self.held.decoded for v in d.points.value.tolist()]
        self.journal.finish(self.held, Outcome(stored=len(found)))
        self.stored += found
        self.n_dead += sum(r.n_items for d in self.held.decoded for r in d.rejected)
        del self.waiting[: len(self.held.decoded)]
        self.held = None

    @rule(torn=st.integers(0, 60))
    def crash(self, torn: int) -> None:
        """The process ends, perhaps in the midst of a record that nobody was told is safe."""
        places = self.places()
        self.journal.stop()
        files = sorted((self.folder / "journal").glob("*.seg"))
        if torn and files and places:
            whole = (self.folder / "journal" / f"{places[-1].segment:012d}.seg").read_bytes()
            begun = whole[places[-1].offset : places[-1].offset + min(torn, places[-1].length - 1)]
            with files[-1].open("ab") as file:
                file.write(begun)
        self.reopen()

    @precondition(lambda self: self.waiting and self.held is None)
    @rule(data=st.data(), is_crash=st.booleans())
    def flip(self, data: st.DataObject, is_crash: bool) -> None:
        """A byte of a waiting record changes, under a running journal or between two runs."""
        places = self.places()
        good = [i for i, r in enumerate(self.waiting) if not r.is_damaged]
        if not good:
            return
        chosen = data.draw(st.sampled_from(good))
        place = self.place_of(self.waiting[chosen], places)
        offset = data.draw(st.integers(place.offset, place.offset + place.length - 1))
        if is_crash:
            self.journal.stop()
        with (self.folder / "journal" / f"{place.segment:012d}.seg").open("r+b") as file:
            file.seek(offset)
            (byte,) = file.read(1)
            file.seek(offset)
            file.write(bytes([byte ^ 0x10]))
        self.waiting[chosen].is_damaged = True
        if is_crash:
            self.reopen()

    def reopen(self) -> None:
        """Open again; what is damaged is counted with the first use."""
        self.held = None
        self.open()
        self.journal.claim(1)
        self.n_dead += sum(len(r.values) for r in self.waiting if r.is_damaged)
        self.waiting = [r for r in self.waiting if not r.is_damaged]

    def places(self) -> list[Place]:
        """Return where the good waiting records stand, as another process sees it."""
        books = Books(self.folder / "journal.db")
        books.start()
        settled = books.settled()
        books.stop()
        sequence, total = (0, 0) if settled is None else (settled.sequence, settled.total)
        return list(Segments(self.folder / "journal").scan(sequence, total).places)

    def place_of(self, wanted: Record, places: list[Place]) -> Place:
        """Return where a good record stands: damaged ones before it are not among the places."""
        good = [r for r in self.waiting if not r.is_damaged]
        return places[next(i for i, r in enumerate(good) if r is wanted)]

    @invariant()
    def sum_holds(self) -> None:
        totals = self.journal.totals()
        assert all(t.difference == 0 for t in totals)
        n_waiting = sum(len(r.values) for r in self.waiting)
        assert sum(t.received for t in totals) == self.n_accepted
        assert sum(t.in_journal for t in totals) == n_waiting == self.journal.n_waiting()
        assert sum(t.dead_lettered for t in totals) == self.n_dead
        assert sum(t.stored for t in totals) == len(self.stored)

    @invariant()
    def nothing_comes_twice_or_out_of_order(self) -> None:
        assert self.stored == sorted(set(self.stored))

    def teardown(self) -> None:
        self.held = None
        while self.waiting:
            self.claim(100)
            self.finish()
            self.sum_holds()
        assert len(self.stored) + self.n_dead == self.n_accepted
        self.journal.stop()
        shutil.rmtree(self.folder)


def points_of(values: list[float]) -> Points:
    return Points.of(["a/x"] * len(values), [int(v) for v in values], values)


test_journal_agrees_with_a_model_through_damage = JournalModel.TestCase
test_journal_agrees_with_a_model_through_damage.settings = settings(max_examples=10, stateful_step_count=15)


def test_damage_that_grows_between_two_runs_is_counted_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path, min_free_bytes=0)
    journal.start()
    journal.accept([("mqtt", at(0), Decoded(points_of([float(i)]))) for i in range(4)])
    for number in (3, 1, 2):  # the last record, then one before it, then the one between them
        place = Segments(tmp_path / "journal").scan(0, 0).places[-1 if number == 3 else 1]
        journal.stop()
        with (tmp_path / "journal" / f"{place.segment:012d}.seg").open("r+b") as file:
            file.seek(place.offset)
            file.write(b"\0")
        journal.start()
        journal.claim(1)
    (total,) = journal.totals()
    assert (total.received, total.dead_lettered, total.in_journal) == (4, 3, 1)
    journal.stop()
