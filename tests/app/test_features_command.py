"""`forewarn features`: what a plan says is what is there, and a file holds what scoring would compute."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from app import feature_plan, windowing
from app.cli import main
from app.clock import SystemClock
from app.roles import Role
from app.service import Service
from app.settings import Settings
from domain.instants import duration_ns, to_ns
from domain.points import Points
from features import sets, windows
from features.extract import extract
from tests.app import tiny_plant as tiny
from tests.app.test_cli import _signals_and_logs_as_before  # noqa: F401 - used by every test here

EFFICIENT = tiny.FOREWARN.replace('calculators = "level"', 'calculators = "efficient"', 1)
N_MINUTES = 300
NO_CONSOLE = frozenset({Role.COLLECT, Role.SCORE})  # its port may be taken


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[Settings]:
    settings = tiny.settings_in(tmp_path, forewarn_toml=EFFICIENT)
    with tiny.rooms_of(settings) as rooms:
        rows = [*tiny.pump_points(tiny.PUMP, 0, N_MINUTES), *tiny.pump_points(tiny.OTHER, 100, 200)]
        rows = [p for p in rows if not (p.tag_id == f"{tiny.PUMP}/flow" and p.at == to_ns(tiny.at(50)))]
        rooms.points.apply("history", Points.from_rows(rows))
    return settings


def _said(capsys: pytest.CaptureFixture[str], *args: str) -> Any:
    assert main(["features", *args, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_plan_says_ways_columns_windows_time_and_peak(stored: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    (plan,) = _said(capsys, "plan", "--set", "pump-level", "--config", str(stored.folder))
    assert plan["tags"] == {"pressure": 10, "flow": 10} or plan["tags"] == {"flow": 10, "pressure": 10}
    assert plan["n_columns"] + plan["n_left_out"] == 2 * len(sets.EFFICIENT)
    assert sum(plan["left_out"].values()) == plan["n_left_out"] == len(plan["left_out_columns"])
    assert plan["left_out"]["fft_coefficient"] == 2 * 4 * (100 - 6)
    assert 'flow__fft_coefficient__attr_"abs"__coeff_6' in plan["left_out_columns"]
    assert sum(way["n_values"] for way in plan["ways"]) == plan["n_columns"]
    assert {"moments", "spectrum"} <= {way["way"] for way in plan["ways"]}
    assert all(way["us_per_window"] > 0 for way in plan["ways"])
    assert plan["us_per_window"] == pytest.approx(sum(way["us_per_window_of_a_tag"] * 2 for way in plan["ways"]))
    assert plan["assets"] == {tiny.PUMP: 59, tiny.OTHER: 19}
    assert plan["windows"] == 78
    assert plan["seconds"] == pytest.approx(78 * plan["us_per_window"] / 1e6)
    assert plan["peak_mb"] > 100


def test_a_plan_is_a_table_for_people(stored: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["features", "plan", "--config", str(stored.folder), "--workers", "2"]) == 0
    text = capsys.readouterr().out
    assert "pump-level: class pump, windows of 10min every 5min (time axis), 2 tags of 10 samples" in text
    assert "line-level: class line" in text
    assert "left out, for no window of this length has them" in text
    assert "history: 78 windows of 2 assets, about" in text
    assert "history: 0 windows of 0 assets" in text
    assert "peak memory of an export as float64 with 2 workers:" in text


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_file_holds_the_vectors_that_scoring_computes(
    dtype: str, stored: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "x.parquet"
    args = ["--set", "pump-level", "--config", str(stored.folder), "--out", str(out), "--dtype", dtype]
    told = _said(capsys, "export", *args)
    table = pq.read_table(out)
    assert (told["rows"], told["columns"]) == (78, table.num_columns - 5) == (table.num_rows, table.num_columns - 5)
    assert told["bytes"] == out.stat().st_size
    assert 0 <= told["peak_mb"] <= told["stated_peak_mb"]
    features = windowing.full_set(stored, stored.feature_set("pump-level"))
    with tiny.rooms_of(stored) as rooms:
        assets = stored.plant.of_class("pump")
        grid = windowing.grids(rooms.points, stored.plant, assets, features, 0, 2**62)[tiny.PUMP]
    cut = windows.cut(grid, features, features.step, duration_ns(stored.plant.classes["pump"].period), -1, 2**62)
    expected = extract(grid, cut.take(cut.is_whole), features.names)
    assert table.column_names[5:] == [name.label for name in features.names]
    of_pump = table.filter(np.array(table["asset"]) == tiny.PUMP)
    assert of_pump["end"].to_pylist() == expected.end.tolist()
    found = np.stack([of_pump[name.label].to_numpy() for name in features.names], axis=1)
    assert found.dtype == np.dtype(dtype)
    assert found.tobytes() == np.ascontiguousarray(expected.values.astype(dtype)).tobytes()


def test_only_windows_of_a_span_and_of_assets_are_taken(
    stored: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["--set", "pump-level", "--config", str(stored.folder), "--out", str(tmp_path / "x.parquet")]
    span = ["--from", tiny.at(150).isoformat(), "--to", "2026-01-05T12:00"]  # the plant's time: minute 180
    _said(capsys, "export", *args, *span, "--asset", "*-2", "--workers", "1")
    table = pq.read_table(tmp_path / "x.parquet")
    assert set(table["asset"].to_pylist()) == {tiny.OTHER}
    assert table["end"].to_pylist() == [to_ns(tiny.at(m)) for m in range(155, 181, 5)]


def test_workers_write_the_same_file(stored: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for workers in ("1", "2"):
        out = str(tmp_path / f"{workers}.parquet")
        args = ["--set", "pump-level", "--config", str(stored.folder), "--out", out]
        assert _said(capsys, "export", *args, "--workers", workers)["rows"] == 78
    assert (tmp_path / "1.parquet").read_bytes() == (tmp_path / "2.parquet").read_bytes()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["export", "--set", "pump-level"], "needs --out"),
        (["export", "--out", "x.parquet"], "--set one of pump-level, line-level"),
        (["export", "--set", "pump-level", "--out", "nowhere/x.parquet"], "no folder nowhere"),
        (["plan", "--set", "pumps"], "there are: pump-level, line-level"),
        (["plan", "--set", "pump-level", "--asset", "x"], "no asset of class pump"),
        (["plan", "--set", "pump-level", "--from", "monday"], "'monday' is no time"),
        (["plan", "--set", "pump-level", "--workers", "0"], "--workers '0'"),
    ],
)
def test_what_cannot_be_meant_ends_with_code_2_and_why(
    args: list[str], said: str, stored: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["features", *args, "--config", str(stored.folder)]) == 2
    assert said in capsys.readouterr().err


def test_beside_a_running_service_an_export_ends_with_code_1_and_what_to_do(stored: Settings, tmp_path: Path) -> None:
    service = Service(stored, SystemClock(), stopping := threading.Event(), NO_CONSOLE)
    ready, out = threading.Event(), tmp_path / "x.parquet"
    thread = threading.Thread(target=service.run, kwargs={"is_ready": ready.set})
    thread.start()
    try:
        assert ready.wait(60)
        command = [sys.executable, "-m", "app.cli", "features", "export", "--set", "pump-level", "--out", str(out)]
        command += ["--config", str(stored.folder)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    finally:
        stopping.set()
        thread.join(60)
    assert (done.returncode, out.exists()) == (1, False)
    assert "stop it first" in done.stderr


def test_the_set_that_is_trained_on_has_the_columns_of_the_plan_and_one_hash(stored: Settings) -> None:
    chosen = stored.feature_set("pump-level")
    trained = windowing.full_set(stored, chosen)
    kept, left_out = feature_plan.columns(stored, chosen)
    assert trained.names == kept.names
    assert not set(kept.names) & set(left_out)
    assert trained.hash == windowing.full_set(stored, chosen).hash


def test_a_tag_faster_than_its_period_says_is_warned_of(
    stored: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with tiny.rooms_of(stored) as rooms:
        rows = [tiny.point(tiny.PUMP, "flow", m + 0.5, 1.0 + m % 7) for m in range(100, 130)]
        rooms.points.apply("more", Points.from_rows(rows))
    args = ["--set", "pump-level", "--config", str(stored.folder), "--out", str(tmp_path / "x.parquet")]
    assert main(["features", "export", *args]) == 0
    told = [r.getMessage() for r in caplog.records if "than the period says" in r.getMessage()]
    assert [text.partition(" tag=")[2] for text in told] == ["flow values=20 expected=10"]
