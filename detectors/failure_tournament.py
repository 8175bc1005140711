"""Failure within the horizon, by whichever learner proves best on this plant's history; see `detectors.failure`."""

from __future__ import annotations

from typing import ClassVar

from detectors.failure import TRIALS, Failure
from detectors.learners import LEARNERS


class FailureTournament(Failure):
    """All learners, each with a search of its settings."""

    learners: ClassVar[tuple[str, ...]] = tuple(LEARNERS)
    trials: ClassVar[int] = TRIALS
