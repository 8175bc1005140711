"""The watched folder: each file ends in exactly one place, with a report, and each value is stored once."""

from __future__ import annotations

import errno
import json
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.health import files_reading
from app.inbox import Inbox, InboxError, faults
from app.inbox_settings import InboxSettings
from app.loading import Loading
from app.rooms import Rooms
from app.status import status
from tests.app import tiny_plant as tiny


@dataclass
class HandClock:
    """A clock that the test moves."""

    seconds: float = 0.0

    def now(self) -> datetime:
        return tiny.at(10_000) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


@dataclass
class Watched:
    """A watched folder, its clock, and what was told to stop."""

    rooms: Rooms
    folder: Path
    clock: HandClock
    inbox: Inbox
    is_stopping: bool = False

    def pass_by(self, seconds: float) -> int:
        """Look, let the seconds pass, and look again; returns the number of files taken."""
        n = self.inbox.look()
        self.clock.seconds += seconds
        return n + self.inbox.look()

    def report(self, name: str, place: str = "done") -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / place / f"{name}.report.json").read_text())
        return found

    def places(self, name: str) -> list[str]:
        return [p for p in ("", ".taking", "done", "rejected") if os.path.lexists(self.folder / p / name)]


Open = Callable[..., Watched]


@pytest.fixture
def watch(rooms: Rooms, tmp_path: Path) -> Open:
    def begin(**settings: Any) -> Watched:
        folder = tmp_path / "inbox"
        clock = HandClock()
        watched: Watched
        how = Loading(is_stopping=lambda: watched.is_stopping, block_bytes=1_000)
        chosen = InboxSettings(**{"folder": str(folder), "settle_s": 10, "timeout_s": 100} | settings)
        watched = Watched(rooms, folder, clock, Inbox(rooms, chosen, clock, how))
        watched.inbox.look()
        return watched

    return begin


def text(n: int = 3, first: int = 0, value: float = 1.5) -> str:
    rows = [f"{tiny.at(first + i).isoformat()},{tiny.PUMP},{value + i}" for i in range(n)]
    return "time,asset,pressure\n" + "\n".join(rows) + "\n"


def test_file_is_taken_once_it_has_settled(watch: Open) -> None:
    w = watch()
    (w.folder / "a.csv").write_text(text())
    assert w.pass_by(9) == 0
    assert w.places("a.csv") == [""]
    assert w.pass_by(2) == 1
    assert w.places("a.csv") == ["done"]
    report = w.report("a.csv")
    assert (report["outcome"], report["rows_in"], report["stored"]) == ("loaded", 3, 3)
    assert w.rooms.points.count() == 3


def test_growing_file_waits_and_half_a_line_is_rejected_in_the_end(watch: Open) -> None:
    w = watch()
    path = w.folder / "a.csv"
    path.write_text(text()[:-3])
    for i in range(5):
        assert w.pass_by(8) == 0
        path.write_text(text(3 + i)[:-3])
    assert w.pass_by(50) == 0  # it stands still, but its last line does not end
    assert w.pass_by(60) == 1
    assert w.places("a.csv") == ["rejected"]
    assert w.report("a.csv", "rejected")["reason"] == "partial"
    assert w.rooms.points.count() == 0


def test_marker_takes_a_file_at_once(watch: Open) -> None:
    w = watch(marker=".done")
    (w.folder / "a.csv").write_text(text())
    assert w.pass_by(50) == 0
    (w.folder / "a.csv.done").touch()
    assert w.inbox.look() == 1
    assert w.places("a.csv") == ["done"]
    assert w.places("a.csv.done") == []


def test_file_without_its_marker_is_rejected_in_the_end(watch: Open) -> None:
    w = watch(marker=".done")
    (w.folder / "a.csv").write_text(text())
    assert w.pass_by(101) == 1
    assert ".done" in w.report("a.csv", "rejected")["detail"]


def test_same_content_again_is_filed_and_not_read_again(watch: Open) -> None:
    w = watch()
    for name in ("a.csv", "b.csv"):
        (w.folder / name).write_text(text())
        assert w.pass_by(11) == 1
    assert w.report("b.csv")["outcome"] == "known"
    (w.folder / "a.csv").write_text(text())
    assert w.pass_by(11) == 1
    assert len(list((w.folder / "done").glob("a*.csv"))) == 2  # nothing in done/ is written over
    (total,) = w.rooms.journal.totals()
    assert (total.received, total.stored, total.difference) == (3, 3, 0)


def test_same_name_with_other_content_is_a_new_version(watch: Open) -> None:
    w = watch()
    (w.folder / "a.csv").write_text(text())
    w.pass_by(11)
    (w.folder / "a.csv").write_text(text(4, value=7.0))
    w.pass_by(11)
    (new,) = (w.folder / "done").glob("a.*.csv.report.json")
    report = json.loads(new.read_text())
    assert "new version" in report["note"]
    assert report["rows_in"] == 4 == sum(report[k] for k in ("stored", "rejected", "duplicates", "conflicts"))
    (total,) = w.rooms.journal.totals()
    assert total.difference == 0
    assert w.rooms.points.count() == 4


def test_report_names_reasons_and_lines(watch: Open) -> None:
    w = watch()
    (w.folder / "a.csv").write_text(text() + f"x,{tiny.PUMP},1\n{tiny.at(9).isoformat()},{tiny.PUMP},1_0\n1,2\n")
    w.pass_by(11)
    report = w.report("a.csv")
    assert report["reasons"] == {"time_format": 1, "number_format": 1, "row_width": 1}
    assert sorted(e["at"] for e in report["examples"]) == ["a.csv:5", "a.csv:6", "a.csv:7"]
    assert report["rows_in"] == report["stored"] + report["rejected"] == 6


def test_faulty_files_do_not_keep_others_waiting(watch: Open) -> None:
    w = watch()
    faults = {
        "head.csv": (b"a;b\n1;2\n", "dialect"),
        "unknown.csv": (b"time,asset,what\n1,2,3\n", "header"),
        "sheet.csv": (b"PK\x03\x04\n", "magic"),
        "packed.csv.gz": (b"\x1f\x8b\n", "archive"),
        "nul.csv": (b"time,asset,pressure\n\0\n", "encoding"),
        "none.txt": (b"x\n", "format"),
        "broken.parquet": (b"PAR1xxxxPAR1", "format"),
    }
    for name, (data, _) in faults.items():
        (w.folder / name).write_bytes(data)
    (w.folder / "z.csv").write_text(text())
    assert w.pass_by(11) == len(faults) + 1
    assert w.places("z.csv") == ["done"]
    for name, (_, reason) in faults.items():
        if name not in ("packed.csv.gz", "broken.parquet"):
            assert w.report(name, "rejected")["reason"] == reason
        assert w.places(name) == ["rejected"]


def test_what_is_no_plain_file_is_rejected_unopened(watch: Open, tmp_path: Path) -> None:
    w = watch()
    secret = tmp_path / "secret.csv"
    secret.write_text(text())
    os.symlink(secret, w.folder / "link.csv")
    os.link(secret, w.folder / "hard.csv")
    os.mkfifo(w.folder / "pipe.csv")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(w.folder / "s.csv"))
    (w.folder / "up..csv").write_text(text())
    (w.folder / "two\nlines.csv").write_text(text())
    os.close(os.open(os.fsencode(w.folder) + b"/\xff.csv", os.O_CREAT | os.O_WRONLY))
    w.pass_by(11)
    server.close()
    found = sorted(p.name for p in (w.folder / "rejected").iterdir() if not p.name.endswith(".json"))
    assert found == ["_.csv", "hard.csv", "link.csv", "pipe.csv", "s.csv", "two_lines.csv", "up..csv"]
    assert {w.report(name, "rejected")["reason"] for name in found} == {"path"}
    assert secret.read_text() == text()
    assert w.rooms.points.count() == 0


def test_nothing_is_taken_while_done_cannot_be_written(watch: Open) -> None:
    w = watch()
    done = w.folder / "done"
    done.rmdir()
    done.write_text("in the way")
    (w.folder / "a.csv").write_text(text())
    for _ in range(3):
        with pytest.raises(InboxError, match="done"):
            w.inbox.look()
        w.clock.seconds += 20
    assert w.rooms.points.count() == 0
    assert list(faults(w.rooms)) == ["done, rejected"]
    done.unlink()
    assert w.pass_by(11) == 1
    assert faults(w.rooms) == {}
    assert w.rooms.points.count() == 3


class Unreadable(type(Path())):  # type: ignore[misc]
    """A path that opens for nobody, not even for root."""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))


def test_file_that_may_not_be_read_is_tried_again_and_told_of(watch: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    w = watch()
    (w.folder / "a.csv").write_text(text())
    (w.folder / "b.csv").write_text(text(9))
    w.inbox.look()
    w.clock.seconds += 11
    readable = w.inbox._is_whole
    monkeypatch.setattr(w.inbox, "_is_whole", lambda p, s: readable(Unreadable(p) if p.name == "a.csv" else p, s))
    with pytest.raises(InboxError, match=r"a\.csv"):
        w.inbox.look()
    assert w.places("b.csv") == ["done"]
    assert faults(w.rooms) == {"a.csv": "Permission denied"}
    monkeypatch.undo()
    assert w.pass_by(11) == 1
    assert faults(w.rooms) == {}


def test_an_empty_file_waits_for_what_is_to_come_and_is_rejected_in_the_end(watch: Open) -> None:
    w = watch()
    (w.folder / "a.csv").touch()
    (w.folder / "b.csv").touch()
    assert w.pass_by(30) == 0
    (w.folder / "a.csv").write_text(text())
    w.inbox.look()
    assert w.pass_by(11) == 1
    assert w.places("a.csv") == ["done"]
    assert w.pass_by(101) == 1
    assert w.report("b.csv", "rejected")["reason"] == "empty"


@pytest.mark.parametrize(
    ("name", "content", "is_whole"),
    [
        ("a.parquet", b"PAR1", False),
        ("a.parquet", b"PA", False),
        ("a.parquet", b"PAR1 and a half", False),
        ("a.parquet", b"no such file", True),
        ("a.csv", "x,5\n1,2\n".encode("utf-16-le")[:-1], False),
        ("a.csv", "x,5\n1,2\n".encode("utf-16")[:-1], False),
        ("a.csv", "x,5\n1,2\n".encode("utf-16"), True),
        ("a.csv", "x,5\n1,2\n".encode("utf-16-be")[:-1], False),
        ("a.parquet", b"PAR1 and all PAR1", True),
        ("a.csv", "x,5\n1,2".encode("utf-16-le"), False),
        ("a.csv", "x,5\n1,2\n".encode("utf-16-le"), True),
        ("a.csv", "x,5\n1,2\n".encode("utf-16-be"), True),
    ],
)
def test_a_half_written_file_waits(watch: Open, name: str, content: bytes, is_whole: bool) -> None:
    w = watch()
    (w.folder / name).write_bytes(content)
    w.inbox.look()
    assert (w.pass_by(11) == 1) is is_whole


def test_the_marker_of_the_next_file_of_a_name_is_left_alone(watch: Open) -> None:
    w = watch(marker=".done")
    path, marker = w.folder / "a.csv", w.folder / "a.csv.done"
    path.write_text(text())
    marker.touch()
    loading = w.inbox._load

    def meanwhile(taken: Path) -> bool:
        path.write_text(text(9))
        marker.touch()
        return loading(taken)

    w.inbox._load = meanwhile  # type: ignore[method-assign]
    assert w.inbox.look() == 1
    w.inbox._load = loading  # type: ignore[method-assign]
    assert marker.exists()
    assert w.inbox.look() == 1
    assert not marker.exists()


def test_a_file_that_comes_again_with_other_content_is_told_of_for_an_hour(watch: Open) -> None:
    w = watch()
    for n in (3, 4):
        (w.folder / "a.csv").write_text(text(n))
        w.inbox.look()
        assert w.pass_by(11) == 1
    assert list(faults(w.rooms)) == ["a.csv"]
    w.pass_by(3601)
    assert faults(w.rooms) == {}


def test_a_file_that_was_rejected_is_told_of_for_an_hour(watch: Open) -> None:
    w = watch()
    (w.folder / "a.csv").write_bytes(b"PK\x03\x04\n")
    assert w.pass_by(11) == 1
    assert "magic" in faults(w.rooms)["a.csv"]
    assert files_reading(w.rooms).value == 1
    w.pass_by(3601)
    assert (faults(w.rooms), files_reading(w.rooms).value) == ({}, 0)


def test_a_file_that_vanishes_is_nobodys_fault(watch: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    w = watch()
    whole, loading = w.inbox._is_whole, w.inbox._load

    def looking(path: Path, waited: float) -> bool:
        path.unlink()
        return whole(path, waited)

    def taking(path: Path) -> bool:
        path.unlink()
        return loading(path)

    for step, vanishing in (("_is_whole", looking), ("_load", taking)):
        monkeypatch.setattr(w.inbox, step, vanishing)
        (w.folder / "a.csv").write_text(text())
        assert w.pass_by(11) == 0
        assert (w.places("a.csv"), faults(w.rooms)) == ([], {})
        monkeypatch.undo()
    assert w.rooms.points.count() == 0


def test_a_name_with_an_ideographic_space_is_a_name(watch: Open) -> None:
    w = watch()
    (w.folder / "1\u3000월.csv").write_text(text())
    w.inbox.look()
    assert w.pass_by(11) == 1
    assert w.places("1\u3000월.csv") == ["done"]


def test_stop_between_blocks_goes_on_without_a_repeat(watch: Open) -> None:
    w = watch()
    (w.folder / "a.csv").write_text(text(100))
    w.inbox.look()
    w.clock.seconds += 11
    done: list[int] = []

    def stop_after_two(points: Any) -> None:
        done.append(len(points))
        w.is_stopping = len(done) >= 2

    stopped = Loading(is_stopping=lambda: w.is_stopping, stored=stop_after_two, block_bytes=1_000)
    first = Inbox(w.rooms, InboxSettings(folder=str(w.folder), settle_s=0), w.clock, stopped)
    assert first.look() == 0
    assert w.places("a.csv") == [".taking"]
    assert 0 < w.rooms.points.count() < 100
    w.is_stopping = False
    assert w.inbox.look() == 1
    (total,) = w.rooms.journal.totals()
    assert (total.received, total.stored, total.duplicates, total.difference) == (100, 100, 0, 0)
    assert w.report("a.csv")["stored"] == 100


def test_crash_between_report_and_move_leaves_one_file(watch: Open) -> None:
    w = watch()
    (w.folder / "a.csv").write_text(text())
    w.pass_by(11)
    (w.folder / "done" / "a.csv").rename(w.folder / ".taking" / "a.csv")
    assert w.inbox.look() == 1
    assert w.places("a.csv") == ["done"]
    assert w.rooms.journal.totals()[0].received == 3


def test_unfinished_names_and_folders_are_left_alone(watch: Open) -> None:
    w = watch()
    (w.folder / "sub").mkdir()
    names = ["a.csv.part", ".hidden.csv", "~$a.csv", "a.tmp"]
    for name in names:
        (w.folder / name).write_text(text())
    assert w.pass_by(1_000) == 0
    (w.folder / "a.csv.part").rename(w.folder / "a.csv")
    assert w.pass_by(11) == 1


def test_long_name_is_filed(watch: Open) -> None:
    w = watch()
    (w.folder / ("x" * 251 + ".csv")).write_text(text())
    assert w.pass_by(11) == 1
    assert len(list((w.folder / "done").glob("x*.csv"))) == 1


def test_file_that_fails_for_no_reason_of_its_own_is_rejected_after_three_tries(watch: Open) -> None:
    watched = watch(settle_s=1)

    def fail(_points: Any) -> None:
        raise ValueError("a defect")

    watched.inbox._how = Loading(stored=fail)
    (watched.folder / "press.csv").write_text(text())
    for _ in range(3):
        watched.pass_by(2)
    assert watched.places("press.csv") == ["rejected"]
    assert "a defect" in watched.report("press.csv", "rejected")["detail"]


def test_the_status_names_each_file_that_waits_and_why(watch: Open) -> None:
    watched = watch()
    (watched.folder / "cut.csv").write_text(text()[:-3])
    watched.pass_by(20)
    (watched.folder / "new.csv").write_text(text())
    watched.inbox.look()
    said = status(watched.rooms, watched.clock.now())["waiting_files"]
    assert said == {"cut.csv": "does not end with a line end", "new.csv": "changed within the last 10 s"}
    watched.pass_by(100)
    assert status(watched.rooms, watched.clock.now())["waiting_files"] == {}
