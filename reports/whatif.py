"""What if factors were moved: a study's model and lots in, a predicted result with interval out, or a refusal. Pure.

The model itself is asked, at the study, about each factor and each two of them at levels around the start; what more
factors do together than each two of them is left out. Source: Rabitz, Alis (1999), J. Math. Chem. 25, cut-HDMR.
Invariant: nothing is predicted outside of what history has seen, of each factor alone and of all that move together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Final

import numpy as np

from domain.numerals import numeral
from domain.text import mark, phrase
from reports.effects import SIGMAS, Effect
from reports.study import Fitted, Floats, Lots, plain, spread_over

MOST_FACTORS: Final = 6
MOST_LOTS: Final = 400
NEAR: Final = 0.98  # quantile of lots' distances to their nearest, beyond which a move leads outside of history


@dataclass(frozen=True, slots=True)
class Answer:
    """A predicted result with its 90 % interval. reason: a stored phrase where it is refused, and no numbers then."""

    reason: str
    predicted: float | None = None
    low: float | None = None
    high: float | None = None


def basis(lots: Lots, model: Fitted, half_width: float, found: Sequence[Effect]) -> dict[str, Any]:
    """Return what a what-if is answered from, as JSON data: of the controllable ones of these factors.

    model: of the lots' columns. half_width: of the interval of a prediction as it is. In the data, at: levels of each
    factor, the start among them; alone: what the model predicts there; pairs: with each two factors moved, in the order
    of `combinations`. The start is the newest lot, or where history has none like it the most typical one.
    """
    moved = [e for e in found if e.factor in lots.controllable and e.is_supported.any()][:MOST_FACTORS]
    if not moved:
        return {"factors": [], "lots": []}
    levels = lots.levels([e.factor for e in moved])
    low, high = np.array([e.x[0] for e in moved]), np.array([e.x[-1] for e in moved])
    scale = levels.std(axis=0)
    scale[scale == 0] = 1.0
    within = np.flatnonzero(((levels >= low) & (levels <= high)).all(axis=1))
    if len(within) < 2:
        return {"factors": [], "lots": []}
    kept = within[spread_over(len(within), MOST_LOTS)]
    points = levels[kept] / scale
    reach = float(np.quantile(_nearest(points, points, is_own=True), NEAR))
    start = int(within[-1])
    if _nearest(points, (levels[start] / scale)[None, :])[0] > reach:
        start = int(kept[np.argmin(((points - np.median(points, axis=0)) ** 2).sum(axis=1))])
    at = [np.union1d(e.x, levels[start, i]) for i, e in enumerate(moved)]
    data = {
        "start": {e.factor: levels[start, i] for i, e in enumerate(moved)},
        "predicted": model(lots.values[[start]])[0],
        "pairs": [
            _asked(lots, model, start, {moved[i].factor: at[i], moved[k].factor: at[k]})
            for i, k in combinations(range(len(moved)), 2)
        ],
        "half_width": half_width,
        "reach": reach,
        "scale": scale,
        "lots": points,
        "factors": [
            {
                "name": e.factor,
                "x": e.x,
                "spread": (e.high - e.y) / SIGMAS,
                "is_supported": e.is_supported,
                "at": at[i],
                "alone": _asked(lots, model, start, {e.factor: at[i]}),
            }
            for i, e in enumerate(moved)
        ],
    }
    return dict(plain(data))


def _asked(lots: Lots, model: Fitted, start: int, levels: Mapping[str, Floats]) -> Floats:
    """Return the predictions of the start with factors at every combination of levels, an axis for each."""
    grids = np.meshgrid(*levels.values(), indexing="ij")
    rows = np.arange(grids[0].size)
    asked = replace(lots, values=np.repeat(lots.values[[start]], len(rows), axis=0))
    for factor, grid in zip(levels, grids, strict=True):
        asked = replace(asked, values=asked.moved(factor, rows, grid.ravel()))
    return np.asarray(model(asked.values).reshape(grids[0].shape))


def answer(data: Mapping[str, Any], moved: Mapping[str, float]) -> Answer:
    """Return the result predicted with factors at these levels, the others as at the start."""
    if data["factors"] and "pairs" not in data:
        return Answer(phrase("this study was made by an earlier version: make it anew"))
    spread, place, levels = 0.0, [], []
    for i, factor in enumerate(data["factors"]):
        x, error = (np.array(factor[k], dtype=np.float64) for k in ("x", "spread"))
        at, start = float(moved.get(factor["name"], data["start"][factor["name"]])), data["start"][factor["name"]]
        if not x[0] <= at <= x[-1]:
            said = mark("{name} was hardly ever below {low} or above {high}")
            return Answer(phrase(said, name=factor["name"], low=numeral(x[0]), high=numeral(x[-1])))
        held = int(np.clip(np.searchsorted(x, at, side="left") - 1, 0, len(x) - 2))
        if not factor["is_supported"][held] and at != start:
            said = mark("history has a hole where {name} is {value}")
            return Answer(phrase(said, name=factor["name"], value=numeral(at)))
        if at != start:
            spread += float(np.interp(at, x, error) ** 2 + np.interp(start, x, error) ** 2)
        place.append(at / data["scale"][i])
        levels.append(at)
    points = np.array(data["lots"], dtype=np.float64).reshape(-1, len(place))
    if _nearest(points, np.array([place]))[0] > data["reach"]:
        return Answer(phrase("history has no lot like this: these levels never came together"))
    predicted = _predicted(data, levels)
    width = float(np.sqrt(data["half_width"] ** 2 + SIGMAS**2 * spread))
    return Answer("", predicted, predicted - width, predicted + width)


def _predicted(data: Mapping[str, Any], levels: Sequence[float]) -> float:
    """Return the start's prediction, what each factor adds, and what each two add beyond that; 0 where one stays."""
    base, factors = data["predicted"], data["factors"]
    alone = [float(np.interp(at, f["at"], f["alone"])) - base for f, at in zip(factors, levels, strict=True)]
    found = base + sum(alone)
    for (i, k), grid in zip(combinations(range(len(factors)), 2), data["pairs"], strict=True):
        beside = [float(np.interp(levels[k], factors[k]["at"], row)) for row in grid]
        found += float(np.interp(levels[i], factors[i]["at"], beside)) - base - alone[i] - alone[k]
    return float(found)


def _nearest(points: Floats, asked: Floats, *, is_own: bool = False) -> Floats:
    """Return the distance of each asked point to its nearest of the points, itself left out where it is one of them."""
    from scipy.spatial import cKDTree

    found, _ = cKDTree(points).query(asked, k=2 if is_own else 1)
    return np.asarray(found[:, 1] if is_own else found)
