"""Failure alerts held against failures, and predictions against lab results: ledger rows in, figures out. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

import numpy as np

from domain.alerting import Change, Transition
from domain.instants import to_ns
from domain.judging import NOTHING, judge
from domain.plant import AssetClass, Axis
from domain.records import Result
from domain.scores import Score


@dataclass(frozen=True, slots=True)
class FailureOutcome:
    """What the failure alerts of a period were worth."""

    n_events: int
    n_caught: int
    n_false: int
    asset_weeks: float
    median_lead_time_s: float | None


@dataclass(frozen=True, slots=True)
class Watched:
    """One asset over the period: its failures, the times it reported (ns, ascending), and its alerts' transitions."""

    asset_class: AssetClass
    lead: int
    failures: tuple[datetime, ...]
    times: Sequence[int]
    transitions: tuple[Transition, ...]


def failure_outcome(assets: Sequence[Watched]) -> FailureOutcome:
    """Judge every raise on the asset's own axis; see `domain.judging` for what is caught and what is false."""
    total, seconds = NOTHING, 0.0
    leads: list[float] = []
    for each in assets:
        spans = [(position(each, a), position(each, b)) for a, b in excursions(each.transitions)]
        failures = [position(each, at) for at in each.failures]
        until = max([*failures, float(len(each.times)) if each.asset_class.axis is Axis.CYCLE else each.times[-1]])
        found = judge(spans, failures, each.asset_class.horizon, each.lead, until)
        total += found
        leads += [each.asset_class.wall(x).total_seconds() for x in found.lead_times]
        if len(each.times):
            seconds += (each.times[-1] - each.times[0]) / 1e9
    return FailureOutcome(
        total.n_events, total.n_caught, total.n_false, seconds / 604_800, median(leads) if leads else None
    )


def excursions(transitions: Sequence[Transition]) -> list[tuple[datetime, datetime | None]]:
    """Return (raised, returned) of each occurrence; returned None while the condition is still there."""
    spans: list[tuple[datetime, datetime | None]] = []
    raised: dict[str, datetime] = {}
    for row in sorted(transitions, key=lambda r: (r.at, r.sequence)):
        if row.change in (Change.RAISED, Change.RE_RAISED):
            raised[row.alert_id] = row.at
        elif row.change is Change.ANNOUNCED:  # the first that people hear of what was held back, or a reminder
            raised.setdefault(row.alert_id, row.at)
        elif row.change is Change.RETURNED and row.alert_id in raised:
            spans.append((raised.pop(row.alert_id), row.at))
    spans += [(at, None) for at in raised.values()]
    return spans


def position(each: Watched, at: datetime | None) -> float:
    """Return where on the asset's axis an instant lies: ns, or the cycles completed by it; None lies beyond all."""
    if at is None:
        return float("inf")
    return each.asset_class.position(np.asarray(each.times), to_ns(at))


LotKey = tuple[str, str]  # line and lot: two lines may number their lots alike


@dataclass(frozen=True, slots=True)
class QualityOutcome:
    """Root mean square errors of predictions made before the result, beside persistence and the mean; None = no
    lots.
    """

    n_lots: int
    rmse: float | None
    persistence_rmse: float | None
    mean_rmse: float | None


def quality_outcome(
    scores: Sequence[Score], results: Mapping[LotKey, Result], persistence: Mapping[LotKey, float], mean: float
) -> QualityOutcome:
    """Hold each lot's prediction against its result. persistence: the last value known when the lot ended."""
    rows = [
        (s.value, r.value, persistence[(s.asset, s.subject)])
        for s in scores
        if s.value is not None
        and (r := results.get((s.asset, s.subject))) is not None
        and r.value is not None
        and (s.asset, s.subject) in persistence
    ]
    if not rows:
        return QualityOutcome(0, None, None, None)
    predicted, measured, last = (np.array(c, dtype=np.float64) for c in zip(*rows, strict=True))
    errors = (predicted - measured, last - measured, mean - measured)
    return QualityOutcome(len(rows), *(float(np.sqrt(np.mean(e**2))) for e in errors))
