"""The bars of the feature engine: `make bars-features`. Peers take turns with it in one process, one thread each.

The figures are ratios per window: a slow peer is given fewer windows. QUICK=1 is the same work smaller.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil
from numpy.typing import NDArray

from benchmarks import channels, feature_peers
from benchmarks.bars import QUICK, Bars
from domain.plant import Axis
from domain.vectors import FeatureName, FeatureSet
from features import scale, sets, stream
from features.compute import peak_bytes
from features.extract import extract, planned
from features.windows import Grid, ending_at_rows

Floats = NDArray[np.float64]
SECOND: Final = 1_000_000_000
ROUNDS: Final = 1 if QUICK else 5
N_SAMPLES: Final = 4_000 if QUICK else 20_000
WINDOW, STEP = 60, 10
LIVE_CALLS: Final = 500
N_SELECTED: Final = 30
SLOW_WINDOWS: Final = 2 if QUICK else 6
SLOW_SAMPLES: Final = (1_000, 2_000)


def main() -> None:
    """Print the bars; exit code 1 where one falls short."""
    bars = Bars()
    values = channels.signals(N_SAMPLES)
    _first_use(bars)
    _against_peers(bars, values)
    _live(bars, values)
    _selected(bars, values)
    _threads(bars, values)
    _agreement(bars, values)
    _memory(bars)
    _month(bars)
    bars.end()


def full() -> tuple[FeatureName, ...]:
    """Return the efficient set over the eight tags."""
    return tuple(FeatureName("tag", tag, c, p) for tag in channels.TAGS for c, p in sets.EFFICIENT)


def grid_of(values: Floats) -> Grid:
    """Return an array, a second a row, as an asset's grid."""
    return Grid("plant/press-1", channels.TAGS, np.arange(len(values)) * SECOND, values)


def feature_set(names: tuple[FeatureName, ...], window: int, step: int) -> FeatureSet:
    """Return a set with windows of `window` seconds every `step` seconds."""
    return FeatureSet("bench", Axis.TIME, window * SECOND, step * SECOND, 0.8, names)


def ours(values: Floats, window: int, step: int, names: tuple[FeatureName, ...] | None = None, threads: int = 1) -> int:
    """Cut whole windows and compute their vectors, as training does; returns the number of windows."""
    asked = feature_set(names or full(), window, step)
    until = len(values) * SECOND
    at_once = stream.rows_at_once(len(asked.names), 8, stream.PART_BYTES)
    cut = stream.parts(grid_of(values), asked, SECOND, (window - 1) * SECOND, until, at_once)
    return sum(len(v) for v in scale.vectors(cut, asked.names, workers=scale.workers_of(str(threads))))


def per_window(works: Mapping[str, Callable[[], int]], rounds: int) -> dict[str, float]:
    """Return the median seconds of a window of each work, taken in turns; each was run once before."""
    for work in works.values():
        work()
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            begun = time.perf_counter()
            n = work()
            found[name].append((time.perf_counter() - begun) / n)
    return {name: statistics.median(seconds) for name, seconds in found.items()}


def _against_peers(bars: Bars, values: Floats) -> None:
    goals = {"tsfresh": 800.0, "tsfx": 5.0, "tsfresh-rs": 8.0}
    for window, step in ((WINDOW, STEP), (120, 20), (600, 100)):
        few = values[: window + (SLOW_WINDOWS - 1) * step]
        works: dict[str, Callable[[], int]] = {"ours": lambda w=window, s=step: ours(values, w, s)}  # type: ignore[misc]
        for name, peer in feature_peers.PEERS.items():
            given = few if name == "tsfresh" else values
            works[name] = lambda p=peer, v=given, w=window, s=step: p(v, w, s)  # type: ignore[misc]
        took = per_window(works, ROUNDS if window == WINDOW else max(1, ROUNDS - 2))
        for name in feature_peers.PEERS:
            ratio = took[name] / took["ours"]
            goal = goals[name] if window == WINDOW else 1.0
            us = {k: round(1e6 * v / len(channels.TAGS), 1) for k, v in took.items()}
            how = f"{len(values)} samples of 8 tags, step {step}, end to end, one thread; us per window of a tag: {us}"
            bars.show_speed(
                f"full set, window {window}: {name} / ours", round(ratio, 1), f">= {goal:g}", ratio >= goal, how
            )


def _live(bars: Bars, values: Floats) -> None:
    names, machine = full(), grid_of(values[-WINDOW:])
    cycles = FeatureSet("live", Axis.CYCLE, WINDOW, 1, 0.8, names)
    window = ending_at_rows(machine, cycles, np.array([WINDOW - 1]))
    starts = np.random.default_rng(5).choice(len(values) - WINDOW, LIVE_CALLS, replace=False)
    machines = [grid_of(values[start : start + WINDOW]) for start in starts]  # a rare window costs more than others
    works: dict[str, Callable[[], int]] = {"ours": lambda: sum(len(extract(m, window, names)) for m in machines)}
    for name in ("tsfresh", "tsfresh-rs"):
        works[name] = lambda p=feature_peers.PEERS[name]: p(machine.values, WINDOW, 1)  # type: ignore[misc]
    took = per_window(works, ROUNDS)
    for name, goal in (("tsfresh", 1000.0), ("tsfresh-rs", 50.0)):
        ratio = took[name] / took["ours"]
        how = f"8 tags of 60 samples, all features; ours {1e6 * took['ours']:.0f} us, {name} {1e6 * took[name]:.0f} us"
        bars.show_speed(f"one live machine: {name} / ours", round(ratio), f">= {goal:g}", ratio >= goal, how)


def _selected(bars: Bars, values: Floats) -> None:
    names = full()
    chosen = np.random.default_rng(3).choice(len(names), N_SELECTED, replace=False)
    few = tuple(names[i] for i in sorted(chosen))
    took = per_window(
        {"full": lambda: ours(values, WINDOW, STEP), "few": lambda: ours(values, WINDOW, STEP, few)}, ROUNDS
    )
    ratio = took["full"] / took["few"]
    how = f"{N_SELECTED} of {len(names)} features drawn at random, end to end"
    bars.show_speed("full set / 30 selected features", round(ratio, 1), ">= 5", ratio >= 5, how)


def _threads(bars: Bars, values: Floats) -> None:
    works = {str(n): lambda n=n: ours(values, WINDOW, STEP, threads=n) for n in (1, 2)}
    took = per_window(works, ROUNDS)
    ratio = took["1"] / took["2"]
    bars.show_speed("1 thread / 2 threads", round(ratio, 2), ">= 1.8", ratio >= 1.8, "full set, end to end, two cores")


def _agreement(bars: Bars, values: Floats) -> None:
    from features.kernels import GROUPS
    from tests.features.kernels import windows as hard

    n_values = n_wrong = 0
    first = ""
    starts = np.random.default_rng(0).choice(len(values) - 600, 8 if QUICK else 100, replace=False)
    for group in GROUPS:
        wanted = hard.everything(group)
        for n in (WINDOW,) if QUICK else (WINDOW, 600):
            picked = np.concatenate(
                [values[s : s + n].T for s in starts[: len(starts) // (1 if n == WINDOW else 10) + 1]]
            )
            given: list[Floats] = [picked, *(x for _, x in hard.kinds(n))]
            for x in given:
                found, expected = hard.ours(group, wanted, x), hard.theirs(wanted, x)
                wrong = hard.disagreements(wanted, x, found, expected)
                n_values, n_wrong = n_values + found.size, n_wrong + len(wrong)
                first = first or (wrong[0] if wrong else "")
    how = (
        f"{n_values} values, windows of the workload and the hard ones; listed cases: {', '.join(hard.OF_TIES)} {first}"
    )
    bars.show("values that differ from tsfresh's beside the listed cases", n_wrong, "0", n_wrong == 0, how)


def _memory(bars: Bars) -> None:
    """Peak memory beyond what is held before the work, each in a process of its own; tsfresh's by its slope."""
    found = {"ours": _peak("ours", N_SAMPLES), "tsfx": _peak("tsfx", N_SAMPLES)}
    if not QUICK:  # on fewer samples tsfresh takes no more than its imports did
        small, large = (_peak("tsfresh", size) for size in SLOW_SAMPLES)
        slope = (large - small) / (SLOW_SAMPLES[1] - SLOW_SAMPLES[0])
        found["tsfresh"] = small + slope * (N_SAMPLES - SLOW_SAMPLES[0])
    shown = {k: f"{v / 2**20:.0f} MB" for k, v in found.items()}
    how = f"{N_SAMPLES} samples; {shown}; tsfresh's carried on in a straight line from {SLOW_SAMPLES} samples"
    for name, goal in (("tsfresh", 0.06), ("tsfx", 1.2)):
        if name in found:
            ratio = found["ours"] / max(1.0, found[name])
            bars.show_speed(f"peak memory: ours / {name}", round(ratio, 3), f"<= {goal}", ratio <= goal, how)


def _peak(name: str, n_samples: int) -> float:
    with get_context("spawn").Pool(1) as pool:
        return float(pool.apply(_measured_peak, (name, n_samples)))


def _measured_peak(name: str, n_samples: int) -> int:
    work = ours if name == "ours" else feature_peers.PEERS[name]
    work(channels.signals(10 * WINDOW), WINDOW, STEP)  # what is imported late is no cost of the work
    values = channels.signals(n_samples)
    return _rise(lambda: work(values, WINDOW, STEP))[0]


def _rise(work: Callable[[], Any]) -> tuple[int, Any]:
    """Return by how many bytes the process grew at most during the work, and the work's result."""
    process, done = psutil.Process(), threading.Event()
    base = peak = process.memory_info().rss

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.005):
            peak = max(peak, process.memory_info().rss)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        result = work()
    finally:
        done.set()
        thread.join()
    return max(peak, process.memory_info().rss) - base, result


def _month(bars: Bars) -> None:
    """Fifty tags for thirty days at a second: windows of ten minutes a minute apart, to a Parquet file."""
    n_days = 1 if QUICK else 30
    with get_context("spawn").Pool(1) as pool:
        rise, n_rows, seconds, size, stated = pool.apply(_written, (n_days,))
    how = (
        f"{n_days} days of 50 tags, {n_rows} windows, full set as float32: {seconds:.0f} s, file of "
        f"{size / 2**20:.0f} MB; "
        f"{rise / 2**20:.0f} MB beyond what was held before, stated {stated / 2**20:.0f} MB and a day of values"
    )
    bars.show("50 tags to Parquet: peak memory, GB", round(rise / 2**30, 2), "< 2", rise < 2 * 2**30, how)


def _written(n_days: int) -> tuple[int, int, float, int, int]:
    tags = tuple(f"tag{i}" for i in range(50))
    names = tuple(FeatureName("tag", tag, c, p) for tag in tags for c, p in sets.EFFICIENT)
    asked = feature_set(names, 600, 60)
    n_rows = stream.rows_at_once(len(names), 4, stream.PART_BYTES)
    of_part = peak_bytes(planned(names, tags), n_rows, 600 + 60 * (n_rows - 1), 600, 4)
    stated = (2 + scale.AHEAD) * of_part + stream.writer_bytes(n_days * DAY_S // 60, len(names), 4)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "month.parquet"
        begun = time.perf_counter()
        vectors = scale.vectors(_days(n_days, tags, asked, n_rows), names, np.float32, scale.workers_of("2"))
        rise, written = _rise(lambda: stream.write_parquet(path, names, vectors, np.float32))
        return rise, written, time.perf_counter() - begun, path.stat().st_size, stated


DAY_S: Final = 86_400


def _days(n_days: int, tags: tuple[str, ...], asked: FeatureSet, n_rows: int) -> Iterator[stream.Part]:
    """Yield the windows day by day; each day's grid reaches back by a window."""
    for day in range(n_days):
        values = np.concatenate([channels.signals(DAY_S + 600, 7 * day + k) for k in range(7)], axis=1)[:, : len(tags)]
        start = day * DAY_S - 600
        grid = Grid("plant/press-1", tags, (start + np.arange(len(values))) * SECOND, values)
        yield from stream.parts(grid, asked, SECOND, day * DAY_S * SECOND - 1, (day + 1) * DAY_S * SECOND - 1, n_rows)


def _first_use(bars: Bars) -> None:
    """The first vector of a process, with nothing compiled yet and then with what the first process has kept."""
    program = (
        "import time; begun = time.perf_counter(); from benchmarks import channels, features as f; "
        "imported = time.perf_counter(); f.ours(channels.signals(90), 60, 10); "
        "print(imported - begun, time.perf_counter() - imported)"
    )
    with tempfile.TemporaryDirectory() as cache:
        took = []
        for _ in range(2):
            done = subprocess.run(
                [sys.executable, "-c", program],
                env={**os.environ, "XDG_CACHE_HOME": cache},
                capture_output=True,
                text=True,
                check=True,
            )
            took.append([float(x) for x in done.stdout.split()])
    how = f"full set of 8 tags in a new process; imports {took[1][0]:.1f} s; nothing compiled yet: {took[0][1]:.1f} s"
    bars.show_speed("first vector with compiled kernels kept, s", round(took[1][1], 2), "< 1", took[1][1] < 1, how)


if __name__ == "__main__":
    main()
