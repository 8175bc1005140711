"""Config of the detectors: `[[detectors]]` of forewarn.toml."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator

from detectors.life_settings import RetrainSettings

Split = Literal["", "time", "unit", "batch", "stratified", "given"]
"""How history is cut: in time, by whole assets, by their attribute `batch`, row by row (rows that are cases of their
own), or by their attribute `part`, train or test."""


class StabilitySettings(BaseModel):
    """`[detectors.stability]`, for screening = "stable": in how many halves of the rows a feature is looked for, and
    the share of them in which it must be found.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rounds: Annotated[int, Field(ge=10, le=1000)] = 50
    min_share: Annotated[float, Field(gt=0.5, le=1)] = 0.6


class SymptomSettings(BaseModel):
    """`[detectors.symptom]`: what a detector warns of.

    from: failures; stops (failures among them); alarms whose codes precede failures; "trend", failures from where they
    show in the data on; or "result", a lot's result other than 0. codes: of those events; empty takes the detector's
    `outcome`, or any.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    from_: Annotated[Literal["failure", "stop", "alarm", "trend", "result"], Field(alias="from")] = "failure"
    codes: tuple[str, ...] = ()


class CostSettings(BaseModel):
    """`[detectors.cost]`: what a stop costs that was not warned of, and what looking after an alert costs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stop: Annotated[float, Field(gt=0)]
    check: Annotated[float, Field(gt=0)]
    currency: str = ""


class DetectorSettings(BaseModel):
    """One detector: a named role, of a kind in DETECTORS, for a class of assets and an outcome.

    outcome: the code of the event ("" = any) for failure, the result's name for quality and for a symptom from a
    result, unused for anomaly.
    task: of a quality detector: "classification" predicts whether a result is bad, by the limits of `[[results]]`;
    else the result as it is told, which is a class where it is 0 or 1 only.
    tested: the share of the lots, the newest, that a back-test in time is tested on.
    symptom: what a failure detector warns of.
    target_recall: share of unseen failures that the threshold must catch, promised with `confidence`; of those that
    do, the cheapest by `cost`, or the one with the fewest false alarms. alarm_budget: false alarms per asset and week
    that are allowed at most, "" = any number. counts: what a recall counts: "events" that are caught in time, or
    "rows" within the horizon.
    remaining_life: how much life of units that run to failure is told at most, a span of the axis; "" = it is not.
    split: how folds are cut, overriding [evaluate] split; embargo: the gap before a test part in time ("24h").
    learn_from: an ISO time, in the plant's zone where it names none; nothing before it is learned from or tested on, as
    after a rebuild or a new sensor. "" = the whole history.
    reviews: whether what people said of its warnings becomes labels, or is only kept.
    retrain: when it is trained again by itself.
    screening: how features are chosen: by FRESH, or by how often FRESH finds them in halves of the rows. A detector
    that learns without an outcome takes all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    kind: str
    asset_class: Annotated[str, Field(min_length=1)]
    features: Annotated[str, Field(min_length=1)]
    outcome: str = ""
    task: Literal["", "regression", "classification"] = ""
    tested: Annotated[float, Field(gt=0, lt=1)] = 0.5
    symptom: SymptomSettings = SymptomSettings()
    target_recall: Annotated[float, Field(gt=0, le=1)] = 0.95
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.9
    alarm_budget: Annotated[float, Field(ge=0)] | Literal[""] = ""
    cost: CostSettings | None = None
    counts: Literal["events", "rows"] = "events"
    remaining_life: int | str = ""
    n_folds: Annotated[int, Field(ge=2, le=20)] = 5
    split: Split = ""
    embargo: str = "24h"
    learn_from: str = ""
    seed: int = 1
    screening: Literal["fresh", "stable"] = "fresh"
    stability: StabilitySettings = StabilitySettings()
    reviews: Literal["labels", "kept"] = "labels"
    retrain: RetrainSettings = RetrainSettings()
    options: dict[str, Any] = Field(default_factory=dict)

    @field_validator("learn_from")
    @classmethod
    def _is_a_time(cls, text: str) -> str:
        if text:
            try:
                datetime.fromisoformat(text)
            except ValueError:
                raise ValueError(f"{text!r} is no time such as 2026-03-02 or 2026-03-02T05:00+09:00") from None
        return text

    def learned_since(self, zone: ZoneInfo) -> datetime | None:
        """Return `learn_from` as an instant, None for the whole history. zone: of a time that names none."""
        if not self.learn_from:
            return None
        at = datetime.fromisoformat(self.learn_from)
        return at if at.tzinfo else at.replace(tzinfo=zone)

    @property
    def budget(self) -> float | None:
        """The alarm budget, None where there is none."""
        return None if self.alarm_budget == "" else self.alarm_budget
