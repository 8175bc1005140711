"""Config of the watched folder: `[inbox]` of forewarn.toml."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator


class InboxSettings(BaseModel):
    """Which folder is watched for dump files, and when a file in it is whole."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    is_enabled: bool = False
    folder: Annotated[str, Field(min_length=1)] = "inbox"
    settle_s: Annotated[float, Field(ge=0)] = 10.0
    marker: str = ""
    timeout_s: Annotated[float, Field(gt=0)] = 3600.0
    poll_s: Annotated[float, Field(gt=0)] = 2.0

    @field_validator("marker")
    @classmethod
    def _is_ending(cls, marker: str) -> str:
        if marker and (not marker.startswith(".") or "/" in marker or len(marker) < 2):
            raise ValueError('an ending such as ".done"')
        return marker
