"""What is beyond its bound goes, is said to have gone, and the sum stays."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from app.filing import Filing, clear_filed
from app.keeping import RoomBounds, bounds, keep
from app.keeping_settings import KeepingSettings
from app.loading import blocks_of
from app.rooms import Rooms
from collectors.tables import BadFileError
from domain.alerting import Alert, AlertKey, AlertState, AlertUpdate, Message, Priority
from domain.errors import ConfigError, JournalFullError, NewerDataError, StoreAwayError
from domain.instants import to_ns
from domain.records import Conflict, Decoded, Outcome, Reason, Rejected
from domain.scores import Scale, Score, Verdict
from store.records import FileReport
from tests.app import tiny_plant as tiny

DAY = timedelta(days=1)
NOW = tiny.T0 + 1000 * DAY


def settings(**changed: int) -> KeepingSettings:
    return KeepingSettings(**changed)


@dataclass
class Points:
    """A point store that rolls up; it may be away."""

    calls: list[Any] = field(default_factory=list)
    is_away: bool = False

    def roll_up(self) -> int:
        if self.is_away:
            raise StoreAwayError("InfluxDB is away")
        self.calls.append("rolled up")
        return 1

    def oldest_that_fits(self, max_bytes: int) -> int | None:
        return to_ns(NOW - 10 * DAY) if max_bytes < 5_000_000 else None

    def delete_before(self, until: int) -> None:
        self.calls.append(until)

    def count(self) -> int:
        return 100 - 30 * (len(self.calls) > 1)


@dataclass
class RoomsWith:
    """Rooms with other settings and points."""

    inner: Rooms
    keeping: KeepingSettings
    points: Any = field(default_factory=Points)

    @property
    def settings(self) -> Any:
        @dataclass
        class Root:
            keeping: KeepingSettings

        @dataclass
        class Settings:
            root: Root

        return Settings(Root(self.keeping))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def kept(rooms: Rooms, points: Points | None = None, inbox: Path | None = None, **changed: int) -> dict[str, int]:
    given = cast(Rooms, RoomsWith(rooms, settings(**changed), points or Points()))
    return {what: n for what, n in keep(given, NOW, inbox).items() if n}


def letters(rooms: Rooms, at: datetime, n: int, payload: bytes = b"x") -> None:
    items = tuple(Rejected("mqtt", f"t/{i}", Reason.JSON, "said so", payload) for i in range(n))
    rooms.journal.settle_block(f"{at}:{n}", "mqtt", at, Decoded(tiny.decoded().points, rejected=items), Outcome())


def test_nothing_has_a_bound_that_was_not_set() -> None:
    none = {name: 0 for name in KeepingSettings.model_fields if name != "journal_max_mb"}
    found = bounds(settings(**none), NOW)
    assert {
        getattr(found, name) for name in ("raw", "scores", "messages", "letters", "letters_bytes", "conflicts")
    } == {None}
    assert bounds(KeepingSettings(), NOW).raw is None
    assert bounds(settings(raw_days=3), NOW).raw == NOW - 3 * DAY


def test_values_are_rolled_up_before_they_are_deleted(rooms: Rooms) -> None:
    points = Points()
    assert kept(rooms, points) == {}
    assert points.calls == ["rolled up"]
    points.calls.clear()
    assert kept(rooms, points, raw_days=30) == {"points": 30}
    assert points.calls == ["rolled up", to_ns(NOW - 30 * DAY)]


def test_values_beyond_a_size_go_by_the_oldest_days(rooms: Rooms) -> None:
    points = Points()
    assert kept(rooms, points, raw_max_mb=5) == {}
    points.calls.clear()
    assert kept(rooms, points, raw_max_mb=4) == {"points": 30}
    assert points.calls == ["rolled up", to_ns(NOW - 10 * DAY)]
    points.calls.clear()
    kept(rooms, points, raw_max_mb=4, raw_days=3)
    assert points.calls == ["rolled up", to_ns(NOW - 3 * DAY)]  # whichever bound is the narrower


def test_a_size_of_values_on_a_server_is_a_fault_of_the_config(tmp_path: Path) -> None:
    toml = tiny.FOREWARN.replace(
        'folder = "DATA"', 'folder = "DATA"\ntelemetry = "influxdb"\n[keeping]\nraw_max_mb = 9'
    )
    with pytest.raises(ConfigError, match=r"keeping\.raw_max_mb = 9: influxdb keeps .* retention there"):
        tiny.settings_in(tmp_path, forewarn_toml=toml)


def test_dead_letters_go_by_age_and_the_sum_still_counts_them(rooms: Rooms) -> None:
    letters(rooms, NOW - 31 * DAY, 4)
    letters(rooms, NOW - 29 * DAY, 3)
    before = rooms.journal.totals()
    assert kept(rooms, dead_letter_days=30) == {"dead letters": 4}
    assert len(rooms.journal.dead_letters()) == 3
    assert rooms.journal.totals() == before
    assert before[0].dead_lettered == 7


def test_the_oldest_dead_letters_go_beyond_a_size(rooms: Rooms) -> None:
    for day in range(6):
        letters(rooms, NOW - (10 - day) * DAY, 1, bytes([day]) * 300_000)
    assert kept(rooms, dead_letter_max_mb=1) == {"dead letters": 3}
    assert [x.payload[0] for x in rooms.journal.dead_letters()] == [5, 4, 3]
    assert kept(rooms, dead_letter_max_mb=1) == {}


def test_a_flood_of_dead_letters_is_held_to_its_bound_between_the_daily_looks(rooms: Rooms) -> None:
    given = cast(Rooms, RoomsWith(rooms, settings(dead_letter_max_mb=1, conflicts_max=0)))
    held_to = RoomBounds(given)
    for i in range(30):
        letters(rooms, NOW + i * DAY, 1, bytes([i]) * 300_000)
        held_to.look(NOW + i * DAY)
        size = sum(len(x.payload) for x in rooms.journal.dead_letters())
        assert size <= 1_000_000
    assert [x.payload[0] for x in rooms.journal.dead_letters()][:2] == [29, 28]
    assert sum(c.n for c in rooms.ledger.upkeep.cleared()) == 30 - len(rooms.journal.dead_letters())
    kept(rooms, dead_letter_days=1)  # what was deleted elsewhere is found out
    letters(rooms, NOW + 31 * DAY, 1, b"x" * 500_000)
    held_to.look(NOW + 31 * DAY)
    assert rooms.journal.dead_letters()[0].payload == b"x" * 500_000
    (total,) = rooms.journal.totals()
    assert (total.dead_lettered, total.difference) == (31, 0)


def test_a_flood_of_conflicts_is_held_to_its_bound_with_some_slack(rooms: Rooms) -> None:
    held_to = RoomBounds(cast(Rooms, RoomsWith(rooms, settings(conflicts_max=20))))
    deleted = []
    for i in range(25):
        conflict = Conflict("a/x", tiny.at(i), "1", str(i))
        rooms.journal.settle_block(f"b{i}", "mqtt", NOW, tiny.decoded(), Outcome(conflicts=(conflict,)))
        deleted.append(held_to.look(NOW)["conflicts"])
    assert [n for n in deleted if n] == [3]


def test_many_dead_letters_go_some_at_a_time(rooms: Rooms) -> None:
    letters(rooms, NOW - 31 * DAY, 12_001)
    letters(rooms, NOW, 2)
    assert kept(rooms, dead_letter_days=30) == {"dead letters": 12_001}
    assert len(rooms.journal.dead_letters()) == 2


def test_the_oldest_conflicts_go_beyond_a_number(rooms: Rooms) -> None:
    for day in range(5):
        conflict = Conflict("a/x", tiny.at(day), "1", str(day))
        rooms.journal.settle_block(f"b{day}", "mqtt", NOW, tiny.decoded(), Outcome(conflicts=(conflict,)))
    assert kept(rooms, conflicts_max=2) == {"conflicts": 3}
    assert kept(rooms, conflicts_max=2) == {}
    assert rooms.journal.totals()[0].conflicts == 5


def test_scores_and_messages_go_by_age_and_alerts_stay(rooms: Rooms) -> None:
    for days in (40, 20):
        at = NOW - days * DAY
        score = Score("d", "a", "", at, 0.5, None, None, Scale.PROBABILITY, "m", Verdict.OK, "", ())
        rooms.ledger.scoring.save([score], {})
        key = AlertKey("hot", f"a{days}", "T")
        alert = Alert(f"id{days}", key, AlertState.CLOSED, at, None, at, at, 1.0, 1.0, Priority.HIGH)
        message = Message(f"m{days}", "log", alert.id, "{}")
        rooms.ledger.alerting.save([AlertUpdate(alert)], {}, at)
        rooms.ledger.outbox.save_plan([message], (), (), at)
        rooms.ledger.outbox.close_message(message.key, at)
    rooms.ledger.outbox.save_plan([Message("open", "log", alert.id, "{}")], (), (), NOW - 90 * DAY)
    assert kept(rooms, score_days=30, message_days=30) == {"scores": 1, "messages": 1}
    assert [s.at for s in rooms.ledger.scoring.scores("d")] == [NOW - 20 * DAY]
    counts = rooms.ledger.outbox.counts()
    assert (counts.sent, counts.waiting) == (1, 1)
    assert len(rooms.ledger.alerting.alerts()) == 2


def filed(folder: Path, name: str, at: datetime) -> Path:
    """File a file away that was last changed long before."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    os.utime(path, (1, 1))
    filing = Filing(folder)
    filing.check_writable()
    return filing.rejected(path, BadFileError(Reason.HEADER, "no header"), at)


def test_files_go_by_when_they_were_filed_each_with_its_report(rooms: Rooms, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine")
    filed(tmp_path, "old.csv", NOW - 31 * DAY)
    new = filed(tmp_path, "new.csv", NOW - 29 * DAY)
    (tmp_path / "rejected" / "link").symlink_to(outside)
    (tmp_path / "rejected" / "by-hand.csv").write_text("x")
    (tmp_path / "rejected" / "note.report.json").write_text("[]")
    assert kept(rooms, inbox=tmp_path, done_days=30) == {}
    assert kept(rooms, inbox=tmp_path, rejected_days=30) == {"rejected files": 1}
    assert {p.name for p in (tmp_path / "rejected").iterdir()} == {
        "new.csv", "new.csv.report.json", "link", "by-hand.csv", "note.report.json"
    }  # fmt: skip
    (tmp_path / "rejected").rename(tmp_path / "done")
    assert kept(rooms, inbox=tmp_path, done_days=28) == {"files": 1}
    assert not (tmp_path / "done" / new.name).exists()
    assert clear_filed(tmp_path / "nowhere", NOW) == 0
    assert outside.read_text() == "mine"


def test_answered_requests_go_by_age_and_open_ones_stay(rooms: Rooms) -> None:
    asked = rooms.ledger.requests
    old, new, still_open = (asked.ask("load", {}, NOW - 90 * DAY) for _ in range(3))
    asked.answer(old, {}, NOW - 31 * DAY)
    asked.answer(new, {}, NOW - 29 * DAY)
    assert kept(rooms, request_days=30) == {"requests": 1}
    assert [asked.get(n) is not None for n in (old, new, still_open)] == [False, True, True]


def test_blocks_are_forgotten_once_their_file_is_whole(rooms: Rooms) -> None:
    whole = FileReport("a" * 64, "whole.csv", NOW, is_done=True)
    cut_off = FileReport("b" * 64, "cut-off.csv", NOW, is_done=False)
    for report in (whole, cut_off):
        rooms.ledger.records.save_file(report)
        for n in range(2):
            rooms.journal.settle_block(f"{blocks_of(report)}{n}", "dump:x", NOW, tiny.decoded(), Outcome())
    rooms.journal.settle_block("damage:0-3", "mqtt", NOW, tiny.decoded(), Outcome())
    assert kept(rooms) == {"blocks": 2}
    assert len(rooms.journal.books.blocks(blocks_of(cut_off))) == 2
    assert rooms.journal.books.blocks("damage:") == ["0-3"]


def test_what_was_deleted_is_told_in_the_ledger(rooms: Rooms) -> None:
    letters(rooms, NOW - 31 * DAY, 4)
    kept(rooms, dead_letter_days=30)
    assert [(c.at, c.what, c.n) for c in rooms.ledger.upkeep.cleared()] == [(NOW, "dead letters", 4)]


def test_a_store_that_is_away_does_not_keep_the_others_from_being_cleared(rooms: Rooms) -> None:
    letters(rooms, NOW - 31 * DAY, 4)
    with pytest.raises(StoreAwayError):
        kept(rooms, Points(is_away=True), raw_days=1, dead_letter_days=30)
    assert rooms.journal.dead_letters() == []
    assert [c.what for c in rooms.ledger.upkeep.cleared()] == ["dead letters"]


def test_a_journal_at_its_bound_refuses_and_takes_again_once_it_is_drained(tmp_path: Path) -> None:
    toml = tiny.FOREWARN.replace("[mqtt]", "[keeping]\njournal_max_mb = 1\n\n[mqtt]")
    message = tiny.decoded([tiny.point(tiny.PUMP, "pressure", i, 1.0) for i in range(2000)])
    with tiny.rooms_of(tiny.settings_in(tmp_path, forewarn_toml=toml)) as rooms:
        with pytest.raises(JournalFullError, match="bound"):
            _accept_often(rooms, message)
        assert 0.8 < rooms.journal.fill() <= 1
        held = rooms.journal.n_waiting()
        while (claimed := rooms.journal.claim(2000)) is not None:
            rooms.journal.finish(claimed, Outcome(stored=sum(d.n_good for d in claimed.decoded)))
        tiny.accept(rooms, NOW, message)
        (total,) = rooms.journal.totals()
        assert (total.stored, total.in_journal, total.difference) == (held, 2000, 0)


@pytest.mark.parametrize("newer", ["ledger.db", "journal.db"])
def test_of_a_newer_data_folder_nothing_is_opened_for_writing(newer: str, tmp_path: Path) -> None:
    settings = tiny.settings_in(tmp_path)
    with tiny.rooms_of(settings):
        pass
    with closing(sqlite3.connect(settings.data_folder / newer)) as connection:
        connection.execute("update alembic_version set version_num = '0999'")
        connection.commit()
    (settings.data_folder / "telemetry.duckdb").unlink()
    before = {path.name: path.read_bytes() for path in settings.data_folder.iterdir() if path.is_file()}
    with pytest.raises(NewerDataError), tiny.rooms_of(settings):
        pass
    after = {path.name: path.read_bytes() for path in settings.data_folder.iterdir() if path.is_file()}
    assert after == before  # nor was the telemetry made anew


def _accept_often(rooms: Rooms, message: Decoded) -> None:
    for _ in range(100):
        tiny.accept(rooms, NOW, message)
