"""The bars of collection: `make bars-collect`. Speed against peers in the same run, then every fault experiment."""

from __future__ import annotations

import logging
import statistics
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from benchmarks import chaos, draining, files, payload_fuzz, stores, tier
from benchmarks.bars import QUICK, Bars
from benchmarks.draining import Cost
from benchmarks.influx_server import NoServerError, running
from store.duckdb import DuckDBPoints
from store.influxdb import InfluxPoints
from store.settings import InfluxSettings

ROUNDS: Final = 1 if QUICK else 3
MESSAGES: Final = 5_000 if QUICK else 200_000
PAYLOADS: Final = 20_000 if QUICK else 1_000_000
STRETCH_S: Final = 15.0 if QUICK else 600.0
ALONE: Final = ("R7", "R9", "R11")  # what they time or weigh would be disturbed


def main() -> None:
    """Print the bars; exit code 1 where one falls short, 2 where the harness does not find a planted loss."""
    logging.basicConfig(stream=sys.stderr, level=logging.ERROR)
    bars = Bars()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        settings = None
        (folder / "influx").mkdir()
        with suppress(NoServerError):
            settings = stack.enter_context(running(folder / "influx"))
        stores.show(bars, settings)
        _drains(bars, folder / "drains", settings)
        files.show(bars)
        _quiet()
        _fuzz(bars)
        chaos.prove(bars, folder / "proof", chaos.SEED, QUICK)
        _side_by_side(bars, folder)
        for name in ALONE:
            chaos.show(bars, chaos.run(name, folder / "chaos", chaos.SEED, QUICK))
    bars.end()


def _side_by_side(bars: Bars, folder: Path) -> None:
    """Run the stretch and the experiments that time nothing finely, two at a time: they wait more than they work."""
    with ProcessPoolExecutor(2, get_context("spawn"), _quiet) as pool:
        stretch = pool.submit(tier.stretch, folder / "tier", STRETCH_S)
        names = [name for name in chaos.SCENARIOS if name not in ALONE]
        experiments = [pool.submit(chaos.run, name, folder / "chaos", chaos.SEED, QUICK) for name in names]
        for experiment in experiments:
            chaos.show(bars, experiment.result())
        _show_stretch(bars, stretch.result())


def _quiet() -> None:
    logging.disable(logging.ERROR)  # faults are what is asked for here; each collector keeps a log of its own


def _drains(bars: Bars, folder: Path, settings: InfluxSettings | None) -> None:
    """Drain a preloaded session by each, taking turns."""
    kinds = ["bare", "ours", *(["ours into InfluxDB", "usual"] if settings is not None else [])]
    costs: dict[str, list[Cost]] = {kind: [] for kind in kinds}
    for turn in range(ROUNDS):
        broker = draining.broker(folder / f"broker-{turn}")
        broker.start()
        try:
            draining.preload(broker.port, kinds, MESSAGES)
            for kind in kinds:
                costs[kind].append(_drain(kind, broker.port, folder / f"{turn}-{kind.replace(' ', '-')}", settings))
        finally:
            broker.stop()
    how = f"{MESSAGES} messages of {draining.TAGS} values from a preloaded session, {ROUNDS} turns, medians"
    ratio = _cpu_per_value(costs["bare"]) / _cpu_per_value(costs["ours"])
    shown = ", ".join(f"{kind} {1e6 * _cpu_per_value(found):.2f} us" for kind, found in costs.items())
    bars.show_speed(
        "drain: CPU per value, bare paho / ours, durable, into DuckDB",
        round(ratio, 2),
        ">= 0.5",
        ratio >= 0.5,
        f"{how}; {shown}",
    )
    if settings is not None:
        rate = _rate(costs["ours"]) / _rate(costs["usual"])
        shown = ", ".join(f"{kind} {_rate(found):,.0f}/s" for kind, found in costs.items())
        bars.show_speed(
            "drain: values/s, ours / paho + influxdb-client", round(rate, 2), ">= 3", rate >= 3, f"{how}; {shown}"
        )


def _drain(kind: str, port: int, folder: Path, settings: InfluxSettings | None) -> Cost:
    if kind == "bare":
        return draining.bare(port, kind, MESSAGES)
    if kind == "ours":
        return draining.ours(port, kind, MESSAGES, folder, DuckDBPoints(folder))
    if settings is None:
        raise ValueError(kind)
    if kind == "usual":
        return draining.usual_stack(port, kind, MESSAGES, settings)
    return draining.ours(port, kind, MESSAGES, folder, InfluxPoints(folder, settings))


def _show_stretch(bars: Bars, kept: tier.Kept) -> None:
    is_kept = kept.missing == 0 and kept.behind_s < 10
    how = (
        f"{tier.ASSETS * tier.TAGS} tags for {STRETCH_S:.0f} s at {kept.values_per_s:,.0f} values/s, fault experiments "
        f"beside it; CPU share {kept.cpu:.2f} of one core, at most {kept.worst_waiting:,} items in the journal, all "
        f"stored {kept.behind_s:.1f} s after the last, {kept.rss_mb:.0f} MB"
    )
    bars.show("a factory's load: values missing, and it keeps up", kept.missing, "0, within 10 s", is_kept, how)


def _fuzz(bars: Bars) -> None:
    found = payload_fuzz.run(PAYLOADS, chaos.SEED)
    how = f"{PAYLOADS} damaged messages, {found.n_taken} items taken, rejected: {found.reasons} {found.first}"
    bars.show("R17: uncaught on fuzzed payloads", found.n_uncaught, "0", found.n_uncaught == 0, how)


def _cpu_per_value(costs: Sequence[Cost]) -> float:
    return statistics.median(c.cpu_s / c.n_values for c in costs)


def _rate(costs: Sequence[Cost]) -> float:
    return statistics.median(c.values_per_s for c in costs)


if __name__ == "__main__":
    main()
