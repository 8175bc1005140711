"""Stores in, plain data for one page out. Knows no plotting library and no Dash."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dashboard.source import DetectorInfo, Source
from domain.health import Reading
from domain.instants import from_ns, to_ns
from domain.plant import Tag
from domain.points import Rollup
from domain.records import Tally
from domain.scores import Score, Verdict
from domain.text import printable
from reports.factor_study import note_of
from reports.live_class import N_RECENT, LiveClass
from store.books import DeadLetter, KeptConflict
from store.outbox import OutboxCounts
from store.scoring import ModelRow

# What needs a person's attention comes first.
URGENCY: Final = (Verdict.ALARM, Verdict.ENGINE_ERROR, Verdict.NO_DATA, Verdict.NOT_ASSESSED, Verdict.OK)
BUCKETS: Final = 600
HOUR_NS: Final = 3_600_000_000_000
SHOWN_BYTES: Final = 20_000  # of a dead letter
MANY_POINTS: Final = 100_000  # of one tag, in one trend


@dataclass(frozen=True, slots=True)
class Tile:
    """One asset on the overview. age None: it never reported. scores: newest value by detector, with its role. limits:
    detector -> the score from which an alert is raised.
    """

    asset: str
    class_name: str
    verdict: Verdict
    reason: str
    age: timedelta | None
    scores: tuple[tuple[DetectorInfo, Score], ...]
    n_alerts: int
    is_stopped: bool
    limits: Mapping[str, float]


def overview(source: Source) -> list[Tile]:
    """Return all assets, the most urgent first; stopped ones last."""
    now = source.now()
    verdicts = source.ledger.scoring.verdicts()
    latest = {d.name: source.ledger.scoring.latest(d.name) for d in source.detectors}
    limits = {d.name: limit for d in source.detectors if (limit := _limit(source, d)) is not None}
    open_alerts: dict[str, int] = defaultdict(int)
    for key, alert in source.ledger.alerting.open().items():
        open_alerts[key.asset] += alert.state.is_open
    tiles = []
    for path, asset in source.plant.assets.items():
        row = verdicts.get(path)
        scores = tuple(
            (d, s) for d in source.detectors_of(asset.class_name) if (s := latest[d.name].get(path)) is not None
        )
        newest = None if row is None else row.newest_at
        tiles.append(
            Tile(
                path,
                asset.class_name,
                Verdict.NO_DATA if row is None else row.verdict,
                "" if row is None else row.reason,
                None if newest is None else now - newest,
                scores,
                open_alerts[path],
                row is not None and row.is_stopped,
                limits,
            )
        )
    return sorted(tiles, key=_attention)


def _attention(tile: Tile) -> tuple[bool, int, float, str]:
    worst = max((s.value for d, s in tile.scores if d.role == "failure" and s.value is not None), default=0.0)
    return tile.is_stopped, URGENCY.index(tile.verdict), -worst, tile.asset


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One tag over a range. times: int64 ns. values: NaN = null. Thinned to its extremes where it is long."""

    tag: Tag
    times: NDArray[np.int64]
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Mark:
    """An alert on a time axis; returned_at None: the condition is still there."""

    rule: str
    raised_at: datetime
    returned_at: datetime | None


@dataclass(frozen=True, slots=True, eq=False)
class AssetView:
    """One asset over a range."""

    asset: str
    tile: Tile | None
    series: tuple[Series, ...]
    scores: Mapping[str, Sequence[Score]]
    detectors: tuple[DetectorInfo, ...]
    thresholds: Mapping[str, float]
    marks: tuple[Mark, ...]
    start: datetime
    end: datetime


def asset_view(source: Source, asset: str, tags: Sequence[str], start: datetime, end: datetime) -> AssetView:
    """Return an asset's chosen tags, scores and alerts in [start, end)."""
    known = source.plant.tags[asset]
    series = tuple(_series(source, known[t], start, end) for t in tags if t in known)
    detectors = tuple(source.detectors_of(source.plant.assets[asset].class_name))
    scores = {d.name: source.ledger.scoring.scores(d.name, asset, start, end) for d in detectors}
    thresholds = {d.name: limit for d in detectors if (limit := _limit(source, d)) is not None}
    tile = next((t for t in overview(source) if t.asset == asset), None)
    marks = tuple(m for m in _marks(source, asset) if m.raised_at < end and (m.returned_at or end) >= start)
    return AssetView(asset, tile, series, scores, detectors, thresholds, marks, start, end)


def _limit(source: Source, detector: DetectorInfo) -> float | None:
    """Return the raise limit of the first rule that watches a detector's score: its own, or its champion's."""
    rule = next((r for r in source.rules if r.watch == f"score:{detector.name}"), None)
    if rule is None:
        return None
    if rule.raise_at is not None:
        return rule.raise_at
    champion = source.ledger.scoring.champion(detector.name)
    limit = champion.details.get("threshold") if champion else None
    return None if limit is None else float(limit)


def operating_curve(source: Source, detector: DetectorInfo) -> Sequence[Mapping[str, Any]]:
    """Return the curve of a failure detector's champion, () where there is none; see `detectors.threshold.priced`."""
    champion = source.ledger.scoring.champion(detector.name)
    return () if champion is None else champion.details.get("report", {}).get("curve", ())


def _series(source: Source, tag: Tag, start: datetime, end: datetime) -> Series:
    """Return a tag's extremes: of its points, and of the hours where there would be too many points, or none left."""
    first, last = to_ns(start), to_ns(end)
    width = max(1, (last - first) // BUCKETS)
    if width >= HOUR_NS and (end - start) / tag.period > MANY_POINTS:
        hours = source.points.rolled_up(tag.tag_id, first, last)
        if len(hours):
            return Series(tag, *_hourly_extremes(hours, first, width))
    points = source.points.bucketed(tag.tag_id, first, last, BUCKETS)
    hours = source.points.rolled_up(tag.tag_id, first, int(points.at[0]) // HOUR_NS * HOUR_NS if len(points) else last)
    if not len(hours):
        return Series(tag, points.at, points.value)
    at, value = _hourly_extremes(hours, first, width)
    return Series(tag, np.concatenate([at, points.at]), np.concatenate([value, points.value]))


def _hourly_extremes(hours: Rollup, start: int, width: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the lowest and the highest hour of each bucket, in time order; equal ones once."""
    bucket = (hours.at - start) // width
    starts = np.flatnonzero(np.diff(bucket, prepend=bucket[0] - 1))
    at = np.repeat(hours.at[starts], 2)
    value = np.empty(len(at))
    value[::2] = np.minimum.reduceat(hours.low, starts)
    value[1::2] = np.maximum.reduceat(hours.high, starts)
    at[1::2] += HOUR_NS // 2  # the highest is drawn in the middle of the hour, or the two would hide each other
    keep = np.ones(len(at), bool)
    keep[1::2] = value[1::2] != value[::2]
    return at[keep], value[keep]


def _marks(source: Source, asset: str) -> list[Mark]:
    marks = []
    for alert in source.ledger.alerting.alerts(asset=asset):
        raised: datetime | None = None
        for row in source.ledger.alerting.transitions([alert.id]):
            if row.change.value.startswith("raised"):
                raised = row.at
            elif row.change.value.startswith("returned") and raised is not None:
                marks.append(Mark(alert.key.rule, raised, row.at))
                raised = None
        if raised is not None:
            marks.append(Mark(alert.key.rule, raised, None))
    return marks


def data_span(source: Source, asset: str) -> tuple[datetime, datetime] | None:
    """Return the first and last instant an asset has data of, None where it has none."""
    ids = [t.tag_id for t in source.plant.tags[asset].values()]
    newest = source.points.latest(ids, to_ns(source.now()) + 1)
    oldest = source.points.oldest_first(ids, 0, to_ns(source.now()), 1)
    if not len(newest) or not len(oldest):
        return None
    return from_ns(int(oldest.at[0])), from_ns(int(newest.at.max()))


@dataclass(frozen=True, slots=True, eq=False)
class QualityView:
    """A quality detector's lots, by end. measured and persistence: NaN = not known (yet). times: int64 ns.

    is_of_classes: predicted is the probability of a bad lot, measured is 1 for a bad one, and persistence is the share
    of bad ones among the newest results that were known. live: how its champion does, once results came.
    """

    detector: DetectorInfo
    unit: str
    times: NDArray[np.int64]
    lots: tuple[str, ...]
    predicted: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    measured: NDArray[np.float64]
    persistence: NDArray[np.float64]
    model: ModelRow | None
    is_of_classes: bool = False
    live: LiveClass | None = None

    def rmse(self, of: str) -> float | None:
        """Return the root mean square error of `predicted` or `persistence` over the lots measured so far."""
        errors = getattr(self, of) - self.measured
        seen = errors[~np.isnan(errors) & ~np.isnan(self.persistence)]
        return float(np.sqrt(np.mean(seen**2))) if len(seen) else None


def quality_view(source: Source, detector: DetectorInfo) -> QualityView:
    """Return the predictions made so far beside what the laboratory said."""
    scores = [s for s in source.ledger.scoring.scores(detector.name) if s.value is not None]
    lines = [a.path for a in source.plant.of_class(detector.asset_class)]
    model = source.ledger.scoring.champion(detector.name)
    is_of_classes = model is not None and model.details.get("report", {}).get("task") == "classification"
    n_back = N_RECENT if is_of_classes else 1
    measured: dict[tuple[str, str], float] = {}
    known: dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]] = {}
    for line in lines:
        results = source.ledger.records.results(line, detector.outcome, source.now())
        told = [r for r in results if r.value is not None]
        numbers = _column([r.value for r in told])
        if is_of_classes and detector.judged is not None:
            numbers = detector.judged.is_bad(numbers).astype(np.float64)
        known[line] = np.array([to_ns(r.result_at) for r in told], dtype=np.int64), numbers
        measured |= dict(zip(((line, r.lot) for r in told), numbers.tolist(), strict=True))
    tag = source.plant.tags[lines[0]].get(detector.outcome) if lines else None
    return QualityView(
        detector,
        tag.unit if tag and not is_of_classes else "",
        np.array([to_ns(s.at) for s in scores], dtype=np.int64),
        tuple(s.subject for s in scores),
        _column([s.value for s in scores]),
        _column([s.low for s in scores]),
        _column([s.high for s in scores]),
        _column([measured.get((s.asset, s.subject)) for s in scores]),
        _column([_newest_known(*known[s.asset], to_ns(s.at), n_back) for s in scores]),
        model,
        is_of_classes,
        source.live_class(detector.name) if is_of_classes else None,
    )


def _newest_known(times: NDArray[np.int64], values: NDArray[np.float64], at: int, n: int) -> float | None:
    """Return the mean of the newest n values that were known at an instant."""
    place = int(np.searchsorted(times, at, side="right"))
    return float(values[max(0, place - n) : place].mean()) if place else None


def _column(values: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)


def factor_study(source: Source, detector: str) -> Mapping[str, Any] | None:
    """Return the newest factor study of a detector, None where there is none; see `reports.factor_study`."""
    noted = source.ledger.note(note_of(detector))
    found: Mapping[str, Any] | None = None if noted is None else json.loads(noted)
    return found


@dataclass(frozen=True, slots=True)
class SystemView:
    """How Forewarn itself is doing."""

    totals: tuple[Tally, ...]
    dead_by_reason: Mapping[str, int]
    dead: tuple[DeadLetter, ...]
    conflicts: tuple[KeptConflict, ...]
    models: tuple[ModelRow, ...]
    untrained: tuple[str, ...]
    jobs: Mapping[str, tuple[datetime | None, str]]
    outbox: OutboxCounts
    n_stored: int
    n_waiting: int
    health: tuple[Reading, ...]
    now: datetime


def system_view(source: Source) -> SystemView:
    """Return the sum, dead letters, conflicts, models, jobs and outbox."""
    models = source.ledger.scoring.models()
    trained = {m.detector for m in models if m.role == "champion"}
    totals = tuple(source.journal.totals())
    return SystemView(
        totals,
        source.journal.dead_letters_by_reason(),
        tuple(source.journal.dead_letters(most=50)),
        tuple(source.journal.conflicts(most=20)),
        tuple(models),
        tuple(d.name for d in source.detectors if d.name not in trained),
        source.ledger.job_runs(),
        source.ledger.outbox.counts(),
        sum(t.stored for t in totals),
        source.journal.n_waiting(),
        tuple(source.health()),
        source.now(),
    )


def payload_text(payload: bytes) -> tuple[str, int]:
    """Return the beginning of a dead letter's bytes as text, its lines kept and other control signs escaped, and how
    many bytes are left out.
    """
    text = payload[:SHOWN_BYTES].decode("utf-8", "backslashreplace")
    return "\n".join(map(printable, text.split("\n"))), max(0, len(payload) - SHOWN_BYTES)
