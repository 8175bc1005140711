"""A stop without a warning: what was recorded before it, and the answer to why; see `reports.autopsy`.

Invariant: positions are on the asset's axis, ns or cycles; scores and limits are log-odds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.limits import Limits

Floats = NDArray[np.float64]


class Cause(StrEnum):
    """Why a stop came without a warning."""

    THRESHOLD = "threshold too high"
    GAP = "gap in data"
    NO_PRECURSOR = "no precursor"
    NOT_IN_MODEL = "not in the model"  # tags moved, the score did not
    LATE = "warned too late"
    EARLY = "warned too early"
    HELD = "held back"
    UNWATCHED = "not watched"


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """One tag: positions, ascending, and values, NaN for a bad one. period: from one value to the next, axis units."""

    name: str
    unit: str
    position: Floats
    value: Floats
    period: float


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One asset's scores: positions, ascending; log-odds, NaN where not assessed. failures: positions."""

    position: Floats
    value: Floats
    failures: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Spoke:
    """An alert of the asset: raised, and returned (inf: not yet). is_held: the operators were not told."""

    raised: float
    cleared: float
    is_held: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """Everything recorded of one stop.

    confirm: the on-delay. limits: of the rule, log-odds; None where there is no rule. needed: names of the tags that
    the model takes. step: from one score to the next. quiet: spans in which the asset stood, recovered or re-learned.
    own: its scores; others: those of its class. week: axis units. curve: the model's back-test, `raise_at` log-odds.
    """

    at: float
    horizon: float
    lead: float
    confirm: float
    limits: Limits | None
    needed: frozenset[str]
    min_coverage: float
    step: float
    traces: Sequence[Trace]
    own: Track
    others: Sequence[Track] = ()
    quiet: Sequence[tuple[float, float]] = ()
    spoke: Sequence[Spoke] = ()
    week: float = 1.0
    curve: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Moved:
    """How far a tag left its normal range. what: "level" or "spread". deviation: robust standard deviations."""

    tag: str
    unit: str
    what: str
    normal: float
    found: float
    deviation: float
    since: float


@dataclass(frozen=True, slots=True)
class Missing:
    """How much of the run-up a tag covers (0-1), and its longest hole."""

    tag: str
    coverage: float
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Price:
    """What a raise limit would have meant. limit: log-odds. per_week: false alarms an asset over the stored scores;
    curve_per_week: by the model's back-test, None without one.
    """

    limit: float
    per_week: float
    weeks: float
    curve_per_week: float | None = None


@dataclass(frozen=True, slots=True)
class Autopsy:
    """The answer with its evidence. run_up: positions. peak, usual: log-odds, the highest score held for the on-delay
    in the run-up, and the median of that in normal stretches; rarity: the share of those that came as high.
    """

    cause: Cause
    run_up: tuple[float, float]
    moved: tuple[Moved, ...] = ()
    missing: tuple[Missing, ...] = ()
    assessed: float = 0.0
    peak: float | None = None
    usual: float | None = None
    rarity: float | None = None
    would_catch: Price | None = None
    now: Price | None = None
    alert_at: float | None = None
    n_normal: int = 0
