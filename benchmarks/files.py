"""Bars of dump files: strict loading against DuckDB's own reader, each file in exactly one place, fuzzed files.

`python -m benchmarks.files` prints them; `QUICK=1` does the same smaller. The peer loads the same file in the same run,
in turns with ours, into a file of its own.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from app.loading import load_file
from app.rooms import opened
from benchmarks import file_chaos, file_fuzz
from benchmarks import file_plant as plant
from benchmarks.bars import QUICK, Bars
from domain.instants import from_ns

N_TAGS = 50
WIDE = "insert into t select * from read_csv('{file}', header = true)"
LONG = WIDE
UNPIVOT = (
    "insert into t select name, time, value from (unpivot (select * from read_csv('{file}', header = true)) "
    "on columns(* exclude time) into name name value value)"
)


def main() -> None:
    """Print all bars of dump files."""
    bars = Bars()
    show(bars)
    bars.end()


def show(bars: Bars) -> None:
    """Measure and print all bars of dump files."""
    with tempfile.TemporaryDirectory(prefix="forewarn-files-") as folder:
        speed(bars, Path(folder), n_rows=10_000 if QUICK else 200_000, rounds=1 if QUICK else 3)
    one_place(bars, n_files=60 if QUICK else 1000, n_kills=2 if QUICK else 20, seed=1)
    fuzzed(bars, n_files=500 if QUICK else 20_000, seed=1)


def speed(bars: Bars, folder: Path, n_rows: int, rounds: int) -> None:
    """Measure the load of `n_rows` x 50 values, wide and long, through the real load path."""
    wide, long = folder / "wide.csv", folder / "long.csv"
    plant.write_wide(wide, n_rows, N_TAGS, seed=1)
    plant.write_long(long, n_rows, N_TAGS, seed=1)
    works: dict[str, Callable[[], float]] = {
        "ours wide": lambda: _ours(folder, wide, n_rows * N_TAGS),
        "DuckDB wide": lambda: _duckdb(folder, wide, WIDE),
        "DuckDB wide, unpivoted": lambda: _duckdb(
            folder, wide, UNPIVOT, "name varchar, time timestamptz, value double"
        ),
        "ours long": lambda: _ours(folder, long, n_rows * N_TAGS),
        "DuckDB long": lambda: _duckdb(folder, long, LONG),
    }
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            seconds[name].append(work())
    median = {name: statistics.median(found) for name, found in seconds.items()}
    values = f"{n_rows * N_TAGS / 1e6:g} M values, medians of {rounds}"
    for ours, peer, is_bar in (
        ("ours wide", "DuckDB wide", True),
        ("ours wide", "DuckDB wide, unpivoted", False),
        ("ours long", "DuckDB long", False),
    ):
        ratio = round(median[peer] / median[ours], 3)
        how = f"{values}: {peer} {median[peer]:.2f} s, {ours} {median[ours]:.2f} s, strict, to DuckDB, durable"
        if is_bar:
            bars.show_speed(f"files: {peer} / {ours}", ratio, ">= 0.33", ratio >= 0.33, how)
        else:
            bars.show(f"files: {peer} / {ours}", ratio, "for information", None, how)


def _ours(folder: Path, file: Path, n_values: int) -> float:
    data = folder / "ours"
    shutil.rmtree(data, ignore_errors=True)
    with opened(plant.settings(data, N_TAGS)) as rooms:
        began = time.perf_counter()
        report = load_file(rooms, file, from_ns(time.time_ns())).report
        seconds = time.perf_counter() - began
        if report.stored != n_values or rooms.points.count() != n_values:
            raise RuntimeError(f"{report.stored} of {n_values} values stored")
    return seconds


def _duckdb(folder: Path, file: Path, insert: str, columns: str = "") -> float:
    database = folder / "peer.duckdb"
    database.unlink(missing_ok=True)
    with duckdb.connect(str(database), config={"threads": "2"}) as connection:
        head = "create table t as select * from read_csv('{file}', header = true) limit 0"
        connection.execute(f"create table t ({columns})" if columns else head.format(file=file))
        began = time.perf_counter()
        connection.execute(insert.format(file=file))
        connection.execute("checkpoint")
        return time.perf_counter() - began


def one_place(bars: Bars, n_files: int, n_kills: int, seed: int) -> None:
    """R16: files of every kind into the watched folder of a service that is killed again and again."""
    with tempfile.TemporaryDirectory(prefix="forewarn-files-") as folder:
        found = file_chaos.run(Path(folder), n_files, n_kills, seed)
    bars.show(
        "files: wrong place, wrong sum, missing, spurious or doubled values",
        {k: v for k, v in found.items() if k != "how"},
        "all 0",
        not any(found[k] for k in file_chaos.FAULTS),
        str(found["how"]),
    )


def fuzzed(bars: Bars, n_files: int, seed: int) -> None:
    """R17: damaged files of every kind; nothing may escape but a reason code."""
    found = file_fuzz.run(n_files, seed)
    bars.show(
        "files: uncaught on fuzzed files",
        found.n_uncaught,
        "0",
        found.n_uncaught == 0,
        f"{n_files} files of CSV and Parquet, seed {seed}; {found.n_refused} refused, {found.n_read} read, "
        f"p99 {found.p99_ms:.1f} ms" + (f"; first: {found.first}" if found.first else ""),
    )


if __name__ == "__main__":
    main()
