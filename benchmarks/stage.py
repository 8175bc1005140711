"""One experiment's stage: broker, outside publisher, collector under test and its data folder in; a judgement out."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from types import TracebackType
from typing import Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from app.rooms import Rooms, opened
from app.settings import Settings, load
from benchmarks.collecting import Task, collect
from benchmarks.oracle import ASSET, Ids, Judgement, Stream, judge, table_hash
from benchmarks.peers import Peer, mosquitto
from benchmarks.publishing import Publisher
from domain.points import Points
from domain.records import Tally
from store.journal import Journal

PATIENCE_S: Final = 25.0  # without any change: longer than the longest wait before a reconnect
POLL_S: Final = 0.3
FAR: Final = 2**62


class Lean:
    """The receiving half of the product in a child forked from a process that has all imported."""

    def __init__(self, task: Task) -> None:
        self._process: ForkServerProcess = _forks().Process(target=collect, args=(task,), daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid or 0

    def wait(self, seconds: float | None = None) -> int | None:
        """Wait for its end; returns the exit code, None while it runs."""
        self._process.join(seconds)
        return self._process.exitcode


class Whole:
    """The product as it is run: `forewarn run`."""

    def __init__(self, config: Path) -> None:
        program = str(Path(sys.executable).parent / "forewarn")
        with (config.parent / "service.log").open("ab") as log:
            self._process = subprocess.Popen([program, "run", "--config", str(config)], stdout=log, stderr=log)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def wait(self, seconds: float | None = None) -> int | None:
        """Wait for its end; returns the exit code, None while it runs."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None


class Stage:
    """Context manager; leaves nothing running. The broker is the stage's own unless a port is given."""

    def __init__(
        self,
        folder: Path,
        stream: Stream,
        *,
        broker_port: int | None = None,
        influxdb: str = "",
        name: str = "oracle",
        data: Path | None = None,
    ) -> None:
        folder.mkdir(parents=True)
        self.folder, self.stream = folder, stream
        self.broker: Peer | None = None if broker_port else mosquitto(folder / "broker")
        self.broker_port = broker_port or (self.broker.port if self.broker else 0)
        self.config = folder / "config"
        self.name, self.data = name, data or folder / "data"
        self.telemetry = "influxdb" if influxdb else "duckdb"
        self.extra = f"[influxdb]\n{influxdb}" if influxdb else ""
        self.collector: Lean | Whole | None = None
        self.publishers: list[Publisher] = []
        self.write_config()

    def __enter__(self) -> Stage:
        if self.broker is not None:
            self.broker.start()
        with self._books():
            return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for publisher in self.publishers:
            publisher.stop()
        self.kill()
        if self.broker is not None:
            self.broker.stop(signal.SIGKILL)

    def write_config(self, mqtt_port: int | None = None) -> None:
        """Write the config; the collector may be led to the broker through a proxy."""
        self.config.mkdir(exist_ok=True)
        (self.config / "forewarn.toml").write_text(f"""
[data]
folder = "{self.data}"
telemetry = "{self.telemetry}"
[mqtt]
port = {mqtt_port or self.broker_port}
client_id = "{self.name}"
time_unit = "ns"
[console]
is_enabled = false
[run]
drain_s = 0.1
[[classes]]
name = "press"
horizon = "1h"
lead = "1min"
period = "1s"
{self.extra}
""")
        (self.config / "assets.csv").write_text(f"asset,class\n{ASSET},press\n")
        (self.config / "tags.csv").write_text("asset,tag\n" + "".join(f"{ASSET},{n}\n" for n in self.stream.names))
        (self.config / "rules.toml").write_text("")

    def settings(self) -> Settings:
        """Return the config, read."""
        return load(self.config)

    def launch(self, task: Task | None = None) -> None:
        """Start the collector in a lean child of the harness."""
        self.collector = Lean(task or Task(self.config))

    def launch_whole(self) -> None:
        """Start the collector as `forewarn run`."""
        self.collector = Whole(self.config)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the collector."""
        if self.collector is not None:
            os.kill(self.collector.pid, number)

    def kill(self) -> None:
        """SIGKILL the collector, wherever it is."""
        if self.collector is not None:
            if self.collector.wait(0) is None:
                self.send(signal.SIGKILL)
            self.collector.wait()
            self.collector = None

    def close(self) -> int | None:
        """End the collector by SIGTERM; returns its exit code."""
        if self.collector is None:
            return None
        if self.collector.wait(0) is None:
            self.send(signal.SIGTERM)
        code = self.collector.wait(120)
        self.kill()
        return code

    def subscribe(self) -> None:
        """Make the collector's session at the broker, so that nothing is published to nobody."""
        is_subscribed = threading.Event()
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=self.name, clean_session=False)
        client.on_connect = lambda c, *_: c.subscribe("forewarn/#", qos=1)
        client.on_subscribe = lambda *_: is_subscribed.set()
        client.connect("127.0.0.1", self.broker_port)
        client.loop_start()
        is_subscribed.wait(20)
        client.disconnect()
        client.loop_stop()

    def publish(self, messages: Iterable[tuple[str, bytes]], rate: float | None = None) -> Publisher:
        """Begin to publish from outside."""
        publisher = Publisher(self.broker_port, f"{self.name}-outside-{len(self.publishers)}")
        self.publishers.append(publisher)
        publisher.start(messages, rate)
        return publisher

    def issue(self, n_messages: int, rate: float | None = None, version: int = 0) -> Publisher:
        """Begin to publish the first `n_messages` of the stream."""
        topic = self.stream.topic
        return self.publish(((topic, self.stream.payload(i, version)) for i in range(n_messages)), rate)

    def totals(self) -> Tally:
        """Return the sum as another process sees it, while the collector runs."""
        with self._books() as journal:
            return _joined(journal.totals())

    def wait(self, is_done: Callable[[Tally], bool], patience_s: float = PATIENCE_S) -> bool:
        """Wait until the sum says so; False after `patience_s` in which nothing changed."""
        with self._books() as journal:
            before, changed = Tally("", None), time.monotonic()
            while time.monotonic() - changed < patience_s:
                found = _joined(journal.totals())
                if is_done(found):
                    return True
                if found != before:
                    before, changed = found, time.monotonic()
                time.sleep(POLL_S)
        return False

    def wait_drained(self, n_values: int, patience_s: float = PATIENCE_S) -> bool:
        """Wait until so many values are stored, and the journal is empty."""
        return self.wait(lambda t: t.stored >= n_values and not t.in_journal, patience_s)

    def is_alive(self, seconds: float = 15) -> bool:
        """Send one fresh event, and say whether it arrives."""
        before = self.totals()
        probe = self.publish([("forewarn/none/alive", b"{}")])
        probe.join(10)
        return self.wait(lambda t: t.dead_lettered > before.dead_lettered, seconds)

    def judge(self, publisher: Publisher, excused: Ids | None = None) -> Judgement:
        """Judge what is in the stores; the collector must have ended."""
        with opened(self.settings()) as rooms:
            return judge(
                self.stream,
                publisher.acked(),
                points_of(rooms, self.stream),
                rooms.journal.totals(),
                publisher.published_at(),
                excused,
            )

    def table_hash(self) -> str:
        """Return the hash of all that is stored; the collector must have ended."""
        with opened(self.settings()) as rooms:
            return table_hash(points_of(rooms, self.stream))

    def rss_mb(self) -> float:
        """Return the collector's resident memory, MB."""
        pid = self.collector.pid if self.collector else 0
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0

    @contextmanager
    def _books(self) -> Iterator[Journal]:
        journal = Journal(self.data)
        journal.start()
        try:
            yield journal
        finally:
            journal.stop()


def points_of(rooms: Rooms, stream: Stream) -> Iterator[tuple[int, Points]]:
    """Yield each tag's number and all its points."""
    for tag, tag_id in enumerate(stream.tag_ids):
        yield tag, rooms.points.read([tag_id], 0, FAR)


def _joined(tallies: Iterable[Tally]) -> Tally:
    found = list(tallies)
    names = ("received", "stored", "dead_lettered", "duplicates", "conflicts", "in_journal")
    return Tally("", None, *(sum(getattr(t, name) for t in found) for name in names))


def _forks() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.collecting", "app.drain", "store.duckdb", "store.ledger"])
    return context
