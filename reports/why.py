"""Judged lots of two periods with their process values in; why their level changed, out: how much by each dimension,
where it changed, and which factors moved there. Pure.

Invariant: the model that weighs the factors has not seen the later lots of the stratum that it explains.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.vectors import FeatureName
from reports.drop import Cause, Change, Kind, Lots, Split, causes_of, change_of, comparable, splits_of
from reports.moves import Moves, Predict, moved

Fit = Callable[[NDArray[np.float64], NDArray[np.float64]], Predict]


@dataclass(frozen=True, slots=True)
class Why:
    """See the module. where: the first cause that is sure, None where the change is much the same everywhere; inside:
    its own change (of all lots for None), and what the other dimensions say of it. moves: None where other lots, not
    worse ones, are the cause. rest: by how much more the lots inside changed than the model makes of all their process
    values together, None without a model.
    """

    change: Change
    is_share: bool
    splits: tuple[Split, ...]
    causes: tuple[Cause, ...]
    where: Cause | None
    inside: Change
    nested: tuple[Split, ...]
    moves: Moves | None
    rest: Change | None = None


def why(lots: Lots, values: NDArray[np.float64], names: tuple[FeatureName, ...], fit: Fit | None = None) -> Why:
    """Explain a change. values: float64 (n, names), NaN = missing; raises ValueError where a period has no lot.

    fit: trains a model of the outcome; without one factors are told by how far they moved.
    """
    lots = comparable(lots)
    causes = causes_of(lots)
    where = next((c for c in causes if c.is_sure), None)
    change, is_share = change_of(lots), lots.is_share
    if where is None:
        is_inside = np.ones(len(lots.outcome), dtype=bool)
    else:
        is_inside = np.asarray(lots.strata[where.dimension] == where.stratum, dtype=bool)
    own = lots.take(is_inside)
    own = Lots(own.outcome, own.is_after, {n: of for n, of in own.strata.items() if where and n != where.dimension})
    if where is not None and where.kind is Kind.MIX:
        return Why(change, is_share, splits_of(lots), causes, where, change, (), None)
    inside = change_of(own)
    predict = None if fit is None else _learned(lots, values, is_inside, fit)
    moves = moved(values, names, lots.is_after, is_inside, inside.amount, predict)
    rest = None
    if predict is not None:  # a constant that the model has wrong falls out of the difference
        rest = change_of(Lots(own.outcome - predict(values[is_inside]), own.is_after, {}))
    return Why(change, is_share, splits_of(lots), causes, where, inside, splits_of(own), moves, rest)


def _learned(lots: Lots, values: NDArray[np.float64], is_inside: NDArray[np.bool_], fit: Fit) -> Predict | None:
    """Return a model of the lots that are not to be explained; None where there are too few to learn from."""
    seen = ~(is_inside & lots.is_after) & ~np.isnan(values).all(axis=1)
    if seen.sum() < 3 * values.shape[1] ** 0.5 or not values.shape[1] or np.ptp(lots.outcome[seen]) == 0:
        return None
    return fit(values[seen], lots.outcome[seen])
