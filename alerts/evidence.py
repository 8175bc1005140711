"""Values of what a rule watches in, and out at which instants its condition is there: arrays for any stretch of time,
the same live and over history. Pure.

Invariants: what is over its raise limit is over its clear limit; a value that is not known says nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.alerting import Condition, Term
from domain.instants import duration_ns
from domain.limits import Limits

Times = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
MINUTE_NS: Final = 60_000_000_000
SECOND_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What is known of a rule's condition, in time order; every array has shape (n,).

    at: int64 ns UTC. over_raise: at or past the raise limit. over_clear: not yet back past the clear limit.
    value, limit: what is shown where an alert is raised there.
    """

    at: Times
    over_raise: Flags
    over_clear: Flags
    value: Floats
    limit: Floats

    def __len__(self) -> int:
        return len(self.at)

    def after(self, at: int) -> Evidence:
        """Return what is later than `at` ns."""
        first = int(np.searchsorted(self.at, at, side="right"))
        if not first:
            return self
        kept = (self.at, self.over_raise, self.over_clear, self.value, self.limit)
        return Evidence(*(x[first:] for x in kept))  # type: ignore[arg-type]


def against(at: Times, measured: Floats, limits: Limits) -> Evidence:
    """Hold measured values against limits; those that are NaN are left out."""
    known = ~np.isnan(measured)
    if not known.all():
        at, measured = at[known], measured[known]
    signed = limits.sign * measured
    over_raise, over_clear = signed >= limits.sign * limits.raise_at, signed >= limits.sign * limits.clear_at
    return Evidence(at, over_raise, over_clear, measured, np.full(len(at), limits.raise_at))


def measured(term: Term, limits: Limits, at: Times, value: Floats) -> Floats:
    """Return what a term holds against its limits, float64 (n,), NaN where it cannot be known; not for stale tags.

    Values before the stretch that is asked for must reach back by `lookback_ns`.
    """
    if term.condition in (Condition.RISING, Condition.FALLING):
        rates = rate(at, value, duration_ns(term.over))
        return rates if term.condition is Condition.RISING else -rates
    if term.condition is Condition.STUCK:
        return stuck(at, value, limits.raise_at, term.deadband)
    return value


def lookback_ns(term: Term, limits: Limits) -> int:
    """Return how far before a stretch of time a term needs values, ns."""
    if term.condition in (Condition.RISING, Condition.FALLING):
        return 2 * duration_ns(term.over)
    return int(2 * limits.raise_at * SECOND_NS) if term.condition is Condition.STUCK else 0


def rate(at: Times, value: Floats, over: int) -> Floats:
    """Return the change per minute against the newest value that is at least `over` ns older.

    Not known (NaN) where that one is more than twice as old: a gap says nothing of the speed.
    """
    good = np.flatnonzero(~np.isnan(value))
    found = np.full(len(at), np.nan)
    if not len(good):
        return found
    times, values = at[good], value[good]
    before = np.searchsorted(times, times - over, side="right") - 1
    span = times - times[before]
    is_known = (before >= 0) & (span <= 2 * over)
    minutes = np.where(is_known, span, MINUTE_NS) / MINUTE_NS
    found[good] = np.where(is_known, (values - values[before]) / minutes, np.nan)
    return found


def stuck(at: Times, value: Floats, longest_s: float, deadband: float) -> Floats:
    """Return for how many seconds the values have kept within a band of `deadband`, up to each; at most `longest_s`.

    A gap of `longest_s` ends that: whether the value moved meanwhile is not known.
    """
    good = np.flatnonzero(~np.isnan(value))
    found = np.full(len(at), np.nan)
    if not len(good):
        return found
    times, values = at[good], value[good]
    gap = longest_s * SECOND_NS
    if deadband > 0:
        begins = np.array(_runs(times.tolist(), values.tolist(), gap, deadband))
    else:
        is_new = np.concatenate(([True], (values[1:] != values[:-1]) | (np.diff(times) >= gap)))
        begins = np.flatnonzero(is_new)[np.cumsum(is_new) - 1]
    found[good] = np.minimum((times - times[begins]) / SECOND_NS, longest_s)
    return found


def _runs(times: list[int], values: list[float], gap: float, deadband: float) -> list[int]:
    """Return for each value where the longest run begins that ends there and keeps within a band of `deadband`.

    Only as far back as `gap`, so that it does not depend on where reading began.
    """
    begins, begin = [], 0
    lows: deque[int] = deque()
    highs: deque[int] = deque()
    for i, value in enumerate(values):
        if i and times[i] - times[i - 1] >= gap:
            begin = i
        while lows and values[lows[-1]] >= value:
            lows.pop()
        while highs and values[highs[-1]] <= value:
            highs.pop()
        lows.append(i)
        highs.append(i)
        while values[highs[0]] - values[lows[0]] > deadband or min(highs[0], lows[0]) < begin:
            begin = max(begin, min(highs[0], lows[0]) + 1)
            for extremes in (lows, highs):
                while extremes[0] < begin:
                    extremes.popleft()
        begins.append(begin)
    return begins


def stale(
    reported: Times, limit_s: float, on_delay: int, until: int, stops: Sequence[tuple[int, int]] = ()
) -> Evidence:
    """Return where a tag is stale by the times at which it reported (ascending; the first is where watching begins).

    It is from `limit_s` after a report on that no other followed, up to `until` ns, and until the next report. stops:
    from when to when (ns) nothing was to be received.
    """
    limit = int(limit_s * SECOND_NS)
    ends = np.concatenate((reported[1:], np.array([until + 1], dtype=np.int64)))
    due = reported + limit
    late = due < ends
    told = np.unique(np.concatenate((due[late], (due + on_delay)[late & (due + on_delay < ends)])))
    for start, end in stops:
        told = told[(told <= start) | (told > end)]
    at = np.concatenate((told, reported[1:]))
    over = np.concatenate((np.ones(len(told), bool), np.zeros(len(reported) - 1, bool)))
    order = np.argsort(at, kind="stable")
    at, over = at[order], over[order]
    age = np.where(over, (at - reported[np.maximum(0, np.searchsorted(reported, at, side="left") - 1)]) / SECOND_NS, 0)
    return Evidence(at, over, over, age, np.full(len(at), limit_s))


def combined(parts: Sequence[Evidence], holds: Sequence[int], *, is_any: bool) -> Evidence:
    """Join the terms of a rule: all of them, or any. holds: for how long (ns) the last value of each counts.

    What cannot be known, since a value is too old, is left out. Shown is the first term that is over its limit.
    """
    at = np.unique(np.concatenate([part.at for part in parts]))
    places = [np.searchsorted(part.at, at, side="right") - 1 for part in parts]
    known = np.array(
        [
            (place >= 0) & (at - part.at[np.maximum(place, 0)] <= hold) if len(part) else np.zeros(len(at), bool)
            for part, place, hold in zip(parts, places, holds, strict=True)
        ]
    )

    def column(name: str, empty: float) -> NDArray[np.generic]:
        found = [
            getattr(part, name)[np.maximum(place, 0)] if len(part) else np.full(len(at), empty)
            for part, place in zip(parts, places, strict=True)
        ]
        return np.array(found)

    over_raise = column("over_raise", 0).astype(bool) & known
    over_clear = column("over_clear", 0).astype(bool) & known
    joined_raise, is_told = _joined(over_raise, known, is_any=is_any)
    joined_clear, is_clear_told = _joined(over_clear, known, is_any=is_any)
    shown = np.where(over_raise.any(axis=0), over_raise.argmax(axis=0), known.argmax(axis=0))
    rows = np.arange(len(at))
    keep = is_told & is_clear_told
    value, limit = column("value", np.nan)[shown, rows], column("limit", np.nan)[shown, rows]
    return Evidence(at[keep], joined_raise[keep], joined_clear[keep], value[keep], limit[keep])


def _joined(over: Flags, known: Flags, *, is_any: bool) -> tuple[Flags, Flags]:
    """Return the joined condition, and where it is known: one true term decides any, one false term decides all."""
    some, every, all_known = np.any(over, axis=0), np.all(over, axis=0), np.all(known, axis=0)
    joined, decided = (some, some) if is_any else (every, np.any(known & ~over, axis=0))
    return np.asarray(joined), np.asarray(decided | all_known)
