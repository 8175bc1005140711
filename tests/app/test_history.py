"""History by stretches: the windows, their rows and their places are those of the history cut at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app import history, windowing
from app.rooms import Rooms
from domain.instants import to_ns
from domain.plant import Axis, Plant
from domain.points import Point, Points
from domain.vectors import FeatureSet
from features import stream
from features.stream import Part
from tests.app import tiny_plant as tiny

MINUTE = 60_000_000_000


class _Store:
    """Points of one asset in memory: an example takes no database."""

    def __init__(self, rows: Sequence[Point]) -> None:
        points = Points.from_rows(list(rows))
        self._points = points.take(np.argsort(points.at, kind="stable"))

    def read(self, _ids: Sequence[str], start: int, end: int) -> Points:
        return self._points.take((self._points.at >= start) & (self._points.at < end))

    def latest(self, _ids: Sequence[str], until: int) -> Points:
        return self.read((), -(2**62), until).take(slice(-1, None))

    def oldest_first(self, _ids: Sequence[str], since: int, until: int, most: int) -> Points:
        return self.read((), since + 1, until + 1).take(slice(0, most))


@contextmanager
def _stored(rows: Sequence[Point]) -> Iterator[Rooms]:
    with TemporaryDirectory() as folder, tiny.rooms_of(tiny.settings_in(Path(folder))) as rooms:
        rooms.points.apply("history", Points.from_rows(list(rows)))
        yield rooms


def _told(parts: Iterator[Part]) -> list[tuple[int, int, float, bytes]]:
    """Return what each window is and holds."""
    return [
        (
            int(w.start[i]),
            int(w.end[i]),
            float(w.position[i]),
            p.grid.times[w.first[i] : w.stop[i]].tobytes() + p.grid.values[w.first[i] : w.stop[i]].tobytes(),
        )
        for p in parts
        for w in (p.windows,)
        for i in range(len(w))
    ]


def _on_cycles(plant: Plant, features: FeatureSet) -> tuple[Plant, FeatureSet]:
    pump = replace(plant.classes["pump"], axis=Axis.CYCLE, cycle=plant.classes["pump"].period)
    return replace(plant, classes={**plant.classes, "pump": pump}), replace(
        features, axis=Axis.CYCLE, window=7, step=3, min_coverage=0.3
    )


with TemporaryDirectory() as _folder:
    PLANT = tiny.settings_in(Path(_folder))


@settings(max_examples=300)
@given(
    minutes=st.lists(st.integers(0, 400), min_size=1, max_size=120, unique=True),
    lag=st.sampled_from([0, 4 * MINUTE]),
    step=st.sampled_from([1, 3, 20]),
    coverage=st.sampled_from([0.1, 0.5]),
    span=st.tuples(st.integers(-1, 450), st.integers(-1, 450)),
    n_points=st.integers(1, 60),
    is_cycle=st.booleans(),
    max_gap=st.sampled_from([0, 3]),
    align=st.sampled_from([0, MINUTE // 2]),
)
def test_stretches_hold_the_windows_of_the_whole_history(
    minutes: list[int],
    lag: int,
    step: int,
    coverage: float,
    span: tuple[int, int],
    n_points: int,
    is_cycle: bool,
    max_gap: int,
    align: int,
) -> None:
    rows = [
        tiny.point(tiny.PUMP, tag, m, float(m))
        for m in minutes
        for tag in ("pressure", "flow")
        if m % 5 or tag[0] == "p"
    ]
    since, until = (to_ns(tiny.at(m)) for m in span)
    store, plant = _Store(rows), PLANT.plant
    features = windowing.full_set(PLANT, PLANT.feature_set("pump-level"))
    features = replace(features, step=step * MINUTE, min_coverage=coverage, max_gap=max_gap * MINUTE, align=align)
    if is_cycle:
        plant, features = _on_cycles(plant, features)
        features = replace(features, max_gap=max_gap)
    elif lag:
        features = replace(features, lags=(("flow", lag),))
    asset = plant.assets[tiny.PUMP]
    whole = windowing.grids(store, plant, [asset], features, 0, until + 1).get(tiny.PUMP)
    expected = [] if whole is None else _told(stream.parts(whole, features, MINUTE, since, until, 1000))
    found = [
        x
        for s in history.stretches(store, plant, asset, features, since, until, n_points)
        for x in _told(stream.parts(s.grid, features, MINUTE, s.since, s.until, 4, s.n_before))
    ]
    assert found == expected


def test_a_long_history_is_read_a_stretch_at_a_time_and_gives_its_windows() -> None:
    rows = tiny.pump_points(tiny.PUMP, 0, 600)
    with _stored(rows) as rooms:
        features = windowing.full_set(rooms.settings, rooms.settings.feature_set("pump-level"))
        plant, asset = rooms.settings.plant, rooms.settings.plant.assets[tiny.PUMP]
        found = list(history.stretches(rooms.points, plant, asset, features, -1, 2**62, 200))
        assert len(found) == 6
        assert max(len(s.grid.times) for s in found) <= 100 + 10
        ends = [e for p in history.parts(rooms.points, plant, asset, features, -1, 2**62, 50) for e in p.windows.end]
    assert np.diff(ends).tolist() == [5 * MINUTE] * (len(ends) - 1)
    assert len(ends) == 119  # from minute 10 to minute 600


def test_an_asset_without_points_has_no_stretch() -> None:
    with _stored([]) as rooms:
        features = windowing.full_set(rooms.settings, rooms.settings.feature_set("pump-level"))
        asset = rooms.settings.plant.assets[tiny.PUMP]
        assert not list(history.stretches(rooms.points, rooms.settings.plant, asset, features, -1, 2**62))
