"""A back-test that cannot leak: in each outer fold a detector is trained anew and judged on rows that it never saw.

Everything that learns is inside the fold: the choice of features, scaling, settings, the tournament, the threshold.
Scores of different folds are put on one scale by their distance from their own fold's threshold, so that 0 is a raise.
`random` is there for comparison only and says that it is optimistic: neighbouring windows share their rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors import promise, threshold
from detectors.calibration import log_odds_of
from detectors.folds import Fold, folds_of, stratified
from detectors.threshold import Rows, Track, clear_for
from domain.judging import catches
from domain.limits import Limits
from domain.scores import Detector, TrainingAids, TrainingError
from domain.vectors import Training

CONFIDENCE: Final = 0.9
SHARES: Final = (0.80, 0.85, 0.90, 0.95)
OPTIMISTIC: Final = "random"
Train = Callable[[Training, TrainingAids], Detector]
Anew = Callable[[NDArray[np.int64]], tuple[Training, NDArray[np.int64]]]


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What the outer folds said of the rows that they tested. margin: log-odds over the fold's own raise threshold.

    life: (n, 3) remaining life with its interval, None where the detector gives none. refused: folds without a model.
    """

    rows: NDArray[np.int64]
    margin: NDArray[np.float64]
    value: NDArray[np.float64]
    thresholds: tuple[float, ...]
    clear: float
    life: NDArray[np.float64] | None
    n_folds: int
    refused: tuple[str, ...]
    learners: tuple[str, ...]


def outer_folds(
    training: Training, split: str, n_folds: int, seed: int, is_test: NDArray[np.bool_] | None, tested: float = 0.5
) -> Iterator[Fold]:
    """Yield (train, test) rows. given: one fold, tested where `is_test`; raises TrainingError where none is named."""
    if split == "given":
        if is_test is None or not is_test.any() or is_test.all():
            raise TrainingError('split = "given" needs assets of `part` train and of `part` test in assets.csv')
        yield np.flatnonzero(~is_test), np.flatnonzero(is_test)
    elif split == OPTIMISTIC:
        yield from stratified(training.outcome, n_folds, seed)
    else:
        yield from folds_of(training, n_folds, split, seed, tested)


def out_of_fold(
    training: Training, train: Train, aids: TrainingAids, folds: Iterator[Fold], anew: Anew | None = None
) -> Outcome:
    """Train in each fold and score its test rows. A fold whose training is refused tests nothing, and says why.

    anew: makes the rows by what is found on those that a fold trains on (operating modes), and tells the place of each
    row of `training` among them, -1 = it cannot be assessed; None where nothing is found on many rows.
    """
    rows, margins, values, lives = [], [], [], []
    limits, refused, learners = [], [], []
    n_folds = 0
    for n_folds, (fit, test) in enumerate(folds, start=1):
        aids.told(f"part {n_folds} of the back-test")
        try:
            made, place = (training, np.arange(len(training.outcome))) if anew is None else anew(fit)
            fit, test = fit[place[fit] >= 0], test[place[test] >= 0]
            if not len(test):
                raise TrainingError("no row to test is in an operating mode that the rows to train on hold")
            detector = train(made.take(place[fit]), aids)
        except TrainingError as error:
            refused.append(str(error))
            continue
        found = detector.score(made.vectors.take(place[test]).select(detector.names), is_explained=False)
        limit = log_odds_of(detector.threshold if detector.threshold is not None else 0.5)
        rows.append(test)
        margins.append(found.raw - limit)
        values.append(found.value)
        lives.append(found.life)
        limits.append(detector.threshold if detector.threshold is not None else 0.5)
        learners.append(str(detector.report.get("learner", "")))
    if not rows:
        raise TrainingError(refused[0] if refused else "the history cannot be split: more assets, or more of it")
    life = None if any(x is None for x in lives) else np.concatenate([x for x in lives if x is not None])
    return Outcome(
        np.concatenate(rows),
        np.concatenate(margins),
        np.concatenate(values),
        tuple(limits),
        clear_for(0.0),
        life,
        n_folds,
        tuple(refused),
        tuple(learners),
    )


def report(training: Training, outcome: Outcome, aids: TrainingAids, split: str, unit_s: float) -> dict[str, Any]:
    """Return the figures as JSON data; a key that has no meaning for these data is null, with its reason in `null`.

    unit_s: seconds of an axis unit.
    """
    aim, t = aids.aim, training.take(outcome.rows)
    empty: dict[str, str] = {}
    found: dict[str, Any] = {
        "split": split,
        "is_optimistic": split == OPTIMISTIC,
        "folds": outcome.n_folds,
        "folds_refused": list(outcome.refused),
        "learners": list(outcome.learners),
        "n_rows": len(t.vectors),
        "purge_s": t.embargo_ns / 1e9,
        "counts": "rows" if aim.by_rows else "events",
        "threshold": float(np.median(outcome.thresholds)),
        "target_recall": aim.recall,
        "confidence": aim.confidence,
        "lead_budget_s": t.lead * unit_s,
        "horizon_s": t.horizon * unit_s,
    }
    found |= _by_row(t, outcome, empty)
    found |= _by_case(t, outcome, empty) if _has_own_groups(t) else _by_event(t, outcome, aids, unit_s, empty)
    found |= _at_the_end(t, outcome, empty)
    curve = _curve(t, outcome, aids)
    place = int(np.argmin(np.abs(curve.levels)))
    found["curve"] = threshold.priced(curve, aim, aids.seed, place)
    found["null"] = empty
    return found


def _has_own_groups(t: Training) -> bool:
    return len(np.unique(t.group.astype(str))) == len(t.group)


def _curve(t: Training, outcome: Outcome, aids: TrainingAids) -> threshold.Curve:
    if aids.aim.by_rows:
        return threshold.curve_of_rows(outcome.margin, t.outcome, t.group)
    return threshold.curve_of(_tracks(t, outcome), _reach(t, aids))


def _tracks(t: Training, outcome: Outcome) -> list[Track]:
    return threshold.tracks_of(outcome.margin, t.vectors.asset, t.vectors.position, t.to_event, t.mode)


def _reach(t: Training, aids: TrainingAids) -> Rows:
    return Rows(t.horizon, t.lead, aids.confirm)


def _by_event(
    t: Training, outcome: Outcome, aids: TrainingAids, unit_s: float, empty: dict[str, str]
) -> dict[str, Any]:
    """Judge alerts against events; one that no scored row could have warned of in time is counted apart.

    Warned early: missed, for the alert that was still open in time had been raised before the horizon.
    """
    rows, limits = _reach(t, aids), Limits(0.0, outcome.clear)
    modes: dict[str, list[int]] = {}
    leads: list[float] = []
    n_any = n_false = n_unwatched = n_early = 0
    watched = 0.0
    for track in _tracks(t, outcome):
        spans = threshold.spans_of(track, limits, rows.confirm)
        raised = [a for a, _ in spans]
        in_time = catches(raised, track.failures, rows.horizon, rows.lead)
        at_all = catches(raised, track.failures, rows.horizon, 0.0)
        for i, at in enumerate(track.failures):
            ahead = at - track.position
            if not ((ahead <= rows.horizon) & (ahead >= rows.lead)).any():
                n_unwatched += 1
                continue
            counted = modes.setdefault(track.modes[i], [0, 0])
            counted[0] += 1
            counted[1] += i in in_time
            n_any += i in at_all
            n_early += i not in in_time and threshold.was_early(spans, at, rows)
        leads += [lead * unit_s for lead in in_time.values()]
        n_false += threshold.judged(track, 0.0, rows, outcome.clear).n_false
        watched += float(np.ptp(track.position))
    n, caught = (sum(m[i] for m in modes.values()) for i in (0, 1))
    weeks = watched / aids.aim.week
    if not n:
        empty |= dict.fromkeys(("event_recall", "event_recall_any"), "no event in the rows that were tested")
    if not leads:
        empty["median_lead_time_s"] = "no event was caught in time"
    if not weeks:
        empty["false_alarms_per_week"] = "no asset was watched over a span"
    return {
        "n_events": n,
        "n_events_unwatched": n_unwatched,
        "n_events_warned_early": n_early,
        "events_caught": caught,
        "event_recall": caught / n if n else None,
        "event_recall_any": n_any / n if n else None,
        "event_recall_interval": list(promise.interval_of(caught, n, CONFIDENCE)),
        "promised_recall": promise.floor_of(caught, n, aids.aim.confidence) if n else None,
        "false_alarms": n_false,
        "false_alarms_per_week": n_false / weeks if weeks else None,
        "asset_weeks": weeks,
        "median_lead_time_s": float(np.median(leads)) if leads else None,
        "lead_times_s": sorted(leads),
        "per_mode": {
            mode: {
                "n_events": total,
                "events_caught": k,
                "event_recall": k / total,
                "event_recall_interval": list(promise.interval_of(k, total, CONFIDENCE)),
            }
            for mode, (total, k) in sorted(modes.items())
        },
        "modes_never_caught": sorted(mode for mode, (_, k) in modes.items() if not k),
    }


def _by_case(t: Training, outcome: Outcome, empty: dict[str, str]) -> dict[str, Any]:
    """Count rows that are cases of their own, with the keys of events where they mean the same."""
    is_one, is_raised = t.outcome == 1, outcome.margin >= 0
    n, caught = int(is_one.sum()), int((is_one & is_raised).sum())
    reason = "rows are counted one by one: they have no time and no asset"
    empty |= dict.fromkeys(("false_alarms_per_week", "median_lead_time_s", "event_recall_any"), reason)
    modes = {str(m): t.mode == m for m in np.unique(t.mode[is_one].astype(str))}
    return {
        "n_events": n,
        "n_events_unwatched": 0,
        "n_events_warned_early": 0,
        "events_caught": caught,
        "event_recall": caught / n if n else None,
        "event_recall_any": None,
        "event_recall_interval": list(promise.interval_of(caught, n, CONFIDENCE)),
        "false_alarms": int((~is_one & is_raised).sum()),
        "false_alarms_per_week": None,
        "median_lead_time_s": None,
        "lead_times_s": [],
        "per_mode": {
            mode: {"n_events": int((is_one & of).sum()), "events_caught": int((is_one & of & is_raised).sum())}
            for mode, of in modes.items()
        },
        "modes_never_caught": [m for m, of in modes.items() if not (is_one & of & is_raised).any()],
    }


def _by_row(t: Training, outcome: Outcome, empty: dict[str, str]) -> dict[str, Any]:
    from sklearn.metrics import average_precision_score, roc_auc_score

    is_one, is_raised = t.outcome == 1, outcome.margin >= 0
    hits = int((is_one & is_raised).sum())
    has_both = 0 < is_one.sum() < len(is_one)
    if not has_both:
        reason = "the rows that were tested hold one outcome only"
        empty |= dict.fromkeys(("pr_auc", "roc_auc", "precision_at_recall"), reason)
    if not is_raised.any():
        empty["row_precision"] = "no row was over its threshold"
    return {
        "row_recall": hits / int(is_one.sum()) if is_one.any() else None,
        "row_precision": hits / int(is_raised.sum()) if is_raised.any() else None,
        "pr_auc": float(average_precision_score(is_one, outcome.margin)) if has_both else None,
        "precision_at_recall": _precisions(is_one, outcome.margin) if has_both else None,
        "roc_auc": float(roc_auc_score(is_one, outcome.margin)) if has_both else None,
    }


def _precisions(is_one: NDArray[np.bool_], margin: NDArray[np.float64]) -> dict[str, float]:
    """Return the best precision at which each share of the rows of an event is over a threshold."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(is_one, margin)
    return {f"{share:.2f}": float(precision[recall >= share - 1e-12].max()) for share in SHARES}


def _at_the_end(t: Training, outcome: Outcome, empty: dict[str, str]) -> dict[str, Any]:
    """Judge the last row of each asset alone: what is said of an asset whose record ends here."""
    if _has_own_groups(t):
        empty |= dict.fromkeys(("at_the_end", "remaining_life"), "no asset has more than one row")
        return {"at_the_end": None, "remaining_life": None}
    _, member = np.unique(t.vectors.asset.astype(str), return_inverse=True)
    order = np.lexsort((t.vectors.position, member))
    last = order[np.append(np.flatnonzero(np.diff(member[order])), len(order) - 1)]
    is_one, is_raised = t.outcome[last] == 1, outcome.margin[last] >= 0
    hits = int((is_one & is_raised).sum())
    at_the_end = {
        "n_assets": len(last),
        "n_events": int(is_one.sum()),
        "events_caught": hits,
        "alarms": int(is_raised.sum()),
        "precision": hits / int(is_raised.sum()) if is_raised.any() else None,
    }
    if outcome.life is None:
        empty["remaining_life"] = "the detector was not asked for it: `remaining_life` in its options"
        return {"at_the_end": at_the_end, "remaining_life": None}
    return {"at_the_end": at_the_end, "remaining_life": {
        "at_the_end": life_figures(t.to_event[last], outcome.life[last]),
        "every_row": life_figures(t.to_event, outcome.life),
    }}  # fmt: skip


def life_figures(to_event: NDArray[np.float64], life: NDArray[np.float64]) -> dict[str, Any]:
    """Return the errors of remaining life where an event is known; the truth is capped as the predictions are.

    life: (n, 4): value, low, high, cap.
    """
    known = np.isfinite(to_event)
    value, low, high, cap = life[known].T
    truth = np.minimum(to_event[known], cap)
    error = value - truth
    if not len(error):
        return {"n": 0, "rmse": None, "mae": None, "bias": None, "interval_coverage": None, "mean_width": None}
    return {
        "n": len(error),
        "rmse": float(np.sqrt(np.mean(error**2))),
        "mae": float(np.mean(np.abs(error))),
        "bias": float(error.mean()),
        "interval_coverage": float(np.mean((low <= truth) & (truth <= high))),
        "mean_width": float(np.mean(high - low)),
    }
