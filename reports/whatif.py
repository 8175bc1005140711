"""What if factors were moved: a study's effects and lots in, a predicted result with interval out, or a refusal. Pure.

Invariant: nothing is predicted outside of what history has seen, of each factor alone and of all that move together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from domain.text import mark, phrase
from reports.effects import SIGMAS, Effect
from reports.study import Floats, Lots, plain, spread_over

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


def basis(lots: Lots, predicted: Floats, half_width: float, found: Sequence[Effect]) -> dict[str, Any]:
    """Return what a what-if is answered from, as JSON data: of the controllable ones of these factors.

    predicted: (n,), the model's predictions of all lots. half_width: of the interval of a prediction as it is.
    The start is the newest lot, or where history has none like it the most typical one.
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
    data = {
        "start": {e.factor: levels[start, i] for i, e in enumerate(moved)},
        "predicted": predicted[start],
        "half_width": half_width,
        "reach": reach,
        "scale": scale,
        "lots": points,
        "factors": [
            {"name": e.factor, "x": e.x, "y": e.y, "spread": (e.high - e.y) / SIGMAS, "is_supported": e.is_supported}
            for e in moved
        ],
    }
    return dict(plain(data))


def answer(data: Mapping[str, Any], moved: Mapping[str, float]) -> Answer:
    """Return the result predicted with factors at these levels, the others as at the start."""
    change, spread = 0.0, 0.0
    place = []
    for i, factor in enumerate(data["factors"]):
        x, y, error = (np.array(factor[k], dtype=np.float64) for k in ("x", "y", "spread"))
        at, start = float(moved.get(factor["name"], data["start"][factor["name"]])), data["start"][factor["name"]]
        if not x[0] <= at <= x[-1]:
            said = mark("{name} was hardly ever below {low} or above {high}")
            return Answer(phrase(said, name=factor["name"], low=f"{x[0]:.4g}", high=f"{x[-1]:.4g}"))
        held = int(np.clip(np.searchsorted(x, at, side="left") - 1, 0, len(x) - 2))
        if not factor["is_supported"][held] and at != start:
            said = mark("history has a hole where {name} is {value}")
            return Answer(phrase(said, name=factor["name"], value=f"{at:.4g}"))
        change += float(np.interp(at, x, y) - np.interp(start, x, y))
        if at != start:
            spread += float(np.interp(at, x, error) ** 2 + np.interp(start, x, error) ** 2)
        place.append(at / data["scale"][i])
    points = np.array(data["lots"], dtype=np.float64).reshape(-1, len(place))
    if _nearest(points, np.array([place]))[0] > data["reach"]:
        return Answer(phrase("history has no lot like this: these levels never came together"))
    predicted = data["predicted"] + change
    width = float(np.sqrt(data["half_width"] ** 2 + SIGMAS**2 * spread))
    return Answer("", predicted, predicted - width, predicted + width)


def _nearest(points: Floats, asked: Floats, *, is_own: bool = False) -> Floats:
    """Return the distance of each asked point to its nearest of the points, itself left out where it is one of them."""
    from scipy.spatial import cKDTree

    found, _ = cKDTree(points).query(asked, k=2 if is_own else 1)
    return np.asarray(found[:, 1] if is_own else found)
