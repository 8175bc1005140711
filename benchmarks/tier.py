"""A stretch of a factory's load: 15,000 tags, 7,400 values/s, 13 % of the tags 50 minutes late. Does it keep up?

After the published sizing of a Historian server: 12,000 analog and 2,800 discrete tags every 2 s, 2,000 of them late.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import orjson

from benchmarks.oracle import Stream
from benchmarks.stage import Stage

ASSETS: Final = 150
TAGS: Final = 100  # of each asset, and values of each message
PERIOD_S: Final = 2.03
LATE_ASSETS: Final = 20
LATE: Final = timedelta(minutes=50)
TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Kept:
    """What a stretch showed. cpu is the service's share of one core; waiting_s how long the oldest item waited."""

    n_values: int
    values_per_s: float
    missing: int
    cpu: float
    worst_waiting: int  # items in the journal at the worst moment
    behind_s: float  # from the last publish until all was stored
    rss_mb: float


def stretch(folder: Path, seconds: float) -> Kept:
    """Run the service under the load; the broker and the publisher stand beside it."""
    stage = Stage(folder, Stream(), name="tier")
    _write_plant(stage.config)
    n_rounds = max(1, int(seconds / PERIOD_S))
    with stage:
        stage.subscribe()
        stage.launch_whole()
        before, begun = _cpu_s(stage), time.monotonic()
        publisher = stage.publish(_messages(n_rounds, datetime.now(UTC)), ASSETS / PERIOD_S)
        worst = 0
        while not publisher.join(1.0):
            worst = max(worst, stage.totals().in_journal)
        took = time.monotonic() - begun
        n_values = n_rounds * ASSETS * TAGS
        stage.wait_drained(n_values)
        behind = time.monotonic() - begun - took
        cpu, rss = (_cpu_s(stage) - before) / (took + behind), stage.rss_mb()
        total = stage.totals()
        stage.close()
    missing = n_values - total.stored - total.conflicts - total.dead_lettered
    return Kept(n_values, n_values / took, missing, cpu, worst, behind, rss)


def _messages(n_rounds: int, start: datetime) -> Iterator[tuple[str, bytes]]:
    chance = np.random.default_rng(3)
    for i in range(n_rounds):
        for a in range(ASSETS):
            at = (
                start
                + timedelta(seconds=i * PERIOD_S + a * PERIOD_S / ASSETS)
                - (LATE if a < LATE_ASSETS else timedelta())
            )
            values = np.round(chance.normal(50, 3, TAGS), 2).tolist()
            body = {"at": int(at.timestamp() * 1e6) * 1000, "values": {f"t{j}": v for j, v in enumerate(values)}}
            yield f"forewarn/points/site/machine-{a}", orjson.dumps(body)


def _write_plant(config: Path) -> None:
    assets = [f"site/machine-{a}" for a in range(ASSETS)]
    (config / "assets.csv").write_text("asset,class\n" + "".join(f"{a},press\n" for a in assets))
    (config / "tags.csv").write_text("asset,tag\n" + "".join(f"{a},t{j}\n" for a in assets for j in range(TAGS)))


def _cpu_s(stage: Stage) -> float:
    pid = stage.collector.pid if stage.collector is not None else 0
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
