"""`forewarn run --only ...`: three processes, mosquitto and InfluxDB; values in, an alert out, an outage in between."""

from __future__ import annotations

import os
import signal
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.acceptance.test_service import FOREWARN, ask, hot, publish, received, wait
from tests.influx_server import PASSWORD, USER, Influxd
from tests.ports import free_port

CONFIG = """
[data]
folder = "{folder}"
telemetry = "influxdb"
[influxdb]
url = "http://127.0.0.1:{influxdb}"
database = "{database}"
username = "{user}"
password_file = "influxdb.password"
timeout_s = 2
[mqtt]
port = {mqtt}
client_id = "roles"
[console]
port = {console}
[run]
drain_s = 0.1
tick_s = 0.2
dispatch_s = 0.1
[watchdog]
has_no_data_alarms = false
[[classes]]
name = "press"
horizon = "1h"
lead = "1min"
period = "1s"
[[notifiers]]
name = "log"
kind = "log"
"""
RULES = """
[[rules]]
id = "oil-hot"
asset_class = "press"
watch = "tag:oil"
raise = 80.0
clear = 76.0
on_delay = "3s"
title = "Oil too hot"
"""


@pytest.fixture
def config(tmp_path: Path, mosquitto: int, own_influxd: Influxd) -> Path:
    folder = tmp_path / "config"
    folder.mkdir()
    settings = own_influxd.new_database()
    text = CONFIG.format(
        folder=tmp_path / "data",
        influxdb=own_influxd.port,
        database=settings.database,
        user=USER,
        mqtt=mosquitto,
        console=free_port(),
    )
    (folder / "forewarn.toml").write_text(text)
    (folder / "influxdb.password").write_text(f"{PASSWORD}\n")
    (folder / "assets.csv").write_text("asset,class\nplant/press-1,press\n")
    (folder / "tags.csv").write_text("asset,tag,unit\nclass:press,oil,degC\n")
    (folder / "rules.toml").write_text(RULES)
    return folder


class Process:
    """One role, running."""

    def __init__(self, config: Path, role: str) -> None:
        self._log = config.parent / f"{role}.log"
        self._offset = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as file:
            command = [FOREWARN, "run", "--only", role, "--config", str(config)]
            self.process = subprocess.Popen(command, stderr=file, env={**os.environ, "FOREWARN_MQTT_PASSWORD": ""})

    def told(self) -> str:
        return self._log.read_text()[self._offset :]


@pytest.fixture
def start(config: Path) -> Iterator[Callable[[str], Process]]:
    started: list[Process] = []

    def begin(role: str) -> Process:
        run = Process(config, role)
        started.append(run)
        wait(lambda: "running plant" in run.told() or run.process.poll() is not None)
        return run

    yield begin
    for run in started:
        if run.process.poll() is None:
            run.process.kill()
        run.process.wait()


def test_three_processes_raise_an_alert_through_an_outage_of_the_store(
    config: Path, mosquitto: int, own_influxd: Influxd, start: Callable[[str], Process]
) -> None:
    score, collect, console = start("score"), start("collect"), start("console")
    wait(lambda: "mqtt connected" in collect.told())
    first = datetime.now(UTC)
    publish(mosquitto, hot(first, range(3), 70.0))
    wait(lambda: received(config) == 3)

    own_influxd.kill()
    publish(mosquitto, hot(first, range(3, 9), 85.0))
    wait(lambda: "cannot be reached" in collect.told() and "cannot be reached" in score.told())
    assert received(config) == 3
    collect.process.kill()
    collect.process.wait()
    own_influxd.start()
    collect = start("collect")

    wait(lambda: received(config) == 9)
    wait(lambda: [a["state"] for a in ask(config, "alerts", "list")] == ["active, unacknowledged"])
    wait(lambda: "Oil too hot: plant/press-1" in score.told())
    assert "Oil too hot" not in collect.told()
    status = ask(config, "status")
    assert [(row["stored"], row["difference"]) for row in status["sum"]] == [(9, 0)]
    assert {"drain", "tick", "dispatch"} <= set(status["jobs"])
    console_port = int((config / "forewarn.toml").read_text().split("[console]\nport = ")[1].split()[0])
    with urllib.request.urlopen(f"http://127.0.0.1:{console_port}/", timeout=10) as page:
        assert page.status == 200
    for run in (console, score, collect):
        run.process.send_signal(signal.SIGTERM)
        assert run.process.wait(timeout=60) == 0, run.told()


def test_a_second_collector_on_the_same_folder_is_refused(config: Path, start: Callable[[str], Process]) -> None:
    start("collect")
    second = start("collect")
    assert second.process.wait(timeout=30) == 1
    assert "belongs to a running Forewarn" in second.told()


@pytest.mark.parametrize(
    ("telemetry", "only", "told"),
    [
        ("duckdb", "collect", "data.telemetry = 'duckdb': belongs to one process"),
        ("influxdb", "collect,scoer", "no such role 'scoer'"),
        ("influxdb", "", "no such role ''"),
    ],
)
def test_roles_that_cannot_be_are_refused_with_the_reason(tmp_path: Path, telemetry: str, only: str, told: str) -> None:
    (tmp_path / "forewarn.toml").write_text(f'[data]\nfolder = "{tmp_path / "data"}"\ntelemetry = "{telemetry}"\n')
    (tmp_path / "assets.csv").write_text("asset,class\n")
    (tmp_path / "tags.csv").write_text("asset,tag,unit\n")
    (tmp_path / "rules.toml").write_text("")
    command = [FOREWARN, "run", "--only", only, "--config", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert told in done.stderr
    assert not (tmp_path / "data").exists()
