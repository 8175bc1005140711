"""Jobs that run late, fall out, take too long or meet a change of the clocks: each due run once, each fault counted."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from apscheduler.schedulers.background import BackgroundScheduler

from app.beats import Beats, Job, WallTimes, cron_fault

T0 = datetime(2026, 1, 5, tzinfo=UTC)
S = timedelta(seconds=1)
BERLIN = ZoneInfo("Europe/Berlin")


def nothing() -> None:
    """Do nothing."""


def beats_of(job: Job, first: datetime = T0) -> Beats:
    beats = Beats(UTC)
    beats.declare("tick", job, first)
    return beats


def test_a_run_that_is_thirty_seconds_late_counts_with_all_that_fell_out() -> None:
    beats = beats_of(Job(nothing, every_s=10))
    assert beats.begin("tick", T0) == 0
    assert not beats.end("tick", T0 + S)
    assert beats.begin("tick", T0 + 12 * S) == 0  # within the grace of a busy machine
    beats.end("tick", T0 + 13 * S)
    assert beats.troubles(T0 + 30 * S) == []
    assert [t.what for t in beats.troubles(T0 + 52 * S)] == ["was due at 2026-01-05 00:00:22 UTC"]
    assert beats.begin("tick", T0 + 52 * S) == 4  # due at 22, 32, 42 and 52
    assert (beats.n_faults(), beats.told()) == (4, "tick: 4 missed, 0 overlong")


def test_a_job_that_is_done_once_is_never_late_again() -> None:
    beats = beats_of(Job(nothing, limit_s=60))
    assert [t.what for t in beats.troubles(T0 + 20 * S)] == ["was due at 2026-01-05 00:00:00 UTC"]
    beats.begin("tick", T0 + S)
    beats.end("tick", T0 + 2 * S)
    assert beats.troubles(T0 + 9000 * S) == []
    assert beats.n_faults() == 0


def test_an_overlong_run_counts_while_it_runs_and_when_it_ends() -> None:
    beats = beats_of(Job(nothing, every_s=10))
    beats.begin("tick", T0)
    assert beats.troubles(T0 + 14 * S) == []
    assert [t.what for t in beats.troubles(T0 + 40 * S)] == ["runs for 40 s"]
    assert beats.end("tick", T0 + 41 * S)
    assert beats.begin("tick", T0 + 41 * S) == 4  # the beats at 10, 20, 30 and 40 that it swallowed
    assert beats.told() == "tick: 4 missed, 1 overlong"


def test_a_job_that_may_take_long_is_no_fault_within_its_limit() -> None:
    beats = beats_of(Job(nothing, every_s=1, limit_s=3600))
    beats.begin("tick", T0)
    assert beats.troubles(T0 + 3000 * S) == []
    assert not beats.end("tick", T0 + 3000 * S)
    assert beats.begin("tick", T0 + 3001 * S) == 0
    assert beats.end("tick", T0 + 7000 * S)


def test_a_run_at_a_time_of_day_is_missed_once_however_late() -> None:
    job = Job(nothing, at="30 2 * * *")
    beats = beats_of(job, datetime(2026, 1, 5, 2, 30, tzinfo=UTC))
    assert beats.begin("tick", datetime(2026, 1, 5, 9, 0, tzinfo=UTC)) == 1
    beats.end("tick", datetime(2026, 1, 5, 9, 1, tzinfo=UTC))
    assert beats.troubles(datetime(2026, 1, 6, 2, 30, 10, tzinfo=UTC)) == []
    assert beats.begin("tick", datetime(2026, 1, 6, 2, 30, 10, tzinfo=UTC)) == 0


def fires(line: str, start: datetime, end: datetime, step: timedelta = timedelta(minutes=10)) -> list[datetime]:
    """Return the runs of a scheduler that looks every `step`, as APScheduler asks its triggers."""
    trigger = WallTimes(line, BERLIN)
    now, due, found = start, trigger.get_next_fire_time(None, start), []
    while now < end:
        while due is not None and due <= now:
            found.append(due.astimezone(BERLIN))
            due = trigger.get_next_fire_time(due, now)
        now += step
    return found


def test_half_past_two_is_one_run_on_the_nights_when_the_clocks_change() -> None:
    """The library's own trigger gives two on the autumn night, which is why there is another one here."""
    spring = fires("30 2 * * *", datetime(2026, 3, 27, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
    assert [(at.day, at.hour, at.minute) for at in spring] == [
        (27, 2, 30),
        (28, 2, 30),
        (29, 3, 30),
        (30, 2, 30),
        (31, 2, 30),
    ]
    autumn = fires("30 2 * * *", datetime(2026, 10, 23, tzinfo=UTC), datetime(2026, 10, 28, tzinfo=UTC))
    assert [at.day for at in autumn] == [23, 24, 25, 26, 27]
    assert [(at.hour, at.minute) for at in autumn] == [(2, 30)] * 5


def test_a_start_within_the_hour_that_comes_twice_does_not_run_what_was_due_in_its_first_half() -> None:
    second = datetime(2026, 10, 25, 2, 15, tzinfo=BERLIN, fold=1)
    found = WallTimes("30 2 * * *", BERLIN).get_next_fire_time(None, second)
    assert found == datetime(2026, 10, 26, 2, 30, tzinfo=BERLIN)


def test_runs_follow_each_other_and_never_repeat_over_a_whole_year() -> None:
    found = fires(
        "*/30 * * * *", datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC), timedelta(hours=1)
    )
    assert len(set(found)) == len(found) >= 365 * 48 - 6
    assert all(b > a for a, b in pairwise(found))


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("0 0 31 2 *", "never comes"),
        ("0 0 30 2 *", "never comes"),
        ("61 0 * * *", "five fields"),
        ("30 2 * *", "five fields"),
        ("30 2 * * 0", "name the days"),
        ("30 2 * * sun", ""),
        ("0 0 29 2 *", ""),
    ],
)
def test_a_line_that_means_nothing_is_refused(line: str, fault: str) -> None:
    assert fault in cron_fault(line)
    assert bool(cron_fault(line)) == bool(fault)


def test_a_job_never_overlaps_itself_and_what_it_swallowed_is_counted() -> None:
    """A real scheduler, and a run that is three times as long as its beat and the grace."""
    beats, n_at_once, most = Beats(UTC, grace_s=0.05), [0], [0]

    def work() -> None:
        beats.begin("slow", datetime.now(UTC))
        n_at_once[0] += 1
        most[0] = max(most[0], n_at_once[0])
        time.sleep(0.4)
        n_at_once[0] -= 1
        beats.end("slow", datetime.now(UTC))
        done.set()

    done = threading.Event()
    scheduler = BackgroundScheduler(
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}, timezone="UTC"
    )
    first = datetime.now(UTC)
    beats.declare("slow", Job(work, every_s=0.1), first)
    scheduler.add_job(work, "interval", seconds=0.1, next_run_time=first)
    scheduler.start()
    try:
        for _ in range(3):
            assert done.wait(20)
            done.clear()
    finally:
        scheduler.shutdown(wait=True)
    assert most == [1]
    assert beats.n_faults() >= 3 + 2 * 2
