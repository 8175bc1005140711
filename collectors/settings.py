"""Config of the collectors: `[mqtt]` and `[[formats]]` of forewarn.toml."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from collectors.grading import Codes
from collectors.mqtt_settings import SparkplugSettings, TimeUnit, TlsSettings, TopicSettings
from domain.instants import parse_duration

TIME_WORDS: Final = ("iso", "s", "ms", "us", "ns", "cycle")


class MqttSettings(BaseModel):
    """How the collector reaches its broker and reads its payloads."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    is_enabled: bool = True
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    client_id: Annotated[str, Field(min_length=1)] = "forewarn-collector"
    share: Annotated[str, Field(pattern=r"^[^/+#]*$")] = ""
    root: Annotated[str, Field(pattern=r"^[^#+]+$")] = "forewarn"
    username: str = ""
    password: SecretStr = SecretStr("")
    password_file: str = ""
    keepalive_s: Annotated[int, Field(ge=5, le=3600)] = 30
    time_unit: TimeUnit = "iso"
    has_text_numbers: bool = False
    max_payload_bytes: Annotated[int, Field(ge=100)] = 1_000_000
    max_future_s: Annotated[int, Field(ge=0)] = 300
    batch_messages: Annotated[int, Field(ge=1)] = 500
    batch_wait_ms: Annotated[int, Field(ge=1)] = 20
    max_unknown_tags: Annotated[int, Field(ge=1)] = 1000
    tls: TlsSettings = TlsSettings()
    sparkplug: SparkplugSettings = SparkplugSettings()
    topics: tuple[TopicSettings, ...] = ()

    @model_validator(mode="after")
    def _sparkplug_is_not_shared(self) -> MqttSettings:
        if self.share and self.sparkplug.is_enabled:
            raise ValueError("Sparkplug births and data must come to one collector: it cannot be shared")
        return self


class RowSettings(BaseModel):
    """`[formats.rows]` of a file whose rows bear no time but stand in its order: when its first row was, and how far
    apart its rows are, by their lines.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    first: datetime
    every: str

    @field_validator("first", mode="before")
    @classmethod
    def _has_zone(cls, first: Any) -> Any:
        found = datetime.fromisoformat(first) if isinstance(first, str) else first
        if not isinstance(found, datetime) or found.tzinfo is None:
            raise ValueError("must be a time with its zone, such as 2026-01-01T00:00:00+00:00")
        return found

    @field_validator("every")
    @classmethod
    def _is_span(cls, every: str) -> str:
        if parse_duration(every) <= timedelta(0):
            raise ValueError("must be above 0")
        return every


class FormatSettings(BaseModel):
    """How one kind of dump file is read; the first format whose `match` fits a file's name is taken.

    skip_lines: lines above the header.
    join: a new column -> the columns whose texts make it, with a space between (a date and a time; one is a copy).
    Besides the file's own there are `file` (its name without the ending), `row` (1 is the first below the header), and
    with `rows` `row_time`; an own column of that name goes first.
    rename: what the file calls it -> what it is called here: columns, and in the long layout the tag names.
    fixed: a column that the file does not have -> its text in every row.
    translate: a column, as it is called here -> text in the file -> text here.
    results: columns of a file of lots or results that hold one result each, by the names they have here.
    texts: columns of a file of lots that hold texts (a product, a machine); the other columns are process values.
    time_column, asset_column, tag_column, value_column and ignore name columns as the file does.
    """

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
    tag_column: str = "tag"
    value_column: str = "value"
    join: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    rows: RowSettings | None = None
    rename: dict[str, str] = Field(default_factory=dict)
    fixed: dict[str, str] = Field(default_factory=dict)
    translate: dict[str, dict[str, str]] = Field(default_factory=dict)
    results: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    skip_lines: Annotated[int, Field(ge=0)] = 0
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    decimal: Literal[".", ","] = "."
    encoding: str = "utf-8-sig"
    null_texts: tuple[str, ...] = ("", "NA", "N/A", "#N/A", "-", "null", "NaN", "nan")
    quality_codes: Codes = "opc-ua"
    units: Mapping[str, str] = {}
    verdicts: Mapping[str, float] = {}
    known: Literal["received", "start"] = "received"
    codes: tuple[str, ...] = ()
    max_future_s: Annotated[int, Field(ge=0)] = 300
    max_columns: Annotated[int, Field(ge=2)] = 20_000
    max_line_bytes: Annotated[int, Field(ge=100)] = 4_000_000
    max_decoded_mb: Annotated[int, Field(ge=1)] = 4096

    @field_validator("delimiter")
    @classmethod
    def _is_delimiter(cls, sign: str) -> str:
        if sign in '"\r\n\0':
            raise ValueError("a quote or a line end cannot part cells")
        return sign

    @field_validator("time_format")
    @classmethod
    def _is_time_format(cls, form: str) -> str:
        if form in TIME_WORDS:
            return form
        if "%" not in form:
            raise ValueError(f"none of {', '.join(TIME_WORDS)}, and no strptime format such as %d.%m.%Y %H:%M")
        try:
            parsed = datetime.strptime(datetime(2026, 12, 31, 23, 58, tzinfo=UTC).strftime(form), form)  # noqa: DTZ007
        except (ValueError, re.error) as error:
            raise ValueError(f"no strptime format: {error}") from error
        if (parsed.month, parsed.day) != (12, 31) or parsed.year != 2026:
            raise ValueError("names no year, month and day")
        return form

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
