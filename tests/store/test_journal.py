"""The journal: the sum holds at every instant, whatever is cut off where."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from domain.errors import JournalFullError, StoreBusyError
from domain.points import Points
from domain.records import Conflict, Decoded, Outcome, Reason, Refused, Tally
from store.duckdb import DuckDBPoints
from store.journal import Claimed, Journal
from tests.store.items import FULL, NO_POINTS, T0, at, points, rejected

GOOD = Decoded(points(("a/x", 1, 1.0), ("a/x", 2, 2.0)))
MIXED = Decoded(points(("a/x", 1, 1.0)), rejected=(rejected(Reason.UNKNOWN_TAG, b"{1}"), rejected(Reason.TYPE)))
LOST = Decoded(NO_POINTS, rejected=(rejected(),))
HOUR_OF_T0 = datetime(2026, 3, 1, 10, tzinfo=T0.tzinfo)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path)
    made.start()
    yield made
    made.stop()


def settle(journal: Journal) -> None:
    """Take all out of the journal, as if the stores had taken every good item."""
    while (batch := journal.claim(1000)) is not None:
        journal.finish(batch, Outcome(stored=sum(d.n_good for d in batch.decoded)))


def claimed(journal: Journal, most: int = 100) -> Claimed:
    found = journal.claim(most)
    assert found is not None
    return found


def conflict(key: str = "a/x") -> Conflict:
    return Conflict(key, at(0), "1.0", "2.0")


def fill_up(journal: Journal) -> None:
    """Accept until the journal refuses."""
    with suppress(JournalFullError):
        while True:
            journal.accept([("mqtt", T0, GOOD)])


def balanced(journal: Journal) -> bool:
    return all(t.difference == 0 for t in [*journal.tallies(), *journal.totals()])


def test_accepted_items_wait_and_rejected_ones_go_to_the_dead_letter(journal: Journal) -> None:
    journal.accept([("mqtt", T0, GOOD), ("mqtt", T0, MIXED), ("mqtt", T0, LOST)])
    assert journal.tallies() == [Tally("mqtt", HOUR_OF_T0, received=6, in_journal=6)]
    assert journal.n_waiting() == 6
    settle(journal)
    assert journal.tallies() == [Tally("mqtt", HOUR_OF_T0, received=6, stored=3, dead_lettered=3)]


def test_sum_is_per_source_and_hour(journal: Journal) -> None:
    journal.accept([("mqtt", at(0), GOOD), ("mqtt", at(1), GOOD), ("opc", at(0), MIXED)])
    assert [(t.source, t.hour, t.received) for t in journal.tallies()] == [
        ("mqtt", HOUR_OF_T0, 2),
        ("opc", HOUR_OF_T0, 3),
        ("mqtt", at(0.5), 2),
    ]
    assert [(t.source, t.hour, t.received, t.in_journal) for t in journal.totals()] == [
        ("mqtt", None, 4, 4),
        ("opc", None, 3, 3),
    ]
    assert balanced(journal)


def test_sum_holds_through_accept_claim_and_finish(journal: Journal) -> None:
    journal.accept([("mqtt", T0, FULL), ("mqtt", T0, MIXED)])
    assert balanced(journal)
    batch = claimed(journal)
    assert balanced(journal)
    assert sum(d.n_good for d in batch.decoded) == 10
    journal.finish(batch, Outcome(7, 2, (conflict(),)))
    assert journal.totals() == [
        Tally("mqtt", None, received=13, stored=7, dead_lettered=3, duplicates=2, conflicts=1, in_journal=0)
    ]
    assert journal.n_waiting() == 0


def test_lost_item_shows_in_the_difference(journal: Journal) -> None:
    journal.accept([("mqtt", T0, GOOD)])
    journal.finish(claimed(journal), Outcome(stored=1))
    assert [t.difference for t in journal.totals()] == [1]


def test_claim_gives_oldest_first_and_no_more_than_asked(journal: Journal) -> None:
    journal.accept([("mqtt", T0, Decoded(points(("a/x", i, float(i))))) for i in range(5)])
    first = claimed(journal, 2)
    assert [d.points.at.tolist() for d in first.decoded] == [[0], [1]]
    journal.finish(first, Outcome(stored=2))
    second = claimed(journal, 2)
    assert [d.points.at.tolist() for d in second.decoded] == [[2], [3]]
    assert second.batch != first.batch


def test_claim_holds_one_source_and_hour(journal: Journal) -> None:
    journal.accept([("mqtt", at(0), GOOD), ("opc", at(0), GOOD), ("mqtt", at(0), GOOD), ("mqtt", at(1), GOOD)])
    sizes = []
    while (batch := journal.claim(100)) is not None:
        sizes.append((batch.places[0].source, len(batch.decoded)))
        journal.finish(batch, Outcome(stored=2 * len(batch.decoded)))
    assert sizes == [("mqtt", 1), ("opc", 1), ("mqtt", 1), ("mqtt", 1)]
    assert balanced(journal)


def test_empty_journal_has_nothing_to_claim(journal: Journal) -> None:
    assert journal.claim(10) is None
    journal.accept([("mqtt", T0, Decoded(NO_POINTS))])
    assert journal.claim(10) is None


def test_unfinished_batch_is_claimed_again_the_same(journal: Journal) -> None:
    journal.accept([("mqtt", T0, GOOD)])
    first = claimed(journal)
    journal.accept([("mqtt", T0, MIXED)])
    again = claimed(journal)
    assert (again.batch, again.places) == (first.batch, first.places)
    assert [d.points.rows() for d in again.decoded] == [d.points.rows() for d in first.decoded]


def test_unfinished_batch_is_claimed_again_after_reopening(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.start()
    journal.accept([("mqtt", T0, GOOD), ("mqtt", T0, GOOD)])
    first = claimed(journal, 2)
    journal.stop()
    reopened = Journal(tmp_path)
    reopened.start()
    again = claimed(reopened)
    assert again.batch == first.batch
    assert len(again.decoded) == 1
    reopened.stop()


def test_batch_ids_do_not_come_again_after_the_journal_was_emptied(journal: Journal) -> None:
    seen = set()
    for _ in range(3):
        journal.accept([("mqtt", T0, GOOD)])
        batch = claimed(journal)
        seen.add(batch.batch)
        journal.finish(batch, Outcome(stored=2))
    assert len(seen) == 3


def test_crash_between_store_and_journal_counts_once(tmp_path: Path) -> None:
    journal, store = Journal(tmp_path), DuckDBPoints(tmp_path)
    for each in (journal, store):
        each.start()
    store.apply("before", points(("a/x", 1, 9.0), ("a/x", 2, 2.0)))
    journal.accept([("mqtt", T0, Decoded(points(("a/x", 1, 1.0), ("a/x", 2, 2.0), ("a/x", 3, 3.0))))])
    cut_off = claimed(journal)
    store.apply(cut_off.batch, cut_off.decoded[0].points)
    for each in (journal, store):
        each.stop()  # and the batch was never finished
    journal, store = Journal(tmp_path), DuckDBPoints(tmp_path)
    for each in (journal, store):
        each.start()
    batch = claimed(journal)
    journal.finish(batch, store.apply(batch.batch, batch.decoded[0].points))
    assert journal.totals() == [Tally("mqtt", None, received=3, stored=1, duplicates=1, conflicts=1)]
    assert store.count() == 3
    for each in (journal, store):
        each.stop()


def test_dead_letters_keep_what_came_and_why(journal: Journal) -> None:
    journal.accept([("mqtt", T0, MIXED)])
    settle(journal)
    letter = journal.dead_letters(reason="unknown_tag")[0]
    assert (letter.source, letter.topic, letter.detail) == ("mqtt", "forewarn/points/a", "said so")
    assert (letter.payload, letter.received_at) == (b"{1}", T0)
    assert letter.sha256 == "cd80994abb0d1e0465acdc560717676578c1774f461babbe67b4b131497a6305"


def test_dead_letters_are_counted_by_reason(journal: Journal) -> None:
    journal.accept([("mqtt", T0, MIXED), ("mqtt", T0, LOST), ("mqtt", T0, LOST)])
    settle(journal)
    assert journal.dead_letters_by_reason() == {"json": 2, "type": 1, "unknown_tag": 1}
    assert len(journal.dead_letters(reason="json")) == 2
    assert journal.dead_letters(reason="empty") == []


def test_dead_letters_are_newest_first_and_no_more_than_asked(journal: Journal) -> None:
    for payload in (b"1", b"2", b"3"):
        journal.accept([("mqtt", T0, Decoded(NO_POINTS, rejected=(rejected(payload=payload),)))])
    settle(journal)
    assert [d.payload for d in journal.dead_letters(most=2)] == [b"3", b"2"]


def test_block_settled_twice_counts_once(journal: Journal) -> None:
    for _ in range(2):
        journal.settle_block("file:1:0", "dump:x", T0, MIXED, Outcome(stored=1))
    assert journal.totals() == [Tally("dump:x", None, received=3, stored=1, dead_lettered=2)]
    assert len(journal.dead_letters()) == 2


def test_blocks_add_up(journal: Journal) -> None:
    journal.settle_block("file:1:0", "dump:x", T0, MIXED, Outcome(conflicts=(conflict(),)))
    journal.settle_block("file:1:1", "dump:x", T0, GOOD, Outcome(1, 1))
    assert journal.totals() == [Tally("dump:x", None, received=5, stored=1, dead_lettered=2, duplicates=1, conflicts=1)]


def test_failed_accept_leaves_nothing_behind(journal: Journal) -> None:
    unwritable = Decoded(NO_POINTS, rejected=(rejected(payload=object()),))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        journal.accept([("mqtt", T0, GOOD), ("mqtt", T0, unwritable)])
    assert journal.tallies() == []
    assert journal.n_waiting() == 0


def test_journal_that_is_not_started_says_so(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    with pytest.raises(RuntimeError, match="not started"):
        journal.n_waiting()
    journal.start()
    journal.stop()
    journal.stop()
    with pytest.raises(RuntimeError, match="not started"):
        journal.n_waiting()


class JournalAgainstModel(RuleBasedStateMachine):
    """Accept, claim, finish and crash in any order; the model counts items only."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.received: Counter[str] = Counter()
        self.dead: Counter[str] = Counter()
        self.stored: dict[tuple[str, int], float | None] = {}
        self.held: Claimed | None = None
        self.open()

    def open(self) -> None:
        self.journal, self.store = Journal(self.folder), DuckDBPoints(self.folder)
        self.journal.start()
        self.store.start()

    def close(self) -> None:
        self.journal.stop()
        self.store.stop()

    @rule(
        source=st.sampled_from(["mqtt", "opc"]),
        hour=st.integers(0, 1),
        rows=st.lists(
            st.tuples(st.sampled_from(["a/x", "a/y"]), st.integers(0, 2), st.sampled_from([0.0, 1.0])), max_size=4
        ),
        n_bad=st.integers(0, 2),
    )
    def accept(self, source: str, hour: int, rows: list[tuple[str, int, float]], n_bad: int) -> None:
        self.journal.accept([(source, at(hour), Decoded(points(*rows), rejected=(rejected(),) * n_bad))])
        self.received[source] += len(rows) + n_bad
        self.dead[source] += n_bad

    @rule(most=st.integers(1, 3))
    def claim(self, most: int) -> None:
        found = self.journal.claim(most)
        if self.held is not None:
            assert found is not None
            assert found.batch == self.held.batch
            assert len(found.decoded) == len(self.held.decoded)
        self.held = found

    def apply(self, batch: Claimed) -> Outcome:
        rows = Points.concat([d.points for d in batch.decoded])
        for p in rows.rows():
            self.stored.setdefault((p.tag_id, p.at), p.value)
        return self.store.apply(batch.batch, rows)

    @precondition(lambda self: self.held is not None)
    @rule()
    def finish(self) -> None:
        assert self.held is not None
        self.journal.finish(self.held, self.apply(self.held))
        self.held = None

    @rule(has_applied=st.booleans())
    def crash(self, has_applied: bool) -> None:
        if has_applied and self.held is not None:
            self.apply(self.held)
        self.close()
        self.open()

    @invariant()
    def sum_holds(self) -> None:
        totals = {t.source: t for t in self.journal.totals()}
        assert all(t.difference == 0 for t in self.journal.tallies())
        assert {s: t.received for s, t in totals.items() if t.received} == {s: n for s, n in self.received.items() if n}
        for source, t in totals.items():
            assert t.dead_lettered <= self.dead[source]

    def teardown(self) -> None:
        while (batch := self.journal.claim(2)) is not None:
            self.journal.finish(batch, self.apply(batch))
        self.sum_holds()
        assert self.journal.n_waiting() == 0
        assert {t.source: t.dead_lettered for t in self.journal.totals() if t.dead_lettered} == +self.dead
        assert sum(t.stored for t in self.journal.totals()) == self.store.count() == len(self.stored)
        found = self.store.read(["a/x", "a/y"], 0, 10).rows()
        assert {(p.tag_id, p.at): p.value for p in found} == self.stored
        self.close()
        shutil.rmtree(self.folder)


test_journal_agrees_with_a_model = JournalAgainstModel.TestCase
test_journal_agrees_with_a_model.settings = settings(max_examples=12, stateful_step_count=15)


def test_damaged_journal_starts_again_and_counts_what_is_lost_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.start()
    for _ in range(3):
        journal.accept([("mqtt", T0, GOOD)])
    journal.stop()
    file = next((tmp_path / "journal").glob("*.seg"))
    block = bytearray(file.read_bytes())
    block[len(block) // 2] ^= 1  # in the second of three
    file.write_bytes(block)
    for _ in range(2):
        journal = Journal(tmp_path)
        journal.start()
        assert len(claimed(journal).decoded) == 2
        assert journal.totals() == [Tally("mqtt", None, received=6, dead_lettered=2, in_journal=4)]
        journal.stop()
    journal.start()
    settle(journal)
    assert journal.totals() == [Tally("mqtt", None, received=6, stored=4, dead_lettered=2)]
    assert [(x.reason, x.n_items) for x in journal.dead_letters()] == [("damaged", 2)]
    journal.stop()


def test_record_damaged_while_it_waits_is_counted(journal: Journal, tmp_path: Path) -> None:
    journal.accept([("mqtt", T0, GOOD)])
    file = next(f for f in (tmp_path / "journal").glob("*.seg") if f.stat().st_size)
    block = bytearray(file.read_bytes())
    block[-1] ^= 1
    file.write_bytes(block)
    settle(journal)
    assert journal.totals() == [Tally("mqtt", None, received=2, dead_lettered=2)]


def test_damaged_books_are_set_aside_and_the_waiting_items_are_kept(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.start()
    journal.accept([("mqtt", T0, GOOD)])
    settle(journal)
    journal.accept([("mqtt", T0, GOOD)])
    journal.stop()
    (tmp_path / "journal.db").write_bytes(b"not a database at all" * 1000)
    journal.start()
    settle(journal)
    assert [(t.stored, t.difference) for t in journal.totals()] in ([(2, 0)], [(4, 0)])  # a settled segment may stay
    assert list(tmp_path.glob("journal.damaged-*"))
    journal.stop()


def test_a_full_journal_refuses_and_takes_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path, max_bytes=300)
    journal.start()
    journal.accept([("mqtt", T0, GOOD)])
    with pytest.raises(JournalFullError, match="bound is 300"):
        journal.accept([("mqtt", T0, GOOD)])
    assert journal.n_waiting() == 2
    settle(journal)
    journal.accept([("mqtt", T0, GOOD)])
    assert journal.n_waiting() == 2
    journal.stop()


def test_a_full_disk_refuses(tmp_path: Path) -> None:
    journal = Journal(tmp_path, min_free_bytes=1 << 60)
    journal.start()
    with pytest.raises(JournalFullError, match="are kept free"):
        journal.accept([("mqtt", T0, GOOD)])
    assert journal.totals() == []
    journal.stop()


def test_two_processes_do_not_write_one_journal(tmp_path: Path) -> None:
    first, second = Journal(tmp_path), Journal(tmp_path)
    first.start()
    second.start()
    first.accept([("mqtt", T0, GOOD)])
    with pytest.raises(StoreBusyError, match="belongs to a running"):
        second.accept([("mqtt", T0, GOOD)])
    assert second.totals() == first.totals()  # but both may look
    first.stop()
    second.stop()


def test_what_a_store_refuses_is_a_dead_letter(journal: Journal) -> None:
    journal.accept([("mqtt", T0, GOOD)])
    refused = Refused("a/x", at(0), 2.0, None, Reason.RETENTION, "too old")
    journal.finish(claimed(journal), Outcome(stored=1, refused=(refused,)))
    assert journal.totals() == [Tally("mqtt", None, received=2, stored=1, dead_lettered=1)]
    assert [(x.reason, x.topic, x.part) for x in journal.dead_letters()] == [("retention", "a/x", "store")]


def test_replayed_letters_leave_the_dead_letter(journal: Journal) -> None:
    journal.accept([("mqtt", T0, LOST), ("mqtt", T0, LOST)])
    settle(journal)
    newest, oldest = journal.dead_letters()
    journal.books.settle_replay([oldest], at(1), Outcome(stored=8))
    journal.books.settle_replay([oldest], at(1), Outcome(stored=8))
    assert journal.totals() == [Tally("mqtt", None, received=9, stored=8, dead_lettered=1)]
    assert journal.dead_letters() == [newest]


def test_replays_that_overlap_leave_what_the_other_did_not_take(journal: Journal) -> None:
    journal.accept([("mqtt", T0, LOST)] * 3)
    settle(journal)
    third, second, first = journal.dead_letters()
    journal.books.settle_replay([first, second], at(1), Outcome(stored=2))
    journal.books.settle_replay([second, third], at(1), Outcome(stored=2))
    assert journal.totals() == [Tally("mqtt", None, received=3, stored=2, dead_lettered=1)]
    assert journal.dead_letters() == [third]


def test_books_that_cannot_be_looked_at_are_not_damaged_ones(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.start()
    journal.accept([("mqtt", T0, LOST)])
    settle(journal)
    journal.stop()
    file, away = tmp_path / "journal.db", tmp_path / "away"
    file.rename(away)
    file.mkdir()  # as with a full disk, or without permission: sqlite cannot open it
    with pytest.raises(sqlite3.OperationalError):
        journal.start()
    file.rmdir()
    away.rename(file)
    journal.start()
    assert journal.totals() == [Tally("mqtt", None, received=1, dead_lettered=1)]
    assert not list(tmp_path.glob("*.damaged-*"))
    journal.stop()


def test_journal_that_was_full_takes_again_after_it_was_opened_anew(tmp_path: Path) -> None:
    for _ in range(2):
        journal = Journal(tmp_path, max_bytes=4000, min_free_bytes=0)
        journal.start()
        fill_up(journal)
        journal.stop()
        journal.start()
        settle(journal)
        journal.accept([("mqtt", T0, GOOD)])
        settle(journal)
        assert balanced(journal)
        journal.stop()


def test_record_of_a_stored_batch_damaged_before_it_was_counted_counts_once(tmp_path: Path) -> None:
    store = DuckDBPoints(tmp_path)
    store.start()
    journal = Journal(tmp_path)
    journal.start()
    for minute in range(3):
        journal.accept([("mqtt", T0, Decoded(points(("a/x", minute, 1.0))))])
    batch = claimed(journal)
    store.apply(batch.batch, Points.concat([d.points for d in batch.decoded]))
    journal.stop()
    middle = batch.places[1]
    file = tmp_path / "journal" / f"{middle.segment:012d}.seg"
    raw = bytearray(file.read_bytes())
    raw[middle.offset + middle.length - 1] ^= 0xFF
    file.write_bytes(raw)
    journal.start()
    again = claimed(journal)
    journal.finish(again, store.apply(again.batch, Points.concat([d.points for d in again.decoded])))
    assert journal.totals() == [Tally("mqtt", None, received=3, duplicates=2, dead_lettered=1)]
    journal.stop()
    store.stop()
