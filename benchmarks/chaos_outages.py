"""What the collector stands between goes away: broker, store, a thread of its own; nothing may be lost or grow."""

from __future__ import annotations

import json
import signal
import time
from typing import Any, Final

import numpy as np

from benchmarks.chaos_crashes import NEVER, clean
from benchmarks.collecting import Task
from benchmarks.oracle import Judgement, Stream
from benchmarks.peers import AUTOSAVE_S
from benchmarks.stage import Stage
from benchmarks.trial import Figure, Trial, until

AGAIN_S: Final = 10.0
T3_VALUES: Final = 7_400  # per second


def broker(trial: Trial) -> Figure:
    """R6: stop the broker cleanly and kill it, under load, with the collector up and down."""
    figure: dict[str, Any] = {}
    holds = True
    cases = [(number, is_up) for number in (signal.SIGTERM, signal.SIGKILL) for is_up in (True, False)]
    for number, is_up in cases[:: 3 if trial.is_quick else 1]:
        is_clean_stop = number == signal.SIGTERM
        name = f"{'clean stop' if is_clean_stop else 'kill -9'}, collector {'up' if is_up else 'down'}"
        found, lost_s, n_gap = _broker_dies(trial, name, number, is_up)
        figure[name] = {"missing": found.missing, "acked": found.acked, "lost_within_s": lost_s, "seen_as_gap": n_gap}
        others = found.spurious or found.corrupted or found.duplicates or found.difference
        holds &= not others and n_gap >= found.missing
        holds &= lost_s <= AUTOSAVE_S + 1 if not is_clean_stop else not found.missing
    return Figure(
        "R6: the broker stops and comes back",
        figure,
        f"clean stop: missing 0; kill -9: only of the last {AUTOSAVE_S} + 1 s, and all of it seen as gaps",
        holds,
        f"mosquitto, autosave_interval {AUTOSAVE_S}, 1,000 messages per second; + 1 s: it looks once a second",
    )


def _broker_dies(trial: Trial, name: str, number: signal.Signals, is_up: bool) -> tuple[Judgement, float, int]:
    chance = trial.chance()
    with Stage(trial.folder / name.replace(" ", "-"), Stream()) as stage:
        stage.subscribe()
        publisher = stage.issue(NEVER, rate=1000)
        if is_up:
            stage.launch()
        time.sleep(chance.uniform(2.0, 3.0) if trial.is_quick else chance.uniform(3.0, 6.0))
        if stage.broker is None:
            raise RuntimeError("the stage has a broker of its own")
        died_at = time.time_ns()
        stage.broker.stop(number)
        time.sleep(1.0)
        stage.broker.start()
        time.sleep(2.0)
        publisher.stop()
        if not is_up:
            stage.launch()
        stage.wait_drained(int(publisher.acked().sum()), patience_s=trial.size(20, 5))
        stage.is_alive()
        stage.close()
        found = stage.judge(publisher)
    lost_s = 0.0
    if found.missing:
        lost_s = (died_at - int(publisher.published_at()[found.missing_ids[0]])) / 1e9
    n_gap = sum(missing for missing, _ in json.loads(Task(stage.config).file("gaps").read_text()).values())
    return found, round(lost_s, 2), n_gap


def stuck(trial: Trial) -> Figure:
    """R7: an exception, a killed thread and a commit that hangs in the receiver; then the whole process frozen."""
    seconds: dict[str, float | None] = {}
    is_clean = True
    for fault in ("raise", "freeze") if trial.is_quick else ("raise", "exit", "hang", "freeze"):
        with Stage(trial.folder / fault, Stream()) as stage:
            stage.subscribe()
            task = Task(stage.config, fault=fault)
            stage.launch(task)
            publisher = stage.issue(NEVER, rate=200)
            until(lambda s=stage: s.totals().received > 0, 30)  # type: ignore[misc]
            if fault == "freeze":
                stage.send(signal.SIGSTOP)
                time.sleep(trial.size(60, 3))
                stage.send(signal.SIGCONT)
            else:
                task.file("fault").touch()
                time.sleep(0.5)
            before = stage.totals().received
            took = until(lambda s=stage, n=before: s.totals().received > n + 200, 60)  # type: ignore[misc]
            seconds[fault] = None if took is None else round(took + (fault != "freeze") * 0.5, 1)
            publisher.stop()
            stage.wait_drained(int(publisher.acked().sum()))
            stage.close()
            is_clean &= stage.judge(publisher).is_clean
    return Figure(
        "R7: seconds until values come in again after a fault in the receiver",
        seconds | {"missing_0": is_clean},
        f"each <= {AGAIN_S:.0f} s, missing 0",
        is_clean and all(x is not None and x <= AGAIN_S for x in seconds.values()),
        f"frozen {trial.size(60, 3)} s and let go; the others last until something replaces the receiver",
    )


def blocked(trial: Trial) -> Figure:
    """R11: the store takes nothing while the load of tier T3 runs; memory stays flat, nothing is dropped."""
    seconds = trial.size(90, 6)
    stream = Stream(width=8, n_tags=400)
    with Stage(trial.folder, stream) as stage:
        stage.subscribe()
        task = Task(stage.config)
        task.file("away").touch()
        stage.launch(task)
        publisher = stage.issue(NEVER, rate=T3_VALUES / stream.width)
        at, rss = _watch(stage, seconds)
        n_waiting = stage.totals().in_journal
        task.file("away").unlink()
        publisher.stop()
        n_values = int(publisher.acked().sum()) * stream.width
        is_drained = stage.wait_drained(n_values)
        is_alive = stage.is_alive()
        stage.close()
        found = stage.judge(publisher)
    last = at >= at[-1] * 2 / 3
    slope = float(np.polyfit(at[last] / 60, rss[last], 1)[0])
    return Figure(
        f"R11: store away for {seconds} s at {T3_VALUES} values per second: MB per minute",
        found.figure()
        | {"slope_mb_per_min": round(slope, 2), "rss_mb": [round(rss[0]), round(rss[-1])]}
        | {"waiting": n_waiting},
        "slope < 1 in the last third, missing 0",
        (slope < 1 or trial.is_quick) and clean(found, n_values) and is_drained and is_alive,
        "resident memory of the receiving process; a quick run is too short for a slope and only prints it",
    )


def _watch(stage: Stage, seconds: float) -> tuple[Any, Any]:
    """Sample the collector's memory; returns seconds and MB."""
    begun, rows = time.monotonic(), []
    while (now := time.monotonic() - begun) < seconds:
        rows.append((now, stage.rss_mb()))
        time.sleep(0.5)
    at, rss = np.array(rows).T
    return at, rss
