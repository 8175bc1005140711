"""Config of a model's life: `[models]` of forewarn.toml, and `[detectors.retrain]` of each detector."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

from domain.instants import parse_duration

DAY: Final = timedelta(days=1)


class ModelsSettings(BaseModel):
    """`[models]`: key_file holds the key that models are signed with (64 or more hexadecimal digits, mode 0600), ""
    for one that is made in the models' folder. champions, challengers: how many former champions, and how many models
    that wait, are kept of each detector; 0 keeps all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key_file: str = ""
    champions: Annotated[int, Field(ge=0)] = 3
    challengers: Annotated[int, Field(ge=0)] = 3

    @property
    def file(self) -> Path | None:
        """The key file; None for the one of the models' folder."""
        return Path(self.key_file) if self.key_file else None


class RetrainSettings(BaseModel):
    """`[detectors.retrain]`: every: how old the newest model may become before another is trained ("30d"), "" for
    never by itself; at: when work on models may begin, as a cron line of five fields in the plant's zone; limit: how
    long a training may take.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    every: str = ""
    at: str = "30 2 * * *"
    limit: str = "12h"

    @field_validator("every")
    @classmethod
    def _is_long(cls, text: str) -> str:
        if text and parse_duration(text) < DAY:
            raise ValueError("shorter than a day")
        return text

    @field_validator("limit")
    @classmethod
    def _is_positive(cls, text: str) -> str:
        if parse_duration(text) <= timedelta(0):
            raise ValueError("must be longer than 0")
        return text
