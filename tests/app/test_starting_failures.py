"""`forewarn init` on what failures are learned from: event tables alone, lists of machines, cycles, operating modes."""

from __future__ import annotations

import tomllib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.cli import main
from app.settings import Settings, load
from app.starting import regimes

T0 = datetime.fromisoformat("2025-03-01T06:00:00")
N_MACHINES = 8


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _write(name: str, header: str, rows: list[str]) -> str:
    Path(name).write_text("\n".join([header, *rows]) + "\n")
    return name


def _tables() -> list[str]:
    """Write errors that announce failures, repairs, failures, and what the machines are."""
    random = np.random.default_rng(3)
    errors, repairs, failures = [], [], []
    for machine in range(1, N_MACHINES + 1):
        for n in range(1, 6):
            failed = T0 + timedelta(days=20 * n + machine)
            told = [failed - timedelta(hours=float(h)) for h in random.uniform(3, 20, 4)]
            noise = [failed - timedelta(days=float(d)) for d in random.uniform(3, 19, 3)]
            errors += [f"{at:%Y-%m-%d %H:%M:%S},{machine},error{1 + n % 2}" for at in [*told, *noise]]
            failures.append(f"{failed},{machine},comp{1 + n % 2}")
            repairs.append(f"{failed},{machine},comp{1 + n % 2}")
    machines = [f"{m},model{m % 3},{m + 2}" for m in range(1, N_MACHINES + 1)]
    return [
        _write("errors.csv", "datetime,machineID,errorID", errors),
        _write("maint.csv", "datetime,machineID,comp", repairs),
        _write("failures.csv", "datetime,machineID,failure", failures),
        _write("machines.csv", "machineID,model,age", machines),
    ]


def _features() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads(Path("plant/forewarn.toml").read_text())["features"][0]
    return found


def _started(*args: str) -> Settings:
    assert main(["init", "plant", *args]) == 0
    return load(Path("plant"))


def test_event_tables_alone_become_a_detector_that_learns(capsys: pytest.CaptureFixture[str]) -> None:
    *tables, machines = _tables()
    settings = _started("--events", *tables, "--assets", machines, "--zone", "UTC")
    assert [f.fixed["kind"] for f in settings.root.formats] == ["alarm", "maintenance", "failure"]
    assert {f.known for f in settings.root.formats} == {"start"}
    found = _features()
    assert (found["tags"], found["events"]) == ([], ["alarm:*", "maintenance:*"])
    assert found["attributes"] == ["model", "age"]
    assert settings.plant.assets["3"].attributes == {"model": "model0", "age": "5"}
    assert main(["load", "--config", "plant", *tables]) == 0
    capsys.readouterr()
    assert main(["evaluate", "failure", "--config", "plant"]) == 0
    told = capsys.readouterr().out
    assert "of 40 stops caught" in told
    n_caught = int(told.split(" of 40 stops caught")[0].split()[-1])
    assert n_caught >= 30


def test_a_column_such_as_machineid_names_the_machines_and_is_no_tag() -> None:
    at = [T0 + timedelta(hours=i) for i in range(60)]
    rows = [f"{t},{m},{100 + m + i % 7}.5,{m * i % 11}.25" for i, t in enumerate(at) for m in (1, 2, 3)]
    settings = _started("--sensors", _write("t.csv", "datetime,machineID,volt,rotate", rows), "--zone", "UTC")
    assert {asset: list(tags) for asset, tags in settings.plant.tags.items()} == {
        m: ["volt", "rotate"] for m in ("1", "2", "3")
    }


def test_each_failure_has_windows_that_could_warn_of_it_however_large_the_fleet() -> None:
    rows = [f"{T0 + timedelta(days=40 * n + m / 7)},{m},wear" for m in range(900) for n in range(9)]
    alarms = [f"{T0 + timedelta(days=n)},{m},A{n % 3}" for m in range(900) for n in range(3)]
    _started(
        "--events",
        _write("failures.csv", "time,machine,code", rows),
        _write("alarms.csv", "time,machine,code", alarms),
        "--zone",
        "UTC",
    )
    assert (_features()["train_step"], _features()["window"]) == ("6h", "1d")


def test_a_list_that_names_no_machine_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    *tables, _ = _tables()
    other = _write("list.csv", "model,age", ["a,1", "a,1", "b,3"])
    assert main(["init", "plant", "--events", *tables, "--assets", other, "--zone", "UTC"]) == 1
    assert "no column names each machine once" in capsys.readouterr().err


def _engines(n: int = 12) -> tuple[str, str]:
    """Write engines that run to failure under three settings, which most other columns follow."""
    random = np.random.default_rng(5)
    rows, failures = [], []
    level = np.array([[500.0, 20.0, 8.0], [450.0, 60.0, 2.0], [620.0, 35.0, 5.0]])
    for unit in range(1, n + 1):
        life = int(random.integers(60, 90))
        for cycle in range(1, life + 1):
            mode = int(random.integers(3))
            worn = 3 * np.exp(-(life - cycle) / 15)
            setting = (0.0, 20.0, 42.0)[mode] + random.normal(scale=0.002)
            values = level[mode] + random.normal(size=3) + worn
            rows.append(
                f"{unit},{cycle},{setting:.4f},{100.0 - 40 * (mode == 1)}," + ",".join(f"{x:.3f}" for x in values)
            )
        failures.append(f"{unit},{life},fan")
    sensors = _write("engines.csv", "unit,cycle,setting_1,setting_2,s1,s2,s3", rows)
    return sensors, _write("failures.csv", "unit,cycle,failure", failures)


def test_cycles_of_failures_and_the_settings_that_other_tags_follow(capsys: pytest.CaptureFixture[str]) -> None:
    sensors, failures = _engines()
    settings = _started("--sensors", sensors, "--events", failures)
    assert _features()["mode"] == {"from": "regimes", "tags": ["setting_1", "setting_2"]}
    assert _features()["calculators"] == "trailing"
    assert 36 <= settings.detector("machine-failure").remaining_life <= 54  # six tenths of the median life
    capsys.readouterr()
    assert main(["load", "--config", "plant", sensors, failures]) == 0
    assert "failures.csv: 12 items in = 12 stored + 0 rejected" in capsys.readouterr().out
    assert main(["events", "list", "--config", "plant"]) == 0
    lines = Path("failures.csv").read_text().splitlines()[1:]
    first = datetime.fromisoformat("2020-01-01T00:00:00")
    told = capsys.readouterr().out
    for line in lines:  # cycle 1 ends at first_cycle_at
        assert f"{first + timedelta(hours=int(line.split(',')[1]) - 1):%Y-%m-%d %H:%M}" in told


def test_a_failure_in_a_cycle_that_is_no_number_is_rejected_with_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    sensors, failures = _engines()
    _started("--sensors", sensors, "--events", failures)
    _write("failures.csv", "unit,cycle,failure", ["1,70,fan", "2,late,fan", "99,5,fan"])
    capsys.readouterr()
    main(["load", "--config", "plant", failures])
    assert "3 items in = 1 stored + 2 rejected" in capsys.readouterr().out
    main(["deadletter", "list", "--config", "plant"])
    told = capsys.readouterr().out
    assert "'late' is not a cycle number" in told
    assert "'99' is not in assets.csv" in told


def test_no_mode_where_a_switch_sets_nothing_or_a_level_was_left_once() -> None:
    random = np.random.default_rng(1)
    switch = random.integers(0, 2, 500).astype(float)
    free = random.normal(size=(500, 4))
    owners = ["a"] * 500
    names = ("mode", "p", "q", "r", "s")
    assert regimes.setting_tags(names, np.column_stack([switch, free]), owners) == ()
    follows = free + 10 * switch[:, None]
    assert regimes.setting_tags(names, np.column_stack([switch, follows]), owners) == ("mode",)
    once = (np.arange(500) > 250).astype(float)
    assert regimes.setting_tags(names, np.column_stack([once, free + 10 * once[:, None]]), owners) == ()
    assert regimes.setting_tags(names, np.column_stack([free[:, :1], follows]), owners) == ()


def test_a_list_of_texts_alone_names_the_part_of_each_machine() -> None:
    sensors, failures = _engines()
    parts = _write("units.csv", "unit,part", [f"{u},{'test' if u > 9 else 'train'}" for u in range(1, 13)])
    settings = _started("--sensors", sensors, "--events", failures, "--assets", parts)
    assert settings.root.evaluate.split == "given"
    assert settings.detector("machine-failure").counts == "rows"
    assert settings.plant.assets["10"].attributes["part"] == "test"
    assert "attributes" not in _features()  # a part says nothing of a machine
