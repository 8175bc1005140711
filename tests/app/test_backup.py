"""Backups made while the plant runs, and restored: nothing acknowledged is lost and the sum adds up."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from app import archive
from app.archive import BadArchiveError
from app.backup import backup, restore
from app.cli import main
from app.clock import SystemClock
from app.drain import drain
from app.rooms import Rooms
from app.service import Service
from app.settings import Settings, load
from domain.errors import ConfigError, NewerDataError, NotKeptHereError, StoreBusyError
from domain.records import Event, EventKind
from store import migrations
from store.batch_log import BatchLog
from tests.app import tiny_plant as tiny

NOW = tiny.at(100_000)
LATER = NOW + timedelta(hours=1)


@dataclass
class RoomsWith:
    """Rooms of which one was replaced."""

    inner: Rooms

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@dataclass
class Receiving:
    """A collector that receives one message after the other, and notes what it acknowledged."""

    rooms: Rooms
    acknowledged: list[int] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        number = 0
        while not self.stopping.is_set():
            event = Event(tiny.PUMP, EventKind.ALARM, f"A{number}", tiny.at(number), None, tiny.at(number))
            message = tiny.decoded([tiny.point(tiny.PUMP, "pressure", number, float(number))], events=[event])
            self.rooms.journal.accept([(tiny.SOURCE, NOW, message)])
            self.acknowledged.append(number)
            number += 1
            self.stopping.wait(0.02 if number % 20 else 0.3)  # so that a drain comes to an end


@dataclass
class Draining:
    """A pipeline that empties the journal again and again, in turns with whoever holds the lock."""

    rooms: Rooms
    turns: Any
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self.stopping.is_set():
            with self.turns:
                drain(self.rooms, 1000)
            self.stopping.wait(0.02)


class NoTurns:
    """A lock that nobody waits for, as where another process drains."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("is_held", [True, False], ids=["pipeline held", "pipeline in another process"])
def test_what_was_acknowledged_before_a_backup_is_there_after_the_restore(
    is_held: bool, rooms: Rooms, tmp_path: Path
) -> None:
    turns: Any = threading.Lock() if is_held else NoTurns()
    receiving, draining = Receiving(rooms), Draining(rooms, turns)
    threads = [threading.Thread(target=receiving.run), threading.Thread(target=draining.run)]
    for thread in threads:
        thread.start()
    made = []
    try:
        for i in range(3):
            threading.Event().wait(0.3)
            n_before = len(receiving.acknowledged)
            with turns:
                backup(rooms, tmp_path / f"{i}.tar.gz", NOW)
            made.append((n_before, len(receiving.acknowledged)))
    finally:
        receiving.stopping.set()
        draining.stopping.set()
        for thread in threads:
            thread.join()
    assert any(after > before for before, after in made), "nothing was received during the backups"
    for i, (n_before, _) in enumerate(made):
        config = tiny.write(tmp_path / f"restored{i}")
        restore(tmp_path / f"{i}.tar.gz", config, LATER)
        with tiny.rooms_of(load(config)) as back:
            assert all(t.difference == 0 for t in back.journal.totals())
            drain(back, 1000)
            (total,) = back.journal.totals()
            assert (total.difference, total.in_journal, total.dead_lettered, total.conflicts) == (0, 0, 0, 0)
            held = set(back.points.read([f"{tiny.PUMP}/pressure"], 0, 2**62).value.tolist())
            assert held >= {float(n) for n in range(n_before)}
            codes = {e.code for e in back.ledger.records.events(LATER)}
            assert codes >= {f"A{n}" for n in range(n_before)}
            if is_held:
                assert (total.stored, total.duplicates) == (2 * len(held), 0)
            else:
                assert total.stored + total.duplicates == total.received
            new = [tiny.point(tiny.PUMP, "pressure", 500_000 + n, -1.0) for n in range(50)]
            for point in new:  # numbers of batches that the copied stores may know from after the backup
                back.journal.accept([(tiny.SOURCE, LATER, tiny.decoded([point]))])
                drain(back, 1)
            assert back.points.count() == len(held) + 50
            assert all(t.difference == 0 for t in back.journal.totals())


def test_a_restored_folder_is_equal(trained_rooms: Rooms, trained_plant: Settings, tmp_path: Path) -> None:
    made = backup(trained_rooms, tmp_path / "a.tar.gz", NOW)
    assert made.notes == ()
    config = tmp_path / "elsewhere" / "config"
    tiny.write(tmp_path / "elsewhere")
    done = restore(tmp_path / "a.tar.gz", config, LATER)
    assert (done.config, done.moved_aside, done.notes) == (None, None, ())
    with tiny.rooms_of(load(config)) as back:
        assert back.points.count() == trained_rooms.points.count()
        assert back.ledger.records.counts() == trained_rooms.ledger.records.counts()
        assert set(back.models.champions()) == set(trained_rooms.models.champions()) != set()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".forewarn")] == []


def test_a_config_that_is_missing_comes_from_the_archive(rooms: Rooms, plant: Settings, tmp_path: Path) -> None:
    backup(rooms, tmp_path / "a.tar.gz", NOW)
    rooms.stop()
    shutil.rmtree(plant.data_folder)
    shutil.move(plant.folder, tmp_path / "old")
    done = restore(tmp_path / "a.tar.gz", plant.folder, LATER)
    assert done.config == plant.folder
    assert {p.name for p in plant.folder.iterdir()} == {p.name for p in (tmp_path / "old").iterdir()}
    assert (plant.data_folder / "ledger.db").exists()


NEEDS_FILES = """[mqtt]
password_file = "mqtt.secret"

[mqtt.tls]
is_enabled = true
ca_file = "ca.pem"

[unknown]
is_of = "another release"
"""


def test_a_restore_needs_no_password_or_certificate_beside_the_config(rooms: Rooms, tmp_path: Path) -> None:
    file = rooms.settings.folder / "forewarn.toml"
    file.write_text(file.read_text().replace("[mqtt]\n", NEEDS_FILES).replace("is_enabled = false\n", ""))
    with pytest.raises(ConfigError, match="password_file"):
        load(rooms.settings.folder)
    backup(rooms, tmp_path / "a.tar.gz", NOW)
    rooms.stop()
    rooms.settings.data_folder.rename(tmp_path / "lost")
    for config in (rooms.settings.folder, tmp_path / "new" / "config"):
        done = restore(tmp_path / "a.tar.gz", config, LATER)
        assert (done.data / "ledger.db").exists()
        done.data.rename(tmp_path / f"restored to {config.parent.name}")
    file.write_text("[data]\nfolder = 7\n")
    with pytest.raises(ConfigError, match=r"data\.folder = 7"):
        restore(tmp_path / "a.tar.gz", rooms.settings.folder, LATER)


def test_what_is_noted_beside_influxdb_is_in_the_archive(tmp_path: Path) -> None:
    toml = tiny.FOREWARN.replace('folder = "DATA"', 'folder = "DATA"\ntelemetry = "influxdb"')
    with tiny.rooms_of(tiny.settings_in(tmp_path, forewarn_toml=toml)) as rooms:
        notes = BatchLog(rooms.settings.data_folder / "influxdb.db")
        notes.start()
        notes.raise_floor(12_345)
        made = backup(rooms, tmp_path / "a.tar.gz", NOW)
        notes.stop()
    assert "influxd backup" in made.notes[0]
    config = tiny.write(tmp_path / "new", forewarn_toml=toml)
    restore(tmp_path / "a.tar.gz", config, LATER)
    notes = BatchLog(tmp_path / "new" / "data" / "influxdb.db")
    notes.start()
    assert notes.floor() == 12_345
    notes.stop()


def test_a_folder_with_data_is_left_alone_unless_forced_and_then_moved_aside(
    rooms: Rooms, plant: Settings, tmp_path: Path
) -> None:
    backup(rooms, tmp_path / "a.tar.gz", NOW)
    rooms.ledger.save_note("after", "1")
    rooms.stop()
    before = {p.name: p.stat().st_mtime_ns for p in plant.data_folder.rglob("*")}
    with pytest.raises(FileExistsError, match="not empty; --force"):
        restore(tmp_path / "a.tar.gz", plant.folder, LATER)
    assert {p.name: p.stat().st_mtime_ns for p in plant.data_folder.rglob("*")} == before
    done = restore(tmp_path / "a.tar.gz", plant.folder, LATER, is_forced=True)
    assert done.moved_aside is not None
    assert {p.name for p in done.moved_aside.rglob("*")} == set(before)
    with tiny.rooms_of(plant) as back:
        assert back.ledger.note("after") is None


def test_a_folder_in_use_is_not_replaced(rooms: Rooms, plant: Settings, tmp_path: Path) -> None:
    backup(rooms, tmp_path / "a.tar.gz", NOW)
    rooms.journal.accept([(tiny.SOURCE, NOW, tiny.decoded([tiny.point(tiny.PUMP, "pressure", 1, 1.0)]))])
    with pytest.raises(StoreBusyError, match="running"):
        restore(tmp_path / "a.tar.gz", plant.folder, LATER, is_forced=True)
    assert rooms.journal.n_waiting() == 1


@pytest.mark.parametrize("has_config", [True, False])
def test_a_damaged_archive_touches_nothing(has_config: bool, rooms: Rooms, tmp_path: Path) -> None:
    file = tmp_path / "a.tar.gz"
    backup(rooms, file, NOW)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) - 200])
    config = tiny.write(tmp_path / "new") if has_config else tmp_path / "new" / "config"
    with pytest.raises(BadArchiveError):
        restore(file, config, LATER)
    assert not (tmp_path / "new" / "data").exists()
    assert config.exists() == has_config
    assert not has_config or len(list((tmp_path / "new").iterdir())) == 1


def test_an_archive_of_a_newer_forewarn_is_refused(rooms: Rooms, tmp_path: Path) -> None:
    manifest = archive.listed(tmp_path / "nothing", made_at="", forewarn="9.9", plant="", versions={"ledger": "0999"})
    archive.pack(tmp_path, manifest, tmp_path / "a.tar.gz")
    with pytest.raises(NewerDataError, match=r"9\.9"):
        restore(tmp_path / "a.tar.gz", tiny.write(tmp_path / "new"), LATER)
    assert migrations.versions("ledger")[-1] < "0999"


def test_a_store_kept_by_a_server_is_named_as_left_out(rooms: Rooms, plant: Settings, tmp_path: Path) -> None:
    class Elsewhere:
        def snapshot(self, _folder: Path) -> Path:
            raise NotKeptHereError("InfluxDB has it: influxd backup")

    class With(RoomsWith):
        def __getattr__(self, name: str) -> Any:
            return Elsewhere() if name == "points" else super().__getattr__(name)

    made = backup(cast(Rooms, With(rooms)), tmp_path / "a.tar.gz", NOW)
    assert made.notes == ("the telemetry is not in it: InfluxDB has it: influxd backup",)
    done = restore(tmp_path / "a.tar.gz", tiny.write(tmp_path / "new"), LATER)
    assert "telemetry was not in the archive" in done.notes[0]


def test_a_backup_overwrites_nothing_and_leaves_nothing_behind_when_it_fails(rooms: Rooms, tmp_path: Path) -> None:
    class Full(RoomsWith):
        def __getattr__(self, name: str) -> Any:
            if name == "points":
                raise OSError(28, "No space left on device")
            return super().__getattr__(name)

    (tmp_path / "there.tar.gz").write_text("mine")
    with pytest.raises(FileExistsError):
        backup(rooms, tmp_path / "there.tar.gz", NOW)
    before = set(tmp_path.iterdir())
    with pytest.raises(OSError, match="No space left"):
        backup(cast(Rooms, Full(rooms)), tmp_path / "a.tar.gz", NOW)
    assert set(tmp_path.iterdir()) == before
    assert (tmp_path / "there.tar.gz").read_text() == "mine"


def test_a_password_in_the_config_is_warned_of(tmp_path: Path) -> None:
    toml = tiny.FOREWARN.replace("[mqtt]", '[mqtt]\npassword = "hunter2"')
    with tiny.rooms_of(tiny.settings_in(tmp_path, forewarn_toml=toml)) as rooms:
        made = backup(rooms, tmp_path / "a.tar.gz", NOW)
    assert "mqtt.password in plain" in made.notes[0]
    assert "hunter2" not in made.notes[0]


def test_the_commands_make_and_bring_back_an_archive(
    plant: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with tiny.rooms_of(plant) as rooms:
        rooms.ledger.save_note("kept", "1")
    file, config = str(tmp_path / "a.tar.gz"), str(plant.folder)
    assert main(["backup", file, "--config", config]) == 0
    assert main(["backup", file, "--config", config]) == 1
    assert "overwrites nothing" in capsys.readouterr().err
    assert main(["restore", file, "--config", config]) == 1
    assert "not empty; --force" in capsys.readouterr().err
    assert main(["restore", file, "--config", config, "--force"]) == 0
    assert "restored as of" in capsys.readouterr().out
    with tiny.rooms_of(plant) as rooms:
        assert rooms.ledger.note("kept") == "1"
    (tmp_path / "x.tar.gz").write_bytes(b"x")
    assert main(["restore", str(tmp_path / "x.tar.gz"), "--config", str(tmp_path / "nowhere")]) == 1
    assert "nothing was restored" in capsys.readouterr().err


def _command(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_running_service_backs_itself_up_and_its_sum_holds_after_the_restore(plant: Settings, tmp_path: Path) -> None:
    service = Service(plant, SystemClock(), stopping := threading.Event())
    ready = threading.Event()
    thread = threading.Thread(target=service.run, kwargs={"is_ready": ready.set})
    thread.start()
    try:
        assert ready.wait(60)
        tiny.accept(service.rooms, NOW, tiny.decoded([tiny.point(tiny.PUMP, "pressure", 1, 1.0)]))
        made = service.backup(tmp_path / "a.tar.gz")
        done = _command("backup", str(tmp_path / "b.tar.gz"), "--config", str(plant.folder))
        assert (done.returncode, "files, " in done.stdout, (tmp_path / "b.tar.gz").exists()) == (0, True, True)
        done = _command("backup", str(tmp_path / "b.tar.gz"), "--config", str(plant.folder))
        assert (done.returncode, "overwrites nothing" in done.stderr) == (1, True)
        done = _command("deadletter", "replay", "--config", str(plant.folder))
        assert (done.returncode, done.stdout.partition(":")[0]) == (0, "0 read again")
    finally:
        stopping.set()
        thread.join(60)
    assert made["n_files"] > 5
    config = tiny.write(tmp_path / "new")
    restore(tmp_path / "a.tar.gz", config, LATER)
    with tiny.rooms_of(load(config)) as back:
        drain(back, 100)
        assert back.points.count() == 1
        assert all(t.difference == 0 for t in back.journal.totals())
