"""A feature set of the config to what computing it takes: its columns, ways, costs, peak memory and time, as JSON data.

Nothing is computed but samples of random numbers, by which the costs are measured.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Final

from app import feature_sets, history, windowing
from app.settings import Settings
from domain.plant import Axis
from domain.vectors import FeatureName, FeatureSet
from features import scale, stream
from features.compute import peak_bytes
from features.existence import existing
from features.extract import planned
from features.plan import costs
from features.scale import Workers
from features.settings import FeatureSettings

POINT_BYTES: Final = 300  # of a point between the store and the grid, at most: columns, a copy by asset, the pivot
LIBRARY_BYTES: Final = 120 << 20  # of tsfresh and what it is built on, which hard windows load
KERNEL_BYTES: Final = 30 << 20  # of machine code


def columns(settings: Settings, chosen: FeatureSettings) -> tuple[FeatureSet, tuple[FeatureName, ...]]:
    """Return the set's features that windows have, and those that cannot exist in them; none are of a lab."""
    whole = feature_sets.full_set(settings.plant, settings.root.derived, chosen)
    asked = tuple(name for name in whole.names if name.origin == "tag")
    kept = existing(asked, windowing.full_samples(settings.plant, chosen.asset_class, whole))
    is_kept = set(kept)
    return whole.only(kept), tuple(name for name in asked if name not in is_kept)


def described(settings: Settings, chosen: FeatureSettings, seconds: Callable[[], float]) -> dict[str, Any]:
    """Return what a window takes; `seconds` is a clock, by which each way is measured. Compiles what is not yet."""
    features, left_out = columns(settings, chosen)
    samples = windowing.full_samples(settings.plant, chosen.asset_class, features)
    by_length: dict[int, list[str]] = defaultdict(list)
    for tag in windowing.grid_tags(features):
        by_length[samples[tag]].append(tag)
    ways: dict[str, dict[str, Any]] = {}
    for n, tags in by_length.items():
        of_tags = set(tags)
        names = tuple(name for name in features.names if name.source in of_tags)
        for cost in costs(planned(names, tuple(tags)), n, seconds):
            way = ways.setdefault(cost.way, {"way": cost.way, "calculators": [], "n_values": 0, "us_per_window": 0.0})
            way["calculators"] = sorted({*way["calculators"], *cost.calculators})
            way["n_values"] += cost.n_values
            way["us_per_window"] += cost.us
    n_tags = sum(map(len, by_length.values()))
    for way in ways.values():
        way["us_per_window_of_a_tag"] = way["us_per_window"] / n_tags
    missing = Counter(name.calculator for name in left_out)
    return {
        "set": chosen.name,
        "asset_class": chosen.asset_class,
        "axis": features.axis.value,
        "window": chosen.window,
        "step": chosen.step,
        "tags": {tag: samples[tag] for tag in windowing.grid_tags(features)},
        "n_columns": len(features.names),
        "n_left_out": len(left_out),
        "left_out": dict(sorted(missing.items())),
        "left_out_columns": [name.label for name in left_out],
        "ways": sorted(ways.values(), key=lambda way: -way["us_per_window"]),
        "us_per_window": sum(way["us_per_window"] for way in ways.values()),
    }


def counted(plan: dict[str, Any], n_by_asset: Mapping[str, int]) -> dict[str, Any]:
    """Return a plan with the windows that the stored history gives, and the seconds that one core takes for them."""
    n = sum(n_by_asset.values())
    return plan | {"windows": n, "assets": dict(n_by_asset), "seconds": n * plan["us_per_window"] / 1e6}


def stated_peak(
    settings: Settings, chosen: FeatureSettings, features: FeatureSet, itemsize: int, workers: Workers, n_windows: int
) -> int:
    """Return the most bytes that writing so many windows to a file takes, beside what the program holds before.

    Where tags report faster than their periods say, more is read at once, and it takes more.
    """
    samples = windowing.full_samples(settings.plant, chosen.asset_class, features)
    n, n_names = max(samples.values()), len(features.names)
    n_rows = stream.rows_at_once(n_names, itemsize, stream.PART_BYTES)
    period = 1 if features.axis is Axis.CYCLE else max(1, features.window // n)
    rows_of_grid = n + (n_rows - 1) * -(-features.step // period)
    part = peak_bytes(planned(features.names, windowing.grid_tags(features)), n_rows, rows_of_grid, n, itemsize)
    under_way = 1 if workers.kind == "one" else workers.n + scale.AHEAD
    held = history.STRETCH_POINTS * POINT_BYTES + LIBRARY_BYTES + KERNEL_BYTES
    return held + under_way * part + stream.writer_bytes(n_windows, n_names, itemsize)
