"""The bars of the service's beats and its leader: runs that were missed, nights when the clocks change, two services on
one ledger.
"""

from __future__ import annotations

import signal
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from app.beats import WallTimes, cron_fault
from app.leading import Leader
from app.rooms import opened
from benchmarks import model_plant
from benchmarks.bars import Bars
from benchmarks.trial import until


def on_time(bars: Bars, folder: Path) -> None:
    """A service that the machine stops for more than half a minute."""
    model_plant.plant(folder)
    paused_s, beating = 35, {"tick", "dispatch", "drain", "health", "requests", "inbox"}
    with model_plant.service(folder) as process:
        until(lambda: (folder / "log").read_text().count("running plant") > 0, 120)
        time.sleep(3)
        process.send_signal(signal.SIGSTOP)
        time.sleep(paused_s)
        process.send_signal(signal.SIGCONT)
        raised = until(lambda: "forewarn-jobs" in model_plant.forewarn(folder, "alerts", "list", "--json"), 60, 1.0)
        until(lambda: beating <= set(_missed(folder)), 60, 1.0)  # a run is counted once it has ended
        missed = _missed(folder)
    figure = {"missed": missed, "alert after, s": None if raised is None else round(raised, 1)}
    holds = raised is not None and beating <= set(missed) and missed["tick"] >= paused_s
    how = f"R40; SIGSTOP for {paused_s} s; APScheduler's own grace is 1 s, and it would tell nobody"
    bars.show("a service that was stopped: beats missed, counted and alarmed", figure, "all counted; alert", holds, how)


def _missed(folder: Path) -> dict[str, int]:
    jobs = model_plant.status(folder)["jobs"]
    return {name: job["missed"] for name, job in jobs.items() if job["missed"]}


def calendar(bars: Bars) -> None:
    """Nights on which the clocks change, times that never come, and two services on one ledger."""
    zone = ZoneInfo("Europe/Berlin")
    runs = {
        name: _runs("30 2 * * *", zone, datetime(2026, month, day, tzinfo=UTC))
        for name, month, day in (("spring", 3, 28), ("autumn", 10, 24))
    }
    refused = [line for line in ("0 0 31 2 *", "0 0 30 2 *", "61 0 * * *") if cron_fault(line)]
    with tempfile.TemporaryDirectory() as folder, opened(model_plant.plant(Path(folder) / "p")) as rooms:
        leaders = [Leader(rooms.ledger.leases, f"machine-{i}:1") for i in range(2)]
        start, counts = datetime(2026, 1, 1, tzinfo=UTC), []
        for second in range(180):
            if second == 90:
                leaders[0] = Leader(rooms.ledger.leases, "machine-0:2")  # it died, and was started again
            counts.append(sum(leader.leads(start + timedelta(seconds=second)) for leader in leaders))
    figure = {
        "02:30 in two days": runs,
        "refused": len(refused),
        "most leaders at once": max(counts),
        "seconds without one after a death": counts.count(0),
    }
    holds = runs == {"spring": 2, "autumn": 2} and len(refused) == 3 and max(counts) == 1 and counts.count(0) <= 30
    how = "R40; the spring and the autumn night of Berlin; two schedulers on one ledger, one of which dies"
    bars.show("a time that comes twice or not at all; two schedulers", figure, "one run a day; one leader", holds, how)


def _runs(line: str, zone: ZoneInfo, start: datetime) -> int:
    trigger, n = WallTimes(line, zone), 0
    due = trigger.get_next_fire_time(None, start)
    now = start
    while now < start + timedelta(days=2):
        while due is not None and due <= now:
            n, due = n + 1, trigger.get_next_fire_time(due, now)
        now += timedelta(minutes=5)
    return n
