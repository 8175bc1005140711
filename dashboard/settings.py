"""Config of the console: `[console]` of forewarn.toml."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator


class ConsoleSettings(BaseModel):
    """Where the console is served and how often it looks for new data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    is_enabled: bool = True
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8050
    refresh_s: Annotated[float, Field(ge=0.5, le=3600)] = 2.0
    language: Literal["en", "ko"] = "en"

    @field_validator("host")
    @classmethod
    def _is_loopback(cls, host: str) -> str:
        if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
            raise ValueError("only a loopback address is served as long as no users exist: use 127.0.0.1")
        return host
