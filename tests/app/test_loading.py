"""Dump files into the stores: each item once, whatever happens on the way."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.loading import KNOWN, LOADED, Loading, StoppedError, load_file, load_folder
from app.rooms import Rooms
from app.settings import Settings
from collectors.tables import BadFileError
from domain.points import Points
from domain.records import Outcome
from tests.app import tiny_plant as tiny

NOW = tiny.at(10_000)
SOURCE = "dump:wide"


@dataclass
class BreakingPoints:
    """A point store that breaks at its n-th batch, before or after the batch is stored."""

    inner: Any
    breaks_at: int
    is_after: bool
    n: int = 0

    def apply(self, batch: str, points: Points) -> Outcome:
        self.n += 1
        if self.n == self.breaks_at and not self.is_after:
            raise OSError("power cut")
        outcome: Outcome = self.inner.apply(batch, points)
        if self.n == self.breaks_at:
            raise OSError("power cut")
        return outcome


@dataclass
class BreakingJournal:
    """A journal that breaks at its n-th block, before it is counted."""

    inner: Any
    breaks_at: int
    n: int = 0

    def settle_block(self, *args: Any) -> None:
        self.n += 1
        if self.n == self.breaks_at:
            raise OSError("power cut")
        self.inner.settle_block(*args)


@dataclass
class RoomsWith:
    """Rooms of which one was replaced."""

    settings: Settings
    journal: Any
    ledger: Any
    points: Any


def _wide(path: Path, n: int, extra: str = "") -> Path:
    lines = [f"{tiny.at(i).isoformat()},{tiny.PUMP},{i % 97}.5" for i in range(n)]
    path.write_text("time,asset,pressure\n" + "\n".join(lines) + "\n" + extra)
    return path


def _totals(rooms: Rooms) -> tuple[int, int, int, int, int, int]:
    (t,) = rooms.journal.totals()
    assert t.source == SOURCE
    return t.received, t.stored, t.dead_lettered, t.duplicates, t.conflicts, t.difference


def test_a_file_is_loaded_with_a_report_that_adds_up(rooms: Rooms, tmp_path: Path) -> None:
    loaded = load_file(rooms, _wide(tmp_path / "a.csv", 50), NOW)
    report = loaded.report
    assert loaded.outcome == LOADED
    assert (report.rows_in, report.stored, report.rejected, report.is_done) == (50, 50, 0, True)
    assert rooms.points.count() == 50
    assert _totals(rooms) == (50, 50, 0, 0, 0, 0)


def test_a_file_seen_twice_is_loaded_once_also_under_another_name(rooms: Rooms, tmp_path: Path) -> None:
    first = _wide(tmp_path / "a.csv", 50)
    report = load_file(rooms, first, NOW).report
    copy = tmp_path / "b.csv"
    copy.write_bytes(first.read_bytes())
    for path in (first, copy):
        again = load_file(rooms, path, tiny.at(20_000))
        assert (again.report, again.outcome) == (report, KNOWN)
    assert _totals(rooms) == (50, 50, 0, 0, 0, 0)


def test_a_grown_file_adds_only_what_is_new(rooms: Rooms, tmp_path: Path) -> None:
    load_file(rooms, _wide(tmp_path / "a.csv", 50), NOW)
    report = load_file(rooms, _wide(tmp_path / "a.csv", 60), NOW).report
    assert (report.rows_in, report.stored, report.duplicates) == (60, 10, 50)
    assert rooms.points.count() == 60
    assert _totals(rooms) == (110, 60, 0, 50, 0, 0)


def test_a_different_value_for_the_same_time_is_a_conflict_and_the_first_stays(rooms: Rooms, tmp_path: Path) -> None:
    load_file(rooms, _wide(tmp_path / "a.csv", 5), NOW)
    (tmp_path / "b.csv").write_text(f"time,asset,pressure\n{tiny.at(2).isoformat()},{tiny.PUMP},77\n")
    report = load_file(rooms, tmp_path / "b.csv", NOW).report
    assert (report.stored, report.conflicts) == (0, 1)
    kept = rooms.points.read([f"{tiny.PUMP}/pressure"], 0, 2**62).value.tolist()
    assert kept == [0.5, 1.5, 2.5, 3.5, 4.5]
    assert _totals(rooms) == (6, 5, 0, 0, 1, 0)


@pytest.mark.parametrize("where", ["before the store", "after the store", "before the count"])
@pytest.mark.parametrize("block", [1, 2])
def test_a_load_that_was_cut_off_goes_on_and_counts_each_item_once(
    where: str, block: int, rooms: Rooms, tmp_path: Path
) -> None:
    n = 300
    how = Loading(block_bytes=6_000)
    path = _wide(tmp_path / "long.csv", n, "short,row\n")
    cut_off = RoomsWith(rooms.settings, rooms.journal, rooms.ledger, rooms.points)
    if where == "before the count":
        cut_off.journal = BreakingJournal(rooms.journal, block)
    else:
        cut_off.points = BreakingPoints(rooms.points, block, where == "after the store")
    with pytest.raises(OSError, match="power cut"):
        load_file(cast(Rooms, cut_off), path, NOW, how=how)
    assert all(t.difference == 0 for t in rooms.journal.totals())
    loaded = load_file(rooms, path, tiny.at(99_999), how=how)
    report = loaded.report
    assert loaded.outcome == LOADED
    assert (report.rows_in, report.stored, report.rejected, report.duplicates) == (n + 1, n, 1, 0)
    assert rooms.points.count() == n
    assert _totals(rooms) == (n + 1, n, 1, 0, 0, 0)
    assert len(rooms.journal.dead_letters()) == 1
    assert len(rooms.journal.tallies()) == 1  # the hour of the first start counts
    assert load_file(rooms, path, NOW).outcome == KNOWN


def test_values_of_a_file_that_is_read_again_win_also_after_the_load_was_cut_off(rooms: Rooms, tmp_path: Path) -> None:
    n = 400
    file = _wide(tmp_path / "wide.csv", n)
    load_file(rooms, file, tiny.at(9000))
    (known,) = rooms.ledger.records.files()
    rooms.ledger.records.save_file(replace(known, config=f"other:{known.config.partition(':')[2]}"))
    held = rooms.points.read([f"{tiny.PUMP}/pressure"], 0, 2**62)
    rooms.points.overwrite("other", replace(held, value=held.value + 1000), set(held.received_at.tolist()))
    blocks: list[int] = []
    stopping = Loading(is_stopping=lambda: bool(blocks), stored=lambda p: blocks.append(len(p)), block_bytes=2000)
    with pytest.raises(StoppedError):
        load_file(rooms, file, tiny.at(9500), how=stopping)
    assert 0 < sum(blocks) < n
    gone_on = load_file(rooms, file, tiny.at(9600), how=Loading(block_bytes=2000))
    assert "win" in gone_on.note
    assert rooms.points.read([f"{tiny.PUMP}/pressure"], 0, 2**62).value.max() < 1000


def test_an_earlier_version_that_comes_back_wins_again(rooms: Rooms, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    notes = []
    for hour, value in enumerate((1.0, 2.0, 1.0, 1.0)):
        path.write_text(f"time,asset,pressure\n{tiny.at(2).isoformat()},{tiny.PUMP},{value}\n")
        loaded = load_file(rooms, path, NOW + timedelta(hours=hour))
        notes.append((loaded.outcome, "win" in loaded.note))
        assert rooms.points.read([f"{tiny.PUMP}/pressure"], 0, 2**62).value.tolist() == [value]
    assert notes == [(LOADED, False), (LOADED, True), (LOADED, True), (KNOWN, False)]


def test_a_load_that_goes_on_judges_the_future_by_its_start(rooms: Rooms, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        f"time,asset,pressure\n{tiny.at(1).isoformat()},{tiny.PUMP},1\n{tiny.at(9000).isoformat()},{tiny.PUMP},2\n"
    )
    cut_off = RoomsWith(rooms.settings, BreakingJournal(rooms.journal, 1), rooms.ledger, rooms.points)
    with pytest.raises(OSError, match="power cut"):
        load_file(cast(Rooms, cut_off), path, tiny.at(100))
    report = load_file(rooms, path, tiny.at(10_000)).report
    assert (report.rows_in, report.stored, report.rejected) == (2, 1, 1)
    assert [t.difference for t in rooms.journal.totals()] == [0]


def _values(rooms: Rooms) -> list[float]:
    found: list[float] = rooms.points.read([f"{tiny.PUMP}/pressure"], 0, 2**62).value.tolist()
    return found


def _text(*values: float) -> str:
    return "time,asset,pressure\n" + "".join(
        f"{tiny.at(i).isoformat()},{tiny.PUMP},{v}\n" for i, v in enumerate(values)
    )


def test_former_content_put_back_after_its_successor_was_cut_off_wins_again(rooms: Rooms, tmp_path: Path) -> None:
    path, blocks = _wide(tmp_path / "x.csv", 300), list[int]()
    load_file(rooms, path, NOW)
    first, kept = path.read_bytes(), _values(rooms)
    path.write_text(_text(*range(1000, 1300)))
    stopping = Loading(is_stopping=lambda: bool(blocks), stored=lambda p: blocks.append(len(p)), block_bytes=2000)
    with pytest.raises(StoppedError):
        load_file(rooms, path, NOW, how=stopping)
    assert _values(rooms) != kept
    path.write_bytes(first)
    assert load_file(rooms, path, NOW).outcome == LOADED
    assert _values(rooms) == kept


def test_new_version_wins_over_what_its_name_supplied_and_nothing_else(rooms: Rooms, tmp_path: Path) -> None:
    heard = tiny.point(tiny.PUMP, "pressure", 1, 5.0)  # as from MQTT, at the time of a row of the file
    rooms.points.apply("mqtt:1", Points.from_rows([heard]))
    path, other = tmp_path / "x.csv", tmp_path / "other.csv"
    path.write_text(_text(1))
    load_file(rooms, path, NOW)
    other.write_text("time,asset,pressure\n" + f"{tiny.at(2).isoformat()},{tiny.PUMP},7\n")
    load_file(rooms, other, NOW)  # at the same moment
    for first in (10, 20):
        path.write_text(_text(first, 11, 12, 13))
        report = load_file(rooms, path, NOW).report
        assert (_values(rooms), report.conflicts) == ([first, 5.0, 7.0, 13.0], 3)
    assert _totals(rooms)[-1] == 0


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_file_without_rows_is_taken_with_a_note(name: str, rooms: Rooms, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(_text())
    if name == "a.parquet":
        kinds = {"time": pa.timestamp("us", "UTC"), "asset": pa.string(), "pressure": pa.float64()}
        pq.write_table(pa.schema(list(kinds.items())).empty_table(), path)
        (form,) = (f for f in rooms.settings.root.formats if f.name == "wide")
        root = rooms.settings.root.model_copy(update={"formats": (form.model_copy(update={"match": "*"}),)})
        rooms.settings = replace(rooms.settings, root=root)
    loaded = load_file(rooms, path, NOW)
    assert (loaded.outcome, loaded.report.is_done, loaded.report.rows_in) == (LOADED, True, 0)
    assert "no rows" in loaded.note


def test_column_that_was_dropped_is_noted_once(rooms: Rooms, tmp_path: Path) -> None:
    notes = []
    for number, columns in enumerate(["pressure,flow", "flow,pressure", "flow", "flow"]):
        cells = ",".join("1" for _ in columns.split(","))
        (tmp_path / f"{number}.csv").write_text(
            f"time,asset,{columns}\n{tiny.at(number).isoformat()},{tiny.PUMP},{cells}\n"
        )
        notes.append(load_file(rooms, tmp_path / f"{number}.csv", NOW).note)
    assert [bool(note) for note in notes] == [False, False, True, False]
    assert notes[2].endswith("pressure")


def test_huge_file_that_is_plainly_wrong_is_refused_without_being_read_whole(rooms: Rooms, tmp_path: Path) -> None:
    heads = {
        "zip.csv": (b"PK\x03\x04", "magic"),
        "line.csv": (b"time,asset,pressure\n" + b"1" * (9 << 20), "limit"),
        "columns.csv": (b",".join(b"c%d" % i for i in range(10**6)) + b"\n", "limit"),
        "header.csv": (b"time,asset,what\n" + b"1,2,3\n" * (2 << 20), "header"),
    }
    for name, (head, reason) in heads.items():
        path = tmp_path / name
        path.write_bytes(head)
        os.truncate(path, 50 << 30)  # 50 GB, of which the disk holds the head
        began = time.process_time()
        with pytest.raises(BadFileError, match=reason):
            load_file(rooms, path, NOW)
        path.unlink()
        assert time.process_time() - began < 5


@pytest.mark.parametrize("step", ["hashed", "checked"])
def test_stop_ends_a_pass_over_a_file_and_progress_is_told(step: str, rooms: Rooms, tmp_path: Path) -> None:
    path, told = _wide(tmp_path / "a.csv", 300), list[str]()
    how = Loading(is_stopping=lambda: any(step in words for words in told), progress=told.append, block_bytes=2000)
    with pytest.raises(StoppedError, match="checked" if step == "hashed" else step):
        load_file(rooms, path, NOW, how=how)
    assert (rooms.points.count(), rooms.journal.totals()) == (0, [])
    told.clear()
    load_file(rooms, path, NOW, how=Loading(progress=told.append, block_bytes=2000))
    passes = [words.split()[-1] for words in told]
    assert passes == sorted(passes, key=["hashed", "checked", "items"].index)
    assert set(passes) == {"hashed", "checked", "items"}


def test_a_short_row_is_one_dead_letter_and_its_neighbours_are_kept(rooms: Rooms, tmp_path: Path) -> None:
    path = _wide(tmp_path / "a.csv", 3, f"2026-01-06T00:00:00+00:00,{tiny.PUMP}\n")
    path.write_text(path.read_text() + f"2026-01-06T00:01:00+00:00,{tiny.PUMP},6.5\n")
    report = load_file(rooms, path, NOW).report
    assert (report.rows_in, report.stored, report.rejected) == (5, 4, 1)
    (letter,) = rooms.journal.dead_letters()
    assert (letter.reason, letter.topic) == ("row_width", "a.csv:5")
    assert "2 fields where the header has 3" in letter.detail
    assert letter.payload.decode() == f"time,asset,pressure\n2026-01-06T00:00:00+00:00,{tiny.PUMP}\n"


def test_rows_of_an_unknown_asset_or_without_zone_are_dead_letters(rooms: Rooms, tmp_path: Path) -> None:
    path = _wide(tmp_path / "a.csv", 1, f"{tiny.at(1).isoformat()},plant/ghost,1\n2026-01-06T00:00:00,{tiny.PUMP},2\n")
    load_file(rooms, path, NOW)
    assert rooms.journal.dead_letters_by_reason() == {"time_naive": 1, "unknown_asset": 1}
    assert _totals(rooms) == (3, 1, 2, 0, 0, 0)


def test_events_are_loaded_and_a_row_equal_to_a_known_one_is_a_duplicate(rooms: Rooms, tmp_path: Path) -> None:
    head = "asset,kind,code,start,end,known_at\n"
    first = f"{tiny.PUMP},failure,bearing,{tiny.at(0).isoformat()},,{tiny.at(0).isoformat()}\n"
    second = f"{tiny.PUMP},failure,bearing,{tiny.at(0).isoformat()},{tiny.at(9).isoformat()},{tiny.at(9).isoformat()}\n"
    (tmp_path / "events-1.csv").write_text(head + first)
    (tmp_path / "events-2.csv").write_text(head + first + second)
    reports = load_folder(rooms, [tmp_path / "events-1.csv", tmp_path / "events-2.csv"], NOW)
    assert [(r.rows_in, r.stored, r.duplicates) for r in reports] == [(1, 1, 0), (2, 1, 1)]
    assert [e.end for e in rooms.ledger.records.events(tiny.at(5))] == [None]
    assert [e.end for e in rooms.ledger.records.events(NOW)] == [tiny.at(9)]


def test_a_file_that_fits_no_format_or_is_not_there_is_refused(rooms: Rooms, tmp_path: Path) -> None:
    (tmp_path / "x.xlsx").write_text("x")
    with pytest.raises(BadFileError, match="format"):
        load_file(rooms, tmp_path / "x.xlsx", NOW)
    with pytest.raises(FileNotFoundError):
        load_file(rooms, tmp_path / "nowhere.csv", NOW)
    assert rooms.journal.totals() == []
