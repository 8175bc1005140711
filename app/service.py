"""`forewarn run`: collect, score and alert in one process until told to stop; APScheduler keeps the beat."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from typing import Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from app.console import console
from app.notify import notifiers
from app.pipeline import Pipeline
from app.rooms import Rooms
from app.settings import Settings
from collectors.mqtt import MqttCollector
from domain.ports import Clock

log = logging.getLogger(__name__)
MISFIRE_GRACE_S = 3600  # a late beat is run, not skipped; several late ones are run as one


class Service:
    """The live plant. A job that fails is logged, noted in the ledger, and run again at its next beat."""

    def __init__(self, settings: Settings, clock: Clock, stopping: threading.Event) -> None:
        self.settings, self._clock, self._stopping = settings, clock, stopping
        self.rooms = Rooms(settings)
        self.collector: MqttCollector | None = None
        self._writing = threading.Lock()  # the pipeline's jobs take turns

    def run(self, is_ready: Callable[[], None] = lambda: None) -> None:
        """Run until `stopping` is set, then drain what was received and close."""
        with ExitStack() as stack:
            self.rooms.start()
            stack.callback(self.rooms.stop)
            receivers = stack.enter_context(notifiers(self.settings))
            pipeline = Pipeline(self.rooms, receivers, self._clock.now())
            stack.callback(self._finish, pipeline)
            scheduler = self._scheduler(pipeline)
            scheduler.start()
            stack.callback(scheduler.shutdown, wait=True)
            if self.settings.root.mqtt.is_enabled:
                self.collector = MqttCollector(
                    self.settings.root.mqtt, self.settings.plant, self.rooms.journal, self._clock
                )
                self.collector.start()
                stack.callback(self.collector.stop)
            if self.settings.root.console.is_enabled:
                server = console(self.rooms, self._clock, lambda: "")
                server.start()
                stack.callback(server.stop)
            is_ready()
            log.info("running plant=%r", self.settings.root.plant.name)
            self._stopping.wait()
            log.info("stopping")

    def _scheduler(self, pipeline: Pipeline) -> BackgroundScheduler:
        run = self.settings.root.run
        jobs: Mapping[str, tuple[float, Callable[[], Any]]] = {
            "drain": (run.drain_s, partial(self._exclusive, pipeline.drain)),
            "tick": (run.tick_s, partial(self._exclusive, lambda: pipeline.tick(self._clock.now()))),
            "dispatch": (run.dispatch_s, lambda: pipeline.dispatch(self._clock.now())),
        }
        scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(len(jobs))},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": MISFIRE_GRACE_S},
            timezone="UTC",
        )
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        first = self._clock.now() + timedelta(milliseconds=100)
        for name, (every_s, work) in jobs.items():
            scheduler.add_job(partial(self._job, name, work), "interval", seconds=every_s, id=name, next_run_time=first)
        return scheduler

    def _exclusive(self, work: Callable[[], Any]) -> None:
        with self._writing:
            work()

    def _job(self, name: str, work: Callable[[], Any]) -> None:
        error = ""
        try:
            work()
        except Exception as caught:  # a job must not end the scheduler's beat
            log.exception("job failed name=%s", name)
            error = repr(caught)
        self.rooms.ledger.save_job_run(name, self._clock.now(), error)

    def _finish(self, pipeline: Pipeline) -> None:
        pipeline.tick(self._clock.now())
        pipeline.dispatch(self._clock.now())
