"""A detector's stored lots to the lag of each measured tag, and whether later lots agree, as JSON data.

Invariant: what is held against the later lots are lags that were estimated on the earlier ones alone; those that are
told are estimated anew on all. What the config says of lags plays no part in either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app import training, windowing
from app.examples import History, outcome_of, results_that_count
from app.rooms import Rooms
from detectors.settings import DetectorSettings
from domain.instants import duration_ns, to_ns
from domain.plant import Axis
from domain.scores import TrainingError
from features import lags

EARLIER: Final = 0.6  # of the lots, by whose lags the later ones are told
MOST_STEPS: Final = 500
MOST_LOTS: Final = 5_000


@dataclass(frozen=True, slots=True, eq=False)
class _Passages:
    """Lots in time order: means (lots, lags) of each tag, and their outcome."""

    means: Mapping[str, NDArray[np.float64]]
    outcome: NDArray[np.float64]


def lags_of(rooms: Rooms, detector: DetectorSettings, most_ns: int, now: datetime) -> dict[str, Any]:
    """Estimate the lag of each measured tag, up to `most_ns`; raises TrainingError where that cannot be."""
    history = training.gather(rooms, detector, now)
    if history.asset_class.axis is not Axis.TIME or not history.features.sources:
        raise TrainingError(f"{detector.name} has no measured tags on the time axis: nothing can lag")
    step = max(duration_ns(history.asset_class.period), -(-most_ns // MOST_STEPS))
    found = _passages(rooms, history, step, most_ns // step, now)
    n_earlier = round(EARLIER * len(found.outcome))
    tags, means = list(found.means), list(found.means.values())
    try:
        earlier = lags.estimated([m[:n_earlier] for m in means], found.outcome[:n_earlier], detector.seed)
        estimated = lags.estimated(means, found.outcome, detector.seed)
    except ValueError as error:
        raise TrainingError(f"no lags of {detector.name}: {error}, each with start, end and result") from error
    configured = dict(history.features.lags)
    set_to = [min(round(configured.get(t, 0) / step), most_ns // step) for t in tags]
    aligned = [x.steps if x.is_found else 0 for x in earlier]
    return {
        "detector": detector.name,
        "outcome": detector.outcome,
        "n_lots": len(found.outcome),
        "n_earlier": n_earlier,
        "step_s": step / 1e9,
        "tags": [
            {
                "tag": tag,
                "lag_s": x.steps * step / 1e9,
                "lag_interval_s": [x.low * step / 1e9, x.high * step / 1e9],
                "share": x.share,
                "p": x.p,
                "is_found": x.is_found,
                "configured_s": configured.get(tag, 0) / 1e9,
            }
            for tag, x in zip(tags, estimated, strict=True)
        ],
        "later_r2": {
            "estimated": lags.later_r2(means, aligned, found.outcome, n_earlier),
            "configured": lags.later_r2(means, set_to, found.outcome, n_earlier),
            "none": lags.later_r2(means, [0] * len(tags), found.outcome, n_earlier),
        },
    }


def _passages(rooms: Rooms, history: History, step: int, n_steps: int, now: datetime) -> _Passages:
    plant = rooms.settings.plant
    plain = replace(history.features, lags=())
    assets = plant.of_class(history.detector.asset_class)
    grids = windowing.grids(rooms.points, plant, assets, plain, 0, to_ns(now) + 1)
    parts: list[list[NDArray[np.float64]]] = []
    outcome: list[float] = []
    end: list[int] = []
    for line, grid in sorted(grids.items()):
        judged = results_that_count(history, line)
        lots = [x for x in history.lots[line] if x.lot in judged and x.start is not None and x.end is not None]
        lots = lots[-MOST_LOTS:]
        spans = np.array([[to_ns(x.start), to_ns(x.end)] for x in lots if x.start and x.end], dtype=np.int64)
        spans = spans.reshape(-1, 2)
        parts.append(
            [
                lags.passage_means(
                    grid.times, grid.values[:, grid.tags.index(t)], spans[:, 0], spans[:, 1], step, n_steps
                )
                for t in plain.sources
            ]
        )
        outcome += [outcome_of(history, judged[x.lot]) for x in lots]
        end += spans[:, 1].tolist()
    order = np.argsort(np.array(end, dtype=np.int64), kind="stable")
    joined = [np.concatenate(of_tag)[order] for of_tag in zip(*parts, strict=True)]
    return _Passages(
        dict(zip(plain.sources, joined, strict=True)),
        np.array(outcome, dtype=np.float64)[order],
    )
