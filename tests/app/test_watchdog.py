"""Watching the watcher: a part that stops shows in the heartbeat, and the daily test tells of a path that is broken."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from alerts.watchdog import CANARY, CANARY_ASSET, NOT_ARRIVED, NOT_SENT, Part, canary_fault, checks, next_canary
from app.pipeline import Pipeline
from app.roles import Role
from app.rooms import Rooms
from app.watchdog import Watchdog, parts
from domain.alerting import AlertState, Message
from domain.errors import StoreAwayError
from tests.app import tiny_plant as tiny

SECOND = timedelta(seconds=1)
SEOUL = ZoneInfo("Asia/Seoul")
WATCHDOG = """
[watchdog]
heartbeat_to = ["outside"]
heartbeat_s = 60
canary_at = "09:00"
second = ["second"]
[[notifiers]]
name = "outside"
kind = "log"
[[notifiers]]
name = "second"
kind = "log"
language = "ko"
"""


class Hearing:
    """A receiver that keeps what it is sent."""

    def __init__(self) -> None:
        self.got: list[Message] = []
        self.came = threading.Event()

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def send(self, message: Message) -> None:
        self.got.append(message)
        self.came.set()

    def payloads(self) -> list[dict[str, Any]]:
        return [json.loads(m.payload) for m in self.got]


@dataclass
class Clock:
    at: datetime = tiny.T0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - tiny.T0).total_seconds()


class Plant:
    """The parts of a service, stepped second by second; any of them can be stopped."""

    def __init__(self, rooms: Rooms) -> None:
        self.rooms, self.clock = rooms, Clock(tiny.T0 - 5 * SECOND)  # 09:00 in Seoul is midnight UTC
        self.hears = {"log": Hearing(), "outside": Hearing(), "second": Hearing()}
        self.pipeline = Pipeline(rooms, self.hears, self.clock.at)
        self.watchdog = Watchdog(rooms, self.hears, (), frozenset(Role), self.clock)
        self.stopped = set[str]()

    def run(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.at += SECOND
            now = self.clock.at
            works: dict[str, Callable[[], object]] = {
                "drain": self.pipeline.drain,
                "tick": partial(self.pipeline.tick, now),
                "dispatch": partial(self.pipeline.dispatch, now),
            }
            for name, work in works.items():
                if name not in self.stopped and now.second % 2 == 0:
                    work()
                    self.rooms.ledger.save_job_run(name, now)
            self.watchdog.look()
            for thread in threading.enumerate():
                if thread.name.startswith("tell-"):
                    thread.join(5)


@pytest.fixture
def stepped(tmp_path: Path) -> Any:
    settings = tiny.settings_in(tmp_path, forewarn_toml=tiny.FOREWARN + WATCHDOG)
    with tiny.rooms_of(settings) as rooms:
        yield Plant(rooms)


def test_the_test_is_made_at_its_time_and_arrives_through_the_real_path(stepped: Plant) -> None:
    stepped.run(20)
    (alert,) = [a for a in stepped.rooms.ledger.alerting.alerts() if a.key.rule == CANARY]
    assert (alert.key.asset, alert.state, alert.acked_by) == (CANARY_ASSET, AlertState.CLOSED, "forewarn")
    assert stepped.rooms.points.count() == 2
    assert not any(t.difference for t in stepped.rooms.journal.totals())
    assert stepped.hears["log"].got == stepped.hears["second"].got == []  # nobody is woken for it


def test_the_test_is_in_no_list_that_people_see(stepped: Plant) -> None:
    stepped.run(20)
    assert CANARY_ASSET not in stepped.rooms.settings.plant.assets
    assert CANARY_ASSET not in stepped.rooms.ledger.scoring.verdicts()


def test_the_next_test_is_made_on_the_next_day(stepped: Plant) -> None:
    stepped.run(20)
    stepped.clock.at = tiny.T0 + timedelta(days=1) - 30 * SECOND
    stepped.run(20)
    assert len([a for a in stepped.rooms.ledger.alerting.alerts() if a.key.rule == CANARY]) == 1
    stepped.run(30)
    assert len([a for a in stepped.rooms.ledger.alerting.alerts() if a.key.rule == CANARY]) == 2


@pytest.mark.parametrize("part", [{"drain", "tick"}, {"tick"}, {"dispatch"}])
def test_a_part_that_stopped_is_told_by_the_second_channel(stepped: Plant, part: set[str]) -> None:
    stepped.stopped = part
    stepped.run(120)
    assert stepped.hears["second"].got == []
    stepped.run(40)
    (told,) = stepped.hears["second"].payloads()  # once, and not with every look
    assert "알람 경로" in told["subject"]
    assert stepped.hears["log"].got == []


def test_a_journal_that_takes_nothing_is_told_by_the_second_channel(
    stepped: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_items: object) -> None:
        raise StoreAwayError("the disk is full")

    monkeypatch.setattr(stepped.rooms.journal, "accept", full)
    stepped.run(10)
    assert len(stepped.hears["second"].got) == 1


def test_heartbeats_come_every_minute_and_name_the_part_that_stopped(stepped: Plant) -> None:
    stepped.rooms.ledger.save_job_run("drain", stepped.clock.at)
    stepped.run(200)
    beats = stepped.hears["outside"].payloads()
    assert [b["is_well"] for b in beats[1:]] == [True, True, True]
    assert set(beats[0]["checks"]) == {"collector", "scheduler", "engine", "notifier"}
    stepped.stopped = {"tick"}
    stepped.run(180)
    last = stepped.hears["outside"].payloads()[-1]
    assert not last["is_well"]
    assert last["checks"]["engine"].startswith("has not worked since")
    assert last["checks"]["notifier"] == ""


@pytest.mark.parametrize(
    ("job", "part"), [("drain", "collector"), ("tick", "engine"), ("dispatch", "notifier"), (None, "scheduler")]
)
def test_each_part_has_its_check(rooms: Rooms, job: str | None, part: str) -> None:
    later = tiny.T0 + timedelta(minutes=5)
    for name in ("drain", "tick", "dispatch"):
        is_dead = job is None or name == job
        rooms.ledger.save_job_run(name, tiny.T0 if is_dead else later)
    found = checks(parts(rooms, (), later), later)
    assert found[part].startswith("has not worked since")
    if job is not None:
        assert [name for name, text in found.items() if text] == [part]


def test_a_lane_that_is_frozen_or_ended_and_a_receiver_that_stands_still_are_told(rooms: Rooms) -> None:
    for name in ("drain", "tick", "dispatch"):
        rooms.ledger.save_job_run(name, tiny.T0)
    lane: Any = SimpleNamespace(name="mail", is_alive=True)
    assert checks(parts(rooms, [lane], tiny.T0), tiny.T0)["notifier"] == ""
    assert "frozen: mail" in checks(parts(rooms, [lane], tiny.T0, ["mail"]), tiny.T0)["notifier"]
    ended: Any = SimpleNamespace(name="mail", is_alive=False)
    assert "ended, or frozen: mail" in checks(parts(rooms, [ended], tiny.T0), tiny.T0)["notifier"]


def test_a_lane_that_begins_nothing_for_a_minute_stands_still(rooms: Rooms) -> None:
    clock, hearing = Clock(), Hearing()
    lane: Any = SimpleNamespace(name="mail", is_alive=True, n_steps=0)
    own: Any = {"outside": hearing, "second": Hearing()}
    watchdog = Watchdog(rooms, own, [lane], frozenset({Role.SCORE}), clock)

    def run(seconds: int, steps: int) -> list[str]:
        for _ in range(seconds):
            clock.at += SECOND
            lane.n_steps += steps
            watchdog.look()
        return watchdog.still()

    assert run(90, 1) == []
    assert run(60, 0) == []
    assert run(2, 0) == ["mail"]
    assert run(1, 1) == []


def test_a_failing_job_shows_in_the_check(rooms: Rooms) -> None:
    for name in ("drain", "tick", "dispatch"):
        rooms.ledger.save_job_run(name, tiny.T0)
    rooms.ledger.save_job_run("tick", tiny.T0, "ZeroDivisionError()")
    assert checks(parts(rooms, (), tiny.T0), tiny.T0)["engine"] == "ZeroDivisionError()"


def test_a_part_that_never_worked_is_not_well() -> None:
    assert checks({"engine": Part(None)}, tiny.T0) == {"engine": "has not worked yet"}


@pytest.mark.parametrize(
    ("sent_at", "due"),
    [
        ("2026-01-04T23:59", "2026-01-05T00:00"),  # 08:59 in Seoul: today
        ("2026-01-05T00:00", "2026-01-06T00:00"),
        ("2026-01-05T14:00", "2026-01-06T00:00"),
    ],
)
def test_the_test_is_daily_at_a_wall_time(sent_at: str, due: str) -> None:
    sent = datetime.fromisoformat(f"{sent_at}+00:00")
    assert next_canary(sent, time(9), SEOUL) == datetime.fromisoformat(f"{due}+00:00")


@pytest.mark.parametrize(
    ("arrived_s", "due_s", "now_s", "fault"),
    [
        (None, 86400, 119, ""),
        (None, 86400, 121, NOT_ARRIVED),
        (5, 86400, 9000, ""),
        (-86000, 86400, 121, NOT_ARRIVED),
        (5, 86400, 86521, NOT_SENT),
    ],
)
def test_fate_of_the_test(arrived_s: float | None, due_s: float, now_s: float, fault: str) -> None:
    def at(seconds: float) -> datetime:
        return tiny.T0 + seconds * SECOND

    arrived = None if arrived_s is None else at(arrived_s)
    assert canary_fault(at(0), arrived, at(due_s), timedelta(minutes=2), at(now_s)) == fault
