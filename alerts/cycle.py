"""A plan, what was received, and what is open in; what becomes of every alert out: one cycle, or ninety days. Pure.

Invariant: what `may_change` leaves out would not have changed; the rest goes through `following`, one key at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alerts import evidence
from alerts.evidence import Evidence
from alerts.following import Holds, advance_through
from alerts.plan import KINDS, NO_PARENT, Plan, Watch, limits_at
from domain.alerting import Alert, AlertKey, AlertState, AlertUpdate, Change, Condition, Hold
from domain.instants import EPOCH, duration_ns, from_ns, to_ns
from domain.text import mark, phrase

BY_PARENT: Final = mark("the alert of rule {rule} on {asset} is active")
BY_MODE: Final = mark("the operating mode is {mode}")
EVER: Final = -(2**62)
FOR_EVER: Final = 2**62
BEGUN: Final = (Change.RAISED, Change.RE_RAISED, Change.RAISED_HELD)
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Model = Mapping[str, tuple[float, float]]  # detector -> its raise and clear limit
Modes = Mapping[str, Sequence[tuple[datetime, datetime | None, str]]]  # asset -> start, end, code


@dataclass(frozen=True, slots=True, eq=False)
class Feed:
    """What was received of each series of a plan, in time order, series after series.

    starts: int64 (number of series + 1,), where each begins in at (int64 ns) and value (float64, NaN = nothing known).
    since: int64 (number of series,): up to there it was looked at before; what is older serves as lookback.
    until: int64 (number of series,): up to there time has passed, for what is stale. stops: by series, where (from, to)
    its asset stood still and nothing was to be received.
    """

    starts: NDArray[np.int64]
    at: NDArray[np.int64]
    value: Floats
    since: NDArray[np.int64]
    until: NDArray[np.int64]
    stops: Mapping[int, Sequence[tuple[int, int]]] = field(default_factory=dict)

    def of(self, series: int) -> tuple[NDArray[np.int64], Floats]:
        """Return the times and values of one series."""
        rows = slice(int(self.starts[series]), int(self.starts[series + 1]))
        return self.at[rows], self.value[rows]


def advance_all(
    plan: Plan,
    feed: Feed,
    held: Mapping[AlertKey, Alert],
    holds: Mapping[tuple[str, str], Hold],
    modes: Modes,
    models: Model,
    until: int,
    n_rows: Mapping[str, int] | None = None,
    failed: dict[AlertKey, str] | None = None,
    chosen: Flags | None = None,
    begun: int = EVER,
) -> Iterator[tuple[Watch, list[AlertUpdate]]]:
    """Yield what becomes of each watch, parents before children; `until` (ns) is how far the clock has come.

    held: the pending or open alert of each key. holds: what persons hold back, by rule and asset. n_rows: how many
    transitions each open alert has so far. failed: is told the watches that failed, with the error; without it an error
    is raised. chosen: the watches to look at; None finds them by `may_change`. begun: up to there (ns) the cycle before
    has gone, with what began and ended to hold back by then.
    """
    raise_at, clear_at = plan.limits(models)
    look = (may_change(plan, feed, raise_at) if chosen is None else chosen).copy()
    for key in held:
        if key in plan.places:
            look[plan.places[key]] = True
    active: dict[int, list[tuple[int, bool]]] = {}  # parents whose alert is or was active: since when, until when
    with_children = {w.parent for w in plan.watches} - {NO_PARENT}
    for place in np.flatnonzero(look).tolist():
        watch = plan.watches[place]
        alert = held.get(watch.key)
        first = (n_rows or {}).get(alert.id, 0) if alert is not None else 0
        try:
            found = evidence_of(plan, feed, watch, raise_at, clear_at)
            if found is None:
                continue
            steps = hold_steps(watch, plan, holds, active, modes, begun)
            updates = advance_through(alert, found, watch.rule, watch.key, first, steps, until)
        except Exception as error:  # one rule that fails must not silence the others
            if failed is None:
                raise
            failed[watch.key] = repr(error)
            continue
        if place in with_children:
            active[place] = _activity(alert, updates)
        if updates:
            yield watch, updates


def evidence_of(plan: Plan, feed: Feed, watch: Watch, raise_at: Floats, clear_at: Floats) -> Evidence | None:
    """Return what is new of a watch's condition; None where the limits of a model are not there."""
    parts = []
    since = EVER
    for part in watch.parts:
        if np.isnan(raise_at[part]):
            return None
        series, term = int(plan.series[part]), plan.terms[part]
        at, value = feed.of(series)
        since = max(since, int(feed.since[series]))
        limits = limits_at(plan, part, float(raise_at[part]), float(clear_at[part]))
        if term.condition is Condition.STALE:
            base = max(EVER, int(feed.since[series]))
            reported = at if watch.rule.terms and len(at) else np.concatenate(([base], at[at > base])).astype(np.int64)
            on_delay = duration_ns(watch.rule.on_delay)
            stops = feed.stops.get(series, ())
            parts.append(evidence.stale(reported, limits.raise_at, on_delay, int(feed.until[series]), stops))
        else:
            parts.append(evidence.against(at, evidence.measured(term, limits, at, value), limits))
    if len(parts) == 1:
        return parts[0].after(since)
    hold = duration_ns(watch.rule.hold)
    holds = [FOR_EVER if plan.terms[part].condition is Condition.STALE else hold for part in watch.parts]
    return evidence.combined(parts, holds, is_any=watch.rule.is_any).after(since)


def may_change(plan: Plan, feed: Feed, raise_at: Floats) -> Flags:
    """Return for each watch, bool (number of watches,), whether it could raise an alert: never False where it would.

    A part is possible where its extremes over all that was read are; a rule where all, or any, of its parts are.
    """
    lows, highs, news, gaps, rests = _figures(feed)
    s = plan.series
    with np.errstate(invalid="ignore"):
        extreme = np.where(plan.sign > 0, highs[s], lows[s])
        possible = plan.sign * extreme >= plan.sign * raise_at
        speed = (highs[s] - lows[s]) / np.where(plan.over_minutes > 0, plan.over_minutes, 1.0)
        is_rate = (plan.kind == KINDS[Condition.RISING]) | (plan.kind == KINDS[Condition.FALLING])
        possible = np.where(is_rate, speed >= raise_at, possible)
        possible = np.where(plan.kind == KINDS[Condition.STUCK], rests[s] <= plan.deadband, possible)
    is_stale = plan.kind == KINDS[Condition.STALE]
    possible = np.where(is_stale, gaps[s] >= raise_at, possible)
    if not len(plan.starts):
        return np.zeros(0, bool)
    is_possible = np.where(
        plan.is_any,
        np.logical_or.reduceat(possible, plan.starts),
        np.logical_and.reduceat(possible, plan.starts),
    )
    has_news = np.logical_or.reduceat(news[s] | is_stale, plan.starts)
    return np.asarray(is_possible & has_news)


def _figures(feed: Feed) -> tuple[Floats, Floats, Flags, Floats, Floats]:
    """Return of each series: lowest, highest, whether there is news, its longest gap (s), its smallest step."""
    n = len(feed.since)
    lows, highs = np.full(n, np.inf), np.full(n, -np.inf)
    rests, gaps = np.full(n, np.inf), np.zeros(n)
    last = feed.since.copy()
    counts = np.diff(feed.starts)
    filled = np.flatnonzero(counts)
    news = np.zeros(n, bool)
    if len(filled):
        begin = feed.starts[filled]
        end = feed.starts[filled + 1] - 1
        known = np.isnan(feed.value)
        lows[filled] = np.minimum.reduceat(np.where(known, np.inf, feed.value), begin)
        highs[filled] = np.maximum.reduceat(np.where(known, -np.inf, feed.value), begin)
        last[filled] = np.maximum(last[filled], feed.at[end])
        news[filled] = feed.at[end] > feed.since[filled]
        is_first = np.zeros(len(feed.at), bool)
        is_first[begin] = True
        owner = np.repeat(np.arange(n), counts)
        before = np.where(is_first, np.minimum(feed.since[owner], feed.at), np.roll(feed.at, 1))
        gaps[filled] = np.maximum.reduceat(feed.at - np.maximum(before, EVER // 2), begin) / evidence.SECOND_NS
        rests[filled] = _rests(feed, counts, filled)
    gaps = np.maximum(gaps, (feed.until - last) / evidence.SECOND_NS)
    return lows, highs, news, gaps, rests


def _rests(feed: Feed, counts: NDArray[np.int64], filled: NDArray[np.int64]) -> Floats:
    """Return the smallest step from one known value to the next of each filled series, inf where there is none."""
    known = np.flatnonzero(~np.isnan(feed.value))
    found = np.full(len(counts), np.inf)
    if len(known) > 1:
        owner = np.repeat(np.arange(len(counts)), counts)[known]
        steps = np.abs(np.diff(feed.value[known]))
        same = owner[1:] == owner[:-1]
        steps, owners = steps[same], owner[1:][same]
        if len(steps):
            begin = np.flatnonzero(np.concatenate(([True], owners[1:] != owners[:-1])))
            found[owners[begin]] = np.minimum.reduceat(steps, begin)
    return found[filled]


def hold_steps(
    watch: Watch,
    plan: Plan,
    holds: Mapping[tuple[str, str], Hold],
    active: Mapping[int, Sequence[tuple[int, bool]]],
    modes: Modes,
    begun: int = EVER,
) -> Holds:
    """Return from when on what holds a watch's alert back: a person, else its parent, else the operating mode.

    What changed by `begun` is told as how it was there; what a parent does is always news.
    """
    causes: list[Holds] = []
    person = holds.get((watch.key.rule, watch.key.asset))
    if person is not None:
        causes.append([(EVER, person)] if person.until is None else [(EVER, person), (to_ns(person.until), None)])
    if watch.parent in active:
        key = plan.watches[watch.parent].key
        why = phrase(BY_PARENT, rule=key.rule, asset=key.asset)
        causes.append([(at, _by_design(why, at) if is_active else None) for at, is_active in active[watch.parent]])
    if watch.rule.when_mode:
        causes.append(_from(begun, _mode_steps(watch, modes.get(watch.key.asset, ()))))
    return causes[0] if len(causes) == 1 else _merged(causes)


def _from(begun: int, steps: Holds) -> Holds:
    before = [hold for at, hold in steps if at <= begun]
    return [(EVER, before[-1] if before else None), *(step for step in steps if step[0] > begun)]


def _mode_steps(watch: Watch, modes: Sequence[tuple[datetime, datetime | None, str]]) -> Holds:
    """Return where a mode is known that is none of the rule's; an unknown mode silences nothing."""
    steps: list[tuple[int, Hold | None]] = [(EVER, None)]
    for start, finish, code in sorted(modes, key=lambda m: m[0]):
        at = to_ns(start)
        hold = None if code in watch.rule.when_mode else _by_design(phrase(BY_MODE, mode=code), at)
        steps = [*(step for step in steps if step[0] < at), (at, hold)]
        if finish is not None:
            steps.append((to_ns(finish), None))
    return steps


def _merged(causes: Sequence[Holds]) -> Holds:
    """Return the first of several causes that holds back, step by step."""
    merged: list[tuple[int, Hold | None]] = []
    for at in sorted({step[0] for cause in causes for step in cause}):
        now = [next((hold for t, hold in reversed(cause) if t <= at), None) for cause in causes]
        hold = next((h for h in now if h is not None), None)
        if not merged or merged[-1][1] != hold:
            merged.append((at, hold))
    if merged and merged[0][0] > EVER:
        merged.insert(0, (EVER, None))
    return merged


def _by_design(why: str, at: int) -> Hold:
    return Hold(AlertState.SUPPRESSED, "", why, EPOCH if at == EVER else from_ns(at), None)


def _activity(alert: Alert | None, updates: Sequence[AlertUpdate]) -> list[tuple[int, bool]]:
    """Return from when on a parent's condition is there or not, over the stretch that was looked at."""
    steps = [(EVER, alert is not None and alert.is_active)]
    for update in updates:
        for row in update.transitions:
            if row.change in BEGUN or row.change is Change.RETURNED:
                steps.append((to_ns(row.at), row.change in BEGUN))
    return steps
