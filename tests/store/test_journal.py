"""The journal: the sum holds at every instant, whatever is cut off where."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from domain.points import Points
from domain.records import Conflict, Decoded, Outcome, Reason, Tally
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


def claimed(journal: Journal, most: int = 100) -> Claimed:
    found = journal.claim(most)
    assert found is not None
    return found


def conflict(key: str = "a/x") -> Conflict:
    return Conflict(key, at(0), "1.0", "2.0")


def balanced(journal: Journal) -> bool:
    return all(t.difference == 0 for t in [*journal.tallies(), *journal.totals()])


def test_accepted_items_wait_and_rejected_are_dead_lettered(journal: Journal) -> None:
    journal.accept([("mqtt", T0, GOOD), ("mqtt", T0, MIXED), ("mqtt", T0, LOST)])
    assert journal.tallies() == [Tally("mqtt", HOUR_OF_T0, received=6, dead_lettered=3, in_journal=3)]
    assert journal.n_waiting() == 3


def test_sum_is_per_source_and_hour(journal: Journal) -> None:
    journal.accept([("mqtt", at(0), GOOD), ("mqtt", at(1), GOOD), ("opc", at(0), MIXED)])
    assert [(t.source, t.hour, t.received) for t in journal.tallies()] == [
        ("mqtt", HOUR_OF_T0, 2),
        ("opc", HOUR_OF_T0, 3),
        ("mqtt", at(0.5), 2),
    ]
    assert [(t.source, t.hour, t.received, t.in_journal) for t in journal.totals()] == [
        ("mqtt", None, 4, 4),
        ("opc", None, 3, 1),
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
        sizes.append((batch.source, batch.hour, len(batch.decoded)))
        journal.finish(batch, Outcome(stored=2 * len(batch.decoded)))
    assert [(s, n) for s, _, n in sizes] == [("mqtt", 2), ("opc", 1), ("mqtt", 1)]
    assert balanced(journal)


def test_empty_journal_has_nothing_to_claim(journal: Journal) -> None:
    assert journal.claim(10) is None
    journal.accept([("mqtt", T0, LOST)])
    assert journal.claim(10) is None


def test_unfinished_batch_is_claimed_again_the_same(journal: Journal) -> None:
    journal.accept([("mqtt", T0, GOOD)])
    first = claimed(journal)
    journal.accept([("mqtt", T0, MIXED)])
    again = claimed(journal)
    assert (again.batch, again.source, again.hour) == (first.batch, first.source, first.hour)
    assert [d.points.rows() for d in again.decoded] == [d.points.rows() for d in first.decoded]


def test_unfinished_batch_is_claimed_again_after_reopening(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.start()
    journal.accept([("mqtt", T0, GOOD), ("mqtt", T0, GOOD)])
    first = claimed(journal, 1)
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
    letter = journal.dead_letters(reason="unknown_tag")[0]
    assert (letter.source, letter.topic, letter.detail) == ("mqtt", "forewarn/points/a", "said so")
    assert (letter.payload, letter.received_at) == (b"{1}", T0)
    assert letter.sha256 == "cd80994abb0d1e0465acdc560717676578c1774f461babbe67b4b131497a6305"


def test_dead_letters_are_counted_by_reason(journal: Journal) -> None:
    journal.accept([("mqtt", T0, MIXED), ("mqtt", T0, LOST), ("mqtt", T0, LOST)])
    assert journal.dead_letters_by_reason() == {"json": 2, "type": 1, "unknown_tag": 1}
    assert len(journal.dead_letters(reason="json")) == 2
    assert journal.dead_letters(reason="empty") == []


def test_dead_letters_are_newest_first_and_no_more_than_asked(journal: Journal) -> None:
    for payload in (b"1", b"2", b"3"):
        journal.accept([("mqtt", T0, Decoded(NO_POINTS, rejected=(rejected(payload=payload),)))])
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
        self.taken: Counter[str] = Counter()  # good items handed over
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
        self.taken[source] += len(rows)

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
            assert t.dead_lettered == self.dead[source]
            assert t.received - t.dead_lettered == self.taken[source]

    def teardown(self) -> None:
        while (batch := self.journal.claim(2)) is not None:
            self.journal.finish(batch, self.apply(batch))
        self.sum_holds()
        assert self.journal.n_waiting() == 0
        assert sum(t.stored for t in self.journal.totals()) == self.store.count() == len(self.stored)
        found = self.store.read(["a/x", "a/y"], 0, 10).rows()
        assert {(p.tag_id, p.at): p.value for p in found} == self.stored
        self.close()
        shutil.rmtree(self.folder)


test_journal_agrees_with_a_model = JournalAgainstModel.TestCase
test_journal_agrees_with_a_model.settings = settings(max_examples=12, stateful_step_count=15)
