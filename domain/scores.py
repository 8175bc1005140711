"""Scores, verdicts and the protocol that every detector keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Literal, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from domain.vectors import FeatureName, FeatureVectors, Training


class Scale(StrEnum):
    """What a score's number means."""

    PROBABILITY = "probability"
    PERCENTILE = "percentile"
    PHYSICAL = "physical"


class Verdict(StrEnum):
    """What can be said of an asset now; a dead tag is never healthy."""

    OK = "OK"
    ALARM = "ALARM"
    NO_DATA = "NO DATA"
    NOT_ASSESSED = "NOT ASSESSED"
    ENGINE_ERROR = "ENGINE ERROR"


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Scores of n vectors. value, low, high, raw: float64 (n,), low <= value <= high.

    raw is the score on the scale on which contributions add up: base + contributions.sum(axis=1) = raw.
    contributions: float64 (n, number of features). life: float64 (n, 4), the remaining life on the asset's axis with
    its interval and the cap beyond which it is not told (value, low, high, cap); None where it is not predicted.
    """

    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    raw: NDArray[np.float64]
    base: float
    contributions: NDArray[np.float64]
    scale: Scale
    life: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.value)


@dataclass(frozen=True, slots=True)
class Contribution:
    """How much one tag (or lab result) moved a score, on the score's raw scale, and its mean in the window."""

    source: str
    amount: float
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Life:
    """The life that is left to a unit, in units of its asset's axis, with a 90 % interval; `cap`: no more is told."""

    value: float
    low: float
    high: float
    cap: float


@dataclass(frozen=True, slots=True)
class Episode:
    """A moment of the history that resembles another. came_to: `caught`, `false` or `missed`, of the alert there was or
    should have been; to_event: axis units to the event, None where none followed. distance: mean normal spreads.
    """

    asset: str
    at: datetime
    came_to: str
    mode: str
    to_event: float | None
    distance: float


@dataclass(frozen=True, slots=True)
class Score:
    """One score as it is kept. `at` is the instant from which it could be known (the window's end).

    value None: not assessed, with the reason in words. subject: the lot, or "" for the asset.
    """

    detector: str
    asset: str
    subject: str
    at: datetime
    value: float | None
    low: float | None
    high: float | None
    scale: Scale
    model_id: str
    verdict: Verdict
    reason: str = ""
    contributions: tuple[Contribution, ...] = ()
    life: Life | None = None


@runtime_checkable
class Remembers(Protocol):
    """A detector that can say what is normal, and which past episodes a row resembles."""

    @property
    def ranges(self) -> NDArray[np.float64]:
        """The normal range of each feature: float64 (2, features), NaN = not known."""
        ...

    def alike(self, row: NDArray[np.float64]) -> list[Episode]:
        """Return the past episodes that a row of features resembles most, the nearest first."""
        ...


@runtime_checkable
class Adjustable(Protocol):
    """A detector whose threshold people may choose."""

    def at_threshold(self, raise_at: float) -> Detector:
        """Return the same detector with another threshold; raises ValueError for one that is none."""
        ...


class Detector(Protocol):
    """A trained detector. Scores of a row do not depend on the other rows of the call."""

    role: ClassVar[Literal["failure", "quality", "anomaly"]]
    needs: ClassVar[Literal["vectors", "windows"]]
    scale: ClassVar[Scale]

    @property
    def names(self) -> tuple[FeatureName, ...]:
        """The features it takes, in order."""
        ...

    @property
    def threshold(self) -> float | None:
        """The score from which an alert is raised, chosen out of fold; None where it has no such limit."""
        ...

    @property
    def clear_threshold(self) -> float | None:
        """The score below which an alert returns to normal."""
        ...

    @property
    def report(self) -> Mapping[str, Any]:
        """Out-of-fold figures of the training, JSON data."""
        ...

    @classmethod
    def train(cls, training: Training, options: Mapping[str, Any], aids: TrainingAids) -> Self:
        """Fit on the training rows; raises TrainingError where they are too few or hold one outcome only."""
        ...

    def score(self, vectors: FeatureVectors, *, is_explained: bool = True) -> Scores:
        """Score rows whose columns are `names`; raises ValueError for other columns.

        is_explained: False allows to leave the contributions at 0, where they cost more than the score.
        """
        ...

    def dump(self) -> dict[str, bytes]:
        """Return the model's parts by file name; equal trainings give equal bytes."""
        ...

    @classmethod
    def load(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from `dump`'s parts; raises ValueError where one is missing or damaged."""
        ...


SelectFeatures = Callable[
    [NDArray[np.float64], NDArray[np.float64], tuple[FeatureName, ...], NDArray[np.object_]], NDArray[np.int64]
]


@dataclass(frozen=True, slots=True)
class Aim:
    """What a threshold is chosen for: the floor of the recall on unseen events, and what may be paid for it.

    confidence: with which the floor is promised. budget: false alarms per asset and week, None = no limit.
    money: (cost of a stop, cost of a check), None = not known. week: a week in axis units.
    by_rows: recall counts rows within the horizon, not events; for rows that are cases of their own.
    """

    recall: float = 0.95
    confidence: float = 0.9
    budget: float | None = None
    money: tuple[float, float] | None = None
    week: float = 604_800e9
    by_rows: bool = False

    @property
    def weight(self) -> float:
        """How many false alarms a missed event counts where no costs are known: what the floor itself says."""
        return self.recall / max(1.0 - self.recall, 0.01)


@dataclass(frozen=True, slots=True)
class TrainingAids:
    """What a detector's training takes from other packages.

    select: (values, outcome, names, group) -> indices of relevant columns, best first. It is called inside each fold
    with the rows that the fold trains on, and sees no others; group: what its rows belong to, as in `Training`.
    confirm: axis units that a score must stay over the limit before an alert is raised (the rule's on-delay).
    aim: what the threshold is chosen for. split: how the inner folds are cut; "" = as the training itself says.
    life_cap: axis units up to which a remaining life is predicted; None = it is not.
    told: is given each step that begins, for people who wait.
    """

    select: SelectFeatures
    confirm: float
    seed: int
    aim: Aim
    n_folds: int
    split: str = ""
    life_cap: float | None = None
    told: Callable[[str], None] = lambda _step: None


class TrainingError(Exception):
    """Training was refused; the text says why in words an analyst can act on."""
