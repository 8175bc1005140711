"""Grids, windows and feature sets for tests: plain lists in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from domain.plant import Axis
from domain.vectors import FeatureSet
from features.extract import feature_set
from features.windows import Grid, Windows

SECOND = 1_000_000_000


def grid(times: Sequence[int], *columns: Sequence[float], tags: Sequence[str] = ("a", "b")) -> Grid:
    """Return a grid of asset `plant/x`; times in ns, one list per tag, NaN = none."""
    values = np.array(columns, dtype=np.float64).T.reshape(len(times), len(columns))
    return Grid("plant/x", tuple(tags[: len(columns)]), np.array(times, dtype=np.int64), values)


def on_time(window: int, step: int = 10, coverage: float = 1.0, tags: Sequence[str] = ("a",)) -> FeatureSet:
    """Return a feature set of level calculators on the time axis."""
    return feature_set("s", Axis.TIME, window, step, coverage, "level", tags, ())


def on_cycles(window: int, coverage: float = 1.0, tags: Sequence[str] = ("a",)) -> FeatureSet:
    """Return a feature set of trend calculators on the cycle axis."""
    return feature_set("s", Axis.CYCLE, window, 1, coverage, "trend", tags, ())


def window(first: int, stop: int, start: int, end: int, position: float) -> Windows:
    """Return one window that lacks nothing."""
    one = [np.array([x], dtype=np.int64) for x in (first, stop, start, end)]
    return Windows((), *one, np.array([position], dtype=np.float64), np.zeros((1, 0), dtype=np.uint8))


def all_missing(windows: Windows) -> list[tuple[str, ...]]:
    """Return what each window lacks."""
    return [windows.missing(i) for i in range(len(windows))]
