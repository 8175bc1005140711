"""A real InfluxDB of the tests' own, with users, on ports of its own."""

from __future__ import annotations

import base64
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from itertools import count
from pathlib import Path

import pytest
from pydantic import SecretStr

from store.settings import InfluxSettings
from tests.ports import free_port

CONFIG = """\
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  query-log-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  auth-enabled = true
  log-enabled = false
[monitor]
  store-enabled = false
[continuous_queries]
  enabled = false
"""
USER, PASSWORD = "forewarn", "s3cret: with, colon"


class Influxd:
    """A server process; `kill` and `start` make an outage."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("influxd")
        if program is None:
            pytest.skip("influxd is not installed")
        self.port, self._rpc, self._program = free_port(), free_port(), program
        self._folder = folder
        self._numbers = count(1)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "influx.conf").write_text(CONFIG.format(rpc=self._rpc, port=self.port, folder=folder))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._folder / "influxd.log").open("ab") as log:
            command = [self._program, "run", "-config", str(self._folder / "influx.conf")]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                pytest.fail(f"influxd ended: {(self._folder / 'influxd.log').read_text()[-2000:]}")
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/ping", timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        pytest.fail("influxd does not answer")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=10)
            self._process = None

    def ask(self, statement: str, database: str = "") -> bytes:
        """Run a statement as the administrator."""
        form = urllib.parse.urlencode({"q": statement, "db": database}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/query", form)
        request.add_header("Authorization", f"Basic {base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}")
        with urllib.request.urlopen(request, timeout=10) as answer:
            found: bytes = answer.read()
            return found

    def new_database(self, **changed: object) -> InfluxSettings:
        """Make an empty database and return the settings that reach it."""
        name = f"plant_{next(self._numbers)}"
        self.ask(f"CREATE DATABASE {name}")
        return self.settings(name, **changed)

    def settings(self, database: str, **changed: object) -> InfluxSettings:
        url = f"http://127.0.0.1:{self.port}"
        known = InfluxSettings(url=url, database=database, username=USER, password=SecretStr(PASSWORD), timeout_s=5)
        return known.model_copy(update=dict(changed))


def started(folder: Path) -> Influxd:
    """Start a server and make its user."""
    server = Influxd(folder)
    server.start()
    server.ask(f"CREATE USER {USER} WITH PASSWORD '{PASSWORD}' WITH ALL PRIVILEGES")
    return server
