"""The programs that a plant runs beside Forewarn, as child processes that can be stopped, killed and frozen."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

SBIN: Final = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))
AUTOSAVE_S: Final = 1


def free_port() -> int:
    """Return a TCP port that was free on the loopback a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def path_of(program: str) -> str | None:
    """Return where a program is installed, None where it is not."""
    return shutil.which(program, path=SBIN)


class Peer:
    """A program listening on `port` of the loopback."""

    def __init__(self, command: Sequence[str], port: int, log: Path) -> None:
        self.command, self.port, self._log = list(command), port, log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, seconds: float = 20) -> None:
        """Start and wait until it listens; raises TimeoutError."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self.command, stdout=log, stderr=log)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise TimeoutError(f"{self.command[0]} does not listen on {self.port}, see {self._log}")

    @property
    def pid(self) -> int:
        """Its process id."""
        if self._process is None:
            raise RuntimeError(f"{self.command[0]} is not running")
        return self._process.pid

    def send(self, number: signal.Signals) -> None:
        """Send a signal, such as SIGSTOP."""
        os.kill(self.pid, number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it, cleanly or by SIGKILL; may be called twice."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(number)
            self._process.wait(timeout=60)
            self._process = None


def mosquitto(folder: Path, port: int | None = None) -> Peer:
    """Return a broker that keeps what is queued, with nothing bounded; raises FileNotFoundError where there is none."""
    program = path_of("mosquitto")
    if program is None:
        raise FileNotFoundError("mosquitto")
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    conf = folder / "mosquitto.conf"
    conf.write_text(
        f"user root\npersistence true\npersistence_location {folder}/\nautosave_interval {AUTOSAVE_S}\n"
        f"max_queued_messages 0\nmax_queued_bytes 0\nallow_anonymous true\nlistener {port} 127.0.0.1\n"
    )
    return Peer([program, "-c", str(conf)], port, folder / "mosquitto.log")


def influxd(folder: Path) -> Peer:
    """Return an InfluxDB 1.x without authentication; raises FileNotFoundError where there is none."""
    program = path_of("influxd")
    if program is None:
        raise FileNotFoundError("influxd")
    folder.mkdir(parents=True, exist_ok=True)
    port, rpc = free_port(), free_port()
    conf = folder / "influx.conf"
    conf.write_text(
        f'reporting-disabled = true\nbind-address = "127.0.0.1:{rpc}"\n[meta]\ndir = "{folder}/meta"\n'
        f'[data]\ndir = "{folder}/data"\nwal-dir = "{folder}/wal"\nquery-log-enabled = false\n'
        f'[http]\nbind-address = "127.0.0.1:{port}"\nlog-enabled = false\n[monitor]\nstore-enabled = false\n'
    )
    return Peer([program, "run", "-config", str(conf)], port, folder / "influxd.log")


def influx_query(port: int, query: str) -> Any:
    """Run one InfluxQL statement, such as the making of a database; returns the answer."""
    body = urllib.parse.urlencode({"q": query}).encode()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/query", body, timeout=30) as answer:
        return json.loads(answer.read())


def influx_write(port: int, database: str, line: str) -> None:
    """Write one line of the line protocol, as another program would."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/write?db={database}", line.encode(), timeout=30):
        pass
