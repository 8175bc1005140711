"""What a detector keeps of its history to explain a score: what is normal, and past episodes with what they came to.

An episode is a row at which an alert would have been raised out of fold, or the last one in time before a failure that
was missed. Alike: near in the columns, each in units of its normal spread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from detectors import parts as p
from detectors.threshold import Rows
from domain.instants import from_ns
from domain.limits import Limits, raises
from domain.scores import Episode
from domain.vectors import Training

MOST: Final = 200
NORMAL: Final = (0.05, 0.95)
FAR: Final = 5.0  # normal spreads; what differs by more differs by this much


@dataclass(frozen=True, slots=True, eq=False)
class Episodes:
    """values: float64 (m, columns). ranges: float64 (2, columns), the normal range of each; NaN = none known.

    about: one JSON row for each episode.
    """

    values: NDArray[np.float64]
    ranges: NDArray[np.float64]
    about: tuple[Mapping[str, Any], ...]

    def alike(self, row: NDArray[np.float64], most: int = 3) -> list[Episode]:
        """Return the nearest episodes, the nearest first; a column that either has not is left out."""
        if not len(self.values):
            return []
        spread = self.ranges[1] - self.ranges[0]
        spread = np.where(np.isfinite(spread) & (spread > 0), spread, np.nan)
        steps = np.minimum(np.abs(self.values - row) / spread, FAR)
        there = np.isfinite(steps)
        distance = np.where(there, steps, 0.0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
        distance[~there.any(axis=1)] = np.inf
        nearest = np.argsort(distance, kind="stable")[:most]
        return [
            Episode(
                self.about[i]["asset"],
                from_ns(int(self.about[i]["at"])),
                self.about[i]["came_to"],
                self.about[i]["mode"],
                self.about[i]["to_event"],
                float(distance[i]),
            )
            for i in nearest.tolist()
            if np.isfinite(distance[i])
        ]

    def dump(self) -> dict[str, bytes]:
        """Return its parts."""
        return {
            "values.npy": p.write_array(self.values),
            "ranges.npy": p.write_array(self.ranges),
            "past.json": p.write_json({"rows": list(self.about)}),
        }

    @classmethod
    def load(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from parts."""
        about = tuple(p.read_json(parts, "past.json")["rows"])
        return cls(p.read_array(parts, "values.npy"), p.read_array(parts, "ranges.npy"), about)


def remembered(
    training: Training, log_odds: NDArray[np.float64], limits: Limits, rows: Rows, columns: NDArray[np.int64]
) -> Episodes:
    """Choose the episodes from out-of-fold scores (NaN = not tested), evenly where there are more than MOST."""
    t = training
    kept: dict[int, str] = {}
    tested = np.flatnonzero(~np.isnan(log_odds))
    names, member = np.unique(t.vectors.asset[tested].astype(str), return_inverse=True)
    for group in range(len(names)):
        own = tested[member == group]
        own = own[np.argsort(t.vectors.position[own], kind="stable")]
        for raised, _ in raises(log_odds[own], t.vectors.position[own], limits, rows.confirm):
            kept[int(own[raised])] = "caught" if rows.lead <= t.to_event[own[raised]] <= rows.horizon else "false"
        ahead = t.to_event[own]
        ends = t.vectors.position[own] + ahead
        caught = {float(t.vectors.position[i] + t.to_event[i]) for i, how in kept.items() if how == "caught"}
        for end in np.unique(ends[np.isfinite(ends)]).tolist():
            near = own[(ends == end) & (ahead >= rows.lead) & (ahead <= rows.horizon)]
            if len(near) and end not in caught:
                kept.setdefault(int(near[-1]), "missed")
    chosen = np.array(sorted(kept), dtype=np.int64)
    chosen = chosen[np.unique(np.linspace(0, len(chosen) - 1, min(len(chosen), MOST)).astype(int))]
    quiet = t.vectors.values[t.outcome == 0][:, columns]
    about = tuple(
        {
            "asset": str(t.vectors.asset[i]),
            "at": int(t.vectors.end[i]),
            "came_to": kept[i],
            "mode": str(t.mode[i]) if np.isfinite(t.to_event[i]) else "",
            "to_event": float(t.to_event[i]) if np.isfinite(t.to_event[i]) else None,
        }
        for i in chosen.tolist()
    )
    return Episodes(t.vectors.values[np.ix_(chosen, columns)], _ranges(quiet), about)


def _ranges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    found = np.full((2, values.shape[1]), np.nan)
    for j, column in enumerate(values.T):
        there = column[np.isfinite(column)]
        if len(there):
            found[:, j] = np.quantile(there, NORMAL)
    return found
