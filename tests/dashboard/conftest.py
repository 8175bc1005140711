"""A small plant with everything on it: points, scores, alerts, lots, dead letters, a model; and the console that
shows it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from app.desk import attend
from benchmarks.access_walks import IdleWorkshop
from dashboard.access import actor
from dashboard.console import ConsoleServer, create_app
from dashboard.source import DetectorInfo, Reread, Review, Source, WatchError
from domain.alerting import (
    Alert,
    AlertKey,
    AlertState,
    AlertUpdate,
    Change,
    Condition,
    Priority,
    Rule,
    Transition,
)
from domain.errors import RecordError
from domain.health import Reading
from domain.instants import to_ns
from domain.plant import Asset, AssetClass, Axis, Plant, Tag
from domain.points import Points
from domain.records import Decoded, Event, EventKind, Lot, Outcome, Reason, Rejected, Result, Told
from domain.rulings import Ruling
from domain.scores import Contribution, Scale, Score, Verdict
from domain.text import phrase
from store.duckdb import DuckDBPoints
from store.journal import Journal
from store.ledger import Ledger
from store.scoring import ModelRow, VerdictRow
from tests.dashboard.gates import open_gate

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PRESS, LINE, SILENT, STOPPED = "plant/press-1", "plant/line-1", "plant/press-2", "plant/press-3"
ALERT = "00000000000000aa"


def watch_window(detector: str, factor: str, by: str, why: str) -> str:
    if factor != "feed":
        raise WatchError(f"no window of {factor} is recommended: nothing to watch")
    return f"factor-{detector}-{factor}"


def small_plant() -> Plant:
    classes = [
        AssetClass("press", Axis.TIME, 86_400 * 10**9, 3600 * 10**9, timedelta(minutes=1)),
        AssetClass("line", Axis.TIME, 86_400 * 10**9, 3600 * 10**9, HOUR),
    ]
    assets = [Asset(PRESS, "press"), Asset(LINE, "line"), Asset(SILENT, "press"), Asset(STOPPED, "press")]
    tags = [Tag(a, "oil", "degC", HOUR, 20.0, 80.0, "oil <b>temperature</b>") for a in (PRESS, SILENT, STOPPED)]
    tags += [
        Tag(PRESS, "pressure", "bar", HOUR),
        Tag(LINE, "feed", "t/h", HOUR),
        Tag(LINE, "silica", "%", HOUR, role="lab"),
    ]
    return Plant.of(classes, assets, tags)


def fill(points: DuckDBPoints, ledger: Ledger, journal: Journal) -> None:
    hours = np.array([to_ns(NOW - i * HOUR) for i in range(47, -1, -1)], dtype=np.int64)
    for i, tag in enumerate((f"{PRESS}/oil", f"{PRESS}/pressure", f"{LINE}/feed")):
        points.apply(f"p{i}", Points.of([tag] * 48, hours, 50 + i + np.sin(np.arange(48.0))))
    bad = Rejected(
        "mqtt", "forewarn/point/plant/press-1/oli", Reason.UNKNOWN_TAG, "plant/press-1/oli is not in tags.csv", b"x"
    )
    journal.accept([("mqtt", NOW, Decoded(Points.of([f"{PRESS}/oil"], [to_ns(NOW)], [1.0]), rejected=(bad,)))])
    claimed = journal.claim(10)
    assert claimed is not None
    journal.finish(claimed, Outcome(1))
    why = (Contribution("oil", 1.25, 51.0), Contribution("pressure", -0.5, 52.0))
    risk = [
        Score("press-failure", PRESS, "", NOW - i * HOUR, 0.99 - i / 60, 0.9 - i / 60, 1.0 - i / 60, Scale.PROBABILITY,
              "m1", Verdict.OK, "", why)
        for i in range(20)
    ]  # fmt: skip
    lots = [
        Score("silica", LINE, f"L{i}", NOW - i * HOUR, 2.0 + i / 10, 1.5 + i / 10, 2.5 + i / 10, Scale.PHYSICAL,
              "m2", Verdict.OK)
        for i in range(20)
    ]  # fmt: skip
    ledger.scoring.save([*risk, *lots], {})
    spans = [Lot(LINE, f"L{i}", NOW - (i + 1) * HOUR, NOW - i * HOUR, NOW - i * HOUR) for i in range(30)]
    results = [Result(LINE, f"L{i}", "silica", 2.2 + i / 10, NOW - (i - 2) * HOUR) for i in range(2, 30)]
    ledger.records.apply("b1", [Decoded(Points.from_rows(()), lots=tuple(spans), results=tuple(results))])
    report = {"rmse": 0.5, "persistence_rmse": 0.7, "lab_rmse": 0.4, "mean_rmse": 1.0}
    ledger.scoring.add_model(ModelRow("m2", "silica", "champion", NOW - 5 * HOUR, {"report": report}))
    ledger.scoring.add_model(
        ModelRow("m1", "press-failure", "champion", NOW - 5 * HOUR, {"report": {}, "threshold": 0.9})
    )
    silent = phrase("silent since {since}", since=(NOW - 9 * HOUR).isoformat())
    stopped = phrase("stopped since {since}", since=NOW.isoformat())
    ledger.scoring.save_verdicts(
        [
            VerdictRow(PRESS, Verdict.ALARM, "", NOW, NOW),
            VerdictRow(LINE, Verdict.OK, "", NOW, NOW - HOUR),
            VerdictRow(SILENT, Verdict.NO_DATA, silent, NOW, NOW - 9 * HOUR),
            VerdictRow(STOPPED, Verdict.NO_DATA, stopped, NOW, NOW, True),
        ]
    )
    raised = NOW - 5 * HOUR
    key = AlertKey("press-risk", PRESS, "score:press-failure")
    alert = Alert(ALERT, key, AlertState.ACTIVE_UNACKED, raised, None, raised, NOW, 0.99, 0.9, Priority.HIGH, 1)
    row = Transition(ALERT, 0, Change.RAISED, AlertState.ACTIVE_UNACKED, raised, 0.95, "", "")
    ledger.alerting.save([AlertUpdate(alert, (row,))], {}, NOW)


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Source]:
    with small_source(tmp_path) as made:
        yield made


@contextmanager
def small_source(folder: Path) -> Iterator[Source]:
    """Open the small plant in a folder."""
    points, ledger, journal = DuckDBPoints(folder), Ledger(folder), Journal(folder)
    for room in (points, ledger, journal):
        room.start()
    fill(points, ledger, journal)

    rules = (
        Rule("press-risk", "press", "score:press-failure", Condition.HIGH, None, None, HOUR, Priority.HIGH, "Risk", ""),
    )
    rooms: Any = SimpleNamespace(
        ledger=ledger, settings=SimpleNamespace(all_rules=rules, plant=small_plant(), watched=small_plant())
    )

    def explain(alert_id: str, language: str) -> Sequence[str]:
        if alert_id != ALERT:
            raise RecordError("no more can be said of it: {why}", why="it is gone")
        return [f"pressure: +1.2 ({language})"]

    def record(told: Told) -> None:
        if told.code == "bad":
            raise RecordError("the end lies before the start")
        start = datetime.fromisoformat(told.start).replace(tzinfo=UTC)
        event = Event(told.asset, EventKind(told.kind), told.code, start, None, NOW, f"{told.note} ({told.by})")
        ledger.records.apply("hand", [Decoded(Points.from_rows(()), events=(event,))])

    def review(said: Review) -> None:
        if ledger.alerting.alert(said.alert) is None:
            raise ValueError(f"no alert {said.alert!r}")
        raised = NOW - 5 * HOUR
        ledger.rulings.add([Ruling(said.alert, raised, said.worth, NOW, said.by, "", said.cause, said.found)])

    detectors = (
        DetectorInfo("press-failure", "failure", "press", ""),
        DetectorInfo("silica", "quality", "line", "silica"),
    )
    zone = ZoneInfo("Asia/Seoul")
    yield Source(
        "Test plant", small_plant(), zone, "en", 1.0, points, ledger, journal, lambda: rules, detectors,
        lambda: NOW, lambda: "", lambda doing: attend(rooms, doing, actor(doing.by), NOW), explain,
        lambda: [Reading("sum", 0.0, ""), Reading("disk", 0.42, "31.0 GB free"), Reading("lag", 3.0, "")],
        lambda number, _reason, _before: Reread(3, 2) if number is None else Reread(1, 0),
        record, IdleWorkshop(), review, watch_window,
    )  # fmt: skip
    for room in (ledger, journal, points):
        room.stop()


@pytest.fixture
def served(source: Source) -> Iterator[str]:
    server = ConsoleServer(create_app(source, open_gate(source)), "127.0.0.1", 0)
    server.start()
    yield f"http://127.0.0.1:{server.port}"
    server.stop()


@pytest.fixture
def chromium() -> str:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium on this machine")
    return path
