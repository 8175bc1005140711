"""R28: each part of a live service frozen, and each killed, one by one; how soon does a watcher outside hear of it?"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.bars import QUICK, Bars
from benchmarks.delivery_live import BEAT_S, service, wait

LATE_S: Final = 20.0 if QUICK else 60.0  # after which the service calls a part late; the default, and smaller in QUICK
TOLD_BY: Final = {
    "receiver": "collector",
    "drain": "collector",
    "scorer": "engine",
    "dispatcher": "notifier",
    "lane": "notifier",
    "scheduler": "scheduler",
}
HOWS: Final = ("killed",) if QUICK else ("frozen", "killed")
AT_ONCE: Final = 6


@dataclass(frozen=True, slots=True)
class Found:
    """How long it took until a heartbeat said it, inf for never, and what it said."""

    part: str
    how: str
    seconds: float
    said: str


def show(bars: Bars) -> None:
    """Print the bar."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        asked = [(part, how) for part in TOLD_BY for how in HOWS if not sys.argv[1:] or part in sys.argv[1:]]
        found = list(pool.map(lambda x: told(Path(folder) / f"{x[0]}-{x[1]}", *x), asked))
    goal = LATE_S + 2 * BEAT_S + 5
    seen = [x for x in found if x.seconds <= goal]
    how = f"beats every {BEAT_S:g} s, a part is late after {LATE_S:g} s: " + "; ".join(
        f"{x.part} {x.how} {x.seconds:.0f} s ({x.said})" for x in found
    )
    name = "R28: parts frozen or killed one by one, told outside in time"
    bars.show(name, f"{len(seen)} of {len(found)}", f"all, each <= {goal:g} s", len(seen) == len(found), how)


def told(folder: Path, part: str, how: str) -> Found:
    """Break one part of a service that is fed all the time; returns when a heartbeat first names its part."""
    file = folder / "break"
    child = ("benchmarks.parts_child", part, how, str(file), str(LATE_S))
    with service(folder, '"hook"', child) as (live, _h, _m, beaten):
        fed = threading.Event()

        def feed() -> None:
            while not fed.wait(1.0):
                live.publish({"plant/press-0": {"t0": 20.0}})

        threading.Thread(target=feed, daemon=True).start()
        wait(lambda: any(b.payload["is_well"] for b in beaten), 4 * BEAT_S + 60)
        file.touch()
        begun = time.time()
        name = TOLD_BY[part]
        wait(lambda: any(b.at > begun and b.payload["checks"][name] for b in beaten), LATE_S + 4 * BEAT_S)
        first = next((b for b in beaten if b.at > begun and b.payload["checks"][name]), None)
        fed.set()
    if first is None:
        return Found(part, how, float("inf"), json.dumps(beaten[-1].payload["checks"]) if beaten else "no beat")
    return Found(part, how, first.at - begun, f"{name} {first.payload['checks'][name]}"[:90])


def main() -> None:
    """Print the bar; exit code 1 where it falls short."""
    bars = Bars()
    show(bars)
    bars.end()


if __name__ == "__main__":
    main()
