"""Lab history as features: of other lots, the newest results as they were known when a lot ended, never as known later.

A correction counts from its own `result_at`; until then the value that it corrects does. Of several labs the one that
counts is the first by `labs` of those that had told a value by then.
Invariant: what is told later changes nothing, and no lot sees a result of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.instants import to_ns
from domain.lots import Judged
from domain.records import Result

N_RECENT: Final = 30  # lots whose mean is `recent`: a share of bad ones says little of fewer


@dataclass(frozen=True, slots=True, eq=False)
class LabHistory:
    """What was known of one result of a line, when. Lots are in the order in which they were first known.

    lots: name -> place. known_at: int64 ns (lots,), ascending. first: int64 (lots + 1,), where a lot's steps begin.
    at, value: of the steps, int64 ns and float64: from then on this is a lot's value; ascending within a lot.
    """

    lots: Mapping[str, int]
    known_at: NDArray[np.int64]
    first: NDArray[np.int64]
    at: NDArray[np.int64]
    value: NDArray[np.float64]


def lab_history(versions: Sequence[Result], judged: Judged) -> LabHistory:
    """Return what was known when. versions: of one result of one line; of the same lot and lab a later one in the order
    given is a later version. A lot is known from its first number; NaN where that was withdrawn.
    """
    told: dict[str, list[tuple[int, int, Result]]] = defaultdict(list)
    for version, each in enumerate(versions):
        told[each.lot].append((to_ns(each.result_at), version, each))
    steps = {lot: found for lot, rows in told.items() if (found := _steps(rows, judged))}
    ordered = sorted(steps, key=lambda lot: (steps[lot][0][0], lot))
    rows = [step for lot in ordered for step in steps[lot]]
    return LabHistory(
        {lot: place for place, lot in enumerate(ordered)},
        np.array([steps[lot][0][0] for lot in ordered], dtype=np.int64),
        np.cumsum([0, *(len(steps[lot]) for lot in ordered)], dtype=np.int64),
        np.array([at for at, _ in rows], dtype=np.int64),
        np.array([value for _, value in rows], dtype=np.float64),
    )


def known_before(history: LabHistory, at: NDArray[np.int64], lots: Sequence[str]) -> NDArray[np.float64]:
    """Return the last value known at `at` (ns) of other lots, the one before, and the mean of the newest N_RECENT:
    float64 (len(at), 3), NaN = none. lots: whose rows these are.
    """
    own = np.array([history.lots.get(lot, -1) for lot in lots], dtype=np.int64)
    place = np.searchsorted(history.known_at, at, side="right")
    values = np.full((len(at), N_RECENT), np.nan)
    for back in range(N_RECENT):
        place = place - 1
        place = np.where((place == own) & (own >= 0), place - 1, place)
        values[:, back] = _values(history, place, at)
    n = np.isfinite(values).sum(axis=1)
    recent = np.where(n > 0, np.nansum(values, axis=1) / np.maximum(n, 1), np.nan)
    return np.column_stack([values[:, :2], recent])


def _steps(rows: list[tuple[int, int, Result]], judged: Judged) -> list[tuple[int, float]]:
    """Return from when which value of a lot counted."""
    newest: dict[str, tuple[int, Result]] = {}
    steps: list[tuple[int, float]] = []
    for at, version, each in sorted(rows, key=lambda row: row[:2]):
        if version > newest.get(each.lab, (-1, each))[0]:
            newest[each.lab] = (version, each)
        valid = [r for _, r in newest.values() if r.value is not None]
        best = min(valid, key=lambda r: (judged.rank(r.lab), -to_ns(r.result_at)), default=None)
        value = np.nan if best is None or best.value is None else best.value
        if steps and steps[-1][0] == at:
            steps[-1] = (at, value)
        elif steps or best is not None:
            steps.append((at, value))
    return steps


def _values(history: LabHistory, place: NDArray[np.int64], at: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return what each lot's value was known as; NaN for a place below 0."""
    found = np.full(len(place), np.nan)
    rows = np.flatnonzero(place >= 0)
    step, stop = history.first[place[rows]], history.first[place[rows] + 1]
    while len(rows):
        is_known = (step < stop) & (history.at[np.minimum(step, len(history.at) - 1)] <= at[rows])
        rows, step, stop = rows[is_known], step[is_known], stop[is_known]
        found[rows] = history.value[step]
        step = step + 1
    return found
