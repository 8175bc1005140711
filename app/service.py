"""`forewarn run`: collect, score and show, in one process or one per role, until told to stop; APScheduler keeps the
beat.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from app import rereading
from app.backup import backup, told
from app.console import console
from app.files import Files
from app.health import HealthWatch, note_receiver, raise_alerts
from app.inbox import InboxError
from app.keeping import RoomBounds, keep
from app.loading import Loading
from app.notify import notifiers
from app.pipeline import Pipeline, started_at
from app.requests import ServiceLock, Work, in_turn, serve
from app.roles import Role
from app.rooms import Rooms
from app.settings import Settings
from app.warming import warm
from collectors.mqtt import MqttCollector
from domain.errors import StoreAwayError
from domain.ports import Clock

log = logging.getLogger(__name__)
HEAL_S = 1  # with the collector's own patience a stuck receiver is replaced within ten seconds
HEALTH_S = 5
KEEPING_S = 24 * 3600
KEEPING_FIRST_S = 60  # after the start, so that collecting begins first
MISFIRE_GRACE_S = 3600  # a late beat is run, not skipped; several late ones are run as one
REQUESTS_S = 0.3  # seconds between looks for what a command asks
PIPELINE: Final = "the pipeline"
Jobs = Mapping[str, tuple[float, Callable[[], Any]]]


class Service:
    """The live plant. A job that fails is logged, noted in the ledger, and run again at its next beat."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        stopping: threading.Event,
        roles: frozenset[Role] = frozenset(Role),
        warming: Callable[[Rooms, Callable[[], bool]], None] = warm,
    ) -> None:
        self.settings, self._clock, self._stopping, self._roles = settings, clock, stopping, roles
        self._warming = warming
        self._told: dict[str, str] = {}  # job -> what was last logged of it
        self.rooms = Rooms(settings)
        self.collector: MqttCollector | None = None
        self._writing = threading.Lock()  # the pipeline's jobs take turns

    def run(self, is_ready: Callable[[], None] = lambda: None) -> None:
        """Run until `stopping` is set, then drain what was received and close."""
        with ExitStack() as stack:
            self.rooms.start()
            stack.callback(self.rooms.stop)
            started_at(self.rooms, self._clock.now())
            if Role.COLLECT in self._roles:
                self.rooms.journal.own()
            receivers = stack.enter_context(notifiers(self.settings)) if Role.SCORE in self._roles else {}
            pipeline = Pipeline(self.rooms, receivers, self._clock.now(), has_journal=Role.COLLECT in self._roles)
            stack.callback(self._finish, pipeline)
            scheduler = self._scheduler(pipeline, self._file_jobs(pipeline, stack))
            if Role.COLLECT in self._roles:
                self._add_keeping(scheduler)
            scheduler.start()
            stack.callback(scheduler.shutdown, wait=True)
            if Role.COLLECT in self._roles and self.settings.root.mqtt.is_enabled:
                self.collector = MqttCollector(
                    self.settings.root.mqtt,
                    self.settings.plant,
                    self.rooms.journal,
                    self._clock,
                    self.settings.collector_folder,
                )
                self.collector.start()
                stack.callback(self.collector.stop)
                scheduler.add_job(
                    partial(self._job, "heal", self.collector.heal), "interval", seconds=HEAL_S, id="heal"
                )
            if Role.CONSOLE in self._roles and self.settings.root.console.is_enabled:
                server = console(self.rooms, self._clock, lambda: "", lambda: self._writing)
                server.start()
                stack.callback(server.stop)
            is_ready()
            log.info("running plant=%r roles=%s", self.settings.root.plant.name, ",".join(sorted(self._roles)))
            self._stopping.wait()
            log.info("stopping")

    def _file_jobs(self, pipeline: Pipeline, stack: ExitStack) -> Jobs:
        """Return the jobs of the one process of a data folder that takes files and requests."""
        lock = ServiceLock(self.settings.data_folder)
        if Role.COLLECT not in self._roles or not lock.acquire():
            return {}
        stack.callback(lock.release)
        how = Loading(turn=self._writing, is_stopping=self._stopping.is_set, stored=pipeline.note)
        files, inbox = Files(self.rooms, self._clock, how), self.settings.root.inbox
        works: Mapping[str, Work] = {
            "load": files.load,
            "backup": lambda asked, note: self.backup(Path(asked["path"]), note),
            "reread": lambda asked, note: self.reread(asked["number"], asked["reason"], note),
        }
        jobs: Jobs = {"requests": (REQUESTS_S, lambda: serve(self.rooms.ledger, works, self._clock.now))}
        return {**jobs, "inbox": (inbox.poll_s, files.look)} if inbox.is_enabled else jobs

    def _scheduler(self, pipeline: Pipeline, more: Jobs) -> BackgroundScheduler:
        run = self.settings.root.run
        jobs: dict[str, tuple[float, Callable[[], Any]]] = {**more}
        if Role.COLLECT in self._roles:
            jobs["drain"] = run.drain_s, partial(self._exclusive, pipeline.drain)
            jobs["health"] = HEALTH_S, partial(self._look, HealthWatch(), RoomBounds(self.rooms))
            jobs["roll_up"] = run.roll_up_s, self.rooms.points.roll_up
        if Role.SCORE in self._roles:
            jobs["dispatch"] = run.dispatch_s, lambda: pipeline.dispatch(self._clock.now())
        scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(len(jobs) + 3)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": MISFIRE_GRACE_S},
            timezone="UTC",
        )
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        first = self._clock.now() + timedelta(milliseconds=100)
        for name, (every_s, work) in jobs.items():
            scheduler.add_job(partial(self._job, name, work), "interval", seconds=every_s, id=name, next_run_time=first)
        if Role.SCORE in self._roles:
            scheduler.add_job(partial(self._warm_then_tick, scheduler, pipeline), id="warm")
        return scheduler

    def _warm_then_tick(self, scheduler: BackgroundScheduler, pipeline: Pipeline) -> None:
        """Compile what scoring needs, beside collecting, and then begin to score."""
        self._job("warm", lambda: self._warming(self.rooms, self._stopping.is_set))
        if self._stopping.is_set():
            return
        tick = partial(self._job, "tick", partial(self._exclusive, lambda: pipeline.tick(self._clock.now())))
        every_s, first = self.settings.root.run.tick_s, self._clock.now()
        scheduler.add_job(tick, "interval", seconds=every_s, id="tick", next_run_time=first)

    def _add_keeping(self, scheduler: BackgroundScheduler) -> None:
        first = self._clock.now() + timedelta(seconds=KEEPING_FIRST_S)
        inbox = Path(self.settings.root.inbox.folder)
        work = partial(self._job, "keeping", lambda: keep(self.rooms, self._clock.now(), inbox))
        scheduler.add_job(work, "interval", seconds=KEEPING_S, id="keeping", next_run_time=first)

    def backup(self, file: Path, note: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
        """Write a backup and tell of it; the pipeline stands still meanwhile, and receiving goes on."""
        with in_turn(self._writing, note, PIPELINE):
            note("the pipeline stands still")
            return told(backup(self.rooms, file, self._clock.now()))

    def reread(self, number: int | None, reason: str | None, note: Callable[[str], None]) -> Mapping[str, Any]:
        """Read dead letters again and tell of it."""
        return rereading.told(
            rereading.replay(
                self.rooms,
                self._clock.now(),
                number,
                reason,
                turn=lambda: in_turn(self._writing, note, PIPELINE),
                is_stopping=self._stopping.is_set,
                progress=note,
            )
        )

    def _look(self, watch: HealthWatch, room: RoomBounds) -> None:
        receiver = None if self.collector is None else self.collector.health()
        now, monotonic = self._clock.now(), self._clock.monotonic()
        if receiver is not None:
            note_receiver(self.rooms, receiver, monotonic, now)
        raise_alerts(self.rooms, watch.look(self.rooms, receiver, monotonic, now), now)
        room.look(now)

    def _exclusive(self, work: Callable[[], Any]) -> None:
        with self._writing:
            work()

    def _job(self, name: str, work: Callable[[], Any]) -> None:
        error = ""
        try:
            work()
        except (StoreAwayError, InboxError) as waits:
            error = str(waits)
            if error != self._told.get(name):  # once, and not with every beat
                log.warning("job waits name=%s reason=%s", name, waits)
        except Exception as caught:  # a job must not end the scheduler's beat
            error = repr(caught)
            if error != self._told.get(name):
                log.exception("job failed name=%s", name)
        self._told[name] = error
        self.rooms.ledger.save_job_run(name, self._clock.now(), error)

    def _finish(self, pipeline: Pipeline) -> None:
        try:
            if Role.SCORE in self._roles:
                pipeline.tick(self._clock.now())
            elif Role.COLLECT in self._roles:
                pipeline.drain()
        except StoreAwayError as away:
            log.warning("stopped with the rest in the journal reason=%s", away)
        if Role.SCORE in self._roles:
            pipeline.dispatch(self._clock.now())
