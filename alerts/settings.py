"""Config of the receivers: `[[notifiers]]` of forewarn.toml. The rules have their own, in `alerts.rules`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from alerts import NOTIFIERS


class NotifierSettings(BaseModel):
    """One receiver of notifications. options depend on the kind.

    most: notices within ten minutes, 0 for any number. instead: the receiver that takes over what this one refuses, or
    does not take for some minutes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1)]
    kind: str
    language: Literal["en", "ko"] = "en"
    most: Annotated[int, Field(ge=0)] = 10
    instead: str = ""
    options: dict[str, Any] = Field(default_factory=dict)

    @field_validator("kind")
    @classmethod
    def _is_known(cls, kind: str) -> str:
        if kind not in NOTIFIERS:
            raise ValueError(f"{kind!r} is none of {', '.join(NOTIFIERS)}")
        return kind
