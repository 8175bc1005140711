"""Stops that came without a warning, with all that is stored of them, to autopsies in the ledger.

Invariant: caught is `domain.judging`'s; a stop before there was any model of its detector is history, and not missed.
On the cycle axis, cycles are counted of the asset itself and nominal of the others of its class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app import windowing
from app.outcomes import report_times
from app.rooms import Rooms
from app.ruling import failure_detector
from app.spans import units
from app.windowing import STOPPING
from detectors import detector_class
from detectors.calibration import log_odds_of, probability
from detectors.settings import DetectorSettings
from detectors.symptoms import is_of_lots, is_symptom
from domain.alerting import Change, Rule
from domain.errors import ModelError
from domain.instants import duration_ns, to_ns
from domain.judging import catches
from domain.limits import Limits
from domain.plant import AssetClass, Axis
from domain.points import Points
from domain.records import Event, EventKind
from reports.autopsy import HORIZONS, autopsy
from reports.outcome import Watched, excursions, position
from reports.ruling import instant
from reports.unwarned import Autopsy, Case, Price, Spoke, Trace, Track
from store.rulings import AutopsyRow
from store.scoring import ModelRow

PRICED: Final = timedelta(days=90)  # of stored scores over which the price of a limit is counted
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Missed:
    """A stop without a warning, and the detector that should have given it; None where none warns of such a stop."""

    event: Event
    detector: DetectorSettings | None


def missed(rooms: Rooms, now: datetime, since: datetime) -> list[Missed]:
    """Return the stops in (since, now] that nothing warned of in time, in order."""
    settings, plant = rooms.settings, rooms.settings.plant
    detectors = [d for d in settings.root.detectors if detector_class(d.kind).role == "failure" and not is_of_lots(d)]
    models = rooms.ledger.scoring.models()
    begun = {d.name: min((m.trained_at for m in models if m.detector == d.name), default=None) for d in detectors}
    first = min((m.trained_at for m in models), default=None)
    found = []
    for event in rooms.ledger.records.events(now):
        if event.kind not in STOPPING or not since < event.start <= now or event.asset not in plant.assets:
            continue
        own = [d for d in detectors if d.asset_class == plant.assets[event.asset].class_name]
        warning = [d for d in own if is_symptom(event, d.symptom, d.outcome)]
        if not warning and event.kind is EventKind.FAILURE and first is not None and first < event.start:
            found.append(Missed(event, None))
        awake = [d for d in warning if (at := begun[d.name]) is not None and at < event.start]
        if awake and not _is_caught(rooms, event):
            found += [Missed(event, d) for d in awake]
    return sorted(found, key=lambda m: (m.event.start, m.event.asset, m.event.code))


def examined(rooms: Rooms, stop: Missed, now: datetime) -> AutopsyRow:
    """Make the autopsy of one stop; it is not stored."""
    view = _View.of(rooms, stop)
    found = autopsy(_case(rooms, stop, view))
    name = "" if stop.detector is None else stop.detector.name
    event = stop.event
    return AutopsyRow(event.asset, event.start, event.code, name, now, found.cause.value, _evidence(found, view))


def examine_new(rooms: Rooms, now: datetime, days: float, asset: str = "", *, is_again: bool = False) -> int:
    """Make and store the autopsies of the last days' missed stops that have none yet, or of all; returns how many.

    A stop waits until what came late before it has been stored.
    """
    plant = rooms.settings.plant
    known = {(r.asset, r.start, r.code, r.detector) for r in rooms.ledger.rulings.autopsies()}
    n = 0
    for stop in missed(rooms, now, now - timedelta(days=days)):
        event, name = stop.event, "" if stop.detector is None else stop.detector.name
        is_settled = event.start + plant.class_of(event.asset).lateness <= now
        is_wanted = is_again or (event.asset, event.start, event.code, name) not in known
        if is_settled and is_wanted and asset in ("", event.asset):
            rooms.ledger.rulings.add_autopsies([examined(rooms, stop, now)])
            n += 1
    return n


@dataclass(frozen=True, slots=True)
class _View:
    """One asset's axis around a stop. times: of its reports, on the cycle axis."""

    asset: Watched
    stop: float
    since: datetime

    @staticmethod
    def of(rooms: Rooms, stop: Missed) -> _View:
        plant, event = rooms.settings.plant, stop.event
        cls = plant.class_of(event.asset)
        since = event.start - max(PRICED, cls.wall((HORIZONS + 2) * cls.horizon))
        times: Sequence[int] = ()
        if cls.axis is Axis.CYCLE:
            reported = report_times(rooms, event.asset, to_ns(since), to_ns(event.start) + 1).tolist()
            times = reported or [to_ns(event.start)]
        asset = Watched(cls, plant.lead_of(event.asset), (), times, ())
        return _View(asset, position(asset, event.start), since)

    def places(self, at: NDArray[np.int64]) -> Floats:
        """Return the positions of instants (ns)."""
        if self.asset.asset_class.axis is Axis.TIME:
            return at.astype(np.float64)
        return np.searchsorted(np.asarray(self.asset.times), at, side="right").astype(np.float64)

    def at(self, place: float) -> str:
        """Return a position's instant as text."""
        return instant(self.asset, place).isoformat()


def _case(rooms: Rooms, stop: Missed, view: _View) -> Case:
    plant, event = rooms.settings.plant, stop.event
    cls = plant.class_of(event.asset)
    events = rooms.ledger.records.events(event.known_at, event.asset)
    points = rooms.points.read(
        [t.tag_id for t in plant.tags[event.asset].values() if t.role == "process"],
        to_ns(event.start - cls.wall((HORIZONS + 2) * cls.horizon)),
        to_ns(event.start) + 1,
    )
    fields: dict[str, Any] = {
        "at": view.stop,
        "horizon": float(cls.horizon),
        "lead": float(view.asset.lead),
        "confirm": 0.0,
        "limits": None,
        "needed": frozenset(),
        "min_coverage": 0.0,
        "step": 1.0,
        "traces": _traces(rooms, event.asset, points, view),
        "own": Track(np.empty(0), np.empty(0)),
        "quiet": _quiet(events, event, cls, view),
        "week": timedelta(weeks=1) / cls.wall(1) if cls.axis is Axis.CYCLE else float(duration_ns(timedelta(weeks=1))),
    }
    return Case(**fields) if stop.detector is None else Case(**fields | _watched(rooms, event, stop.detector, view))


def _watched(rooms: Rooms, event: Event, detector: DetectorSettings, view: _View) -> dict[str, Any]:
    """Return what the detector, its model and its rule add to a case."""
    settings = rooms.settings
    cls = settings.plant.class_of(event.asset)
    chosen = settings.feature_set(detector.features)
    scored = rooms.ledger.scoring.values(detector.name, view.since, event.start)
    rule = next((r for r in _rules(rooms, event.asset) if failure_detector(settings, r) is detector), None)
    model = _model_then(rooms, detector, event)
    plant = settings.plant  # of which assets may be gone that once were scored
    own = [p for p in sorted(scored) if p in plant.assets and plant.assets[p].class_name == detector.asset_class]
    tracks = {path: _track(rooms, path, detector, event, scored[path], view) for path in own}
    nothing = Track(np.empty(0), np.empty(0))
    return {
        "confirm": 0.0 if rule is None else _units(rule.on_delay, cls),
        "limits": None if rule is None else _limits(rule, detector, model),
        "needed": _needed(rooms, detector, model),
        "min_coverage": chosen.min_coverage,
        "step": float(units(chosen.step, cls.axis)),
        "own": tracks.pop(event.asset, nothing),
        "others": tuple(tracks.values()),
        "spoke": _spoke(rooms, event.asset, view),
        "curve": () if model is None else model.details.get("report", {}).get("curve", ()),
    }


def _traces(rooms: Rooms, asset: str, points: Points, view: _View) -> list[Trace]:
    cls, found = rooms.settings.plant.class_of(asset), []
    for tag in rooms.settings.plant.tags[asset].values():
        own = points.take(points.tag_id == tag.tag_id)
        if len(own):
            period = (
                max(1.0, float(round(_units(tag.period, cls)))) if cls.axis is Axis.CYCLE else _units(tag.period, cls)
            )
            found.append(Trace(tag.name, tag.unit, view.places(own.at), own.value, period))
    return found


def _track(
    rooms: Rooms,
    path: str,
    detector: DetectorSettings,
    event: Event,
    scored: tuple[NDArray[np.int64], Floats],
    view: _View,
) -> Track:
    at, value = scored
    failed = np.array(
        [
            to_ns(e.start)
            for e in rooms.ledger.records.events(event.known_at, path)
            if is_symptom(e, detector.symptom, detector.outcome) and e.start <= event.start
        ],
        dtype=np.int64,
    )
    cls = rooms.settings.plant.class_of(path)
    odds = np.array([log_odds_of(v) if v == v else np.nan for v in value.tolist()])
    if path == event.asset or cls.axis is Axis.TIME:
        return Track(view.places(at), odds, tuple(view.places(np.sort(failed)).tolist()))
    # Another asset's cycles, counted back from the stop at their nominal pace.
    ahead = (to_ns(event.start) - np.concatenate([at, np.sort(failed)])) / duration_ns(cls.wall(1))
    places = view.stop - ahead
    return Track(places[: len(at)], odds, tuple(places[len(at) :].tolist()))


def _quiet(events: Sequence[Event], stop: Event, cls: AssetClass, view: _View) -> list[tuple[float, float]]:
    found = []
    for e in events:
        rest = cls.recovery if e.kind in STOPPING else cls.relearn if e.kind is EventKind.MAINTENANCE else None
        end = e.end if e.kind in STOPPING else e.end or e.start
        if rest is not None and end is not None and view.since <= e.start < stop.start:
            found.append((position(view.asset, e.start), position(view.asset, end) + rest))
    return found


def _rules(rooms: Rooms, asset: str) -> list[Rule]:
    name = rooms.settings.plant.assets[asset].class_name
    own = (r.on(asset) for r in rooms.settings.rules if r.asset_class == name)
    return [r for r in own if r is not None and failure_detector(rooms.settings, r) is not None]


def _spoke(rooms: Rooms, asset: str, view: _View) -> tuple[Spoke, ...]:
    """Return when alerts that predict a failure were raised on an asset, told to the operators or held back."""
    rules = {r.id for r in _rules(rooms, asset)}
    alerts = rooms.ledger.alerting.alerts(1_000_000, asset, rules=rules)
    found = []
    for alert in alerts:
        rows = rooms.ledger.alerting.transitions([alert.id])
        spans = excursions(rows)
        found += [Spoke(position(view.asset, a), position(view.asset, b)) for a, b in spans]
        told = {a for a, _ in spans}
        quietly = [r.at for r in rows if r.change is Change.RAISED_HELD and r.at not in told]
        found += [Spoke(position(view.asset, at), position(view.asset, at), is_held=True) for at in quietly]
    return tuple(found)


def _is_caught(rooms: Rooms, event: Event) -> bool:
    """Whether any alert that predicts a failure was raised in time."""
    view = _View.of(rooms, Missed(event, None))
    raised = [s.raised for s in _spoke(rooms, event.asset, view) if not s.is_held]
    cls = view.asset.asset_class
    return bool(catches(raised, [view.stop], cls.horizon, view.asset.lead))


def _model_then(rooms: Rooms, detector: DetectorSettings, event: Event) -> ModelRow | None:
    """Return the model that scored the asset last before the stop, or else the champion."""
    last = rooms.ledger.scoring.scores(detector.name, event.asset, event.start - timedelta(days=7), event.start)
    known = {m.model_id: m for m in rooms.ledger.scoring.models(detector.name)}
    spoke = known.get(last[-1].model_id) if last else None
    return spoke or rooms.ledger.scoring.champion(detector.name)


def _limits(rule: Rule, detector: DetectorSettings, model: ModelRow | None) -> Limits | None:
    term = next(t for t in rule.all_terms if t.watch == f"score:{detector.name}")
    raise_at, clear_at = term.raise_at, term.clear_at
    if raise_at is None and model is not None:
        raise_at, clear_at = model.details.get("threshold"), model.details.get("clear_threshold")
    if raise_at is None:
        return None
    return Limits(log_odds_of(raise_at), log_odds_of(raise_at if clear_at is None else clear_at))


def _needed(rooms: Rooms, detector: DetectorSettings, model: ModelRow | None) -> frozenset[str]:
    if model is not None:
        try:
            return frozenset(rooms.models.read(detector.name, model.model_id).features.sources)
        except ModelError:
            pass  # the bundle is gone or damaged; the config says what it was made from
    return frozenset(windowing.full_set(rooms.settings, rooms.settings.feature_set(detector.features)).sources)


def _units(span: timedelta, cls: AssetClass) -> float:
    return span / cls.wall(1) if cls.axis is Axis.CYCLE else float(duration_ns(span))


def _evidence(found: Autopsy, view: _View) -> dict[str, Any]:
    """Return an autopsy as JSON data: instants as text, scores as probabilities."""
    return {
        "run_up": [view.at(p) for p in found.run_up],
        "moved": [asdict(m) | {"since": view.at(m.since)} for m in found.moved],
        "missing": [asdict(m) | {"start": view.at(m.start), "end": view.at(m.end)} for m in found.missing],
        "assessed": found.assessed,
        "peak": _as_probability(found.peak),
        "usual": _as_probability(found.usual),
        "rarity": found.rarity,
        "would_catch": _as_json(found.would_catch),
        "now": _as_json(found.now),
        "alert_at": None if found.alert_at is None else view.at(found.alert_at),
        "n_normal": found.n_normal,
    }


def _as_json(price: Price | None) -> Mapping[str, Any] | None:
    return None if price is None else asdict(price) | {"limit": _as_probability(price.limit)}


def _as_probability(odds: float | None) -> float | None:
    return None if odds is None else float(probability(np.array([odds]))[0])
