"""`forewarn run` against a real broker, from outside: values in, an alert out, a kill and a clean stop in between."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

FOREWARN = str(Path(sys.executable).parent / "forewarn")


@pytest.fixture
def config(tmp_path: Path, mosquitto: int) -> Path:
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "forewarn.toml").write_text(f"""
[data]
folder = "{tmp_path / "data"}"
[mqtt]
port = {mosquitto}
client_id = "acceptance"
[console]
port = 0
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
""")
    (folder / "assets.csv").write_text("asset,class\nplant/press-1,press\nplant/press-2,press\n")
    (folder / "tags.csv").write_text("asset,tag,unit\nclass:press,oil,degC\n")
    (folder / "rules.toml").write_text("""
[[rules]]
id = "oil-hot"
asset_class = "press"
watch = "tag:oil"
raise = 80.0
clear = 76.0
on_delay = "3s"
title = "Oil too hot"
""")
    return folder


class Run:
    """A running service."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self.log = config.parent / "service.log"
        self._offset = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as file:
            self.process = subprocess.Popen([FOREWARN, "run", "--config", str(config)], stderr=file)

    def told(self) -> str:
        return self.log.read_text()[self._offset :]


@pytest.fixture
def start(config: Path) -> Iterator[Callable[[], Run]]:
    started: list[Run] = []

    def begin() -> Run:
        run = Run(config)
        started.append(run)
        wait(lambda: "mqtt connected" in run.told())
        return run

    yield begin
    for run in started:
        if run.process.poll() is None:
            run.process.kill()
        run.process.wait()


def wait(is_done: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not is_done():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def ask(config: Path, *words: str) -> Any:
    command = [FOREWARN, *words, "--json", "--config", str(config)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def publish(port: int, messages: list[tuple[str, str]]) -> None:
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    for sent in [client.publish(topic, payload, qos=1) for topic, payload in messages]:
        sent.wait_for_publish(20)
    client.disconnect()
    client.loop_stop()


def hot(first: datetime, seconds: range, value: float) -> list[tuple[str, str]]:
    times = ((first + timedelta(seconds=s)).isoformat() for s in seconds)
    bodies = ({"at": at, "values": {"oil": value}} for at in times)
    return [("forewarn/points/plant/press-1", json.dumps(body)) for body in bodies]


def received(config: Path) -> int:
    return sum(row["received"] - row["in_journal"] for row in ask(config, "status")["sum"])


def test_a_hot_press_is_alerted_once_through_a_kill_and_acknowledged(
    config: Path, mosquitto: int, start: Callable[[], Run]
) -> None:
    run = start()
    first = datetime.now(UTC)
    publish(mosquitto, [*hot(first, range(5), 70.0), *hot(first, range(5, 7), 85.0)])
    wait(lambda: received(config) == 7)
    run.process.kill()
    run.process.wait()
    publish(
        mosquitto, [*hot(first, range(7, 12), 85.0), ("forewarn/points/plant/press-1", "{"), ("forewarn/nothing", "{}")]
    )
    run = start()
    wait(lambda: received(config) == 14)
    wait(lambda: len(ask(config, "alerts", "list")) == 1)
    (alert,) = ask(config, "alerts", "list")
    assert (alert["asset"], alert["state"], alert["occurrences"]) == ("plant/press-1", "active, unacknowledged", 1)
    # the breach began at second 5 and had lasted 3 s at second 8, whenever it was processed
    assert datetime.fromisoformat(alert["raised_at"]) == (first + timedelta(seconds=8)).replace(
        microsecond=first.microsecond
    )
    wait(lambda: "Oil too hot: plant/press-1" in run.log.read_text())

    acked = subprocess.run(
        [FOREWARN, "alerts", "ack", alert["id"], "--by", "Kim", "--config", str(config)],
        capture_output=True,
        check=False,
    )
    assert acked.returncode == 0
    publish(mosquitto, hot(first, range(12, 14), 70.0))
    wait(lambda: ask(config, "alerts", "list")[0]["state"] == "closed")

    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(timeout=60) == 0
    found = ask(config, "status")
    assert [row["difference"] for row in found["sum"]] == [0]
    assert found["dead_letters"] == {"json": 1, "topic": 1}
    assert run.log.read_text().count("forewarn.alert") == 1


def test_a_second_service_on_the_same_data_is_refused_with_the_reason(config: Path, start: Callable[[], Run]) -> None:
    start()
    second = subprocess.run([FOREWARN, "run", "--config", str(config)], capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert "belongs to a running Forewarn" in second.stderr
