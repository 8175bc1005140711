"""Plans of files to classes of assets: which assets are alike, at what pace they report, what windows fit."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, pairwise
from pathlib import Path
from statistics import median
from typing import Final

from app.starting.plans import AssetPlan, EventPlan, Line, QualityPlan, ResultPlan, SensorPlan, TagPlan
from app.starting.sensors import DEFAULT_ASSET
from collectors.guessing import clean
from detectors.failure import MIN_EVENTS
from detectors.remaining_life import MIN_UNITS

DATE: Final = re.compile(
    r"[-_. ]*(?<!\d)(?:19|20)\d\d(?:[-_. ]?Q?\d{1,2})*(?!\d)[-_. ]*", re.IGNORECASE
)  # in a file's name
ALIKE: Final = 0.6  # share of common tags from which two assets are of one class
SLOW: Final = 20.0  # a tag this many times slower than the usual one is left out of windows
DAY_S: Final = 86_400.0
MOST_WINDOWS: Final = 20_000
TELLING: Final = ("alarm", "maintenance")  # kinds of events that may announce a failure
MOST_CODES: Final = 200  # of a kind; each becomes several features
NICE: Final[tuple[tuple[float, str], ...]] = (
    *((n / 1000, f"{n}ms") for n in (1, 2, 5, 10, 20, 50, 100, 200, 500)),
    *((float(n), f"{n}s") for n in (1, 2, 5, 10, 15, 20, 30)),
    *((n * 60.0, f"{n}min") for n in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)),
    *((n * 3600.0, f"{n}h") for n in (1, 2, 3, 4, 6, 8, 12)),
    *((n * DAY_S, f"{n}d") for n in (1, 2, 3, 5, 7, 10, 14, 21, 30, 60, 90)),
)


@dataclass(frozen=True, slots=True, eq=False)
class ClassPlan:
    """Assets that are alike. period_s, window_s, ... are seconds, or cycles where it counts cycles."""

    name: str
    assets: tuple[str, ...]
    tags: Mapping[str, TagPlan]
    has_cycles: bool
    period_s: float
    is_regular: bool
    used: tuple[str, ...]  # tags that windows are cut from; the others report too rarely
    window_s: float
    step_s: float
    train_step_s: float
    horizon_s: float
    n_failures: int
    qualities: tuple[QualityPlan, ...]
    events: tuple[str, ...] = ()  # patterns of those that tell something beside the tags
    settings: tuple[str, ...] = ()  # tags that set the operating mode
    attributes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # by asset
    life: float = 0.0  # median cycles of units that run to failure; 0 where they do not

    @property
    def learns_failures(self) -> bool:
        """Whether there are failures enough, and anything to warn by."""
        return self.n_failures >= MIN_EVENTS and bool(self.used or self.events)

    @property
    def lead_s(self) -> float:
        """A twelfth of the horizon."""
        return max(1, self.horizon_s // 6) if self.has_cycles else nice(self.horizon_s / 12)[0]


def nice(seconds: float) -> tuple[float, str]:
    """Return the nearest round duration, in seconds and as config writes it."""
    return min(NICE, key=lambda n: abs(math.log(n[0] / max(seconds, 1e-3))))


def exact(seconds: float) -> str:
    """Return a duration as config writes it, rounded only where a round one is within 3 %."""
    value, text = nice(seconds)
    if abs(value - seconds) <= 0.03 * seconds:
        return text
    return f"{seconds:.0f}s" if seconds >= 60 else f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"


def told_apart(plans: Sequence[SensorPlan]) -> list[SensorPlan]:
    """Return the plans; files of the same tags at the same time that name no machine are a machine each.

    Files whose names differ only in a date, and that follow one another, are of one machine.
    """
    families: dict[str, list[SensorPlan]] = {}
    for plan in plans:
        families.setdefault(_undated(plan.format.path.stem), []).append(plan)
    machines: dict[str, list[SensorPlan]] = {}
    for family, own in families.items():
        if any(_is_twin(one, other) for one, other in combinations(own, 2)):
            machines |= {plan.format.path.stem: [plan] for plan in own}
        else:
            machines[family] = own
    found: dict[Path, SensorPlan] = {plan.format.path: plan for plan in plans}
    for machine, own in machines.items():
        if any(_is_twin(one, other) for one in own for other in plans if other is not one):
            found |= {plan.format.path: _named(plan, f"plant/{clean(machine)}") for plan in own}
    return list(found.values())


def _named(plan: SensorPlan, asset: str) -> SensorPlan:
    note = "no column names machines; other files have the same tags at the same time"
    lines = tuple(Line("asset", asset, note) if x.key == "asset" else x for x in plan.format.lines)
    return replace(plan, format=replace(plan.format, lines=lines), assets={asset: plan.assets[DEFAULT_ASSET]})


def _undated(stem: str) -> str:
    """Return a file's name without the year, and the month, quarter or day that follow it; itself where it is a date
    alone.
    """
    return DATE.sub("", stem) or stem


def _is_twin(one: SensorPlan, other: SensorPlan) -> bool:
    if set(one.assets) != {DEFAULT_ASSET} or set(other.assets) != {DEFAULT_ASSET}:
        return False
    overlaps = one.span[0] < other.span[1] and other.span[0] < one.span[1]
    return overlaps and bool(set(one.assets[DEFAULT_ASSET]) & set(other.assets[DEFAULT_ASSET]))


def classes_of(
    sensors: Sequence[SensorPlan],
    qualities: Sequence[QualityPlan],
    events: Sequence[EventPlan],
    lists: Sequence[AssetPlan] = (),
) -> list[ClassPlan]:
    """Return the classes: assets that share most of their tags, then one of the assets that only records name."""
    tags: dict[str, dict[str, TagPlan]] = {}
    for plan in sensors:
        for asset, own in plan.assets.items():
            tags.setdefault(asset, {}).update({n: t for n, t in own.items() if n not in tags.get(asset, {})})
    groups: list[list[str]] = []
    for asset in tags:
        for group in groups:
            if _likeness(tags[asset], tags[group[0]]) >= ALIKE:
                group.append(asset)
                break
        else:
            groups.append([asset])
    named = [a for q in qualities for a in q.lines] + [a for e in events for a in e.assets]
    rest = [a for a in dict.fromkeys(named) if a not in tags]
    root = "machine" if len(tags) > 1 else "line"
    told = (qualities, events, lists)
    found = [
        _class(root if not i else f"{root}-{i + 1}", group, tags, sensors, *told) for i, group in enumerate(groups)
    ]
    name = "other" if found or qualities else "machine"
    return [*found, _class(name, rest, {a: {} for a in rest}, (), *told)] if rest else found


def _likeness(one: Mapping[str, TagPlan], other: Mapping[str, TagPlan]) -> float:
    return len(set(one) & set(other)) / max(1, len(set(one) | set(other)))


def _class(
    name: str,
    assets: Sequence[str],
    tags: Mapping[str, Mapping[str, TagPlan]],
    sensors: Sequence[SensorPlan],
    qualities: Sequence[QualityPlan],
    events: Sequence[EventPlan],
    lists: Sequence[AssetPlan],
) -> ClassPlan:
    own = [p for p in sensors if set(p.assets) & set(assets)]
    merged: dict[str, TagPlan] = {}
    for asset in assets:
        merged |= {n: t for n, t in tags[asset].items() if n not in merged}
    happened = [e for e in events if set(e.assets) & set(assets)]
    starts = [sorted(e.failures[a]) for e in events for a in assets if a in e.failures]
    has_cycles = bool(own) and all(p.has_cycles for p in own)
    everywhere = [n for n in merged if all(n in tags[a] for a in assets)]
    period, is_regular = (1.0, True) if has_cycles else _pace([merged[n] for n in everywhere])
    plan = ClassPlan(
        name,
        tuple(assets),
        merged,
        has_cycles,
        period,
        is_regular,
        tuple(everywhere) if has_cycles else tuple(n for n in everywhere if merged[n].period_s <= period),
        30,
        1,
        3,
        30,
        sum(map(len, starts)),
        tuple(q for q in qualities if set(q.lines) & set(assets)),
        tuple(f"{kind}:*" for kind in TELLING if 0 < sum(e.codes.get(kind, 0) for e in happened) <= MOST_CODES),
        next((p.settings for p in own if p.settings), ()),
        {a: x.attributes[a] for x in lists for a in assets if a in x.attributes},
        _life(starts) if has_cycles else 0.0,
    )
    return plan if has_cycles else _in_time(plan, [p.span for p in (own or happened)], starts)


def _life(starts: Sequence[Sequence[int]]) -> float:
    """Return the median life in cycles where units run to failure: none failed twice, and enough did."""
    if len(starts) < MIN_UNITS or any(len(found) > 1 for found in starts):
        return 0.0
    return float(median(found[0] for found in starts)) / 1e9


def _in_time(c: ClassPlan, spans: Sequence[tuple[int, int]], starts: Sequence[Sequence[int]]) -> ClassPlan:
    """Return a class on the time axis with its spans, from the length of its files and the time between failures."""
    is_told = bool(spans) and (bool(c.tags) or c.learns_failures)
    span = (max(e for _, e in spans) - min(b for b, _ in spans)) / 1e9 if is_told else 0.0
    gaps = sorted((b - a) / 1e9 for found in starts for a, b in pairwise(found))
    horizon = min(DAY_S, (span or 10 * DAY_S) / 10, gaps[len(gaps) // 4] / 4 if gaps else DAY_S)
    horizon = nice(max(horizon, 2 * c.period_s))[0]
    passage = max((q.passage_s for q in c.qualities), default=0.0)
    if c.tags or not c.learns_failures:
        window = max(30 * c.period_s, 600.0 if c.period_s <= 10 else 0.0)
        if span:
            window = max(5 * c.period_s, min(window, span / 40))
        window = max(5 * c.period_s, passage) if passage else nice(window)[0]
        step = max(c.period_s, min(window / 6, span / 400 if span else window / 6))
    else:
        window, step = horizon, horizon / 8
    train_step = max(step, span * len(c.assets) / MOST_WINDOWS)
    if c.learns_failures:
        train_step = max(step, min(train_step, horizon / 4))  # each failure needs windows that could warn of it
    return replace(
        c,
        window_s=nice(window)[0],
        step_s=nice(step)[0],
        train_step_s=nice(train_step)[0],
        horizon_s=horizon,
    )


def results_of(c: ClassPlan) -> list[ResultPlan]:
    """Return the results of a class's lots, each once."""
    found: dict[str, ResultPlan] = {}
    for quality in c.qualities:
        for result in quality.results:
            n_before = found[result.name].n_lots if result.name in found else 0
            found[result.name] = replace(found.get(result.name, result), n_lots=n_before + result.n_lots)
    return list(found.values())


def span_text(c: ClassPlan, units: float) -> int | str:
    """Return a span as config writes it: a number of cycles, or a duration."""
    return int(units) if c.has_cycles else nice(units)[1]


def _pace(tags: Sequence[TagPlan]) -> tuple[float, bool]:
    """Return the slowest period among the tags that report at about the usual pace, in seconds."""
    periods = sorted(t.period_s for t in tags if t.period_s > 0)
    if not periods:
        return 60.0, True
    usual = periods[len(periods) // 2]
    period = max(p for p in periods if p <= SLOW * usual)
    return period, all(t.is_regular for t in tags if 0 < t.period_s <= period)
