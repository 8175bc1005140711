"""The collector dies or loses its line at every moment there is; what was acknowledged must be in the store, once."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np

from benchmarks.collecting import CRASHED, FAIL_POINTS, Task
from benchmarks.oracle import Judgement, Stream
from benchmarks.proxy import Proxy
from benchmarks.stage import Stage
from benchmarks.trial import Figure, Trial, until

NEVER: Final = 10_000_000  # more messages than any run publishes
LIFE_S: Final = 1.5  # the longest a collector receives before it is killed
EARLY_SHARE: Final = 0.2  # killed while it starts


def kills(trial: Trial) -> Figure:
    """R1: SIGKILL `forewarn run` at random moments, its start included, under a steady stream."""
    chance, n_kills = trial.chance(), trial.size(100, 2)
    n_messages = trial.size(600_000, 4_000)
    restarts: list[float] = []
    with Stage(trial.folder, Stream()) as stage:
        stage.subscribe()
        publisher = stage.issue(n_messages, rate=n_messages / (n_kills * 2 * LIFE_S))
        for _ in range(n_kills):
            received = stage.totals().received
            is_early = chance.random() < EARLY_SHARE
            stage.launch_whole()
            patience_s = chance.uniform(0.2, LIFE_S) if is_early else 60.0
            took = until(lambda r=received: stage.totals().received > r, patience_s, 0.1)  # type: ignore[misc]
            restarts += [] if took is None else [took]
            time.sleep(0.0 if is_early else chance.uniform(0.0, LIFE_S))
            stage.kill()
        stage.launch_whole()
        is_drained, is_alive = _finish(stage, publisher.join, n_messages)
        code = stage.close()
        found = stage.judge(publisher)
    figure = found.figure() | {
        "kills": n_kills,
        "duplicates_offered_pct": round(100 * found.redelivered / max(1, found.issued), 2),
        "restart_p95_s": round(float(np.quantile(restarts, 0.95)), 2) if restarts else None,
        "restarts_seen": len(restarts),
        "exit_code_at_the_end": code,
        "is_alive": is_alive,
    }
    return Figure(
        f"R1: forewarn run, SIGKILL x {n_kills}, {n_messages} messages",
        figure,
        "missing, spurious, corrupted, duplicates in the store, the sum's difference: 0; alive",
        found.is_clean and is_drained and is_alive and found.acked == n_messages,
        "real mosquitto, outside publisher, volume kept and time compressed",
    )


def fail_points(trial: Trial) -> Figure:
    """R2: crash at each step between receiving and acknowledging, and after the store's commit."""
    chance, n_each = trial.chance(), trial.size(20, 1)
    points = [p for p in FAIL_POINTS for _ in range(n_each)]
    chance.shuffle(points)
    crashed: Counter[str] = Counter()
    with Stage(trial.folder, Stream()) as stage:
        stage.subscribe()
        publisher = stage.issue(NEVER, rate=1000)
        for point in points:
            stage.launch(Task(stage.config, fail_at=point, on_pass=chance.randint(1, 12)))
            crashed[point] += stage.collector is not None and stage.collector.wait(30) == CRASHED
            stage.kill()
        publisher.stop()
        stage.launch()
        is_drained, is_alive = _finish(stage, publisher.join, int(publisher.acked().sum()))
        stage.close()
        found = stage.judge(publisher)
    return Figure(
        f"R2: a crash at each of {len(FAIL_POINTS)} points x {n_each}",
        found.figure() | {"crashes": dict(sorted(crashed.items())), "crashes_total": crashed.total()},
        "missing 0 at all points; every crash came about",
        found.is_clean and is_drained and is_alive and crashed.total() == len(points),
        "the product's clock, intake, point store and fdatasync wrapped in a child process; os._exit at the n-th pass",
    )


def reconnects(trial: Trial) -> Figure:
    """R8: reset the collector's line at random moments while commits are slow; a late ack must confirm nothing else."""
    n_lines, n_each = trial.size(4, 1), trial.size(250, 10)
    with ThreadPoolExecutor(n_lines) as pool:
        found = list(pool.map(lambda line: _resets(trial, line, n_each), range(n_lines)))
    n_resets = n_lines * n_each
    return Figure(
        f"R8: {n_resets} reconnects at random moments, commits of 30 ms",
        {"lines": [judgement.figure() for judgement, _ in found]},
        "missing 0",
        all(judgement.is_clean and is_whole for judgement, is_whole in found),
        f"{n_lines} collectors behind proxies that send RST; their waits run 20 times as fast",
    )


def _resets(trial: Trial, line: int, n_resets: int) -> tuple[Judgement, bool]:
    chance = random.Random(f"{trial.seed}:{line}")
    with Stage(trial.folder / str(line), Stream()) as stage:
        proxy = Proxy(stage.broker_port)
        proxy.start()
        try:
            stage.subscribe()
            publisher = stage.issue(NEVER, rate=400)
            stage.write_config(proxy.port)
            stage.launch(Task(stage.config, slow_s=0.03, fast=20.0))
            n_done = 0
            while n_done < n_resets:
                before = proxy.n_connections
                until(lambda n=before: proxy.n_connections > n, 1.0, 0.005)  # type: ignore[misc]
                time.sleep(chance.uniform(0.0, 0.12))
                n_done += proxy.reset() > 0
            publisher.stop()
            is_drained, is_alive = _finish(stage, publisher.join, int(publisher.acked().sum()))
            stage.close()
            return stage.judge(publisher), is_drained and is_alive
        finally:
            proxy.stop()


def self_proof(trial: Trial) -> tuple[bool, Figure]:
    """Run a collector that acknowledges before it commits; the harness must see what it loses."""
    with Stage(trial.folder, Stream()) as stage:
        stage.subscribe()
        publisher = stage.issue(NEVER, rate=500)
        for _ in range(2):
            before = stage.totals().received
            stage.launch(Task(stage.config, has_auto_ack=True))
            until(lambda n=before: stage.totals().received > n, 30)  # type: ignore[misc]
            time.sleep(0.5)  # what came since is acknowledged, and not committed
            stage.kill()
        publisher.stop()
        stage.launch(Task(stage.config, has_auto_ack=True))
        stage.wait_drained(int(publisher.acked().sum()), patience_s=4)
        stage.close()
        found = stage.judge(publisher)
    is_proved = found.missing > 0 and not found.spurious and not found.corrupted
    return is_proved, Figure(
        "the harness itself: a collector with paho's automatic ack",
        found.figure(),
        "missing > 0, or the harness is broken",
        is_proved,
        "acknowledged as it comes, committed every second, SIGKILL x 2",
    )


def signals(trial: Trial) -> Figure:
    """Freeze and kill collector and broker in turn, by the seed."""
    chance, n_faults = trial.chance(), trial.size(20, 3)
    done: list[str] = []
    with Stage(trial.folder, Stream()) as stage:
        stage.subscribe()
        publisher = stage.issue(NEVER, rate=1000)
        stage.launch()
        for _ in range(n_faults):
            time.sleep(chance.uniform(0.3, 1.0))
            done.append(chance.choice(("freeze collector", "kill collector", "freeze broker")))
            if done[-1] == "kill collector":
                stage.kill()
                stage.launch()
            elif done[-1] == "freeze collector":
                stage.send(signal.SIGSTOP)
                time.sleep(chance.uniform(0.2, 2.0))
                stage.send(signal.SIGCONT)
            elif stage.broker is not None:
                stage.broker.send(signal.SIGSTOP)
                time.sleep(chance.uniform(0.2, 2.0))
                stage.broker.send(signal.SIGCONT)
        publisher.stop()
        is_drained, is_alive = _finish(stage, publisher.join, int(publisher.acked().sum()))
        stage.close()
        found = stage.judge(publisher)
    counts: dict[str, Any] = {"faults": dict(Counter(done))}
    return Figure(
        f"SIGSTOP and SIGKILL in turn x {n_faults}",
        found.figure() | counts,
        "missing 0",
        found.is_clean and is_drained and is_alive,
        "collector and broker frozen up to 2 s, the collector killed",
    )


def _finish(stage: Stage, join: Any, n_messages: int) -> tuple[bool, bool]:
    """Wait for the publisher and the drain; returns whether all was drained, and whether it is still alive."""
    join(600)
    is_drained = stage.wait_drained(n_messages * stage.stream.width)
    return is_drained, stage.is_alive()


def clean(found: Judgement, n_values: int) -> bool:
    """Whether all values were acknowledged, and nothing is lost, made up, changed or doubled."""
    return found.is_clean and found.acked == n_values
