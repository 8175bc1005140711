"""`forewarn demo`: the bundled plant from load to alerts, replayed over a real broker by the clock of the replay."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from app import afterwards, outcomes, training
from app.broker import DemoBroker
from app.clock import ReplayClock, SystemClock
from app.console import console
from app.loading import load_folder
from app.notify import notifiers
from app.paths import bundled_config
from app.pipeline import Pipeline
from app.replay import Outgoing, Publisher, by_time, outgoing
from app.rooms import Rooms
from app.settings import Settings, load
from collectors.mqtt import SOURCE, MqttCollector
from detectors import detector_class
from domain.records import Tally
from domain.scores import TrainingError, Verdict

log = logging.getLogger(__name__)
START: Final = datetime.fromisoformat("2026-03-01T20:00:00+00:00")
PROGRESS: Final = "demo_progress"
RECEIPT_TIMEOUT_S: Final = 60.0
JUDGING: Final = timedelta(days=1)


@dataclass(slots=True)
class Progress:
    """How far the replay has come, kept in the ledger so that a second start goes on. Counts are items."""

    done_until: str = ""
    published: int = 0
    repeats: int = 0
    messages: int = 0
    redelivered: int = 0
    seconds: float = 0.0

    def dump(self) -> str:
        """Return the progress as JSON."""
        return json.dumps({name: getattr(self, name) for name in self.__slots__})


class Demo:
    """The demo plant. hours_per_s None replays as fast as it can; until None replays to the end."""

    def __init__(
        self,
        settings: Settings,
        hours_per_s: float | None,
        stopping: threading.Event,
        until: datetime | None = None,
    ) -> None:
        self.settings, self._hours_per_s, self._stopping, self._until = settings, hours_per_s, stopping, until
        self._has_console = hours_per_s is not None and settings.root.console.is_enabled
        self.clock = ReplayClock(START)
        self._wall = SystemClock()
        self.rooms = Rooms(settings)
        self.state = "starting"

    def run(self, tell: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
        """Load, train, replay; returns the summary. `tell` hears in words what is going on.

        A paced demo serves the console from the start, and after the replay until `stopping` is set.
        """
        begun = self._wall.monotonic()
        with ExitStack() as stack:
            self.rooms.start()
            stack.callback(self.rooms.stop)
            progress = self._progress()
            if progress.done_until:
                self.clock.set(datetime.fromisoformat(progress.done_until))
            receivers = stack.enter_context(notifiers(self.settings))
            if self._has_console:
                server = console(self.rooms, self.clock, lambda: self.state)
                server.start()
                stack.callback(server.stop)
                tell(f"the console is at http://{self.settings.root.console.host}:{server.port}")
            self.state = "loading history"
            tell("loading the history")
            self._load_history()
            pipeline = Pipeline(self.rooms, receivers, START)
            pipeline.tick(self.clock.now())
            self.state = "learning"
            self._train(tell)
            if not self._stopping.is_set():
                self.state = "replaying"
                tell("replaying 15 days over MQTT")
                self._replay(stack, pipeline, progress)
            self.state = "replay ended"
            progress.seconds += self._wall.monotonic() - begun
            self.rooms.ledger.save_note(PROGRESS, progress.dump())
            summary = self.summary(progress)
            if self._has_console and not self._stopping.is_set():
                tell("the replay has ended; the console stays open until Ctrl-C")
                self._stopping.wait()
            return summary

    def _load_history(self) -> None:
        folder = self.settings.folder / "history"
        load_folder(self.rooms, sorted(folder.iterdir()), START)

    def _train(self, tell: Callable[[str], None]) -> None:
        missing = [d for d in self.settings.root.detectors if self.rooms.ledger.scoring.champion(d.name) is None]
        histories = [training.gather(self.rooms, d, START) for d in missing]
        if histories:
            tell(f"training on it: {', '.join(h.detector.name for h in histories)}")
        for found in training.build_all(histories, self.rooms.models.folder) if histories else ():
            if isinstance(found, TrainingError):
                log.warning("not trained reason=%s", found)
                continue
            role = training.promote(self.rooms, found, START)
            tell(f"trained {found.detector}")
            log.info("trained detector=%s model=%s role=%s", found.detector, found.model_id, role)

    def _replay(self, stack: ExitStack, pipeline: Pipeline, progress: Progress) -> None:
        messages = outgoing(self.settings, self.settings.folder / "replay", START)
        broker = DemoBroker()
        broker.start()
        stack.callback(broker.stop)
        mqtt = self.settings.root.mqtt.model_copy(update={"port": broker.port})
        collector = MqttCollector(mqtt, self.settings.plant, self.rooms.journal, self.clock)
        collector.start()
        stack.callback(collector.stop)
        self._wait(lambda: collector.health().is_subscribed)
        publisher = Publisher(broker.port)
        publisher.start()
        stack.callback(publisher.stop)
        judged_at = self.clock.now()
        for at, group in by_time(messages):
            if progress.done_until and at <= datetime.fromisoformat(progress.done_until):
                continue
            if self._stopping.is_set() or (self._until is not None and at > self._until):
                break
            self._pace(at)
            self.clock.set(at)
            publisher.publish(group)
            before = progress.messages + len(group)
            self._wait(partial(self._is_received, collector, before))
            self._count(progress, group)
            pipeline.tick(at)
            pipeline.dispatch(at)
            if at - judged_at >= JUDGING:
                afterwards.told(self.rooms, at)
                judged_at = at
            progress.done_until = at.isoformat()
            self.rooms.ledger.save_note(PROGRESS, progress.dump())
        afterwards.told(self.rooms, self.clock.now())
        progress.redelivered = max(0, collector.health().n_committed + self._earlier - progress.messages)

    def _is_received(self, collector: MqttCollector, n_messages: int) -> bool:
        return self._earlier + collector.health().n_committed >= n_messages

    def _count(self, progress: Progress, group: Sequence[Outgoing]) -> None:
        progress.messages += len(group)
        progress.published += sum(m.n_items for m in group)
        progress.repeats += sum(m.n_repeats for m in group)

    def _progress(self) -> Progress:
        noted = self.rooms.ledger.note(PROGRESS)
        progress = Progress(**json.loads(noted)) if noted else Progress()
        self._earlier = progress.messages  # committed by earlier runs
        return progress

    def summary(self, progress: Progress) -> dict[str, Any]:
        """Return the figures of the replay so far; `missing` is published, distinct, and nowhere to be found."""
        until = self.clock.now()
        tally = next((t for t in self.rooms.journal.totals() if t.source == SOURCE), Tally(SOURCE, None))
        failure = outcomes.failures(self.rooms, START, until)
        found = tally.stored + tally.dead_lettered + tally.conflicts + tally.in_journal
        return {
            "published": progress.published,
            "redelivered": progress.redelivered,
            "received": tally.received,
            "stored": tally.stored,
            "dead_lettered": tally.dead_lettered,
            "duplicates": tally.duplicates,
            "conflicts": tally.conflicts,
            "in_journal": tally.in_journal,
            "missing": max(0, progress.published - progress.repeats - found),
            "windows_scored": self.rooms.ledger.scoring.count(Verdict.OK),
            "events": failure.n_events,
            "events_caught": failure.n_caught,
            "false_alarms": failure.n_false,
            "asset_weeks": failure.asset_weeks,
            "median_lead_time_s": failure.median_lead_time_s,
            "alerts": len(self.rooms.ledger.alerting.alerts(most=1_000_000)),
            "quality": self._quality(until),
            "seconds": progress.seconds,
        }

    def _quality(self, until: datetime) -> dict[str, Any]:
        for detector in self.settings.root.detectors:
            if detector_class(detector.kind).role == "quality":
                found = outcomes.quality(self.rooms, detector, START, until)
                return {
                    "n_lots": found.n_lots,
                    "rmse": found.rmse,
                    "persistence_rmse": found.persistence_rmse,
                    "mean_rmse": found.mean_rmse,
                }
        return {}

    def _pace(self, at: datetime) -> None:
        if self._hours_per_s is not None:
            hours = (at - self.clock.now()) / timedelta(hours=1)
            self._stopping.wait(max(0.0, hours / self._hours_per_s))

    def _wait(self, is_done: Callable[[], bool]) -> None:
        deadline = self._wall.monotonic() + RECEIPT_TIMEOUT_S
        while not is_done():
            if self._wall.monotonic() > deadline:
                raise TimeoutError("the broker did not deliver what was published")
            self._stopping.wait(0.002)


def demo_settings(folder: Path, port: int | None) -> Settings:
    """Return the bundled demo's settings with their data in `folder`."""
    overrides: dict[str, dict[str, Any]] = {"data": {"folder": str(folder)}}
    if port is not None:
        overrides["console"] = {"port": port}
    return load(bundled_config() / "demo", overrides)
