"""InfluxDB is away, slow, half open, or will not have a point: values wait in the journal, none is lost or doubled."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from app.rooms import opened
from benchmarks.chaos_crashes import NEVER, clean
from benchmarks.collecting import Task
from benchmarks.oracle import START_NS, Stream
from benchmarks.peers import Peer, influx_query, influx_write, influxd
from benchmarks.proxy import Link, Proxy
from benchmarks.stage import Stage
from benchmarks.trial import Figure, Trial, until

DATABASE: Final = "oracle"
LIVE: Final = 1_000  # values per second of tier T2
TIMEOUT_S: Final = 2.0
FAULTS: Final = {
    "5 s late": Link(delay_s=5.0),
    "1 kB/s": Link(bytes_per_s=1000),
    "half open": Link(is_frozen=True),
    "refusing": Link(is_refusing=True),
}
DAY_NS: Final = 86_400_000_000_000


def outage(trial: Trial) -> Figure:
    """R5: a bad line to InfluxDB, then no InfluxDB for 3.6 M values, then InfluxDB again."""
    n_messages = trial.size(36_000, 2_000)
    stream = Stream(width=100, n_tags=100)
    n_warm = n_messages // 10
    with _served(trial) as (server, proxy), Stage(trial.folder / "stage", stream, influxdb=_config(proxy)) as stage:
        stage.subscribe()
        stage.launch()
        bodies = ((stream.topic, stream.payload(i)) for i in range(n_messages))
        publisher = stage.publish(bodies, rate=n_messages / trial.size(60, 5))
        stage.wait(lambda t: t.stored >= n_warm * stream.width)
        before = stage.rss_mb()
        for link in FAULTS.values():
            proxy.link = link
            proxy.reset()
            time.sleep(trial.size(50, 5) / 10)
        server.stop(signal.SIGKILL)
        proxy.link = Link()
        peak = before
        while not publisher.join(0.5):
            peak = max(peak, stage.rss_mb())
        stage.wait(lambda t: t.received >= n_messages * stream.width)
        peak, waiting = max(peak, stage.rss_mb()), stage.totals().in_journal
        server.start()
        begun = time.monotonic()
        is_drained = stage.wait_drained(n_messages * stream.width, patience_s=60)
        seconds = time.monotonic() - begun
        peak_after = stage.rss_mb()
        is_alive = stage.is_alive()
        stage.close()
        found = stage.judge(publisher)
    growth = peak / before - 1
    rate = waiting / seconds
    figure = found.figure() | {
        "waited_in_journal": waiting,
        "rss_mb": [round(before), round(peak), round(peak_after)],
        "rss_growth_pct": round(100 * growth, 1),
        "drain_values_per_s": round(rate),
        "times_live": round(rate / LIVE, 1),
        "caught_up_after_s": round(seconds, 1),
    }
    return Figure(
        f"R5: InfluxDB away for {n_messages * stream.width} values",
        figure,
        f"missing 0; memory growth < 20 % while away; drain >= 2 x live ({LIVE} values per second)",
        clean(found, n_messages * stream.width)
        and is_drained
        and is_alive
        and (growth < 0.2 or trial.is_quick)
        and rate >= 2 * LIVE,
        f"influxd behind a proxy that is {', '.join(FAULTS)}, then SIGKILL; memory before, at its peak, after draining",
    )


def bad_point(trial: Trial) -> Figure:
    """R10: one point that the server refuses among 999 that it takes: beyond its retention, or of another type."""
    figure: dict[str, object] = {}
    holds = True
    n = 999
    for kind, offset_days in (("past retention", -100), ("type conflict", 30)):
        small = Trial(trial.folder / kind.replace(" ", "-"), trial.seed, trial.is_quick)
        with (
            _served(small) as (server, proxy),
            Stage(small.folder / "stage", Stream(), influxdb=_config(proxy)) as stage,
        ):
            at = START_NS + offset_days * DAY_NS
            if kind == "type conflict":
                influx_write(server.port, DATABASE, f'forewarn_points,asset=other,tag=x value="text" {at + 1}')
            stage.subscribe()
            task = Task(stage.config)
            task.file("away").touch()
            stage.launch(task)
            publisher = stage.issue(n)
            publisher.join(60)
            body = json.dumps({"at": at, "values": {"t000": 1.5}}).encode()
            stage.publish([(stage.stream.topic, body)]).join(30)
            stage.wait(lambda t: t.in_journal == n + 1)
            writes = _writes(server)
            task.file("away").unlink()
            stage.wait(lambda t: t.stored + t.dead_lettered == n + 1 and not t.in_journal, 15)
            writes = _writes(server) - writes
            stage.close()
            found = stage.judge(publisher)
            with opened(stage.settings()) as rooms:
                reasons = rooms.journal.dead_letters_by_reason()
        figure[kind] = {"stored": found.stored, "dead_lettered": reasons, "missing": found.missing, "writes": writes}
        holds &= found.is_clean and found.stored == n and sum(reasons.values()) == 1 and writes <= 4
    return Figure(
        "R10: one bad point in 1,000, refused by a real InfluxDB",
        figure,
        "999 stored, 1 in the dead letter, <= 3 writes beyond the first",
        holds,
        "writes as the server counts them",
    )


def freezes(trial: Trial) -> Figure:
    """SIGKILL and SIGSTOP InfluxDB, and reset its line, under a steady stream."""
    chance, n_faults = trial.chance(), trial.size(15, 2)
    with _served(trial) as (server, proxy), Stage(trial.folder / "stage", Stream(), influxdb=_config(proxy)) as stage:
        stage.subscribe()
        stage.launch()
        publisher = stage.issue(NEVER, rate=1000)
        for i in range(n_faults):
            time.sleep(chance.uniform(0.3, 1.5))
            what = ("reset", "kill", "freeze")[i % 3]
            if what == "kill":
                server.stop(signal.SIGKILL)
                time.sleep(chance.uniform(0.1, 2.0))
                server.start()
            elif what == "freeze":
                server.send(signal.SIGSTOP)
                time.sleep(chance.uniform(0.5, 3.0))
                server.send(signal.SIGCONT)
            else:
                until(lambda: proxy.reset() > 0, 2)
        publisher.stop()
        n_values = int(publisher.acked().sum())
        is_drained = stage.wait_drained(n_values)
        is_alive = stage.is_alive()
        stage.close()
        found = stage.judge(publisher)
    return Figure(
        f"InfluxDB reset, killed and frozen in turn x {n_faults}",
        found.figure(),
        "missing 0",
        clean(found, n_values) and is_drained and is_alive,
        "1,000 values per second, up to 3 s frozen, up to 2 s dead",
    )


@contextmanager
def _served(trial: Trial) -> Iterator[tuple[Peer, Proxy]]:
    """A server with a database that keeps 300 days, behind a proxy."""
    server = influxd(trial.folder / "influxdb")
    server.start()
    proxy = Proxy(server.port)
    proxy.start()
    try:
        influx_query(server.port, f'CREATE DATABASE "{DATABASE}" WITH DURATION 300d SHARD DURATION 7d')
        yield server, proxy
    finally:
        proxy.stop()
        server.stop(signal.SIGKILL)


def _config(proxy: Proxy) -> str:
    return f'url = "http://127.0.0.1:{proxy.port}"\ndatabase = "{DATABASE}"\ntimeout_s = {TIMEOUT_S}\n'


def _writes(server: Peer) -> int:
    answer = influx_query(server.port, "SHOW STATS FOR 'httpd'")
    series = answer["results"][0]["series"][0]
    return int(dict(zip(series["columns"], series["values"][0], strict=True))["writeReq"])
