"""What tests of several rooms share: a real MQTT broker, a real InfluxDB, and how Hypothesis searches."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.influx_server import Influxd, started
from tests.ports import free_port

settings.register_profile(
    "forewarn", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
settings.load_profile("forewarn")

SBIN_MOSQUITTO = "/usr/sbin/mosquitto"
CONFIG = """\
user root
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/
max_queued_messages 0
max_inflight_messages 100
log_dest file {folder}/mosquitto.log
"""


def wait_for_port(port: int, process: subprocess.Popen[bytes], seconds: float = 10) -> None:
    """Wait until something listens; fails the test where the process ends first."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"mosquitto ended with exit code {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    pytest.fail("mosquitto does not listen")


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[int]:
    """A mosquitto of the test's own; yields its port on 127.0.0.1."""
    program = shutil.which("mosquitto") or (SBIN_MOSQUITTO if Path(SBIN_MOSQUITTO).exists() else None)
    if program is None:
        pytest.skip("mosquitto is not installed")
    folder, port = tmp_path / "mosquitto", free_port()
    folder.mkdir()
    config = folder / "mosquitto.conf"
    config.write_text(CONFIG.format(port=port, folder=folder))
    process = subprocess.Popen([program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_port(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=10)


@pytest.fixture(scope="session")
def influxd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd]:
    """An InfluxDB with a user, shared by the tests of a run; each takes a database of its own."""
    server = started(tmp_path_factory.mktemp("influxd"))
    yield server
    server.kill()


@pytest.fixture
def own_influxd(tmp_path: Path) -> Iterator[Influxd]:
    """An InfluxDB of the test's own, to be killed."""
    server = started(tmp_path / "influxd")
    yield server
    server.kill()
