"""Watching the watcher, in a thread of its own: a heartbeat out, the daily test in, and an alarm about the system
itself past the outbox where the test does not arrive.

Invariant: nothing here waits for the scheduler, the engine or the lanes, for it is they that are watched.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from alerts.delivery import Lane
from alerts.watchdog import LATE_S, NOT_KNOWN, Part, broken, canary_fault, checks, heartbeat, next_canary
from app import canary
from app.health import UNDELIVERED_AFTER, UNDELIVERED_FOR, receiver_noted
from app.notify import readers
from app.roles import Role
from app.rooms import Rooms
from domain.alerting import Message
from domain.errors import NotifyError
from domain.instants import parse_duration
from domain.ports import Clock, Notifier

log = logging.getLogger(__name__)
LOOK_S: Final = 1.0
STOP_S: Final = 2.0
RESTARTS: Final = 2  # of the receiver that are told: one heals what happened once


class Watchdog:
    """One thread. receivers: those of the config, which are spoken to directly here."""

    def __init__(
        self,
        rooms: Rooms,
        receivers: Mapping[str, Notifier],
        lanes: Sequence[Lane],
        roles: frozenset[Role],
        clock: Clock,
    ) -> None:
        self._rooms, self._receivers, self._lanes, self._roles, self._clock = rooms, receivers, lanes, roles, clock
        self._settings = rooms.settings.root.watchdog
        self._readers = readers(rooms.settings)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        self._started_at = clock.now()
        self._told = ""  # the fault that was told
        self._beaten: float | None = None
        self._restarts: deque[tuple[float, int]] = deque()  # of the receiver: when, and how many by then
        self._steps: dict[str, tuple[int, float]] = {}  # lane -> its steps, and since when there were no more

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; a send under way is not waited for long."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_S)

    def look(self) -> None:
        """Do what is due."""
        now = self._clock.now()
        self._count_steps()
        if self._settings.at is not None:
            self._try_the_path(now)
        monotonic = self._clock.monotonic()
        is_due = self._beaten is None or monotonic - self._beaten >= self._settings.heartbeat_s
        if is_due and Role.SCORE in self._roles and self._settings.heartbeat_to:
            self._beaten = monotonic
            self._beat(now)

    def still(self) -> list[str]:
        """Return the lanes that have begun nothing for long: each looks every second, whatever its receiver does."""
        monotonic = self._clock.monotonic()
        return [name for name, (_, since) in self._steps.items() if monotonic - since > LATE_S]

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_S):
            try:
                self.look()
            except Exception:  # it must outlive whatever it finds
                log.exception("watchdog failed")

    def _try_the_path(self, now: datetime) -> None:
        at = self._settings.at
        if at is None:
            return
        patience = parse_duration(self._settings.canary_timeout)
        try:
            sent_at, arrived_at = canary.noted(self._rooms)
            due_at = next_canary(sent_at or self._started_at, at, self._rooms.settings.zone)
            if now >= due_at and Role.COLLECT in self._roles:
                canary.inject(self._rooms, now)
                return
            fault = canary_fault(sent_at, arrived_at, due_at, patience, now)
        except Exception as error:  # noqa: BLE001 - whatever keeps the path from being looked at is a fault of it
            log.error("the alarm path cannot be looked at error=%r", error)
            fault = NOT_KNOWN
        if fault != self._told and Role.SCORE in self._roles:
            self._told = fault
            if fault:
                log.error("the alarm path is broken fault=%r", fault)
                self._tell(lambda name: broken(name, fault, self._readers[name], now), self._settings.second)

    def _beat(self, now: datetime) -> None:
        found = checks(parts(self._rooms, self._lanes, now, self.still()), now)
        found["collector"] = found["collector"] or self._restarted()
        if any(found.values()) and self._settings.heartbeat_when == "well":
            return
        plant = self._rooms.settings.root.plant.name
        self._tell(lambda name: heartbeat(name, found, plant, now), self._settings.heartbeat_to)

    def _count_steps(self) -> None:
        for lane in self._lanes:
            if self._steps.get(lane.name, (-1, 0.0))[0] != lane.n_steps:
                self._steps[lane.name] = (lane.n_steps, self._clock.monotonic())

    def _restarted(self) -> str:
        """Say that the receiver has had to be replaced over and over: then nothing comes in, although it is there."""
        noted = receiver_noted(self._rooms) if Role.COLLECT in self._roles else None
        if noted is None:
            return ""
        monotonic = self._clock.monotonic()
        self._restarts.append((monotonic, int(noted["n_restarts"])))
        while monotonic - self._restarts[0][0] > 2 * LATE_S:
            self._restarts.popleft()
        n = self._restarts[-1][1] - self._restarts[0][1]
        return f"was replaced {n} times in {2 * LATE_S:g} s" if n >= RESTARTS else ""

    def _tell(self, written: Callable[[str], Message], names: Sequence[str]) -> None:
        for name in names:
            threading.Thread(target=self._send, args=(name, written(name)), name=f"tell-{name}", daemon=True).start()

    def _send(self, name: str, message: Message) -> None:
        try:
            self._receivers[name].send(message)
        except NotifyError as error:
            log.warning("watchdog not heard notifier=%s error=%s", name, error)


def parts(rooms: Rooms, lanes: Sequence[Lane], now: datetime, still: Sequence[str] = ()) -> dict[str, Part]:
    """Return what collector, scheduler, engine and notifier left behind in the ledger. still: lanes that do nothing."""
    try:
        jobs = rooms.ledger.job_runs()
        undelivered = rooms.ledger.outbox.undelivered(now, UNDELIVERED_AFTER, UNDELIVERED_FOR)
        receiver = receiver_noted(rooms)
    except Exception as error:  # noqa: BLE001 - what keeps the ledger from answering is what is to be told
        return dict.fromkeys(("collector", "scheduler", "engine", "notifier"), Part(now, repr(error)))
    done = [at for at, _ in jobs.values() if at is not None]
    dead = [lane.name for lane in lanes if not lane.is_alive or lane.name in still]
    late = ", ".join(f"{name}: {n} undelivered" for name, (n, _) in undelivered.items())
    collector = Part(*jobs.get("drain", (None, "")))
    if rooms.settings.root.mqtt.is_enabled and receiver is not None:
        noted_at = datetime.fromisoformat(receiver["at"]).astimezone(UTC)
        wrong = "" if receiver["is_subscribed"] else receiver["error"] or "is not subscribed"
        if receiver.get("stuck_s", 0.0) > LATE_S:
            wrong = wrong or f"has stood still for {receiver['stuck_s']:.0f} s"
        collector = Part(min(noted_at, collector.done_at or noted_at), wrong or collector.error)
    sending, failed = jobs.get("dispatch", (None, ""))
    return {
        "collector": collector,
        "scheduler": Part(max(done, default=None)),
        "engine": Part(*jobs.get("tick", (None, ""))),
        "notifier": Part(sending, failed or (f"lanes ended, or frozen: {', '.join(dead)}" if dead else late)),
    }
