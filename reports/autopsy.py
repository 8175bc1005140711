"""A stop that came without a warning, and what was recorded before it, in; why there was no warning, out. Pure.

All positions are on the asset's axis (ns or cycles). The run-up is [stop - horizon, stop - lead], where a warning would
have been in time. Normal is what the same asset, and for scores its class, did in stretches of the same length before.
Invariant: nothing after the stop is looked at; a tag or a score has moved only where it leaves all that was normal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from domain.judging import judge
from domain.limits import Limits, raises
from reports.unwarned import Autopsy, Case, Cause, Floats, Missing, Moved, Price, Trace, Track

HORIZONS: Final = 20  # of normal running before the run-up that it is held against
SHARES: Final = (1.0, 0.5, 0.25, 0.125)  # of the run-up, counted from its end, in which a tag may have moved
MIN_BLOCKS: Final = 10
MIN_VALUES: Final = 4
MIN_FOR_SPREAD: Final = 8
FAR: Final = 6.0  # robust standard deviations of the normal stretches
RARE: Final = 0.05  # share of normal stretches in which a score may come as high
RISE: Final = 4.0  # robust standard deviations of the highest scores of normal stretches, which lean to the high side
SURE: Final = 0.002  # of a normal stretch that it comes as high by chance
STEADY: Final = 0.1  # log-odds: a score that never moves is taken to move by this much
MOST_TAGS: Final = 5
MOST_LEVELS: Final = 50
ASSESSED: Final = 0.5  # share of the run-up with scores, below which there is a gap


def autopsy(case: Case) -> Autopsy:
    """Say why a stop came without a warning."""
    run_up = _run_up(case)
    moved, n_normal = _moved(case, run_up)
    missing = tuple(m for t in case.traces if t.name in case.needed and (m := _missing(t, run_up)) is not None)
    lacking = tuple(sorted((m for m in missing if m.coverage < case.min_coverage), key=lambda m: m.coverage))
    assessed = _assessed(case, run_up)
    peak, usual, rarity, has_risen = _risen(case, run_up)
    catching = _catching(case, run_up) if has_risen else None
    is_over = case.limits is not None and _is_raised(case, case.limits)
    cause, alert_at = _told(case, run_up)
    if cause is None:
        if case.limits is None or not len(case.own.position):
            cause = Cause.UNWATCHED
        elif lacking or assessed < ASSESSED:
            cause = Cause.GAP
        elif is_over:
            cause = Cause.HELD
        elif catching is not None:
            cause = Cause.THRESHOLD
        else:
            cause = Cause.NOT_IN_MODEL if moved else Cause.NO_PRECURSOR
    return Autopsy(
        cause,
        run_up,
        moved[:MOST_TAGS],
        lacking if lacking or cause is not Cause.GAP else tuple(sorted(missing, key=lambda m: m.coverage))[:1],
        assessed,
        peak,
        usual,
        rarity,
        catching,
        None if case.limits is None else _price(case, case.limits.raise_at),
        alert_at,
        n_normal,
    )


def _run_up(case: Case) -> tuple[float, float]:
    """Return the stretch in which a warning was due: it begins after the last stop, where that is nearer."""
    end = case.at - case.lead
    return max([case.at - case.horizon, *(q for _, q in case.quiet if q <= end)]), end


def _told(case: Case, run_up: tuple[float, float]) -> tuple[Cause | None, float | None]:
    """Return whether an alert stood all the same: held back, raised too late, or before the horizon."""
    for each in case.spoke:
        if each.is_held and case.at - case.horizon <= each.raised <= run_up[1]:
            return Cause.HELD, each.raised
    told = [s for s in case.spoke if not s.is_held]
    for each in told:
        if run_up[1] < each.raised <= case.at:
            return Cause.LATE, each.raised
    for each in told:
        if each.raised < case.at - case.horizon and each.cleared >= run_up[1]:
            return Cause.EARLY, each.raised
    return None, None


def _missing(trace: Trace, run_up: tuple[float, float]) -> Missing | None:
    """Return how much of the run-up a tag covers, in bins of two periods, since values come a little early or late."""
    start, end = run_up
    width = 2 * trace.period
    n = int((end - start) // width)
    if n < 1:
        return None
    there = trace.position[(trace.position >= start) & (trace.position <= end) & np.isfinite(trace.value)]
    covered = len(np.unique(((there - start) // width).astype(np.int64).clip(0, n - 1)))
    edges = np.concatenate([[start], there, [end]])
    longest = int(np.argmax(np.diff(edges)))
    return Missing(trace.name, covered / n, float(edges[longest]), float(edges[longest + 1]))


def _assessed(case: Case, run_up: tuple[float, float]) -> float:
    position, value = case.own.position, case.own.value
    n = np.count_nonzero((position > run_up[0]) & (position <= run_up[1]) & np.isfinite(value))
    return float(min(1.0, n / max(1.0, (run_up[1] - run_up[0]) // case.step)))


def _moved(case: Case, run_up: tuple[float, float]) -> tuple[tuple[Moved, ...], int]:
    """Return the tags that left what is normal, the furthest first, and the most stretches that any was held against.

    Each is looked at over the whole run-up and its last parts, by median and by spread, against the asset's own normal
    stretches of the same length. Outside of all of them, and FAR by the median absolute deviation, is moved.
    """
    found: list[Moved] = []
    n_normal = 0
    for trace in case.traces:
        best: Moved | None = None
        for share in SHARES:
            length = (run_up[1] - run_up[0]) * share
            since = run_up[1] - length
            starts = _normal_starts(case, length)
            blocks = [b for s in starts if len(b := _between(trace, s, s + length)) >= MIN_VALUES]
            last = _between(trace, since, run_up[1])
            usual_n = float(np.median([len(b) for b in blocks])) if blocks else 0.0
            if len(blocks) < MIN_BLOCKS or len(last) < max(MIN_VALUES, usual_n / 2):
                continue
            n_normal = max(n_normal, len(blocks))
            chance = _spread(np.concatenate(blocks)) / float(np.sqrt(len(last)))
            for each in _shifts(trace, blocks, last, chance, since):
                if best is None or abs(each.deviation) > abs(best.deviation):
                    best = each
        if best is not None:
            found.append(best)
    return tuple(sorted(found, key=lambda m: -abs(m.deviation))), n_normal


def _shifts(trace: Trace, blocks: Sequence[Floats], last: Floats, chance: float, since: float) -> Iterator[Moved]:
    """Yield the median, and the standard deviation by its logarithm, where outside of all that is normal, and FAR."""
    level, normal = float(np.median(last)), np.array([float(np.median(b)) for b in blocks])
    deviation = _deviation(level, normal, chance)
    if not normal.min() <= level <= normal.max() and abs(deviation) >= FAR:
        yield Moved(trace.name, trace.unit, "level", float(np.median(normal)), level, deviation, since)
    if len(last) < MIN_FOR_SPREAD:
        return
    width, normal = float(np.std(last)), np.array([float(np.std(b)) for b in blocks])
    if width > 0 and normal.min() > 0:
        deviation = _deviation(float(np.log(width)), np.log(normal), STEADY)
        if not normal.min() <= width <= normal.max() and abs(deviation) >= FAR:
            yield Moved(trace.name, trace.unit, "spread", float(np.median(normal)), width, deviation, since)


def _between(trace: Trace, start: float, end: float) -> Floats:
    first, stop = np.searchsorted(trace.position, [start, end])
    part = trace.value[first:stop]
    return part[np.isfinite(part)]


def _normal_starts(case: Case, length: float) -> list[float]:
    """Return where stretches of normal running begin: before the run-up, outside of stops and of other run-ups."""
    end = case.at - case.horizon
    first = min((float(t.position[0]) for t in case.traces if len(t.position)), default=end)
    first = max(first, end - HORIZONS * case.horizon)
    if not length > 0:
        return []
    barred = [*case.quiet, *((f - case.horizon, f) for f in case.own.failures if f < case.at)]
    starts = (end - length * (i + 1) for i in range(int((end - first) // length)))
    return [s for s in starts if not any(a < s + length and s < b for a, b in barred)]


def _spread(values: Floats) -> float:
    return float(1.4826 * np.median(np.abs(values - np.median(values))))


def _deviation(value: float, normal: Floats, least: float) -> float:
    """Return how far a value lies from the normal ones. least: what chance alone gives; a constant has none."""
    centre = float(np.median(normal))
    spread = max(_spread(normal), least, 1e-9 * max(1.0, abs(centre)))
    return float((value - centre) / spread)


def held(track: Track, confirm: float) -> Floats:
    """Return at each score the level that was held for `confirm` up to it; -inf where there was none so long."""
    value = np.where(np.isfinite(track.value), track.value, -np.inf)
    if not len(value):
        return value
    first = np.searchsorted(track.position, track.position - confirm, side="right") - 1
    rows = np.arange(len(value))
    edges = np.column_stack([np.maximum(first, 0), rows + 1]).ravel()
    lowest = np.minimum.reduceat(np.append(value, np.inf), edges)[::2]
    return np.where(first >= 0, lowest, -np.inf)


def _risen(case: Case, run_up: tuple[float, float]) -> tuple[float | None, float | None, float | None, bool]:
    """Return peak, usual peak and rarity of the score, and whether it has risen above what is normal.

    It has where few normal stretches came as high and it is RISE spreads above them, or where so many are known that
    chance gives such a peak less often than SURE (rank test: (stretches as high + 1) / (stretches + 1)).
    """
    inside = (case.own.position > run_up[0]) & (case.own.position <= run_up[1])
    level = held(case.own, case.confirm)[inside]
    if not len(level) or not np.isfinite(level.max()):
        return None, None, None, False
    peak = float(level.max())
    length = run_up[1] - run_up[0]
    peaks = [p for t in (case.own, *case.others) for p in _peaks(case, t, length)]
    if len(peaks) < MIN_BLOCKS:
        lower = [r for r in case.curve if r["raise_at"] <= peak]
        if not lower:
            return peak, None, None, False
        # Too few normal stretches are stored: how often the back-test came as high, in a stretch of this length.
        per_week = float(max(lower, key=lambda r: r["raise_at"])["false_alarms_per_week"])
        rarity = min(1.0, per_week * length / case.week)
        return peak, None, rarity, rarity <= RARE
    normal = np.array(peaks)
    usual, n_as_high = float(np.median(normal)), int(np.count_nonzero(normal >= peak))
    rarity = n_as_high / len(normal)
    is_far = rarity <= RARE and peak >= usual + RISE * max(_spread(normal), STEADY)
    return peak, usual, rarity, is_far or (n_as_high + 1) / (len(normal) + 1) <= SURE


def _peaks(case: Case, track: Track, length: float) -> list[float]:
    if not len(track.position) or not length > 0:
        return []
    level = held(track, case.confirm)
    end = min(float(track.position[-1]), case.at - case.horizon)
    first = max(float(track.position[0]), end - HORIZONS * case.horizon)
    barred = [(f - case.horizon, f) for f in track.failures]
    found = []
    for i in range(int((end - first) // length)):
        start = end - length * (i + 1)
        if any(a < start + length and start < b for a, b in barred):
            continue
        a, b = np.searchsorted(track.position, [start, start + length], side="right")
        if b > a and np.isfinite(level[a:b].max()):
            found.append(float(level[a:b].max()))
    return found


def _catching(case: Case, run_up: tuple[float, float]) -> Price | None:
    """Return the highest limit that raises within the run-up, with its price."""
    inside = (case.own.position > run_up[0]) & (case.own.position <= run_up[1])
    levels = np.unique(held(case.own, case.confirm)[inside])
    for level in levels[np.isfinite(levels)][::-1][:MOST_LEVELS].tolist():
        if _is_raised(case, _limits(case, level)):
            return _price(case, level)
    return None


def _is_raised(case: Case, limits: Limits) -> bool:
    """Whether limits raise on the asset's scores where a warning is in time."""
    spans = raises(case.own.value, case.own.position, limits, case.confirm)
    return any(case.lead <= case.at - case.own.position[i] <= case.horizon for i, _ in spans)


def _limits(case: Case, level: float) -> Limits:
    gap = 0.0 if case.limits is None else case.limits.raise_at - case.limits.clear_at
    return Limits(level, level - gap)


def _price(case: Case, level: float) -> Price:
    """Return the false alarms that a limit would have raised on the class up to the stop, by the one definition."""
    n_false, units, limits = 0, 0.0, _limits(case, level)
    for track in (case.own, *case.others):
        known = track.position <= case.at
        position, value = track.position[known], track.value[known]
        if len(position) < 2:
            continue
        spans = [
            (float(position[i]), float(position[j]) if j < len(position) else float("inf"))
            for i, j in raises(value, position, limits, case.confirm)
        ]
        failures = sorted({*(f for f in track.failures if f <= case.at), *([case.at] if track is case.own else [])})
        n_false += judge(spans, failures, case.horizon, case.lead, float(position[-1])).n_false
        units += float(position[-1] - position[0])
    weeks = units / case.week
    row = min(case.curve, key=lambda r: abs(r["raise_at"] - level), default=None)
    by_curve = None if row is None else float(row["false_alarms_per_week"])
    return Price(level, n_false / weeks if weeks else 0.0, weeks, by_curve)
