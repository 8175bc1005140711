"""Feature vectors in, scores out. `DETECTORS`: kind in config = module name -> class; imported when asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final

from domain.scores import Detector

DETECTORS: Final[Mapping[str, str]] = {
    "failure_lightgbm": "FailureLightGBM",
    "failure_tournament": "FailureTournament",
    "quality_tournament": "QualityTournament",
    "anomaly_hbos": "AnomalyHBOS",
}


def detector_class(kind: str) -> type[Detector]:
    """Return the class of a kind; raises KeyError for one that is not in DETECTORS."""
    name = DETECTORS[kind]
    found: type[Detector] = getattr(import_module(f"detectors.{kind}"), name)
    return found
