"""Points into and out of both stores, against bare DuckDB and bare InfluxQL: medians of interleaved rounds, as ratios.

`python -m benchmarks.stores` prints them alone; InfluxDB's are left out where there is no influxd.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from benchmarks.bars import QUICK, Bars
from benchmarks.influx_server import NoServerError, running
from domain.points import Points
from domain.ports import PointStore
from store.duckdb import DuckDBPoints
from store.influx_wire import InfluxWire
from store.influxdb import InfluxPoints
from store.line_protocol import POINTS
from store.settings import InfluxSettings

ROUNDS = 3 if QUICK else 5
N_RANGE = 1_000_000 if QUICK else 10_000_000
BATCH = 40_000
SECOND = 1_000_000_000
START = 1_767_225_600 * SECOND
EVER = 2**62
TAG = "plant/press-1/oil"
S = TypeVar("S", bound=PointStore)


@dataclass(frozen=True, slots=True)
class Measured:
    """One figure: median seconds of ours and of the peer, and their ratio (ours / peer)."""

    name: str
    ours_s: float
    peer_s: float

    @property
    def ratio(self) -> float:
        """Ours divided by the peer's."""
        return self.ours_s / self.peer_s


def interleaved(rounds: int, work: Mapping[str, Callable[[], Any]]) -> dict[str, float]:
    """Return the median seconds of each piece of work, run in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, call in work.items():
            begun = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - begun)
    return {name: statistics.median(found) for name, found in seconds.items()}


def one_tag(n: int) -> Points:
    """Return a second's value of one tag, n times."""
    at = START + np.arange(n, dtype=np.int64) * SECOND
    value = np.round(60 + 10 * np.random.default_rng(1).normal(size=n), 3)
    names = np.broadcast_to(np.array([TAG], dtype=object), (n,))
    zeros = np.zeros(n, np.int64)
    none = np.broadcast_to(np.array([None], dtype=object), (n,))
    return Points(names, at, value, none, zeros.astype(np.uint8), zeros.astype(np.uint32), zeros + START)


def batches(n_batches: int, size: int = BATCH, n_tags: int = 200) -> Iterator[Points]:
    """Yield batches as a drain would apply them: many tags, each a value a second, all of them new."""
    rng = np.random.default_rng(2)
    names = [f"plant/press-{i // 8}/tag-{i % 8}" for i in range(n_tags)]
    for k in range(n_batches):
        row = np.arange(k * size, (k + 1) * size)
        tag_ids = np.array(names, dtype=object)[row % n_tags]
        at = START + row // n_tags * SECOND
        yield Points.of(tag_ids, at, np.round(rng.normal(size=size), 3), received_at=at + SECOND)


@contextmanager
def filled(store: S, n: int) -> Iterator[S]:
    """Open a store, fill it with n values of one tag, and close it at the end."""
    store.start()
    try:
        points = one_tag(n)
        for k, first in enumerate(range(0, n, 500_000)):
            store.apply(f"fill:{k}", points.take(slice(first, first + 500_000)))
        yield store
    finally:
        store.stop()


def bare_duckdb(store: DuckDBPoints) -> dict[str, Any]:
    """Fetch times and values of the tag as a user of DuckDB would."""
    found: dict[str, Any] = (
        store._cursor()
        .execute("select at_ns, value from points where tag_no = 1 and at_ns >= 0 and at_ns < ?", [EVER])
        .fetchnumpy()
    )
    return found


def bare_influxql(wire: InfluxWire) -> tuple[Any, Any]:
    """Fetch times and values of the tag as a user of InfluxQL would: parts of JSON to numpy."""
    statement = f'SELECT "value" FROM "{POINTS}" WHERE "asset" = $a AND "tag" = $t AND time >= 0 AND time < {EVER}'  # noqa: S608
    asset, _, tag = TAG.rpartition("/")
    at, value = [], []
    for part in wire.query(statement, {"a": asset, "t": tag}, ""):
        at.append(np.fromiter([row[0] for row in part.rows], np.int64, len(part.rows)))
        value.append(np.fromiter([row[1] for row in part.rows], np.float64, len(part.rows)))
    return np.concatenate(at), np.concatenate(value)


def range_to_numpy(n: int = N_RANGE, settings: InfluxSettings | None = None) -> list[Measured]:
    """Measure a range of n values to numpy: our DuckDB store against bare DuckDB, and against InfluxQL (once: slow)."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        with filled(DuckDBPoints(Path(folder)), n) as store:
            bare_duckdb(store)
            took = interleaved(ROUNDS, {"ours": lambda: store.read([TAG], 0, EVER), "bare": lambda: bare_duckdb(store)})
            found.append(Measured("range, DuckDB / bare DuckDB", took["ours"], took["bare"]))
        if settings is None:
            return found
        with filled(InfluxPoints(Path(folder), settings), n) as server:
            wire = InfluxWire(settings)
            wire.start()
            rounds = 1 if n > 1_000_000 else ROUNDS
            work = {"bare": lambda: bare_influxql(wire), "store": lambda: server.read([TAG], 0, EVER)}
            slow = interleaved(rounds, work)
            wire.stop()
        found.append(Measured("range, DuckDB / bare InfluxQL", took["ours"], slow["bare"]))
        found.append(Measured("range, our InfluxDB store / bare InfluxQL", slow["store"], slow["bare"]))
    return found


def apply_rates(settings: InfluxSettings | None = None, n_batches: int = 10) -> dict[str, float]:
    """Return values per second that each store takes in batches of 40,000 new values of 200 tags."""
    rates = {}
    with tempfile.TemporaryDirectory() as folder:
        stores: dict[str, PointStore] = {"duckdb": DuckDBPoints(Path(folder))}
        if settings is not None:
            stores["influxdb"] = InfluxPoints(Path(folder), settings)
        for name, store in stores.items():
            made = list(batches(n_batches))
            store.start()
            begun = time.perf_counter()
            for k, points in enumerate(made):
                store.apply(f"rate:{k}", points)
            rates[name] = n_batches * BATCH / (time.perf_counter() - begun)
            store.stop()
    return rates


def main() -> None:
    """Print the bars."""
    bars = Bars()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        settings = None
        with suppress(NoServerError):
            settings = stack.enter_context(running(Path(folder)))
        show(bars, settings)
    bars.end()


def show(bars: Bars, settings: InfluxSettings | None) -> None:
    """Measure and print the bars of the stores."""
    goals = {"range, DuckDB / bare DuckDB": 1.15, "range, DuckDB / bare InfluxQL": 0.06}
    for m in range_to_numpy(settings=settings):
        goal = goals.get(m.name)
        how = f"{N_RANGE} values of one tag; {m.ours_s:.3f} s / {m.peer_s:.3f} s"
        if goal is None:
            bars.show(m.name, round(m.ratio, 3), "", None, how)
        else:
            bars.show_speed(m.name, round(m.ratio, 3), f"<= {goal}", m.ratio <= goal, how)
    for name, rate in apply_rates(settings).items():
        bars.show(f"apply, {name}, values/s", round(rate), "", None, f"batches of {BATCH} new values of 200 tags")


if __name__ == "__main__":
    main()
