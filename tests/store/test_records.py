"""Events, lots, results and files: versions, duplicates, and what was known when."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.records import Decoded, Event, EventKind, Lot, Outcome, Result
from store.ledger import Ledger
from store.records import FORGETTING_EVERY, FileReport, Records
from tests.store.items import FULL, NO_POINTS, at, event, lot, points, result


@pytest.fixture
def records(ledger: Ledger) -> Records:
    return ledger.records


def apply(records: Records, batch: str, *items: Event | Lot | Result) -> Outcome:
    return records.apply(
        batch,
        [
            Decoded(
                NO_POINTS,
                tuple(i for i in items if isinstance(i, Event)),
                tuple(i for i in items if isinstance(i, Lot)),
                tuple(i for i in items if isinstance(i, Result)),
            )
        ],
    )


def test_every_kind_is_stored_and_read_back(records: Records) -> None:
    assert records.apply("1", [FULL]) == Outcome(stored=6)
    assert records.events(at(9)) == list(FULL.events)
    assert records.lots("l", at(9)) == list(FULL.lots)
    assert sorted(r.lab for r in records.results("l", "silica", at(9))) == ["", "A"]
    assert set(records.results("l", "silica", at(9))) == set(FULL.results)
    assert records.counts() == {"events": 2, "lots": 2, "results": 2}


def test_texts_of_a_lot_are_kept_and_others_are_its_next_version(records: Records) -> None:
    told = replace(lot(feed=1.0), texts={"product": "A"})
    apply(records, "1", lot(feed=1.0), told)
    assert apply(records, "2", told) == Outcome(duplicates=1)
    assert records.lots("l", at(9)) == [told]


def test_points_are_left_alone(records: Records) -> None:
    assert records.apply("1", [Decoded(points(("a/x", 1, 1.0)))]) == Outcome()


def test_equal_row_is_a_duplicate(records: Records) -> None:
    apply(records, "1", event(), lot(feed=1.0), result())
    assert apply(records, "2", event(), lot(feed=1.0), result()) == Outcome(duplicates=3)
    assert records.counts() == {"events": 1, "lots": 1, "results": 1}


def test_equal_rows_of_one_batch_count_once(records: Records) -> None:
    assert apply(records, "1", event(), event()) == Outcome(1, 1)


def test_batch_applied_twice_changes_nothing_and_says_the_same(records: Records) -> None:
    first = apply(records, "1", event(), event(), event("F2"))
    assert first == Outcome(2, 1)
    assert apply(records, "1", event(), event(), event("F2")) == first
    assert apply(records, "1", event("F3")) == first
    assert records.counts()["events"] == 2


def test_an_event_told_again_later_says_nothing_new(records: Records) -> None:
    apply(records, "1", event())
    assert apply(records, "2", replace(event(), known_at=at(1))) == Outcome(duplicates=1)


@pytest.mark.parametrize(
    "change",
    [{"end": at(5)}, {"note": "looked again"}],
    ids=str,
)
def test_other_row_of_the_same_event_is_its_next_version(records: Records, change: dict[str, object]) -> None:
    apply(records, "1", event())
    changed = replace(event(), **change)
    assert apply(records, "2", changed) == Outcome(stored=1)
    assert records.events(at(9)) == [changed]
    assert records.counts()["events"] == 2


@pytest.mark.parametrize(
    "change", [{"code": "F2"}, {"start": at(-1)}, {"asset": "b"}, {"kind": EventKind.STOP}], ids=str
)
def test_other_key_is_another_event(records: Records, change: dict[str, object]) -> None:
    apply(records, "1", event())
    apply(records, "2", replace(event(), **change))
    assert len(records.events(at(9))) == 2


def test_event_is_not_known_before_its_time(records: Records) -> None:
    apply(records, "1", event(known=2))
    assert records.events(at(1.99)) == []
    assert records.events(at(2)) == [event(known=2)]


def test_version_known_then_is_the_one_read(records: Records) -> None:
    opened, closed = event(known=1), event(end=3, known=4)
    apply(records, "1", opened, closed)
    assert records.events(at(2)) == [opened]
    assert records.events(at(4)) == [closed]


def test_events_by_asset_and_kind_in_order_of_start(records: Records) -> None:
    late, early = event("F1", start=2), event("F2", start=1)
    stop = replace(event(), kind=EventKind.STOP, asset="b")
    apply(records, "1", late, early, stop)
    assert records.events(at(9), asset="a") == [early, late]
    assert records.events(at(9), kinds=[EventKind.STOP]) == [stop]
    assert records.events(at(9), asset="b", kinds=[EventKind.FAILURE]) == []


def test_lot_is_read_as_it_was_known(records: Records) -> None:
    first, second = lot(known=1, feed=1.0), lot(known=3, feed=2.0)
    apply(records, "1", first, second)
    assert records.lots("l", at(0.5)) == []
    assert records.lots("l", at(2)) == [first]
    assert records.lots("l", at(3)) == [second]


def test_lots_of_a_line_by_end_and_known_since(records: Records) -> None:
    late, early = lot("L1", known=5, end=4), lot("L2", known=3, end=2)
    apply(records, "1", late, early, replace(lot("L3"), line="other"))
    assert records.lots("l", at(9)) == [early, late]
    assert records.lots("l", at(9), since=at(3)) == [late]


def test_lots_by_name_leave_out_unknown_ones_and_tell_every_version(records: Records) -> None:
    apply(records, "1", lot("L1"), lot("L1", feed=2.0), lot("L2"))
    assert records.lots_of("l", ["L1", "L9"]) == [lot("L1"), lot("L1", feed=2.0)]


def test_result_is_read_as_it_was_known(records: Records) -> None:
    first, second = result(value=1.0, hours=2), result(value=1.5, hours=6)
    apply(records, "1", first, second)
    assert records.results("l", "silica", at(1)) == []
    assert records.results("l", "silica", at(5)) == [first]
    assert records.results("l", "silica", at(6)) == [second]


def test_every_version_is_told_of_the_lots_that_were_first_known_last(records: Records) -> None:
    first, corrected = result("L1", 1.0, hours=1), result("L1", 1.5, hours=6)
    apply(records, "1", first, result("L2", 2.0, hours=3), corrected, result("L2", 9.0, hours=4, lab="B"))
    assert set(records.result_versions("l", "silica", at(9))) == {
        first, corrected, result("L2", 2.0, hours=3), result("L2", 9.0, hours=4, lab="B"),
    }  # fmt: skip
    found = records.result_versions("l", "silica", at(9))
    assert found.index(first) < found.index(corrected)
    assert {r.lot for r in records.result_versions("l", "silica", at(9), newest=1)} == {"L2"}  # a correction is no lot
    assert records.result_versions("l", "silica", at(2)) == [first]


def test_results_of_two_labs_stand_side_by_side(records: Records) -> None:
    apply(records, "1", result(lab="A"), result(lab="B", value=2.0))
    assert len(records.results("l", "silica", at(9))) == 2


def test_newest_results_only(records: Records) -> None:
    apply(records, "1", *(result(f"L{i}", float(i), hours=i) for i in (3, 1, 4, 2)))
    assert [r.lot for r in records.results("l", "silica", at(9), newest=2)] == ["L3", "L4"]
    assert [r.lot for r in records.results("l", "silica", at(3), newest=2)] == ["L2", "L3"]
    assert [r.lot for r in records.results("l", "silica", at(9))] == ["L1", "L2", "L3", "L4"]


def test_text_result_is_kept(records: Records) -> None:
    apply(records, "1", result(value=None, text="below limit"))
    assert records.results("l", "silica", at(9)) == [result(value=None, text="below limit")]


def test_file_report_is_replaced(records: Records) -> None:
    report = FileReport("abc", "a.csv", at(0), is_done=False)
    records.save_file(report)
    done = replace(report, is_done=True, rows_in=10, stored=6, rejected=1, duplicates=2, conflicts=1)
    records.save_file(done)
    assert records.file("abc") == done
    assert records.file("other") is None


def test_files_are_newest_first(records: Records) -> None:
    for i in (1, 3, 2):
        records.save_file(FileReport(str(i), "a.csv", at(i), is_done=True))
    assert [f.sha256 for f in records.files()] == ["3", "2", "1"]


def test_a_bulk_load_is_versioned_as_row_by_row(records: Records) -> None:
    rows = [lot(f"L{i % 700}", known=1 + i % 3, feed=float(i % 5)) for i in range(3000)]
    bulk = apply(records, "bulk", *rows)
    singly: list[Outcome] = [apply(records, f"single-{i}", replace(row, line="m")) for i, row in enumerate(rows[:800])]
    seen: dict[str, list[tuple[object, ...]]] = {}
    for row in rows[:800]:
        said = (row.start, row.end, row.values)
        if said not in seen.setdefault(row.lot, []):
            seen[row.lot].append(said)
    assert [sum(o.stored for o in singly), sum(o.duplicates for o in singly)] == [
        n := sum(map(len, seen.values())),
        800 - n,
    ]
    assert bulk == Outcome(len({(r.lot, r.values["feed"]) for r in rows}), 3000 - bulk.stored)
    assert apply(records, "again", *rows) == Outcome(duplicates=3000)
    first = {x.lot: x for x in records.lots("m", at(9))}
    for name, versions in seen.items():
        assert (first[name].start, first[name].end, first[name].values) == versions[-1]


def test_an_old_version_and_a_new_one_in_one_batch(records: Records) -> None:
    apply(records, "1", result(value=1.0), result(value=2.0))
    assert apply(records, "2", result(value=1.0), result(value=3.0), result(value=3.0)) == Outcome(1, 2)
    assert [r.value for r in records.results("l", "silica", at(9))] == [3.0]


@pytest.mark.parametrize("said", ["a\0b", "lone \ud800 surrogate"])
def test_text_that_a_database_cannot_hold_is_kept_with_a_sign_in_its_place(records: Records, said: str) -> None:
    rows = (replace(event(), code=said, note=said), replace(lot(), lot=said), result(said, text=said, lab=said))
    assert apply(records, "1", *rows) == Outcome(stored=3)
    assert apply(records, "2", *rows) == Outcome(duplicates=3)
    (kept,) = records.events(at(9))
    assert kept.code == kept.note == said.replace("\0", "\u2400").replace("\ud800", "?")
    assert [x.lot for x in records.lots_of("l", [said])] == [kept.code]


def test_a_result_that_is_not_a_number_is_null_and_told_once(records: Records) -> None:
    apply(records, "1", result(value=float("nan"), text="nan"))
    assert apply(records, "2", result(value=float("nan"), text="nan")) == Outcome(duplicates=1)
    assert records.results("l", "silica", at(9)) == [result(value=None, text="nan")]


def test_batches_that_were_applied_are_forgotten_in_their_order(ledger: Ledger) -> None:
    records = Records(ledger._db, kept_batches=5)
    for i in range(FORGETTING_EVERY):
        apply(records, str(i), event(f"F{i % 3}"))
    assert apply(records, "95", event("new")) == Outcome(duplicates=1)  # still known
    assert apply(records, "94", event("new")) == Outcome(stored=1)  # forgotten


def test_no_sign_in_a_name_keeps_its_row_from_being_stored(records: Records) -> None:
    odd = replace(result(), result="puri\0ty")
    assert apply(records, "b1", odd) == Outcome(stored=1)
    assert apply(records, "b2", odd) == Outcome(duplicates=1)
