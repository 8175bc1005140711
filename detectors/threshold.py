"""The raise threshold of a failure score, chosen on out-of-fold scores by what its alerts would have been worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.judging import NOTHING, Judgement, judge
from domain.limits import Limits, raises

N_CANDIDATES: Final = 120


@dataclass(frozen=True, slots=True)
class Choice:
    """A threshold on the raw scale, with what it did out of fold."""

    raise_at: float
    clear_at: float
    judgement: Judgement
    false_alarms_per_unit: float  # per axis unit watched


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """The scores of one asset in order, with their positions and the failures, all on the asset's axis."""

    raw: NDArray[np.float64]
    position: NDArray[np.float64]
    failures: tuple[float, ...]


def tracks_of(
    raw: NDArray[np.float64],
    group: NDArray[np.object_],
    position: NDArray[np.float64],
    to_event: NDArray[np.float64],
) -> list[Track]:
    """Split rows into tracks by group, in order of position."""
    tracks = []
    for name in np.unique(group.astype(str)):
        rows = np.flatnonzero(group == name)
        rows = rows[np.argsort(position[rows], kind="stable")]
        ends = (position + to_event)[rows]
        failures = tuple(np.unique(ends[np.isfinite(ends)]).tolist())
        tracks.append(Track(raw[rows], position[rows], failures))
    return tracks


def clear_for(raise_at: float) -> float:
    """Return the clear limit of a raise limit on the log-odds scale: one unit lower (odds divided by 2.7)."""
    return raise_at - 1.0


def evaluate(tracks: list[Track], raise_at: float, horizon: float, lead: float, confirm: float) -> Choice:
    """Replay the alert logic over the tracks with one threshold."""
    limits = Limits(raise_at, clear_for(raise_at))
    total, watched = NOTHING, 0.0
    for track in tracks:
        found = raises(track.raw.tolist(), track.position.tolist(), limits, confirm)
        spans = [(track.position[a], track.position[b] if b < len(track.raw) else np.inf) for a, b in found]
        until = max((*track.failures, float(track.position[-1])))
        total += judge([(float(a), float(b)) for a, b in spans], track.failures, horizon, lead, until)
        watched += float(np.ptp(track.position)) if len(track.position) else 0.0
    return Choice(raise_at, limits.clear_at, total, total.n_false / watched if watched else 0.0)


def choose(
    tracks: list[Track], target_recall: float, horizon: float, lead: float, confirm: float
) -> tuple[Choice, list[dict[str, Any]]]:
    """Return the chosen threshold and the whole curve.

    Recall first: of the thresholds whose event recall reaches the target (or, where none does, the highest recall
    there is), those with the fewest false alarms; of these the middle one, which is furthest from both faults.
    """
    scores = np.concatenate([t.raw for t in tracks])
    levels = np.unique(np.quantile(scores, np.linspace(0.02, 1.0, N_CANDIDATES)))
    choices = [evaluate(tracks, float(level), horizon, lead, confirm) for level in levels]
    best_recall = max(c.judgement.n_caught for c in choices)
    n_events = choices[0].judgement.n_events
    floor = min(best_recall, int(np.ceil(target_recall * n_events - 1e-9)))
    enough = [c for c in choices if c.judgement.n_caught >= floor]
    fewest = min(c.judgement.n_false for c in enough)
    plateau = [c for c in enough if c.judgement.n_false == fewest]
    curve = [
        {
            "raise_at": c.raise_at,
            "caught": c.judgement.n_caught,
            "events": c.judgement.n_events,
            "false_alarms": c.judgement.n_false,
        }
        for c in choices
    ]
    return plateau[len(plateau) // 2], curve
