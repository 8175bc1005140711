"""The bars of what models are given: windows that must not be scored, columns and units that do not fit (R31, R32), and
whether live scoring and training see the same numbers (R39).
"""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alerts import health
from app import scoring, training
from app.health import raise_alerts
from app.model_health import model_readings
from app.pipeline import Pipeline
from app.rooms import Rooms, opened
from app.settings import load
from benchmarks import model_plant
from benchmarks.bars import Bars
from benchmarks.model_plant import ODD, PUMPS, SECOND, STEP_S
from detectors.schema import fitted
from domain.instants import from_ns, to_ns
from domain.points import Point, Points
from domain.records import Decoded, Event, EventKind
from domain.scores import Score, Verdict
from domain.vectors import FeatureName, FeatureVectors

KINDS: Final = ("stuck", "no noise", "half the values gone", "no number at all", "a tag is silent", "unknown tag")
PHASE_S: Final = 420  # of one kind of bad data
N_WINDOWS: Final = 1000
HISTORY_S: Final = 3600
SCORED: Final = 0.99  # of good windows: a bar that refuses everything would hold as well


def given(bars: Bars, folder: Path) -> None:
    """Measure and print the three bars."""
    _refused(bars, folder / "refused")
    _by_name(bars, folder / "by-name")
    _same(bars, folder / "same")


def _refused(bars: Bars, folder: Path) -> None:
    """A pump of which nothing can be trusted, beside one that is well; a tag of the model is renamed at the end."""
    settings = model_plant.plant(folder)
    begun = model_plant.now()
    span = len(KINDS) * PHASE_S
    with opened(settings) as rooms:
        model_plant.history(rooms, begun, HISTORY_S)
        model_plant.trained(rooms, 10, begun)
        pipeline = Pipeline(rooms, {}, begun)
        points = _spoiled(begun, span)
        rooms.points.apply("bars", points)
        pipeline.note(points)
        alarms = []
        for i in range(1, 12):
            now = begun + (PHASE_S + i * STEP_S) * SECOND  # the first phase at once, then window by window
            pipeline.tick(now)
            reading = next(r for r in model_readings(rooms, now) if r.name == health.MISSES)
            raise_alerts(rooms, [reading], now)
            alarms.append(int(reading.value))
        pipeline.tick(begun + (span - PHASE_S) * SECOND)
    tags = folder / "config" / "tags.csv"
    tags.write_text(tags.read_text().replace("flow", "stream"))
    with opened(load(folder / "config")) as rooms:
        Pipeline(rooms, {}, begun).tick(begun + span * SECOND)
        scores = {p: [s for s in rooms.ledger.scoring.scores(ODD, p) if s.at > begun] for p in PUMPS}
        rules = {a.key.rule for a in rooms.ledger.alerting.alerts()}
    bad = {kind: [s for s in scores[PUMPS[0]] if _kind(s, begun) == i] for i, kind in enumerate(KINDS)}
    numbers = {kind: sum(s.value is not None for s in found) for kind, found in bad.items()}
    n_bad = sum(map(len, bad.values()))
    reasons = [s.verdict is Verdict.NOT_ASSESSED and bool(s.reason) for found in bad.values() for s in found]
    good = [s.value is not None for s in scores[PUMPS[1]] if _kind(s, begun) < len(KINDS) - 1]
    has_alarm = any(alarms) and any("misses" in rule for rule in rules)
    figure = {"windows": n_bad, "with a number": numbers, "with a reason": sum(reasons), "alarm": has_alarm,
              "the pump beside it": [sum(good), len(good)]}  # fmt: skip
    holds = (
        n_bad >= N_WINDOWS
        and not any(numbers.values())
        and all(reasons)
        and has_alarm
        and sum(good) >= SCORED * len(good)
    )
    goal = f"a number in 0 of {N_WINDOWS} bad windows, each with its reason; after 3 an alarm; good ones scored"
    bars.show("refuse rather than guess", figure, goal, holds, "R31; six kinds of bad data, a service's own ticks")


def _kind(score: Score, begun: datetime) -> int:
    """Return which kind of bad data a window lies in as a whole, -1 for one that reaches into two."""
    second = (score.at - begun).total_seconds()
    return int((second - 1e-9) // PHASE_S) if (second - 1e-9) % PHASE_S >= 3 * STEP_S else -1


def _spoiled(begun: datetime, n_seconds: int) -> Points:
    random = np.random.default_rng(4)
    rows = []
    for i in range(n_seconds):
        kind, at = i // PHASE_S, to_ns(begun + i * SECOND)
        flow, pressure, beside, more = (float(5.0 + random.normal()) for _ in range(4))
        rows += [Point(f"{PUMPS[1]}/flow", at, beside), Point(f"{PUMPS[1]}/pressure", at, more)]
        if KINDS[kind] == "stuck":
            flow = 5.0
        elif KINDS[kind] == "no noise":
            flow = 5.0 + 1e-7 * flow
        elif KINDS[kind] == "no number at all":
            flow = pressure = float("nan")
        if KINDS[kind] == "half the values gone" and i % 2:
            continue
        rows.append(Point(f"{PUMPS[0]}/pressure", at, pressure))
        if KINDS[kind] != "a tag is silent":
            rows.append(Point(f"{PUMPS[0]}/flow", at, flow))
    return Points.from_rows(rows)


def _by_name(bars: Bars, folder: Path) -> None:
    settings = model_plant.plant(folder)
    with opened(settings) as rooms:
        begun = model_plant.now()
        model_plant.history(rooms, begun, HISTORY_S)
        model_plant.trained(rooms, 10, begun)
        model = rooms.models.champions()[ODD]
        points = _spoiled(begun, PHASE_S)
        rooms.points.apply("bars", points)
    names = model.features.names
    values = np.random.default_rng(3).normal(5.0, 1.0, size=(N_WINDOWS, len(names)))
    rows, order = _vectors(names, values), np.random.default_rng(5).permutation(len(names))[::-1]
    shuffled = _vectors(tuple(names[i] for i in order), values[:, order])
    expected, found = model.detector.score(rows), model.detector.score(fitted(shuffled, names))
    parts = ("value", "low", "high", "raw", "contributions")
    is_equal = all(getattr(found, x).tobytes() == getattr(expected, x).tobytes() for x in parts)
    other = replace(names[-1], source="another")
    faulty = {"renamed": (*names[:-1], other), "missing": names[:-1], "extra": (*names, other)}
    faulty["twice"] = (*names, names[0])
    refused = {kind: _is_refused(given, values, names) for kind, given in faulty.items()}
    tags = folder / "config" / "tags.csv"
    tags.write_text("asset,tag,period,unit\nclass:pump,pressure,1s,bar\nclass:pump,flow,1s,\n")
    with opened(load(folder / "config")) as rooms:
        pipeline = Pipeline(rooms, {}, begun)
        pipeline.tick(begun + PHASE_S * SECOND)
        scores = rooms.ledger.scoring.scores(ODD, PUMPS[1])
    refused["changed unit"] = bool(scores) and all(s.value is None and "bar" in s.reason for s in scores)
    figure = {"shuffled": "bit-equal" if is_equal else "DIFFERENT", "refused": refused}
    how = f"R32; {N_WINDOWS} rows with their contributions; the unit in tags.csv, {len(scores)} windows of a service"
    bars.show("schema by name", figure, "bit-equal; all others refused", is_equal and all(refused.values()), how)


def _vectors(names: tuple[FeatureName, ...], values: NDArray[np.float64]) -> FeatureVectors:
    n = len(values)
    texts = np.full(n, "a", dtype=object), np.full(n, "", dtype=object)
    at = np.arange(n, dtype=np.int64)
    return FeatureVectors(names, values, *texts, at, at + 1, at / 1.0)


def _is_refused(given: tuple[FeatureName, ...], values: NDArray[np.float64], names: tuple[FeatureName, ...]) -> bool:
    column = {name: i for i, name in enumerate(names)}
    try:
        fitted(_vectors(given, values[:, [column.get(name, 0) for name in given]]), names)
    except ValueError:
        return True
    return False


def _same(bars: Bars, folder: Path) -> None:
    """Windows of tags and of events: all at once from the whole history, and live, one after the other."""
    more = 'calculators = "trend"\nevents = ["alarm:*"]\nevent_windows = ["20s", "90s"]'
    settings = model_plant.plant(folder, 'calculators = "level"', more)
    with opened(settings) as rooms:
        begun = model_plant.now()
        model_plant.history(rooms, begun, HISTORY_S)
        rooms.ledger.records.apply("bars", [_alarms(begun)])
        model_plant.trained(rooms, 10, begun)
        bundle = rooms.models.champions()[ODD]
        rows, _ = training.learned_from(training.gather(rooms, rooms.settings.detector(ODD), begun))
        offline = rows.vectors.select(bundle.features.names)
        ends = np.unique(offline.end)[-N_WINDOWS // len(PUMPS) :]
        online = [_live(rooms, end) for end in ends.tolist()]
    expected = {(a, e): v for a, e, v in zip(offline.asset, offline.end, offline.values, strict=True)}
    n, differs, worst = 0, 0, 0.0
    origins: Counter[str] = Counter(name.origin for name in bundle.features.names)
    for found in online:
        for asset, end, values in zip(found.asset, found.end, found.values, strict=True):
            wanted = expected.get((asset, end))
            if wanted is not None:
                n += 1
                differs += values.tobytes() != wanted.tobytes()
                worst = max(worst, float(np.nanmax(np.abs(values - wanted))))
    figure = {"windows": n, "not bit-equal": differs, "largest difference": worst, "features": dict(origins)}
    holds = n >= N_WINDOWS and worst == 0.0 and not differs
    how = "R39; history cut at once for training; the same windows from the store one by one, as live scoring does"
    bars.show("same features online and offline", figure, f"0 in {N_WINDOWS} windows", holds, how)


def _alarms(begun: datetime) -> Decoded:
    random = np.random.default_rng(6)
    at = [begun - float(s) * SECOND for s in random.uniform(0, HISTORY_S, 200)]
    told = [Event(PUMPS[i % 2], EventKind.ALARM, f"A{i % 3}", t, t, t) for i, t in enumerate(at)]
    return Decoded(Points.from_rows(()), tuple(told), (), (), ())


def _live(rooms: Rooms, end: int) -> FeatureVectors:
    """Return the vectors of both pumps' windows that end at an instant, as a service's tick at it makes them."""
    settings = rooms.settings
    detector, assets = settings.detector(ODD), settings.plant.of_class("pump")
    spans = {a.path: (end - 1, end) for a in assets}
    bundle = rooms.models.champions()[ODD]
    return scoring.vectors_of(rooms, detector, bundle, assets, spans, {}, from_ns(end)).vectors


def main() -> None:
    """Print these bars alone."""
    bars = Bars()
    with tempfile.TemporaryDirectory(prefix="forewarn-inputs-") as folder:
        given(bars, Path(folder))
    bars.end()


if __name__ == "__main__":
    main()
