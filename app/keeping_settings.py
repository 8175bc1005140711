"""Config of what is kept how long: `[keeping]` of forewarn.toml."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Days = Annotated[int, Field(ge=0)]


class KeepingSettings(BaseModel):
    """How long things are kept, in days, and how large they may grow; 0 is without a bound.

    The counts of the sum are never deleted, nor are events, lots, results or alerts; of models, see `[models]`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    raw_days: Days = 0
    raw_max_mb: Annotated[int, Field(ge=0)] = 0
    score_days: Days = 0
    message_days: Days = 400
    request_days: Days = 30
    dead_letter_days: Days = 400
    dead_letter_max_mb: Annotated[int, Field(ge=0)] = 1000
    conflicts_max: Annotated[int, Field(ge=0)] = 1_000_000
    done_days: Days = 0
    rejected_days: Days = 0
    journal_max_mb: Annotated[int, Field(ge=1)] = 8192
