"""Failure within the horizon, by gradient-boosted trees alone; see `detectors.failure`."""

from __future__ import annotations

from typing import ClassVar

from detectors.failure import Failure


class FailureLightGBM(Failure):
    """One learner with its usual setting."""

    learners: ClassVar[tuple[str, ...]] = ("lightgbm",)
