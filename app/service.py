"""`forewarn run`: collect, score and show, in one process or one per role, until told to stop; APScheduler keeps the
beat.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from apscheduler.events import EVENT_JOB_MISSED
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from alerts.delivery import Lane
from app import afterwards, attending, drifting, live_quality, promotion, rereading, retraining
from app.auditing import note_config
from app.backup import backup, told
from app.beats import Beats, Job, WallTimes
from app.console import console
from app.files import Files
from app.health import HealthWatch, note_receiver, raise_alerts
from app.inbox import InboxError
from app.keeping import RoomBounds, keep
from app.leading import Leader
from app.loading import Loading
from app.notify import notifiers
from app.pipeline import Pipeline, started_at
from app.reporting import sending
from app.requests import ServiceLock, Work, in_turn, serve
from app.roles import Role
from app.rooms import Rooms
from app.rule_changing import RulesWatch, answered
from app.settings import Settings
from app.silence import Silence
from app.warming import warm
from app.watchdog import Watchdog
from collectors.mqtt import MqttCollector
from detectors.settings import DetectorSettings
from domain.errors import StoreAwayError
from domain.instants import parse_duration
from domain.ports import Clock

log = logging.getLogger(__name__)
SILENCE_S = 2
HEAL_S = 1  # with the collector's own patience a stuck receiver is replaced within ten seconds
HEALTH_S = 5
KEEPING_S = 24 * 3600
KEEPING_FIRST_S = 60  # after the start, so that collecting begins first
KEEPING_LIMIT_S = 6 * 3600.0
PIPELINE_LIMIT_S = 600.0  # it stands still while a backup is made
ROLL_UP_LIMIT_S = 3600.0
DRIFT_S = 3600
JUDGING_S = 600
JUDGING_LIMIT_S = 3600.0
WEEKLY_S = 300  # between looks whether the weekly report is due
WEEKLY_LIMIT_S = 3600.0
LIVE_S = 300.0  # between looks at what the models of lots predicted, and at results that do not come
WARMING_LIMIT_S = 900.0  # compiling everything anew takes a minute or two
REQUEST_LIMIT_S = 6 * 3600.0  # a load or a backup takes its time
REQUESTS_S = 0.3  # seconds between looks for what a command asks
PIPELINE: Final = "the pipeline"
Jobs = Mapping[str, Job]


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
        self._warming = warming
        self.settings, self._clock, self._stopping, self._roles = settings, clock, stopping, roles
        self._told: dict[str, str] = {}  # job -> what was last logged of it
        self.rooms = Rooms(settings)
        self.collector: MqttCollector | None = None
        self._writing = threading.Lock()  # the pipeline's jobs take turns
        self._rules, self._steps = RulesWatch(), attending.ClockSteps()
        self._beats = Beats(settings.zone)
        self._leader: Leader | None = None
        self._was_leading = False

    def run(self, is_ready: Callable[[], None] = lambda: None) -> None:
        """Run until `stopping` is set, then drain what was received and close."""
        with ExitStack() as stack:
            self.rooms.start()
            stack.callback(self.rooms.stop)
            started_at(self.rooms, self._clock.now())
            note_config(self.rooms, self._clock.now())
            if Role.COLLECT in self._roles:
                self.rooms.journal.own()
            receivers = stack.enter_context(notifiers(self.settings)) if Role.SCORE in self._roles else {}
            attending.keep_time(self.rooms, timedelta(0), self._clock.now())
            silence = Silence(self.rooms, self._clock.now())
            has_journal = Role.COLLECT in self._roles
            pipeline = Pipeline(self.rooms, receivers, self._clock.now(), has_journal=has_journal, arrived=silence.note)
            lanes = stack.enter_context(pipeline.delivering.lanes(self._clock)) if Role.SCORE in self._roles else ()
            stack.callback(self._finish, pipeline)
            if Role.SCORE in self._roles:
                promotion.clean_folder(self.rooms, self._clock.now())
                self._leader = Leader(self.rooms.ledger.leases)
            jobs = {**self._jobs(pipeline, lanes), **self._file_jobs(pipeline, stack), **self._silence_job(silence)}
            scheduler = self._scheduler(jobs)
            if Role.SCORE in self._roles:
                self._add_warming(scheduler, pipeline)
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
                self._add(scheduler, "heal", Job(self.collector.heal, HEAL_S), self._clock.now())
            if Role.CONSOLE in self._roles and self.settings.root.console.is_enabled:
                server = console(self.rooms, self._clock, lambda: "", lambda: self._writing)
                server.start()
                stack.callback(server.stop)
            watchdog = Watchdog(self.rooms, receivers, lanes, self._roles, self._clock)
            watchdog.start()
            stack.callback(watchdog.stop)
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
            "preview": lambda asked, _note: answered(self.rooms, asked, self._clock.now()),
            "judge": lambda asked, _note: afterwards.told(self.rooms, self._clock.now(), **asked),
            "reread": lambda asked, note: self.reread(asked["number"], asked["reason"], note),
        }
        answer = partial(serve, self.rooms.ledger, works, self._clock.now)
        jobs: Jobs = {"requests": Job(answer, REQUESTS_S, limit_s=REQUEST_LIMIT_S)}
        return {**jobs, "inbox": Job(files.look, inbox.poll_s, limit_s=REQUEST_LIMIT_S)} if inbox.is_enabled else jobs

    def _jobs(self, pipeline: Pipeline, lanes: Sequence[Lane]) -> Jobs:
        run = self.settings.root.run
        jobs: dict[str, Job] = {}
        if Role.COLLECT in self._roles:
            inbox = Path(self.settings.root.inbox.folder)
            jobs["drain"] = Job(partial(self._exclusive, pipeline.drain), run.drain_s, limit_s=PIPELINE_LIMIT_S)
            jobs["health"] = Job(partial(self._look, HealthWatch(), RoomBounds(self.rooms)), HEALTH_S)
            jobs["roll_up"] = Job(self.rooms.points.roll_up, run.roll_up_s, limit_s=ROLL_UP_LIMIT_S)
            jobs["keeping"] = Job(
                lambda: keep(self.rooms, self._clock.now(), inbox),
                KEEPING_S,
                limit_s=KEEPING_LIMIT_S,
                first_s=KEEPING_FIRST_S,
            )
        if Role.SCORE in self._roles:
            jobs["dispatch"] = Job(partial(self._led, partial(self._plan, pipeline, lanes)), run.dispatch_s)
            jobs["live_quality"] = Job(
                partial(self._led, lambda: live_quality.look(self.rooms, self._clock.now())), LIVE_S
            )
            jobs["drift"] = Job(partial(self._led, lambda: drifting.look(self.rooms, self._clock.now())), DRIFT_S)
            if self.settings.root.delivery.weekly_at is not None:
                jobs["weekly"] = Job(partial(self._led, self._send_weekly), WEEKLY_S, limit_s=WEEKLY_LIMIT_S)
            jobs["judging"] = Job(partial(self._led, self._judge), JUDGING_S, limit_s=JUDGING_LIMIT_S)
            jobs |= self._model_jobs()
        return jobs

    def _model_jobs(self) -> Jobs:
        """Return one job for each time at which some detectors are looked after."""
        by_time: dict[str, list[DetectorSettings]] = {}
        for detector in self.settings.root.detectors:
            by_time.setdefault(detector.retrain.at, []).append(detector)
        jobs = {}
        for at, detectors in by_time.items():
            work = partial(self._led, partial(self._look_after, detectors))
            limit_s = sum(parse_duration(d.retrain.limit).total_seconds() for d in detectors)
            jobs[f"models at {at}"] = Job(work, at=at, limit_s=limit_s)
        return jobs

    def _scheduler(self, jobs: Jobs) -> BackgroundScheduler:
        scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(len(jobs) + 3)},
            # However late a run is, it is done, once for all that were due; `Beats` counts what was missed.
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
        )
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        scheduler.add_listener(lambda event: self._beats.skip(event.job_id), EVENT_JOB_MISSED)
        first = self._clock.now() + timedelta(milliseconds=100)
        for name, job in jobs.items():
            self._add(scheduler, name, job, first + timedelta(seconds=job.first_s))
        return scheduler

    def _add(self, scheduler: BackgroundScheduler, name: str, job: Job, first: datetime) -> None:
        work = partial(self._job, name, job.work)
        if job.at:
            trigger = WallTimes(job.at, self.settings.zone)
            self._beats.declare(name, job, trigger.get_next_fire_time(None, self._clock.now()))
            scheduler.add_job(work, trigger, id=name)
            return
        self._beats.declare(name, job, first)
        scheduler.add_job(work, "interval", seconds=job.every_s, id=name, next_run_time=first)

    def _add_warming(self, scheduler: BackgroundScheduler, pipeline: Pipeline) -> None:
        """Compile what scoring needs, beside collecting, and then begin to score."""
        tick = Job(
            partial(self._led, partial(self._tick, pipeline)), self.settings.root.run.tick_s, "", PIPELINE_LIMIT_S
        )

        def warm_then_tick() -> None:
            self._job("warm", lambda: self._warming(self.rooms, self._stopping.is_set))
            if not self._stopping.is_set():
                self._add(scheduler, "tick", tick, self._clock.now())

        self._beats.declare("warm", Job(warm_then_tick, limit_s=WARMING_LIMIT_S), self._clock.now())
        scheduler.add_job(warm_then_tick, id="warm")

    def _led(self, work: Callable[[], Any]) -> None:
        """Do what only one service on a ledger may do."""
        if self._leader is not None and self._leader.leads(self._clock.now()):
            work()
        else:
            self._was_leading = False

    def _tick(self, pipeline: Pipeline) -> None:
        if not self._was_leading:
            pipeline.relearn()  # while another led, it stored what this one has not seen
            self._was_leading = True
        self._exclusive(partial(self._ticked, pipeline))

    def _ticked(self, pipeline: Pipeline) -> None:
        """Take up changed rules, keep shelvings as long as was said where the clock was set, then go on to now."""
        now = self._clock.now()
        if step := self._steps.step(now, self._clock.monotonic()):
            n_moved = attending.keep_time(self.rooms, step, now)
            log.warning("the clock was set step_s=%.1f shelvings_moved=%d", step.total_seconds(), n_moved)
        self._rules.look(self.rooms, now)
        pipeline.tick(now)
        watched = self._rules.reading(), pipeline.rules_reading()
        raise_alerts(self.rooms, watched, now, is_noted=False)

    def _silence_job(self, silence: Silence) -> Jobs:
        if Role.COLLECT not in self._roles or not self.settings.root.watchdog.has_no_data_alarms:
            return {}
        return {"silence": Job(lambda: silence.look(self._clock.now()), SILENCE_S)}

    def _send_weekly(self) -> None:
        sending.send_due(self.rooms, self._clock.now())

    def _judge(self) -> None:
        afterwards.told(self.rooms, self._clock.now())

    def _plan(self, pipeline: Pipeline, lanes: Sequence[Lane]) -> None:
        if pipeline.delivering.plan(self._clock.now()):
            for lane in lanes:
                lane.wake()

    def _look_after(self, detectors: Sequence[DetectorSettings]) -> None:
        retraining.look_after(self.rooms, detectors, self._clock.now(), self._stopping)

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
        raise_alerts(self.rooms, watch.look(self.rooms, receiver, monotonic, now, self._beats), now)
        room.look(now)

    def _exclusive(self, work: Callable[[], Any]) -> None:
        with self._writing:
            work()

    def _job(self, name: str, work: Callable[[], Any]) -> None:
        error = ""
        missed = self._beats.begin(name, self._clock.now())
        if missed:
            log.warning("job late name=%s missed=%d", name, missed)
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
        is_overlong = self._beats.end(name, self._clock.now())
        if is_overlong:
            log.warning("job took too long name=%s", name)
        self.rooms.ledger.save_job_run(name, self._clock.now(), error, missed=missed, overlong=int(is_overlong))

    def _finish(self, pipeline: Pipeline) -> None:
        leads = self._leader is not None and self._leader.leads(self._clock.now())
        try:
            if leads:
                pipeline.tick(self._clock.now())
            elif Role.COLLECT in self._roles:
                pipeline.drain()
        except StoreAwayError as away:
            log.warning("stopped with the rest in the journal reason=%s", away)
        if self._leader is not None and leads:
            pipeline.delivering.plan(self._clock.now())  # the lanes' last turn takes it
            self._leader.stop()
