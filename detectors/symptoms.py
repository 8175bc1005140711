"""What happened to an asset and its windows in, what each window may warn of out. Pure: arrays in, arrays out.

Invariant: a window that touches what is left out (a stop, its repair, the recovery, re-learning) is never learned from,
nor is one whose future is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors import detector_class
from detectors.settings import DetectorSettings, SymptomSettings
from domain.records import Event, EventKind, Result

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
ENDLESS: Final = int(np.iinfo(np.int64).max)
KINDS: Final = {
    "failure": (EventKind.FAILURE,),
    "trend": (EventKind.FAILURE,),
    "stop": (EventKind.STOP, EventKind.FAILURE),
    "alarm": (EventKind.ALARM,),
    "result": (),
}


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """One asset's course. at: float64 (k,), ascending, where on its axis what is warned of happened. mode: object (k,),
    the code. onset: float64 (k,), from where each shows in the data; -inf = not looked for, or not found.

    left_out: int64 (m, 2), [start, end) ns, disjoint and ascending. last: where on the axis its data end.
    """

    at: Floats
    mode: NDArray[np.object_]
    onset: Floats
    left_out: Ints
    last: float


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Of n windows: is_kept bool; of all of them, to_event (axis units, inf = none), outcome 0/1 and mode."""

    is_kept: NDArray[np.bool_]
    to_event: Floats
    outcome: Floats
    mode: NDArray[np.object_]

    def take(self, rows: NDArray[np.bool_]) -> Labels:
        """Return the rows chosen by a mask."""
        return Labels(self.is_kept[rows], self.to_event[rows], self.outcome[rows], self.mode[rows])


def is_of_lots(detector: DetectorSettings) -> bool:
    """Return whether a detector of a known kind scores lots, not windows of an asset."""
    return detector_class(detector.kind).role == "quality" or detector.symptom.from_ == "result"


def is_symptom(event: Event, symptom: SymptomSettings, outcome: str) -> bool:
    """Return whether an event is what a detector warns of: `codes`, or else the outcome's code, or else any."""
    codes = symptom.codes or ((outcome,) if outcome else ())
    return event.kind in KINDS[symptom.from_] and (not codes or event.code in codes)


def is_bad_result(result: Result, symptom: SymptomSettings) -> bool:
    """Return whether a lot's result is what is warned of: its text or number is one of `codes`, or else not 0."""
    if not symptom.codes:
        return result.value != 0
    return mode_of_result(result) in symptom.codes


def mode_of_result(result: Result) -> str:
    """Return how a result is told: its text, or its number as `codes` spell it."""
    return result.text or ("" if result.value is None else f"{result.value:g}")


def labelled(start: Ints, end: Ints, position: Floats, course: Course, horizon: float) -> Labels:
    """Label the windows [start, end) ns that end at `position` on the asset's axis.

    A window may warn of the next event at or after it. It does (outcome 1) where that is within the horizon, and not
    before the onset where one was found. Not kept: what touches `left_out`, and what no event follows while less than
    a horizon of data does.
    """
    place = np.searchsorted(course.at, position, side="left")
    to_event = np.append(course.at, np.inf)[place] - position
    onset = np.append(course.onset, np.inf)[place]
    is_known = np.isfinite(to_event) | (position + horizon <= course.last)
    outcome = ((to_event <= horizon) & (position >= onset)).astype(np.float64)
    mode = np.append(course.mode, np.array([""], dtype=object))[place]
    return Labels(is_known & ~touching(start, end, course.left_out), to_event, outcome, mode)


def labels_of(parts: Sequence[Labels]) -> Labels:
    """Join labels, in order."""
    none = Labels(np.empty(0, dtype=bool), np.empty(0), np.empty(0), np.empty(0, dtype=object))
    each = (none, *parts)
    is_kept, to_event, outcome, mode = (
        np.concatenate([getattr(p, name) for p in each]) for name in ("is_kept", "to_event", "outcome", "mode")
    )
    return Labels(is_kept, to_event, outcome, mode)


def touching(start: Ints, end: Ints, spans: Ints) -> NDArray[np.bool_]:
    """Return which windows [start, end) touch one of the disjoint, ascending spans; an instant [at, at) is touched
    where a window goes on after it.
    """
    if not len(spans):
        return np.zeros(len(start), dtype=bool)
    before = np.searchsorted(spans[:, 0], end, side="left") - 1
    return np.asarray((before >= 0) & (spans[before, 1] > start), dtype=bool)


def merged(spans: Sequence[tuple[int, int]]) -> Ints:
    """Return spans [start, end), in any order, as int64 (m, 2): disjoint and ascending."""
    found: list[list[int]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1][1] = max(found[-1][1], end)
        else:
            found.append([start, end])
    return np.array(found, dtype=np.int64).reshape(-1, 2)
