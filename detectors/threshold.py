"""Out-of-fold scores to what each raise threshold would have been worth, and to the one that is taken.

Invariant: a threshold is judged by `domain.limits.raises` and `domain.judging.judge`, the pieces that live alerts and
the back-test use; rows are counted one by one only where the aim says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors import promise
from domain.judging import NOTHING, Judgement, catches, judge
from domain.limits import Limits, raises
from domain.scores import Aim

N_CANDIDATES: Final = 100
MOST_EVENTS: Final = 100  # thresholds at the best scores of this many events
BOOTSTRAPS: Final = 200
BAND: Final = (0.05, 0.95)
SHOWN: Final = 60  # rows of a curve that is kept


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """The scores of one asset in order, with their positions and the failures, all on the asset's axis.

    modes: the failures' codes, one for each.
    """

    raw: NDArray[np.float64]
    position: NDArray[np.float64]
    failures: tuple[float, ...]
    modes: tuple[str, ...] = ()

    @property
    def until(self) -> float:
        """The end of what is known of it."""
        return max((*self.failures, float(self.position[-1])))


@dataclass(frozen=True, slots=True)
class Rows:
    """How far a threshold reaches and for how long it must be held, in axis units."""

    horizon: float
    lead: float
    confirm: float


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """What each threshold would have been worth. levels: float64 (k,), ascending, on the raw scale.

    caught, false: int64 (k, tracks); events, watched: (tracks,), watched in axis units, or in rows.
    """

    levels: NDArray[np.float64]
    caught: NDArray[np.int64]
    false: NDArray[np.int64]
    events: NDArray[np.int64]
    watched: NDArray[np.float64]

    @property
    def n_events(self) -> int:
        """Number of events."""
        return int(self.events.sum())

    def per_week(self, week: float) -> NDArray[np.float64]:
        """Return the false alarms per week and asset at each level; week: axis units."""
        watched = self.watched.sum()
        return np.asarray(self.false.sum(axis=1) / max(float(watched), 1e-12) * week)


@dataclass(frozen=True, slots=True)
class Choice:
    """A threshold on the raw scale, with what it did out of fold.

    promised: the recall on unseen events that it proves with the aim's confidence, None where rows were counted that
    depend on one another; highest: the highest that any threshold proves. is_kept: whether the aim's floor is.
    """

    raise_at: float
    clear_at: float
    judgement: Judgement
    false_alarms_per_unit: float  # per axis unit watched
    promised: float | None = None
    highest: float | None = None
    is_kept: bool = False
    is_within_budget: bool = True


def tracks_of(
    raw: NDArray[np.float64],
    group: NDArray[np.object_],
    position: NDArray[np.float64],
    to_event: NDArray[np.float64],
    mode: NDArray[np.object_] | None = None,
) -> list[Track]:
    """Split rows into tracks by group, in order of position."""
    tracks = []
    names, member = np.unique(group.astype(str), return_inverse=True)
    order = np.lexsort((position, member))
    for rows in np.split(order, np.flatnonzero(np.diff(member[order])) + 1) if len(names) else []:
        ends = (position + to_event)[rows]
        failures, first = np.unique(ends[np.isfinite(ends)], return_index=True)
        modes = () if mode is None else tuple(str(m) for m in mode[rows][np.isfinite(ends)][first])
        tracks.append(Track(raw[rows], position[rows], tuple(failures.tolist()), modes))
    return tracks


def clear_for(raise_at: float) -> float:
    """Return the clear limit of a raise limit on the log-odds scale: one unit lower (odds divided by 2.7)."""
    return raise_at - 1.0


def judged(track: Track, raise_at: float, rows: Rows, clear_at: float | None = None) -> Judgement:
    """Replay the alert logic over one track."""
    limits = Limits(raise_at, clear_for(raise_at) if clear_at is None else clear_at)
    spans = spans_of(track, limits, rows.confirm)
    return judge(spans, track.failures, rows.horizon, rows.lead, track.until)


def spans_of(track: Track, limits: Limits, confirm: float) -> list[tuple[float, float]]:
    """Return (raised, cleared) positions of each alert over a track; one that stays open is cleared at infinity."""
    found = raises(track.raw, track.position, limits, confirm)
    return [(float(track.position[a]), float(track.position[b]) if b < len(track.raw) else np.inf) for a, b in found]


def was_early(spans: Sequence[tuple[float, float]], at: float, rows: Rows) -> bool:
    """Return whether an alert that was open when there was still time for a failure had been raised before the horizon
    began: the failure shows earlier than that.
    """
    return any(raised < at - rows.horizon and at - rows.lead < cleared for raised, cleared in spans)


def n_early(tracks: Sequence[Track], raise_at: float, rows: Rows) -> int:
    """Return how many failures a threshold misses for it warned of them before the horizon."""
    n = 0
    for track in tracks:
        spans = spans_of(track, Limits(raise_at, clear_for(raise_at)), rows.confirm)
        caught = catches([raised for raised, _ in spans], track.failures, rows.horizon, rows.lead)
        n += sum(i not in caught and was_early(spans, at, rows) for i, at in enumerate(track.failures))
    return n


def evaluate(tracks: Sequence[Track], raise_at: float, rows: Rows) -> Choice:
    """Replay the alert logic over the tracks with one threshold."""
    total, watched = NOTHING, 0.0
    for track in tracks:
        total += judged(track, raise_at, rows)
        watched += float(np.ptp(track.position))
    return Choice(raise_at, clear_for(raise_at), total, total.n_false / watched if watched else 0.0)


def curve_of(tracks: Sequence[Track], rows: Rows) -> Curve:
    """Judge the tracks at thresholds spread over their scores, and at the best scores before their failures."""
    scores = np.concatenate([t.raw for t in tracks])
    best = np.array([b for t in tracks for b in _best_scores(t, rows)])
    levels = _levels(scores, best)
    found = [[judged(track, level, rows) for track in tracks] for level in levels.tolist()]
    return Curve(
        levels,
        np.array([[j.n_caught for j in row] for row in found], dtype=np.int64),
        np.array([[j.n_false for j in row] for row in found], dtype=np.int64),
        np.array([len(t.failures) for t in tracks], dtype=np.int64),
        np.array([float(np.ptp(t.position)) for t in tracks]),
    )


def curve_of_rows(raw: NDArray[np.float64], label: NDArray[np.float64], group: NDArray[np.object_]) -> Curve:
    """Count rows: one of label 1 at or over the threshold is caught, another is a false alarm. Tracks: the groups."""
    is_one = label == 1
    levels = _levels(raw, raw[is_one])
    names, member = np.unique(group.astype(str), return_inverse=True)
    place = np.searchsorted(levels, raw, side="right")  # a row is over the first `place` levels
    caught, false = (np.zeros((len(levels) + 1, len(names)), dtype=np.int64) for _ in range(2))
    np.add.at(caught, (place[is_one], member[is_one]), 1)
    np.add.at(false, (place[~is_one], member[~is_one]), 1)
    caught, false = (np.cumsum(counts[::-1], axis=0)[::-1][1:] for counts in (caught, false))
    events = np.bincount(member[is_one], minlength=len(names))
    return Curve(levels, caught, false, events, np.bincount(member, minlength=len(names)).astype(np.float64))


def choose(curve: Curve, aim: Aim, *, is_independent: bool = True) -> tuple[int, Choice]:
    """Return the place and the worth of the threshold that is taken.

    Recall first: of the thresholds that promise the floor (and, with a budget, stay within it), the cheapest where
    costs are known, else the one with the fewest false alarms; of equals the middle one, which is furthest from both
    faults. Where none does, the most events that can be caught within the budget, in the same order.
    is_independent: False where the events are rows that depend on one another; the floor is then an observed share.
    """
    n, caught, false = curve.n_events, curve.caught.sum(axis=1), curve.false.sum(axis=1)
    needed = promise.least_caught(n, aim.recall, aim.confidence) if is_independent else int(np.ceil(aim.recall * n))
    weekly = curve.per_week(aim.week)
    fits = np.full(len(caught), True) if aim.budget is None else weekly <= aim.budget
    pool = fits if fits.any() else weekly == weekly.min()
    keeps = pool & (caught >= n + 1 if needed is None else caught >= needed)
    pool = keeps if keeps.any() else pool & (caught == caught[pool].max())
    price = false.astype(np.float64) if aim.money is None else money(curve, aim)
    places = np.flatnonzero(pool)
    order = places[np.lexsort((-caught[places], price[places]))]
    best = order[0]
    plateau = places[(price[places] == price[best]) & (caught[places] == caught[best])]
    taken = int(plateau[len(plateau) // 2])
    raise_at = float(curve.levels[taken])
    watched = float(curve.watched.sum())
    proven = [promise.floor_of(int(k), n, aim.confidence) if n else 0.0 for k in (caught[taken], caught.max())]
    return taken, Choice(
        raise_at,
        clear_for(raise_at),
        Judgement(n, int(caught[taken]), int(false[taken]), ()),
        float(false[taken]) / watched if watched else 0.0,
        proven[0] if is_independent else None,
        proven[1] if is_independent else None,
        bool(keeps.any()),
        bool(fits[taken]),
    )


def money(curve: Curve, aim: Aim) -> NDArray[np.float64]:
    """Return what each threshold costs: a stop for each event missed, a check for each alert, caught or false."""
    stop, check = aim.money if aim.money is not None else (aim.weight, 1.0)
    caught = curve.caught.sum(axis=1)
    return np.asarray((curve.n_events - caught) * stop + (caught + curve.false.sum(axis=1)) * check, dtype=np.float64)


def losses(curve: Curve, level: int, aim: Aim) -> NDArray[np.float64]:
    """Return what each track loses at a level: missed events and false alarms, weighed as the aim does."""
    stop, check = aim.money if aim.money is not None else (aim.weight, 1.0)
    missed = curve.events - curve.caught[level]
    return np.asarray(missed * stop + curve.false[level] * check, dtype=np.float64)


def priced(curve: Curve, aim: Aim, seed: int, taken: int | None = None) -> list[dict[str, Any]]:
    """Return the curve as JSON rows with a 90 % bootstrap band over the tracks, at most SHOWN and the taken one.

    What is told per week is so for each asset, or per case for cases. Money is in the config's currency; null where no
    costs are given.
    """
    places = np.unique(np.linspace(0, len(curve.levels) - 1, SHOWN).astype(int))
    places = np.unique(np.append(places, [] if taken is None else [taken])).astype(int)
    n = len(curve.events)
    weights = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), BOOTSTRAPS).astype(np.float64)
    caught, false = (weights @ counts[places].T.astype(np.float64) for counts in (curve.caught, curve.false))
    events, watched = weights @ curve.events, weights @ curve.watched
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = np.where(events[:, None] > 0, caught / events[:, None], np.nan)
        weekly = np.where(watched[:, None] > 0, false / watched[:, None] * aim.week, np.nan)
        weeks = watched[:, None] / aim.week
        stop, check = aim.money or (np.nan, np.nan)
        spent = ((events[:, None] - caught) * stop + (caught + false) * check) / weeks
    total_weeks = max(float(curve.watched.sum()) / aim.week, 1e-12)
    per_week, cost = curve.per_week(aim.week), money(curve, aim) / total_weeks
    bands = {name: _band(found) for name, found in (("recall", recall), ("false", weekly), ("money", spent))}
    return [
        {
            "raise_at": float(curve.levels[i]),
            "caught": int(curve.caught[i].sum()),
            "events": curve.n_events,
            "false_alarms": int(curve.false[i].sum()),
            "false_alarms_per_week": float(per_week[i]),
            "money_per_week": None if aim.money is None else float(cost[i]),
            "recall_band": bands["recall"][j],
            "false_alarms_band": bands["false"][j],
            "money_band": None if aim.money is None else bands["money"][j],
            "is_per_case": aim.is_of_cases,
            "is_taken": i == taken,
        }
        for j, i in enumerate(places.tolist())
    ]


def _band(found: NDArray[np.float64]) -> list[list[float] | None]:
    is_there = ~np.isnan(found).all(axis=1)
    if not is_there.any():
        return [None] * found.shape[1]
    low, high = np.quantile(found[is_there], BAND, axis=0)
    return [[float(a), float(b)] for a, b in zip(low, high, strict=True)]


def _best_scores(track: Track, rows: Rows) -> list[float]:
    found = []
    for at in track.failures:
        ahead = at - track.position
        near = track.raw[(ahead <= rows.horizon) & (ahead >= rows.lead)]
        if len(near):
            found.append(float(near.max()))
    return found


def _levels(scores: NDArray[np.float64], best: NDArray[np.float64]) -> NDArray[np.float64]:
    spread = np.quantile(scores, np.linspace(0.02, 1.0, N_CANDIDATES))
    at_events = np.sort(best)[np.unique(np.linspace(0, len(best) - 1, min(len(best), MOST_EVENTS)).astype(int))]
    return np.unique(np.concatenate([spread, at_events]))
