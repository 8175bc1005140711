"""A real InfluxDB for the length of a measurement, on ports of its own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from store.settings import InfluxSettings

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
  log-enabled = false
[monitor]
  store-enabled = false
[continuous_queries]
  enabled = false
"""
DATABASE = "plant"


class NoServerError(Exception):
    """influxd is not installed."""


@contextmanager
def running(folder: Path) -> Iterator[InfluxSettings]:
    """Run a server with one empty database; raises NoServerError where there is none to run."""
    program = shutil.which("influxd")
    if program is None:
        raise NoServerError("influxd is not installed")
    port, rpc = _free_port(), _free_port()
    config = folder / "influx.conf"
    config.write_text(CONFIG.format(rpc=rpc, port=port, folder=folder))
    process = subprocess.Popen(
        [program, "run", "-config", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _create(f"http://127.0.0.1:{port}/query")
        yield InfluxSettings(url=f"http://127.0.0.1:{port}", database=DATABASE)
    finally:
        process.kill()
        process.wait(timeout=30)


def _create(url: str) -> None:
    form = urllib.parse.urlencode({"q": f"CREATE DATABASE {DATABASE}"}).encode()
    deadline = time.monotonic() + 30
    while True:
        try:
            urllib.request.urlopen(url, form, timeout=5).close()  # noqa: S310
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
