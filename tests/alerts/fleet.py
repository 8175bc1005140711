"""A small fleet with rules of every kind and values that break them, for tests and bars of the cycle."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alerts.cycle import Feed, advance_all
from alerts.plan import Plan
from domain.alerting import Alert, AlertKey, AlertState, Condition, Rule, Term, Transition
from domain.instants import to_ns
from domain.plant import Asset, AssetClass, Axis, Plant, Tag
from tests.alerts.examples import T0, at, rule

MINUTE_NS = 60_000_000_000
BEGIN = to_ns(T0)


def plant_of(n_assets: int, tags: Sequence[str]) -> Plant:
    """A class `press` below `plant/line`, which is of class `line` and has the tag `power`."""
    kinds = [AssetClass(n, Axis.TIME, 10**15, 0, timedelta(minutes=1)) for n in ("press", "line")]
    paths = [f"plant/line/press-{i}" for i in range(n_assets)]
    assets = [Asset("plant/line", "line"), *(Asset(path, "press") for path in paths)]
    return Plant.of(kinds, assets, [Tag("plant/line", "power"), *(Tag(p, t) for p in paths for t in tags)])


def rules_of_every_kind() -> list[Rule]:
    """One rule per condition, joined ones, with delays, latching, and a parent on the line."""

    def one(name: str, tag: str, **more: Any) -> Rule:
        return rule(0, id=name, watch=f"tag:{tag}", asset_class=more.pop("asset_class", "press"), **more)

    high = Term("tag:a", Condition.HIGH, 11.0, 10.0)
    low = Term("tag:b", Condition.LOW, 9.0, 9.5)
    minute = timedelta(minutes=1)
    return [
        one("power-low", "power", asset_class="line", condition=Condition.LOW, raise_at=9.0, clear_at=9.5),
        one("a-high", "a", raise_at=11.0, clear_at=10.5, on_delay=2 * minute, off_delay=minute),
        one("a-high-high", "a", condition=Condition.HIGH_HIGH, raise_at=12.5, clear_at=12.0, is_latching=True),
        one("b-low", "b", condition=Condition.LOW, raise_at=8.5, clear_at=9.0, parent="power-low"),
        one("a-rising", "a", condition=Condition.RISING, raise_at=0.8, clear_at=0.4, over=2 * minute),
        one("b-falling", "b", condition=Condition.FALLING, raise_at=0.8, clear_at=0.4, over=3 * minute),
        one("a-stuck", "a", condition=Condition.STUCK, raise_at=240.0, clear_at=240.0),
        one("b-stuck", "b", condition=Condition.STUCK, raise_at=180.0, clear_at=180.0, deadband=0.2),
        one("b-stale", "b", condition=Condition.STALE, raise_at=180.0, clear_at=180.0, on_delay=minute),
        one("both", "a", terms=(high, low), hold=timedelta(minutes=5)),
        one("either", "a", terms=(high, low), is_any=True, hold=timedelta(minutes=5), on_delay=minute),
    ]


def values_of(plan: Plan, n: int, seed: int) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """A value a minute and series around 10, with steps, rests, gaps and values that are not known."""
    draw = np.random.default_rng(seed)
    found = []
    for _ in plan.sources:
        steps = draw.normal(0, 1, n).round(1) * draw.choice([0, 0.3, 1], n, p=[0.4, 0.4, 0.2])
        value = 10 + np.cumsum(steps - 0.15 * np.sign(np.cumsum(steps)) * (draw.random(n) < 0.5))
        value[draw.random(n) < 0.03] = np.nan
        at = BEGIN + (np.arange(n) + 1) * MINUTE_NS
        keep = draw.random(n) > 0.05
        gap = int(draw.integers(0, max(1, n - 6)))
        keep[gap : gap + int(draw.integers(0, 6))] = False
        found.append((at[keep], value[keep]))
    return found


def feed_of(
    plan: Plan, series: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]], since: NDArray[np.int64], until: int
) -> Feed:
    """What a cycle that ends at `until` is given: all that is new and the lookback."""
    parts = [
        (at[(at >= s - back) & (at <= until)], value[(at >= s - back) & (at <= until)])
        for (at, value), s, back in zip(series, since, plan.lookback, strict=True)
    ]
    starts = np.concatenate(([0], np.cumsum([len(p[0]) for p in parts]))).astype(np.int64)
    at, value = (np.concatenate([p[i] for p in parts]) for i in (0, 1))
    return Feed(starts, at, value, since, np.full(len(parts), until, np.int64))


def rows_of(plan: Plan, seed: int, n: int, cycles: Sequence[int], *, is_filtered: bool) -> list[tuple[Any, ...]]:
    """Run cycles that end at these minutes; returns every transition with its rule and asset, by time."""
    series = values_of(plan, n, seed)
    since = np.full(len(plan.sources), BEGIN, np.int64)
    held: dict[AlertKey, Alert] = {}
    n_rows: dict[str, int] = {}
    found: list[tuple[AlertKey, Transition]] = []
    for minute in cycles:
        until = to_ns(at(minute))
        feed = feed_of(plan, series, since, until)
        chosen = None if is_filtered else np.ones(len(plan.watches), bool)
        for watch, updates in advance_all(plan, feed, held, {}, {}, {}, until, n_rows, chosen=chosen):
            for update in updates:
                found += [(watch.key, row) for row in update.transitions]
                n_rows[update.alert.id] = n_rows.get(update.alert.id, 0) + len(update.transitions)
            last = updates[-1]
            held.pop(watch.key, None)
            if not last.is_dropped and last.alert.state is not AlertState.CLOSED:
                held[watch.key] = last.alert
        newest = [max([int(s), *a[a <= until].tolist()[-1:]]) for (a, _), s in zip(series, since, strict=True)]
        since = np.array(newest, dtype=np.int64)
    return sorted(
        (row.at, key.rule, key.asset, row.sequence, row.change.value, row.state.value, row.value) for key, row in found
    )
