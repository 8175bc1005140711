"""The journal's disk is full, or its bytes are damaged: it refuses or recovers, and counts exactly what it lost."""

from __future__ import annotations

import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from app.rooms import opened
from benchmarks.chaos_crashes import NEVER, clean
from benchmarks.collecting import Task
from benchmarks.oracle import Stream
from benchmarks.stage import Stage
from benchmarks.trial import Figure, Trial, until
from domain.points import Points
from domain.records import Decoded, Outcome
from store.journal import Journal

DISK_MB: Final = 64
BALLAST_MB: Final = 48
T0: Final = datetime(2026, 3, 1, 10, tzinfo=UTC)
WARNINGS: Final = {"forewarn-disk-80", "forewarn-disk-90"}
N_RECORDS: Final = 40
WIDTH: Final = 3


def full(trial: Trial) -> Figure:
    """R12: the journal's disk runs full while the store is away, a crash in the midst; then it is freed."""
    figure: dict[str, object] = {}
    holds: bool | None = True
    try:
        with _small_disk(trial.folder / "probe"):
            pass
    except OSError as error:
        return Figure("R12: a small disk runs full", None, "", None, f"skipped: {error}")
    for name, least_free in (("disk full", 0), ("4 MB kept free", 4 << 20))[: trial.size(2, 1)]:
        found, is_held = _fill(trial, name, least_free)
        figure[name], holds = found, holds and is_held
    return Figure(
        f"R12: a disk of {DISK_MB} MB runs full",
        figure,
        "warned at 80 and 90 % before; nothing taken after full; what was taken survives a SIGKILL; resumes; missing 0",
        holds,
        "tmpfs; the store away until the disk is freed; with and without room kept free by the journal",
    )


def _fill(trial: Trial, name: str, least_free: int) -> tuple[dict[str, object], bool]:
    stream = Stream(width=100, n_tags=400)
    folder = trial.folder / name.replace(" ", "-")
    with (
        _small_disk(folder.with_name(folder.name + "-disk")) as disk,
        Stage(folder, stream, data=disk / "data") as stage,
    ):
        ballast = disk / "ballast"
        ballast.write_bytes(b"\0" * (BALLAST_MB << 20))
        stage.subscribe()
        task = Task(stage.config, bounds=(8 << 30, least_free))
        task.file("away").touch()
        stage.launch(task)
        publisher = stage.issue(NEVER, rate=300)
        until(lambda: "the journal refused" in _log(stage), 90)
        full_at = datetime.now(UTC)
        taken = stage.totals().received
        until(lambda n=publisher.n_issued: publisher.n_issued > n + 600, 30)  # type: ignore[misc]
        later = stage.totals().received
        stage.kill()
        stage.launch(task)
        publisher.stop()
        after_crash = stage.totals().received
        ballast.unlink()
        task.file("away").unlink()
        n_values = int(publisher.acked().sum()) * stream.width
        is_resumed = stage.wait_drained(n_values)
        is_alive = stage.is_alive()
        stage.close()
        found = stage.judge(publisher)
        with opened(stage.settings()) as rooms:
            alerts = rooms.ledger.alerting.alerts()
    warned = sorted(x.key.rule for x in alerts if x.raised_at is not None and x.raised_at <= full_at)
    row = found.figure() | {
        "taken_when_full": taken,
        "taken_later": later,
        "after_a_crash": after_crash,
        "resumed": is_resumed,
        "warned_before": warned,
    }
    is_held = later - taken <= taken // 100 and after_crash >= later and set(warned) >= WARNINGS
    return row, bool(clean(found, n_values) and is_resumed and is_alive and is_held)


def _log(stage: Stage) -> str:
    file = stage.folder / "collector.log"
    return file.read_text() if file.exists() else ""


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    """A file system of its own; raises PermissionError where mounting is not allowed."""
    folder.mkdir(parents=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode:
        raise PermissionError(f"no tmpfs can be mounted: {done.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a journal said after damage: values found, items it calls lost, whether the sum held."""

    found: frozenset[float]
    lost: int
    is_balanced: bool


def damaged(trial: Trial) -> Figure:
    """R13: cut the journal at each byte of its last record, and flip random bytes; every good record is found again."""
    chance, n_flips = trial.chance(), trial.size(1000, 60)
    trial.folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as memory:  # noqa: S108
        room = Path(memory)
        ends = _written(room / "whole")
        data = _segment(room / "whole").read_bytes()
        cuts = range(ends[-2], ends[-1]) if not trial.is_quick else range(ends[-2], ends[-1], 7)
        faults = [_recovers(room, data[:cut], {N_RECORDS - 1}) for cut in cuts]
        for _ in range(n_flips):
            place = chance.randrange(len(data))
            hit = next(i for i, end in enumerate(ends) if place < end)
            faults.append(_recovers(room, _flipped(data, place, chance), {hit}))
    told = [x for x in faults if x]
    return Figure(
        f"R13: journal cut at {len(cuts)} places of its last record, {n_flips} bytes flipped",
        {"starts": len(faults), "wrong": len(told), "first": told[:3]},
        "starts 100 %; each record with a good checksum recovered; lost count exact",
        not told,
        f"{N_RECORDS} records of {WIDTH} values, one fault at a time",
    )


def _written(folder: Path) -> list[int]:
    """Write a journal; returns where each record ends."""
    journal, ends = Journal(folder, min_free_bytes=0), []
    journal.start()
    for i in range(N_RECORDS):
        journal.accept([("mqtt", T0, Decoded(_points(i)))])
        ends.append(_segment(folder).stat().st_size)
    journal.stop()
    return ends


def _recovers(room: Path, data: bytes, hit: set[int]) -> str:
    """Put damaged bytes in place of the log; returns what is wrong with what the journal makes of it, "" if nothing."""
    folder = room / "damaged"
    shutil.copytree(room / "whole", folder)
    try:
        _segment(folder).write_bytes(data)
        recovery = _opened(folder)
    except Exception as error:  # noqa: BLE001 - any error means that it does not start
        return f"does not start: {error!r}"
    finally:
        shutil.rmtree(folder)
    wanted = frozenset(v for i in range(N_RECORDS) if i not in hit for v in _points(i).value.tolist())
    if recovery.found != wanted:
        return f"record {hit}: {len(wanted - recovery.found)} not found, {len(recovery.found - wanted)} made up"
    if recovery.lost != WIDTH * len(hit) or not recovery.is_balanced:
        return f"record {hit}: calls {recovery.lost} lost, balanced {recovery.is_balanced}"
    return ""


def _opened(folder: Path) -> Recovery:
    journal, found = Journal(folder, min_free_bytes=0), set()
    journal.start()
    try:
        while (claimed := journal.claim(10_000)) is not None:
            values = [v for d in claimed.decoded for v in d.points.value.tolist()]
            found |= set(values)
            journal.finish(claimed, Outcome(stored=len(values)))
        journal.accept([("mqtt", T0, Decoded(_points(N_RECORDS)))])  # and it takes more
        totals = journal.totals()
    finally:
        journal.stop()
    return Recovery(
        frozenset(found),
        sum(t.dead_lettered for t in totals),
        all(t.difference == 0 for t in totals) and sum(t.in_journal for t in totals) == WIDTH,
    )


def _points(record: int) -> Points:
    values: Sequence[int] = range(record * WIDTH, (record + 1) * WIDTH)
    return Points.of(["a/x"] * WIDTH, [i * 1000 for i in values], [float(i) for i in values])


def _segment(folder: Path) -> Path:
    return max((folder / "journal").glob("*.seg"), key=lambda file: file.stat().st_size)


def _flipped(data: bytes, place: int, chance: random.Random) -> bytes:
    return data[:place] + bytes([data[place] ^ (1 << chance.randrange(8))]) + data[place + 1 :]
