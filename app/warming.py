"""Detectors to compiled kernels: what their feature sets need is compiled before the first window is scored."""

from __future__ import annotations

from collections.abc import Callable

from app import windowing
from app.rooms import Rooms
from features import plan, warming
from features.extract import planned


def warm(rooms: Rooms, is_stopping: Callable[[], bool]) -> None:
    """Compile what the detectors' champions compute; of a detector without one, what its feature set may need."""
    champions = rooms.models.champions()
    for detector in rooms.settings.root.detectors:
        champion = champions.get(detector.name)
        if champion is None:
            features = windowing.full_set(rooms.settings, rooms.settings.feature_set(detector.features))
        else:
            features = champion.features
        tags = windowing.grid_tags(features)
        warming.warm(plan.plan(features.names, tags), is_stopping)
        if is_stopping():
            return
        planned(features.names, tags)  # kept for these very names: the first tick finds it
