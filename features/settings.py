"""Config of the features: `[[features]]` of forewarn.toml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class FeatureSettings(BaseModel):
    """One feature set: which tags of a class, in which windows, by which calculators.

    window, step: a number of cycles on the cycle axis, a duration such as "6h" on the time axis.
    train_step: the same for training, where neighbouring windows add little.
    lab: results whose last known values become features of a lot.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1)]
    asset_class: Annotated[str, Field(min_length=1)]
    calculators: Literal["trend", "level"] = "trend"
    tags: tuple[str, ...] = ("*",)
    window: int | str
    step: int | str = 1
    train_step: int | str = 1
    min_coverage: Annotated[float, Field(gt=0, le=1)] = 0.8
    lab: tuple[str, ...] = ()
