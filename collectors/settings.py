"""Config of the collectors: `[mqtt]` and `[[formats]]` of forewarn.toml."""

from __future__ import annotations

import codecs
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

TimeUnit = Literal["iso", "s", "ms", "us", "ns"]


class MqttSettings(BaseModel):
    """How the collector reaches its broker and reads its payloads."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    is_enabled: bool = True
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    client_id: Annotated[str, Field(min_length=1)] = "forewarn-collector"
    root: Annotated[str, Field(pattern=r"^[^#+]+$")] = "forewarn"
    username: str = ""
    password: SecretStr = SecretStr("")
    keepalive_s: Annotated[int, Field(ge=5, le=3600)] = 30
    time_unit: TimeUnit = "iso"
    has_text_numbers: bool = False
    max_payload_bytes: Annotated[int, Field(ge=100)] = 1_000_000
    max_future_s: Annotated[int, Field(ge=0)] = 300
    batch_messages: Annotated[int, Field(ge=1)] = 500
    batch_wait_ms: Annotated[int, Field(ge=1)] = 50


class FormatSettings(BaseModel):
    """How one kind of dump file is read; the first format whose `match` fits a file's name is taken."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1)]
    match: Annotated[str, Field(min_length=1)] = "*"
    kind: Literal["sensors", "events", "lots", "results"] = "sensors"
    layout: Literal["wide", "long"] = "wide"
    time_column: str = "time"
    time_format: str = "iso"
    zone: str = ""
    asset: str = ""
    asset_column: str = "asset"
    ignore: tuple[str, ...] = ()
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    decimal: Literal[".", ","] = "."
    encoding: str = "utf-8-sig"
    null_texts: tuple[str, ...] = ("", "NA", "N/A", "#N/A", "-", "null", "NaN", "nan")

    @field_validator("encoding")
    @classmethod
    def _is_encoding(cls, name: str) -> str:
        try:
            codecs.lookup(name)
        except LookupError as error:
            raise ValueError("not an encoding, such as utf-8 or latin-1") from error
        return name

    @field_validator("zone")
    @classmethod
    def _is_zone(cls, name: str) -> str:
        if name and name not in available_timezones():
            raise ValueError("not a time zone, such as Asia/Seoul")
        return name
