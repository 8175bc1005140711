"""Telemetry in InfluxDB: refusals, outages, crashes and what is its own beside the contract of all point stores."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import SecretStr

from domain.errors import StoreAwayError
from domain.instants import from_ns
from domain.points import Point, Points
from domain.records import Conflict, Outcome, Reason
from store.influx_reads import rollup_of
from store.influx_wire import InfluxWire
from store.influxdb import InfluxPoints
from store.line_protocol import POINTS, rollup_lines
from store.settings import InfluxSettings
from tests.influx_server import Influxd
from tests.ports import free_port
from tests.store.items import points
from tests.store.victoria_metrics import victoria_metrics

__all__ = ["victoria_metrics"]
EVER = 2**62
HOUR = 3_600_000_000_000


class CountedWire:
    """Counts requests; `breaks_at` raises in place of the n-th write (from 1), after it where `after` is set."""

    def __init__(self, wire: InfluxWire, breaks_at: int = 0, *, after: bool = False) -> None:
        self._wire, self._breaks_at, self._after = wire, breaks_at, after
        self.n_writes = 0
        self.start, self.stop, self.query = wire.start, wire.stop, wire.query

    def write(self, body: bytes, policy: str) -> str:
        self.n_writes += 1
        if self.n_writes == self._breaks_at and not self._after:
            raise StoreAwayError("planted")
        told = self._wire.write(body, policy)
        if self.n_writes == self._breaks_at:
            raise StoreAwayError("planted")
        return told


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., InfluxPoints]]:
    made: list[InfluxPoints] = []

    def open_store(settings: InfluxSettings, breaks_at: int = 0, *, after: bool = False) -> InfluxPoints:
        store = InfluxPoints(tmp_path, settings)
        store._wire = CountedWire(store._wire, breaks_at, after=after)  # type: ignore[assignment]
        store.start()
        made.append(store)
        return store

    yield open_store
    for store in made:
        store.stop()


def read(store: InfluxPoints, *tags: str) -> list[tuple[str, int, float | None]]:
    return [(p.tag_id, p.at, p.value) for p in store.read(tags, 0, EVER).rows()]


def thousand(bad: int) -> Points:
    """A thousand good points, one of which is offered to a field of another type."""
    names = np.array(["a/x"] * 1000, dtype=object)
    names[bad] = "a/bad"
    return Points.of(names, range(1000), [float(i) for i in range(1000)])


def test_points_that_came_too_late_leave_the_figures_of_their_hours_and_of_others(
    influxd: Influxd, opened: Callable[..., InfluxPoints]
) -> None:
    settings = influxd.new_database(retention_policy="raw", rollup_policy="long")
    influxd.ask(f"CREATE RETENTION POLICY raw ON {settings.database} DURATION 1h REPLICATION 1 DEFAULT")
    influxd.ask(f"CREATE RETENTION POLICY long ON {settings.database} DURATION INF REPLICATION 1")
    store = opened(settings)
    hour = time.time_ns() // HOUR * HOUR - 9 * HOUR
    kept = rollup_of([[hour + k * HOUR, 1.0, 2.0, 3.0, 60] for k in range(4)])
    store._wire.write(rollup_lines({"a/x": kept, "b/y": kept}), "long")
    outcome = store.apply("1", points(("a/x", hour + 5, 1.0), ("a/x", hour + 2 * HOUR, 1.0)))
    assert [r.reason for r in outcome.refused] == [Reason.RETENTION] * 2
    assert store.roll_up() == 2
    for tag in ("a/x", "b/y"):
        assert store.rolled_up(tag, 0, EVER).n.tolist() == [60] * 4


@pytest.mark.parametrize("bad", [0, 500, 999])
def test_one_bad_point_of_a_thousand_is_refused_alone(
    influxd: Influxd, opened: Callable[..., InfluxPoints], bad: int
) -> None:
    settings = influxd.new_database()
    influxd.ask(f"CREATE RETENTION POLICY short ON {settings.database} DURATION 1h REPLICATION 1 DEFAULT")
    now = time.time_ns()
    at = now + np.arange(1000)
    at[bad] = now - 3 * HOUR
    batch = Points.of(["a/x"] * 1000, at, range(1000))
    store = opened(settings)
    outcome = store.apply("1", batch)
    assert (outcome.stored, outcome.duplicates, len(outcome.conflicts), len(outcome.refused)) == (999, 0, 0, 1)
    (refused,) = outcome.refused
    assert (refused.key, refused.at, refused.value) == ("a/x", from_ns(int(at[bad])), float(bad))
    assert refused.reason is Reason.RETENTION
    assert store.count() == 999
    assert store._wire.n_writes <= 4  # type: ignore[attr-defined]  # at most 3 tries after the first
    assert store.apply("1", batch) == outcome
    assert store.roll_up() >= 1


def test_points_of_another_type_than_the_servers_are_refused(
    influxd: Influxd, opened: Callable[..., InfluxPoints]
) -> None:
    settings = influxd.new_database()
    store = opened(settings)
    wire = InfluxWire(settings)
    wire.start()
    assert wire.write(f"{POINTS},asset=z,tag=z value=1i 1".encode(), "") == ""  # somebody else's integer
    wire.stop()
    outcome = store.apply("1", Points.from_rows([Point("a/x", i, float(i)) for i in range(5)]))
    assert (outcome.stored, {r.reason for r in outcome.refused}) == (0, {Reason.REFUSED})
    assert "field type conflict" in outcome.refused[0].detail


class Halves:
    """A server that takes all of a request or nothing, and does not say which line it dislikes."""

    def __init__(self, wire: InfluxWire) -> None:
        self._wire = wire
        self.n_writes = 0
        self.start, self.stop, self.query = wire.start, wire.stop, wire.query

    def write(self, body: bytes, policy: str) -> str:
        self.n_writes += 1
        return "unacceptable" if b"tag=bad" in body else self._wire.write(body, policy)


def test_a_server_that_refuses_a_request_as_a_whole_is_asked_by_halves(influxd: Influxd, tmp_path: Path) -> None:
    store = InfluxPoints(tmp_path, influxd.new_database())
    wire = Halves(store._wire)
    store._wire = wire  # type: ignore[assignment]
    store.start()
    outcome = store.apply("1", thousand(bad=321))
    assert (outcome.stored, [r.key for r in outcome.refused]) == (999, ["a/bad"])
    assert outcome.refused[0].reason is Reason.REFUSED
    assert wire.n_writes <= 2 * 10 + 1
    assert len(store.read(["a/x"], 0, EVER)) == 999
    store.stop()


def test_a_name_longer_than_a_series_key_is_refused_alone(
    influxd: Influxd, opened: Callable[..., InfluxPoints]
) -> None:
    store = opened(influxd.new_database())
    outcome = store.apply("1", points(("a/" + "x" * 66_000, 1, 1.0), ("a/" + "," * 33_000, 1, 1.0), ("a/x", 1, 1.0)))
    assert (outcome.stored, len(outcome.refused)) == (1, 2)
    assert store._wire.n_writes == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("breaks_at", [1, 2, 3])
@pytest.mark.parametrize("after", [False, True])
def test_a_batch_that_was_broken_off_is_told_right_when_it_is_sent_again(
    influxd: Influxd, opened: Callable[..., InfluxPoints], breaks_at: int, after: bool
) -> None:
    settings = influxd.new_database(write_points=300)
    opened(settings).apply("0", points(("a/x", 5, 5.0), ("a/x", 6, 9.0)))
    batch = Points.of(["a/x"] * 901, [*range(900), 20], [float(i) for i in range(900)] + [20.0])
    with pytest.raises(StoreAwayError):
        opened(settings, breaks_at, after=after).apply("1", batch)
    again = opened(settings)  # as after a crash: nothing but the notes and the server are left
    outcome = again.apply("1", batch)
    assert outcome == Outcome(898, 2, (Conflict("a/x", from_ns(6), "9.0", "6.0"),))
    assert again.apply("1", batch) == outcome
    assert again.count() == 900


def test_what_another_stored_during_an_outage_is_a_conflict(
    influxd: Influxd, opened: Callable[..., InfluxPoints]
) -> None:
    settings = influxd.new_database()
    with pytest.raises(StoreAwayError):
        opened(settings, 1).apply("1", points(("a/x", 1, 1.0), ("a/x", 2, 2.0)))
    store = opened(settings)
    store.apply("2", points(("a/x", 1, 7.0)))
    assert store.apply("1", points(("a/x", 1, 1.0), ("a/x", 2, 2.0))) == Outcome(
        1, 0, (Conflict("a/x", from_ns(1), "7.0", "1.0"),)
    )
    assert read(store, "a/x") == [("a/x", 1, 7.0), ("a/x", 2, 2.0)]


def test_what_another_process_stored_is_a_conflict(influxd: Influxd, opened: Callable[..., InfluxPoints]) -> None:
    settings = influxd.new_database()
    first, second = opened(settings), opened(settings)  # as the service and `forewarn load` on one data folder
    for i in range(3):
        first.apply(f"1:{i}", points(("a/x", i, 1.0), ("a/y", i, 1.0)))
    second.apply("2", points(("a/x", 5, 7.0)))
    outcome = first.apply("3", points(("a/x", 5, 8.0), ("a/x", 6, 8.0), ("a/y", 5, 8.0)))
    assert outcome == Outcome(2, 0, (Conflict("a/x", from_ns(5), "7.0", "8.0"),))
    assert second.apply("4", points(("a/y", 5, 8.0))) == Outcome(duplicates=1)


def test_what_a_collector_elsewhere_stored_is_a_conflict_where_there_are_any(influxd: Influxd, tmp_path: Path) -> None:
    settings = influxd.new_database(has_other_writers=True)
    here, elsewhere = InfluxPoints(tmp_path / "here", settings), InfluxPoints(tmp_path / "elsewhere", settings)
    here.start()
    elsewhere.start()
    here.apply("1", points(("a/x", 1, 1.0)))
    elsewhere.apply("1", points(("a/x", 5, 7.0)))
    assert len(here.apply("2", points(("a/x", 5, 8.0))).conflicts) == 1
    here.stop()
    elsewhere.stop()


def test_only_what_may_be_stored_already_is_asked_for(influxd: Influxd, tmp_path: Path) -> None:
    store = InfluxPoints(tmp_path, influxd.new_database())
    asked: list[str] = []
    query = store._wire.query
    store._wire.query = lambda *a: asked.append(a[0]) or query(*a)  # type: ignore[assignment,method-assign,func-returns-value]
    store.start()
    store.apply("1", points(("a/x", 1, 1.0), ("a/y", 9, 1.0)))
    store.apply("2", points(("a/x", 2, 1.0)))
    n_before = len(asked)
    assert store.apply("3", points(("a/x", 3, 1.0), ("a/y", 10, 1.0))) == Outcome(stored=2)
    assert len(asked) == n_before
    assert store.apply("4", points(("a/x", 3, 1.0), ("a/y", 11, 1.0))) == Outcome(1, 1)
    assert len(asked) == n_before + 1
    store.stop()


def test_an_overwrite_that_was_broken_off_tells_the_old_values(
    influxd: Influxd, opened: Callable[..., InfluxPoints]
) -> None:
    settings = influxd.new_database(write_points=1)
    opened(settings).apply("1", points(("a/x", 1, 1.0), ("a/x", 2, 2.0)))
    batch = points(("a/x", 1, None), ("a/x", 2, 7.0))
    with pytest.raises(StoreAwayError):
        opened(settings, 2).overwrite("2", batch)
    store = opened(settings)
    assert [c.stored for c in store.overwrite("2", batch).conflicts] == ["1.0", "2.0"]
    assert read(store, "a/x") == [("a/x", 1, None), ("a/x", 2, 7.0)]


def test_an_outage_is_told_as_such_and_everything_works_again_after_it(own_influxd: Influxd, tmp_path: Path) -> None:
    store = InfluxPoints(tmp_path, own_influxd.new_database())
    store.start()
    assert store.apply("1", points(("a/x", 1, 1.0))).stored == 1
    own_influxd.kill()
    for ask in (
        lambda: store.apply("2", points(("a/x", 2, 2.0))),
        lambda: store.read(["a/x"], 0, EVER),
        lambda: store.latest(["a/x"], EVER),
        lambda: store.delete_before(0),
        store.count,
    ):
        with pytest.raises(StoreAwayError, match="cannot be reached"):
            ask()
    assert store.apply("1", points(("a/x", 1, 1.0))).stored == 1  # known from the notes
    own_influxd.start()
    assert store.apply("2", points(("a/x", 2, 2.0))).stored == 1
    assert read(store, "a/x") == [("a/x", 1, 1.0), ("a/x", 2, 2.0)]
    store.stop()


def test_a_store_starts_while_its_server_is_away(tmp_path: Path) -> None:
    store = InfluxPoints(tmp_path, InfluxSettings(url=f"http://127.0.0.1:{free_port()}", timeout_s=1))
    store.start()
    with pytest.raises(StoreAwayError):
        store.apply("1", points(("a/x", 1, 1.0)))
    store.stop()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"password": SecretStr("wrong")}, "401"),
        ({"username": "", "password": SecretStr("")}, "401"),
        ({"database": "not_there"}, "not found"),
    ],
)
def test_a_wrong_key_or_database_keeps_the_batch_and_tells_no_secret(
    influxd: Influxd, tmp_path: Path, changed: dict[str, Any], told: str
) -> None:
    settings = influxd.new_database()
    store = InfluxPoints(tmp_path, settings.model_copy(update=changed))
    store.start()
    with pytest.raises(StoreAwayError, match=told) as caught:
        store.apply("1", points(("a/x", 1, 1.0)))
    assert "s3cret" not in str(caught.value)
    assert "wrong" not in str(caught.value)
    store.stop()
    store = InfluxPoints(tmp_path, settings)
    store.start()
    assert store.apply("1", points(("a/x", 1, 1.0))).stored == 1
    store.stop()


def test_a_server_that_never_answers_is_given_up_in_time(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        store = InfluxPoints(tmp_path, InfluxSettings(url=url, timeout_s=0.3, query_timeout_s=0.3))
        store.start()
        with pytest.raises(StoreAwayError):
            store.apply("1", points(("a/x", 1, 1.0)))
        store.stop()


@pytest.mark.parametrize("body", [b"", b"{}\n"])
def test_an_answer_that_was_cut_off_is_none_that_says_that_nothing_is_stored(tmp_path: Path, body: bytes) -> None:
    class Cut(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Cut) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        store = InfluxPoints(tmp_path, InfluxSettings(url=f"http://127.0.0.1:{server.server_port}", database="x"))
        store.start()
        with pytest.raises(StoreAwayError, match="answered nothing"):
            store.apply("1", points(("a/x", 1, 1.0)))
        store.stop()
        server.shutdown()


def test_policies_take_points_and_hours_apart(influxd: Influxd, opened: Callable[..., InfluxPoints]) -> None:
    settings = influxd.new_database(retention_policy="raw", rollup_policy="long")
    for policy in ("raw", "long"):
        influxd.ask(f"CREATE RETENTION POLICY {policy} ON {settings.database} DURATION INF REPLICATION 1")
    store = opened(settings)
    store.apply("1", points(("a/x", HOUR, 1.0), ("a/x", 9 * HOUR, 2.0)))
    store.overwrite("2", points(("a/x", HOUR, None)))
    assert store.roll_up() == 2
    assert read(store, "a/x") == [("a/x", HOUR, None), ("a/x", 9 * HOUR, 2.0)]
    influxd.ask("DROP RETENTION POLICY raw ON " + settings.database)
    assert store.rolled_up("a/x", 0, EVER).at.tolist() == [9 * HOUR]


def test_a_plants_own_tools_find_the_points(influxd: Influxd, opened: Callable[..., InfluxPoints]) -> None:
    settings = influxd.new_database()
    opened(settings).apply("1", points(("seoul/line-2/press-04/oil temp", 1, 61.5)))
    statement = f"SELECT value FROM {POINTS} WHERE asset = 'seoul/line-2/press-04' GROUP BY \"tag\""
    (found,) = json.loads(influxd.ask(statement, settings.database))["results"][0]["series"]
    assert found["tags"] == {"tag": "oil temp"}
    assert found["values"][0][1] == 61.5


def test_a_long_trend_is_bucketed_by_the_server(influxd: Influxd, opened: Callable[..., InfluxPoints]) -> None:
    store = opened(influxd.new_database())
    values = np.random.default_rng(3).normal(size=30_000)
    store.apply("1", Points.of(["a/x"] * 30_000, range(30_000), values))
    found = store.bucketed("a/x", 0, 30_000, 10)
    assert len(found) == 20
    assert (np.diff(found.at) > 0).all()
    for bucket in range(10):
        part = values[bucket * 3000 : bucket * 3000 + 3000]
        assert sorted(found.value[found.at // 3000 == bucket].tolist()) == [part.min(), part.max()]


def test_hostile_names_run_no_statement(influxd: Influxd, opened: Callable[..., InfluxPoints]) -> None:
    settings = influxd.new_database()
    store = opened(settings)
    store.apply("1", points(("a/x", 1, 1.0)))
    for i, name in enumerate(
        ["x'; DROP MEASUREMENT forewarn_points", 'x" OR 1=1 --', "x' OR '1'='1", "$t0_0", "x\\' OR ''='"]
    ):
        for tag_id in (f"a/{name}", f"{name}/x"):
            assert len(store.read([tag_id], 0, EVER)) == len(store.latest([tag_id], EVER)) == 0
            assert len(store.bucketed(tag_id, 0, 99, 3)) == len(store.rolled_up(tag_id, 0, EVER)) == 0
            store.apply(f"{i}{tag_id}", points((tag_id, 2, 2.0)))
    assert read(store, "a/x") == [("a/x", 1, 1.0)]
    assert store.count() == 11


def test_a_second_peer_takes_the_lines(victoria_metrics: int, tmp_path: Path) -> None:
    wire = InfluxWire(InfluxSettings(url=f"http://127.0.0.1:{victoria_metrics}", database="plant"))
    wire.start()
    from store.line_protocol import lines

    now = time.time_ns() // 10**9 * 10**9
    names = ["a/x", "b,c = d/온도 y", 'q"/\\z']
    assert wire.write(lines(Points.of(names, [now] * 3, [1.5, -2.0, 3.0])), "") == ""
    wire.stop()
    exported = f"http://127.0.0.1:{victoria_metrics}/api/v1/export?match[]={POINTS}_value"
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with urllib.request.urlopen(exported, timeout=5) as answer:
            rows = [json.loads(line) for line in answer.read().splitlines()]
        if len(rows) == 3:
            break
        time.sleep(0.3)
    assert {(r["metric"]["asset"], r["metric"]["tag"], r["values"][0]) for r in rows} == {
        ("a", "x", 1.5),
        ("b,c = d", "온도 y", -2.0),
        ('q"', "%5Cz", 3.0),
    }
