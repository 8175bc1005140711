"""A whole factor study: lots and a learner in, one record (JSON data) out, which reports and the console read. Pure.

Invariant: whoever reads the record computes nothing heavy, and sees the same figures everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

import numpy as np

from reports import conditions, effects, limits, whatif
from reports.divided import divided
from reports.factors import Ranked, ranking
from reports.study import Fit, Floats, Lots, plain, spread_over

MOST_SHOWN: Final = 10  # groups whose effects are looked at
MOST_RANKED: Final = 40
MOST_DOTS: Final = 300
COVERAGE: Final = 0.9
Tell = Callable[[str], None]


def note_of(detector: str) -> str:
    """Return the name of the ledger's note that holds the newest study of a detector."""
    return f"factors of {detector}"


def study(
    lots: Lots, fit: Fit, *, seed: int = 1, cost: tuple[float, float] | None = None, tell: Tell = lambda _step: None
) -> dict[str, Any]:
    """Study lots in time order; raises ValueError where there are too few. tell: hears what is under way.

    Beside what is here a record holds, by who keeps it: detector, outcome, unit, units (by factor) and made_at.
    """
    lots = lots.process_only()
    tell("ranking the factors")
    ranks = ranking(lots, fit, seed)
    shown = ranks.factors[:MOST_SHOWN]
    leads = [r.members[0] for r in shown]
    movable = [f for r in shown for f in r.members if f in lots.controllable]
    strata = lots.all_strata()
    few = _of(lots, [f for r in shown for f in r.members])
    tell("their effects")
    found = effects.effects(few, fit, list(dict.fromkeys([*leads, *movable])), seed)
    tell("limits and conditions")
    signs = {e.factor: e.sign for e in found}
    advice = limits.advise_all(few, list(dict.fromkeys([*leads, *movable])), leads, strata, seed)
    slopes = {f: effects.slopes(few, f, leads, strata) for f in leads}
    is_bad = conditions.bad_lots(lots)
    held_out, predicted = _held_out(few, fit)
    errors = np.abs(predicted - lots.outcome[held_out])
    is_low_worse = lots.worse is not None and _falls(lots.outcome, lots.worse)
    rules = conditions.rules(few, leads, is_bad, cost)
    tell("what-if")
    every = spread_over(len(lots.outcome), effects.MOST_ROWS)
    model = fit(few.values[every], few.outcome[every])
    width = float(np.quantile(errors, COVERAGE))
    record = {
        "n_lots": len(lots.outcome),
        "n_factors": len(lots.columns()),
        "n_bad": int(is_bad.sum()),
        "counts_defects": lots.counts_defects,
        "says_worse": lots.worse is not None,
        "is_low_worse": is_low_worse,
        "rmse": ranks.rmse,
        "mean_rmse": ranks.mean_rmse,
        "n_held_out": ranks.n_held_out,
        "strata": list(strata),
        "divided": [asdict(d) for d in divided(strata, lots.outcome, is_bad)],
        "factors": [_factor(r, lots, slopes, signs) for r in ranks.factors[:MOST_RANKED]],
        "effects": {e.factor: _effect(e, lots) for e in found},
        "advice": [asdict(a) for a in advice],
        "deciles": [asdict(d) for d in conditions.deciles(
            predicted, lots.outcome[held_out], is_bad[held_out], is_low_worse=is_low_worse)],
        "conditions": [asdict(r) for r in rules.rules],
        "n_tried": rules.n_tried,
        "has_costs": cost is not None,
        "what_if": whatif.basis(few, model, width, found),
    }  # fmt: skip
    return dict(plain(record))


def _of(lots: Lots, factors: Sequence[str]) -> Lots:
    """Return the lots with these factors' columns only: those that matter, so that what follows takes seconds. The
    strata and texts stay.
    """
    kept = lots.with_levels(factors)
    return replace(lots, values=lots.values[:, kept], names=tuple(lots.names[i] for i in kept))


def _held_out(lots: Lots, fit: Fit) -> tuple[np.ndarray[Any, Any], Floats]:
    rows, said = [], []
    for train, test in lots.folds:
        if len(train) >= 2 and len(test):
            part = train[spread_over(len(train), effects.MOST_ROWS)]
            rows.append(test)
            said.append(fit(lots.values[part], lots.outcome[part])(lots.values[test]))
    return np.concatenate(rows), np.concatenate(said)


def _falls(outcome: Floats, worse: Floats) -> bool:
    return float(((outcome - outcome.mean()) * (worse - worse.mean())).sum()) < 0


def _factor(
    ranked: Ranked, lots: Lots, slopes: Mapping[str, Sequence[effects.Slope]], signs: Mapping[str, int]
) -> dict[str, Any]:
    """Return a factor; its direction is sure where neither a stratum nor its effect, all else equal, denies it."""
    lead = ranked.members[0]
    own = slopes.get(lead, ())
    is_denied = any(sign == -ranked.direction for sign in (signs.get(lead, 0), *(s.sign for s in own)) if sign)
    return {
        **asdict(ranked),
        "direction": 0 if is_denied else ranked.direction,
        "name": ranked.name,
        "controllable": [f for f in ranked.members if f in lots.controllable],
        "slopes": [asdict(s) for s in own],
    }


def _effect(effect: effects.Effect, lots: Lots) -> dict[str, Any]:
    level = lots.level(effect.factor)
    has = np.flatnonzero(~np.isnan(level))
    rows = has[spread_over(len(has), MOST_DOTS)]
    return {
        "x": effect.x,
        "y": effect.y,
        "low": effect.low,
        "high": effect.high,
        "counts": effect.counts,
        "is_supported": effect.is_supported,
        "mean": float(lots.outcome.mean()),
        "dots": [level[rows], lots.outcome[rows]],
    }
