"""Config of the features: `[[features]]`, `[[derived]]` and `[[hypotheses]]` of forewarn.toml."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ModeSettings(BaseModel):
    """`[features.mode]`: how an asset's operating mode is told; its tags are then taken relative to their mode.

    from: "" for one mode; "event", the newest mode event; "tag", the value of the one tag in `tags`; "regimes", found
    on the tags that set them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    from_: Annotated[Literal["", "event", "tag", "regimes"], Field(alias="from")] = ""
    tags: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _names_its_tags(self) -> Self:
        if self.from_ == "tag" and len(self.tags) != 1:
            raise ValueError('from = "tag" takes one tag')
        if self.from_ == "regimes" and not self.tags:
            raise ValueError('from = "regimes" needs the tags that set them')
        if self.from_ in ("", "event") and self.tags:
            raise ValueError(f"from = {self.from_!r} takes no tags")
        return self


class FeatureSettings(BaseModel):
    """One feature set: which tags of a class, in which windows, by which calculators.

    window, step: a number of cycles on the cycle axis, a duration such as "6h" on the time axis.
    train_step: the same for training, where neighbouring windows add little.
    max_gap: the longest hole that a tag may have in a window, in the same words; 0 for any.
    align: a duration by which the ends of windows are moved from whole steps since 1970 UTC.
    lab: results whose last known values become features of a lot. process: values and texts of a lot that are features
    of it.
    lot_window: a lot's window is the one that ends with it, or its own passage from start to end.
    lag: name or pattern of measured tags -> how long before a lot's own times it was where the tag is measured.
    events: `kind:code`, or patterns of it, that are counted in the trailing `event_windows` and timed. attributes: of
    assets.csv; numbers, or categories where `categories` names them or one of them is no number.
    flat: how long a tag may tell one and the same value: a span, "learned", or "" for any time.
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
    max_gap: int | str = 0
    align: str = "0s"
    lab: tuple[str, ...] = ()
    lot_window: Literal["ending", "passage"] = "ending"
    lag: dict[str, str] = {}
    process: tuple[str, ...] = ()
    events: tuple[Annotated[str, Field(pattern=r"^[^:]+:.*$")], ...] = ()
    event_windows: tuple[int | str, ...] = ()
    attributes: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    flat: int | str = "learned"
    mode: ModeSettings = ModeSettings()
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
