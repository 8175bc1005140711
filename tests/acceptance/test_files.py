"""Files into a running plant from outside: by command and by the watched folder, through a kill and a restart."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks import file_chaos
from benchmarks import file_plant as plant

FOREWARN = str(Path(sys.executable).parent / "forewarn")
Start = Callable[[], subprocess.Popen[bytes]]


def wait(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("it did not happen in time")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return plant.write_config(tmp_path, n_tags=3)


@pytest.fixture
def start(config: Path, tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []

    def begin() -> subprocess.Popen[bytes]:
        log = tmp_path / f"service-{len(started)}.log"
        with log.open("wb") as file:
            started.append(subprocess.Popen([FOREWARN, "run", "--config", str(config)], stderr=file))
        wait(lambda: "running plant" in log.read_text())
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()


def forewarn(*args: str, config: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([FOREWARN, *args, "--config", str(config)], capture_output=True, text=True, timeout=120)


def the_sum(config: Path) -> dict[str, Any]:
    (row,) = json.loads(forewarn("status", "--json", config=config).stdout)["sum"]
    return dict(row)


def test_files_by_command_and_by_folder_while_the_plant_runs(config: Path, start: Start, tmp_path: Path) -> None:
    service = start()
    first, second = tmp_path / "first.csv", tmp_path / "inbox" / "second.csv"
    plant.write_wide(first, 100, 3, seed=1)
    loaded = forewarn("load", str(first), config=config)
    assert "300 items in = 300 stored + 0 rejected + 0 duplicate + 0 conflict" in loaded.stdout
    again = forewarn("load", str(first), config=config)
    assert "not read again" in again.stdout
    assert "300 duplicate" in forewarn("load", "--again", str(first), config=config).stdout
    refused = forewarn("load", str(tmp_path / "nothing.csv"), config=config)
    assert (refused.returncode, "refused" in refused.stderr) == (1, True)

    plant.write_wide(second, 150, 3, seed=1)
    report = tmp_path / "inbox" / "done" / "second.csv.report.json"
    wait(report.exists)
    found = json.loads(report.read_text())
    assert found["rows_in"] == 450 == found["stored"] + found["duplicates"] + found["conflicts"]
    service.send_signal(signal.SIGTERM)
    assert service.wait(timeout=30) == 0
    assert the_sum(config)["difference"] == 0
    third = tmp_path / "third.csv"
    plant.write_wide(third, 10, 3, seed=2)
    assert forewarn("load", str(third), config=config).returncode == 0  # nobody serves: loaded in place


def test_every_file_ends_in_one_place_through_kills(tmp_path: Path) -> None:
    found = file_chaos.run(tmp_path / "chaos", n_files=30, n_kills=2, seed=3)
    assert {name: found[name] for name in file_chaos.FAULTS} == dict.fromkeys(file_chaos.FAULTS, 0)
