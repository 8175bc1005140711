"""Config of the console: `[console]` of forewarn.toml."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from domain.instants import parse_duration


class ConsoleSettings(BaseModel):
    """Where the console is served and how often it looks for new data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    is_enabled: bool = True
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8050
    refresh_s: Annotated[float, Field(ge=0.5, le=3600)] = 2.0
    language: Literal["en", "ko"] = "en"
    trusted_proxy: str = ""
    idle: str = "30min"
    session: str = "12h"
    model_days: Annotated[int, Field(ge=0)] = 90

    @field_validator("host")
    @classmethod
    def _is_address(cls, host: str) -> str:
        if host != "localhost":
            ipaddress.ip_address(host)
        return host

    @field_validator("trusted_proxy")
    @classmethod
    def _is_proxy(cls, address: str) -> str:
        if address:
            ipaddress.ip_address(address)
        return address

    @field_validator("idle", "session")
    @classmethod
    def _is_span(cls, text: str) -> str:
        if not timedelta(minutes=1) <= parse_duration(text) <= timedelta(hours=24):
            raise ValueError("must be from 1min to 24h")
        return text

    @property
    def is_beyond(self) -> bool:
        """Whether other machines reach the console, by its own address or by a proxy's."""
        is_loopback = self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        return bool(self.trusted_proxy) or not is_loopback
