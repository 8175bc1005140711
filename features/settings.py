"""Config of the features: `[[features]]`, `[[derived]]` and `[[hypotheses]]` of forewarn.toml."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class FeatureSettings(BaseModel):
    """One feature set: which tags of a class, in which windows, by which calculators.

    window, step: a number of cycles on the cycle axis, a duration such as "6h" on the time axis.
    train_step: the same for training, where neighbouring windows add little.
    lab: results whose last known values become features of a lot.
    samples: how many of each tag's newest values are kept as they are, for learners that look at raw windows.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1)]
    asset_class: Annotated[str, Field(min_length=1)]
    calculators: Literal["level", "trend", "minimal", "trailing", "efficient"] = "trend"
    tags: tuple[str, ...] = ("*",)
    window: int | str
    step: int | str = 1
    train_step: int | str = 1
    min_coverage: Annotated[float, Field(gt=0, le=1)] = 0.8
    lab: tuple[str, ...] = ()
    samples: Annotated[int, Field(ge=0, le=1000)] = 0


class DerivedSettings(BaseModel):
    """One derived tag: what a formula makes of the tags of an asset of a class, in a unit that must fit it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1, pattern=r"^[^/*?\[\]\"]+$")]
    asset_class: Annotated[str, Field(min_length=1)]
    unit: str
    formula: Annotated[str, Field(min_length=1)]


class HypothesisSettings(BaseModel):
    """What people believe of a failure or a result, and the features that would show it, by tag or by whole name.

    Said of one detector, or of every detector of a class.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1)]
    statement: Annotated[str, Field(min_length=1)]
    detector: str = ""
    asset_class: str = ""
    features: Annotated[tuple[str, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        if bool(self.detector) == bool(self.asset_class):
            raise ValueError("names either `detector` or `asset_class`")
        return self
