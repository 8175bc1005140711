"""Windows to feature vectors by tsfresh's own functions: the same code for history and live, for one window and
many.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.plant import Axis
from domain.vectors import FeatureName, FeatureSet, FeatureVectors
from features import FEATURE_SETS
from features.windows import Grid, Window

MIN_VALUES: Final = 3  # fewer values than this say nothing about a window


def feature_set(
    name: str,
    axis: Axis,
    window: int,
    step: int,
    min_coverage: float,
    calculators: str,
    tags: Sequence[str],
    lab: Sequence[str],
) -> FeatureSet:
    """Build the full set: every calculator of a preset over every tag, then the last two values of each lab result."""
    names = [FeatureName("tag", tag, c, p) for tag in tags for c, p in FEATURE_SETS[calculators]]
    names += [FeatureName("lab", result, c) for result in lab for c in ("last", "before_last")]
    return FeatureSet(name, axis, window, step, min_coverage, tuple(names))


def extract(
    grid: Grid,
    windows: Sequence[Window],
    names: Sequence[FeatureName],
    subjects: Sequence[str] | None = None,
    lab: NDArray[np.float64] | None = None,
) -> FeatureVectors:
    """Compute the named features of each window.

    lab: float64 (windows, number of names of origin `lab`), in the names' order; subjects: lot ids, "" for none.
    """
    plan = _plan(tuple(names), grid.tags)
    values = np.full((len(windows), len(names)), np.nan)
    for row, window in enumerate(windows):
        block = grid.values[window.first : window.stop]
        for column, calculations in plan:
            series = block[:, column]
            series = series[~np.isnan(series)]
            if len(series) >= MIN_VALUES:
                for calculate, places in calculations:
                    values[row, places] = calculate(series)
    if lab is not None:
        values[:, [i for i, n in enumerate(names) if n.origin == "lab"]] = lab
    n = len(windows)
    asset, subject = np.empty(n, dtype=object), np.empty(n, dtype=object)
    asset[:] = grid.asset
    subject[:] = list(subjects) if subjects is not None else ""
    return FeatureVectors(
        tuple(names),
        values,
        asset,
        subject,
        np.array([w.start for w in windows], dtype=np.int64),
        np.array([w.end for w in windows], dtype=np.int64),
        np.array([w.position for w in windows], dtype=np.float64),
    )


def join(parts: Sequence[FeatureVectors], names: tuple[FeatureName, ...]) -> FeatureVectors:
    """Join vectors of equal names, in order."""
    if not parts:
        empty = np.empty(0, dtype=object)
        none = np.empty(0, dtype=np.int64)
        return FeatureVectors(names, np.empty((0, len(names))), empty, empty, none, none, np.empty(0))
    return FeatureVectors(
        names,
        np.concatenate([p.values for p in parts]),
        np.concatenate([p.asset for p in parts]),
        np.concatenate([p.subject for p in parts]),
        np.concatenate([p.start for p in parts]),
        np.concatenate([p.end for p in parts]),
        np.concatenate([p.position for p in parts]),
    )


Calculation = tuple[Callable[[NDArray[np.float64]], Any], list[int]]


@lru_cache(maxsize=64)
def _plan(names: tuple[FeatureName, ...], tags: tuple[str, ...]) -> tuple[tuple[int, tuple[Calculation, ...]], ...]:
    """Per tag column: which functions to call, and where their results go; one call serves all parameters of a
    combiner.
    """
    from tsfresh.feature_extraction import feature_calculators

    column = {tag: i for i, tag in enumerate(tags)}
    by_call: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, name in enumerate(names):
        if name.origin == "tag":
            by_call[(name.source, name.calculator)].append(place)
    plan: dict[int, list[Calculation]] = defaultdict(list)
    for (source, calculator), places in by_call.items():
        function = getattr(feature_calculators, calculator)
        params = [dict(names[p].params) for p in places]
        if function.fctype == "combiner":
            plan[column[source]].append((_combined(function, params), places))
        else:
            for place, keywords in zip(places, params, strict=True):
                plan[column[source]].append((_simple(function, keywords), [place]))
    return tuple((i, tuple(calculations)) for i, calculations in plan.items())


def _simple(function: Callable[..., Any], keywords: dict[str, Any]) -> Callable[[NDArray[np.float64]], Any]:
    return lambda series: function(series, **keywords)


def _combined(
    function: Callable[..., Any], params: list[dict[str, Any]]
) -> Callable[[NDArray[np.float64]], list[float]]:
    return lambda series: [value for _, value in function(series, params)]
