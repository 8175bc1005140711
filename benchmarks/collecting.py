"""The receiving half of Forewarn in a process of the harness's own: what is under test comes from the product, the
faults are handed in from outside.

Faults stand where the product takes something as an argument: its clock, its intake, its point store; `fdatasync` is
replaced in this process. A crash is `os._exit`, which like SIGKILL leaves nothing time to tidy up.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from unittest import mock

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from app.clock import SystemClock
from app.drain import drain
from app.health import HealthWatch, raise_alerts
from app.rooms import Rooms
from app.settings import Settings, load
from collectors.batch import Arrived, BatchDecoder
from collectors.mqtt import SOURCE, MqttCollector
from domain.errors import StoreAwayError
from domain.points import Points
from domain.ports import PointStore
from domain.records import Decoded, Outcome
from store.journal import Journal

log = logging.getLogger(__name__)
FAIL_POINTS: Final = (
    "received",
    "parsed",
    "journal written",
    "synced",
    "before ack",
    "after ack",
    "store committed",
)
CRASHED: Final = 137
HEAL_S: Final = 1.0
Batch = Sequence[tuple[str, datetime, Decoded]]


@dataclass(frozen=True, slots=True)
class Task:
    """What one process does. fail_at, on_pass: crash at the n-th pass of a point. Files switch faults on and off.

    slow_s: added to every commit. fast: the clock's seconds pass so many times faster, so that waits are short.
    fault: raise, exit or hang in the first commit after `fault_file` appears. While `away_file` exists the store is
    away; `step_file` holds seconds by which the clock is off. bounds: the journal's (most, least free) bytes.
    """

    config: Path
    fail_at: str = ""
    on_pass: int = 1
    slow_s: float = 0.0
    fast: float = 1.0
    fault: str = ""
    has_auto_ack: bool = False
    bounds: tuple[int, int] | None = None

    def file(self, name: str) -> Path:
        """Return the switch of a fault: `fault`, `away` or `step`."""
        return self.config.parent / f"{name}.switch"


class Faults:
    """Crashes at the n-th pass of one point, and what else the task asks for."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._passes: Counter[str] = Counter()
        self._is_committed = False
        self._has_failed = False

    def passes(self, point: str) -> None:
        """Note that a point is passed; the process may end here."""
        self._passes[point] += 1
        if point == self._task.fail_at and self._passes[point] >= self._task.on_pass:
            os._exit(CRASHED)

    def commits(self) -> None:
        """Do what the task asks of a commit that begins."""
        self.passes("parsed")
        if self._task.slow_s:
            time.sleep(self._task.slow_s)
        if self._task.fault and not self._has_failed and self._task.file("fault").exists():
            self._has_failed = True
            self._fail()

    def committed(self) -> None:
        """Note a commit; the next look at the monotonic clock comes after its acknowledgement."""
        self.passes("before ack")
        self._is_committed = True

    def looks(self) -> None:
        """Note that the receiving loop looks at the clock."""
        if self._is_committed:
            self._is_committed = False
            self.passes("after ack")

    def _fail(self) -> None:
        if self._task.fault == "raise":
            raise RuntimeError("planted")
        if self._task.fault == "exit":
            raise SystemExit("planted")  # ends the thread, and no `except Exception` sees it
        if self._task.fault == "hang":
            threading.Event().wait()


class FaultyClock(SystemClock):
    """The machine's clock, with the task's steps and haste."""

    def __init__(self, task: Task, faults: Faults) -> None:
        self._step, self._fast, self._faults = task.file("step"), task.fast, faults

    def now(self) -> datetime:
        """The instant, off by what the step file says; a batch was received."""
        self._faults.passes("received")
        try:
            return super().now() + timedelta(seconds=float(self._step.read_text() or 0))
        except OSError:
            return super().now()

    def monotonic(self) -> float:
        """Seconds, passing `fast` times as fast."""
        self._faults.looks()
        return super().monotonic() * self._fast


class FaultyIntake:
    """`Intake` that crashes, fails or is slow before or after the journal."""

    def __init__(self, journal: Journal, faults: Faults) -> None:
        self._journal, self._faults = journal, faults

    def accept(self, batch: Batch) -> None:
        """Commit, with faults."""
        self._faults.commits()
        self._journal.accept(batch)
        self._faults.committed()


class FaultyPoints:
    """Point store that is away while a file exists, and may crash after a commit; the rest is the store's own."""

    def __init__(self, points: PointStore, task: Task, faults: Faults) -> None:
        self._points, self._away, self._faults = points, task.file("away"), faults

    def apply(self, batch: str, points: Points) -> Outcome:
        """Store, with faults."""
        if self._away.exists():
            raise StoreAwayError("planted")
        outcome = self._points.apply(batch, points)
        self._faults.passes("store committed")
        return outcome

    def __getattr__(self, name: str) -> Any:
        return getattr(self._points, name)


class FaultyRooms(Rooms):
    """Rooms whose point store has faults."""

    def __init__(self, settings: Settings, task: Task, faults: Faults) -> None:
        super().__init__(settings)
        if task.bounds is not None:
            self.journal = Journal(settings.data_folder, *task.bounds)
        self._faulty = FaultyPoints(super().points, task, faults)

    @property
    def points(self) -> PointStore:
        """The telemetry store, with faults."""
        return self._faulty


class AutoAckCollector:
    """The mistake that the harness must find: paho acknowledges as a message comes in, the commit follows later."""

    def __init__(self, settings: Settings, intake: FaultyIntake) -> None:
        self._mqtt, self._intake = settings.root.mqtt, intake
        self._decoder = BatchDecoder(settings.plant, self._mqtt, SOURCE)
        self._arrived: list[Arrived] = []
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=self._mqtt.client_id, clean_session=False)
        self._client.on_connect = lambda client, *_: client.subscribe(f"{self._mqtt.root}/#", qos=1)
        self._client.on_message = lambda _c, _d, m: self._arrived.append(Arrived(m.topic, bytes(m.payload), m.retain))

    def start(self) -> None:
        """Connect, and receive in paho's thread."""
        self._client.connect(self._mqtt.host, self._mqtt.port)
        self._client.loop_start()

    def heal(self) -> bool:
        """Commit what came in meanwhile."""
        batch, self._arrived = self._arrived, []
        if batch:
            now = SystemClock().now()
            self._intake.accept([(SOURCE, now, self._decoder.decode(batch, now))])
        return False

    def stop(self) -> None:
        """Disconnect, and commit the rest."""
        self._client.disconnect()
        self._client.loop_stop()
        self.heal()


def collect(task: Task) -> None:
    """Receive and drain until SIGTERM."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    logging.basicConfig(
        filename=task.config.parent / "collector.log",
        level=logging.INFO,
        format="%(asctime)s level=%(levelname)s logger=%(name)s %(message)s",
    )
    faults = Faults(task)
    settings = load(task.config)
    with mock.patch.object(os, "fdatasync", _watched(os.fdatasync, faults)):
        rooms = FaultyRooms(settings, task, faults)
        rooms.start()
        intake, clock = FaultyIntake(rooms.journal, faults), FaultyClock(task, faults)
        collector: MqttCollector | AutoAckCollector = (
            AutoAckCollector(settings, intake)
            if task.has_auto_ack
            else MqttCollector(settings.root.mqtt, settings.plant, intake, clock, settings.collector_folder)
        )
        collector.start()
        healed_at, watch = time.monotonic(), HealthWatch()
        while not stopping.wait(settings.root.run.drain_s):
            _drain(rooms)
            if time.monotonic() - healed_at > HEAL_S:
                healed_at = time.monotonic()
                collector.heal()
                _look(rooms, collector, watch, task)
        _look(rooms, collector, watch, task)
        collector.stop()
        _drain(rooms)
        rooms.stop()


def _drain(rooms: Rooms) -> None:
    try:
        drain(rooms, rooms.settings.root.run.drain_items)
    except StoreAwayError as error:
        log.warning("store away error=%s", error)
    except Exception:  # as the service does: the next beat tries again
        log.exception("drain failed")


def _look(rooms: Rooms, collector: MqttCollector | AutoAckCollector, watch: HealthWatch, task: Task) -> None:
    """Let the software judge its own health, and leave what it says of the publishers' numbers for the harness."""
    if isinstance(collector, AutoAckCollector):
        return
    health, clock = collector.health(), SystemClock()
    gaps = {name: [x.n_missing, x.n_gaps] for name, x in health.noted.publishers.items()}
    try:
        task.file("gaps").write_text(json.dumps(gaps))
        raise_alerts(rooms, watch.look(rooms, health, clock.monotonic(), clock.now()), clock.now())
    except Exception:  # a full disk takes no alert either; the next look tries again
        log.exception("health failed")


def _watched(sync: Callable[[int], None], faults: Faults) -> Callable[[int], None]:
    def watched(number: int) -> None:
        faults.passes("journal written")
        sync(number)
        faults.passes("synced")

    return watched
