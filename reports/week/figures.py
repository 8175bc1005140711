"""What is known of a plant's week, part by part, as the pages show it and as JSON data.

Invariant: a figure that is not known is None, and never 0; what is so "now" is of the time of `made_at`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.text import Translate
from reports.figures import nulled
from reports.live_class import ClassFigures
from reports.week.words import phrased


class Warned(StrEnum):
    """Whether a stop was warned of."""

    IN_TIME = "warned"
    MISSED = "missed"
    NOT_JUDGED = "not judged yet"
    NOT_WATCHED = "not watched for"  # no model was there that warns of such a stop


@dataclass(frozen=True, slots=True)
class Stop:
    """One failure or stop. end None: it still stands. lead_s: from the first warning in time to the stop.

    causes: why none came, by autopsy; detector: of the autopsy.
    """

    asset: str
    kind: str
    code: str
    start: datetime
    end: datetime | None
    warned: Warned
    lead_s: float | None = None
    causes: tuple[str, ...] = ()
    detector: str = ""


@dataclass(frozen=True, slots=True)
class StopFigures:
    """Stops of a period. n: what overlaps is one; hours: that assets stood, of open stops as far as there are data.

    n_open: without an end; by_day: how many began on each day.
    """

    n: int
    hours: float
    n_failures: int
    n_open: int
    n_warned: int
    n_missed: int
    n_not_judged: int
    n_not_watched: int
    median_lead_s: float | None
    by_day: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WarningFigures:
    """Warnings of failures. n_raised: raises; by their rulings hits to unclear, as often as a warning spoke.

    n_asking: unclear, and waiting for a person. asset_weeks: that were scored; None where nothing warns of failures.
    """

    n_raised: int
    hits: int
    false: int
    excused: int
    unclear: int
    n_asking: int
    asset_weeks: float | None

    @property
    def false_per_asset_week(self) -> float | None:
        """False alarms per asset and week."""
        return self.false / self.asset_weeks if self.asset_weeks else None

    @property
    def precision(self) -> float | None:
        """The share of hits among hits and false alarms."""
        n = self.hits + self.false
        return self.hits / n if n else None


@dataclass(frozen=True, slots=True)
class Load:
    """The alarm figures of one operators' position; see `alerts.performance`. missed: goals that are not met."""

    owner: str
    n: int
    per_day: float
    per_10_min: float
    most_in_10_min: int
    n_floods: int
    flood_share: float
    n_chattering: int
    n_fleeting: int
    most_stale: int
    top_share: float
    n_unauthorised: int
    missed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BadActor:
    """A rule on an asset that was announced often; share: of all announcements."""

    rule: str
    title: str
    asset: str
    n: int
    share: float
    n_before: int


@dataclass(frozen=True, slots=True)
class Standing:
    """An alert that is open now."""

    alert: str
    rule: str
    title: str
    asset: str
    priority: str
    state: str
    raised_at: datetime
    is_active: bool
    is_acked: bool


@dataclass(frozen=True, slots=True)
class Held:
    """Alerts of a rule on an asset that a person keeps from the operators now. until None: without an end."""

    rule: str
    title: str
    asset: str
    state: str
    by: str
    why: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class AlarmFigures:
    """Alerts of a period, and how many were announced on each day."""

    loads: tuple[Load, ...]
    by_day: tuple[int, ...]

    @property
    def n(self) -> int:
        """How often all operators were told."""
        return sum(load.n for load in self.loads)


@dataclass(frozen=True, slots=True)
class LotFigures:
    """Lots that ended in a period, those with a result, and of these the share of bad ones and the mean."""

    n_lots: int
    n_judged: int
    bad_share: float | None
    mean: float | None


@dataclass(frozen=True, slots=True)
class Quality:
    """One result of a class's lots. detector: that predicts it, "" for none."""

    asset_class: str
    result: str
    unit: str
    detector: str
    week: LotFigures
    before: LotFigures


@dataclass(frozen=True, slots=True)
class ErrorFigures:
    """Errors (root mean square) of predictions made before the result, beside the last known result's."""

    n_lots: int
    rmse: float | None
    persistence_rmse: float | None


@dataclass(frozen=True, slots=True)
class Live:
    """How a detector of a number does. alarms: stored phrases, what the health rule says of its newest lots."""

    detector: str
    unit: str
    week: ErrorFigures
    before: ErrorFigures
    alarms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LiveCalls:
    """How a detector of good and bad lots does: predictions made before the result. alarms: see `Live`."""

    detector: str
    week: ClassFigures
    before: ClassFigures
    alarms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Factor:
    """A watched factor, how often it left its window, and on how many assets it is outside now."""

    rule: str
    title: str
    n: int
    n_before: int
    n_now: int


@dataclass(frozen=True, slots=True)
class DataFigures:
    """Items of a period, by the hour of receipt; received = the sum of the others + difference.

    n_silent: how often a tag, an asset or a gateway fell silent.
    """

    received: int
    stored: int
    dead_lettered: int
    duplicates: int
    conflicts: int
    in_journal: int
    difference: int
    n_silent: int


@dataclass(frozen=True, slots=True)
class Silent:
    """What is silent now. tag "": the asset or gateway as a whole."""

    asset: str
    tag: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Model:
    """A detector's champion now. model_id "": none. challenger: newer than it, "" for none.

    drift, failed, refused: what is known of its inputs, its last training, its bundle; "" for nothing.
    """

    detector: str
    role: str
    model_id: str
    trained_at: datetime | None
    challenger: str
    overdue_days: float | None
    drift: str
    failed: str
    refused: str


@dataclass(frozen=True, slots=True)
class Change:
    """A deed on models or rules. told: a stored phrase, its instants in the plant's zone."""

    at: datetime
    action: str
    subject: str
    by: str
    told: str


@dataclass(frozen=True, slots=True)
class Week:
    """The whole report, `week` and `before` in pairs.

    newest_data: of all values, None for none; is_over: whether the period has ended; console: its address, "" for
    none; unassessed: assets that nothing can be said of now, with why as a stored phrase.
    """

    plant: str
    start: datetime
    end: datetime
    made_at: datetime
    is_over: bool
    name: str
    said: str
    said_before: str
    zone: str
    console: str
    newest_data: datetime | None
    days: tuple[datetime, ...]
    stops: tuple[StopFigures, StopFigures]
    stops_list: tuple[Stop, ...]
    warnings: tuple[WarningFigures, WarningFigures]
    asking: tuple[Standing, ...]
    alarms: tuple[AlarmFigures, AlarmFigures]
    bad_actors: tuple[BadActor, ...]
    standing: tuple[Standing, ...]
    held: tuple[Held, ...]
    quality: tuple[Quality, ...]
    live: tuple[Live, ...]
    live_calls: tuple[LiveCalls, ...]
    factors: tuple[Factor, ...]
    data: tuple[DataFigures, DataFigures]
    silent: tuple[Silent, ...]
    unassessed: tuple[tuple[str, str], ...]
    models: tuple[Model, ...]
    changes: tuple[Change, ...]

    @property
    def predicting(self) -> tuple[Live | LiveCalls, ...]:
        """Detectors of lots."""
        return (*self.live, *self.live_calls)


PAIRS = ("stops", "warnings", "alarms", "data")


def as_json(found: Week, needs: Sequence[Mapping[str, Any]], t: Translate) -> dict[str, Any]:
    """Return the report as JSON data; what is not known is null. needs: what needs a decision."""
    data = asdict(found)
    for name in PAIRS:
        week, before = data.pop(name)
        data[name] = {"week": week, "before": before}
    for period, of in zip(("week", "before"), found.warnings, strict=True):
        told = {"false_per_asset_week": of.false_per_asset_week, "precision": of.precision}
        data["warnings"][period] |= told
    for row, live in zip((*data["live"], *data["live_calls"]), found.predicting, strict=True):
        row["alarms"] = [phrased(alarm, found.zone, t) for alarm in live.alarms]
    for row, calls in zip(data["live_calls"], found.live_calls, strict=True):
        for period, of_lots in (("week", calls.week), ("before", calls.before)):
            row[period]["recall"], row[period]["false_calls"] = of_lots.counts.recall, of_lots.counts.false_calls
    data["unassessed"] = [asset for asset, _ in found.unassessed]
    ordered = {"needs": list(needs)} | {f.name: data[f.name] for f in fields(found)}
    return dict(nulled(_texts(ordered)))


def _texts(data: Any) -> Any:
    """Return JSON data whose instants are texts."""
    if isinstance(data, Mapping):
        return {key: _texts(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_texts(value) for value in data]
    return data.isoformat() if isinstance(data, datetime) else data
