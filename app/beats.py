"""When the service's jobs run, and whether they did: declared jobs and the beats of APScheduler in, runs that were
missed or took too long out.

Invariants: a run that begins late, is passed over or takes too long is counted; a job never overlaps itself; a
wall-clock time that comes twice or not at all on a night when the clocks change is one run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger

GRACE_S: Final = 15.0  # a beat may come so much later on a busy machine


@dataclass(frozen=True, slots=True)
class Job:
    """What is done every `every_s` seconds, at the times of a cron line in the plant's zone, or once.

    limit_s: how long a run may take; 0 for as long as until the next, and the grace. first_s: how long after the start
    it first runs.
    """

    work: Callable[[], Any]
    every_s: float = 0.0
    at: str = ""
    limit_s: float = 0.0
    first_s: float = 0.0


class WallTimes(BaseTrigger):  # type: ignore[misc]  # the library has no type information
    """APScheduler's cron on wall-clock times of a zone, each of which is one run.

    The library's own fires 02:30 twice on the night when the clocks go back.
    """

    def __init__(self, line: str, zone: tzinfo) -> None:
        self._cron, self._zone = CronTrigger.from_crontab(line, timezone=UTC), zone

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime | None:
        """Return the first run after `previous`, or from `now` on where there was none yet."""
        wall = self._wall(now if previous is None else min(now, previous))
        last = None if previous is None else self._wall(previous)
        while (found := self._cron.get_next_fire_time(last, wall)) is not None:
            at: datetime = found.replace(tzinfo=self._zone, fold=0).astimezone(UTC)
            if at > previous if previous is not None else at >= now:
                return at
            last = found
            wall = max(wall, found)
        return None

    def _wall(self, at: datetime) -> datetime:
        return at.astimezone(self._zone).replace(tzinfo=UTC, fold=0)


def cron_fault(line: str) -> str:
    """Return what is wrong with a cron line, "" for nothing."""
    fields = line.split()
    try:
        first = CronTrigger.from_crontab(line, timezone=UTC).get_next_fire_time(None, datetime(2001, 1, 1, tzinfo=UTC))
    except ValueError as error:
        return f"not a cron line of five fields: {error}"
    if any(sign.isdecimal() for sign in fields[4]):
        return "name the days of the week (mon, sun): their numbers mean other days in other programs"
    return "this time never comes" if first is None else ""


@dataclass(slots=True)
class _Beat:
    """One job's last run."""

    job: Job
    due_at: datetime | None
    begun_at: datetime | None = None
    n_missed: int = 0
    n_overlong: int = 0


@dataclass(frozen=True, slots=True)
class Trouble:
    """A job that is late or takes too long now."""

    name: str
    what: str


class Beats:
    """Counts of all jobs; used by the jobs' threads and by the look at health."""

    def __init__(self, zone: tzinfo, grace_s: float = GRACE_S) -> None:
        self._zone, self._grace = zone, timedelta(seconds=grace_s)
        self._beats: dict[str, _Beat] = {}
        self._lock = threading.Lock()

    def declare(self, name: str, job: Job, first_at: datetime | None) -> None:
        """Take up a job that first runs at an instant."""
        with self._lock:
            self._beats[name] = _Beat(job, first_at)

    def begin(self, name: str, now: datetime) -> int:
        """Note that a run begins; returns how many runs were missed up to it, itself counted where it is late."""
        with self._lock:
            beat = self._beats[name]
            missed = self._missed(beat, now)
            beat.n_missed += missed
            beat.begun_at = now
            return missed

    def end(self, name: str, now: datetime) -> bool:
        """Note that a run ends; returns whether it took too long."""
        with self._lock:
            beat = self._beats[name]
            is_overlong = beat.begun_at is not None and now - beat.begun_at > self._limit(beat)
            beat.n_overlong += is_overlong
            # A run that is allowed to be long puts the next one off; the beats that another one swallows are missed.
            beat.due_at = self._next(beat, now if beat.job.limit_s else beat.begun_at or now)
            beat.begun_at = None
            return is_overlong

    def skip(self, name: str) -> None:
        """Note that the scheduler let a run fall out."""
        with self._lock:
            self._beats[name].n_missed += 1

    def n_faults(self) -> int:
        """How many runs were missed or overlong since the start."""
        with self._lock:
            return sum(beat.n_missed + beat.n_overlong for beat in self._beats.values())

    def told(self) -> str:
        """Say which jobs have missed runs, or had overlong ones, since the start."""
        with self._lock:
            faulty = [(n, b) for n, b in self._beats.items() if b.n_missed or b.n_overlong]
        return ", ".join(f"{name}: {beat.n_missed} missed, {beat.n_overlong} overlong" for name, beat in faulty)

    def troubles(self, now: datetime) -> list[Trouble]:
        """Return the jobs that are late or take too long at this moment, though nothing has ended yet."""
        with self._lock:
            found = []
            for name, beat in self._beats.items():
                if beat.begun_at is not None and now - beat.begun_at > self._limit(beat):
                    found.append(Trouble(name, f"runs for {(now - beat.begun_at).total_seconds():.0f} s"))
                elif beat.begun_at is None and self._missed(beat, now):
                    found.append(Trouble(name, f"was due at {beat.due_at:%Y-%m-%d %H:%M:%S} UTC"))
            return found

    def _limit(self, beat: _Beat) -> timedelta:
        usual = max(timedelta(seconds=beat.job.every_s), self._grace)
        return timedelta(seconds=beat.job.limit_s) if beat.job.limit_s else usual

    def _missed(self, beat: _Beat, now: datetime) -> int:
        if beat.due_at is None or now - beat.due_at <= self._grace:
            return 0
        if beat.job.at or not beat.job.every_s:
            return 1
        return 1 + int((now - beat.due_at) / timedelta(seconds=beat.job.every_s))

    def _next(self, beat: _Beat, now: datetime) -> datetime | None:
        if beat.job.at:
            return WallTimes(beat.job.at, self._zone).get_next_fire_time(None, now)
        return now + timedelta(seconds=beat.job.every_s) if beat.job.every_s else None
