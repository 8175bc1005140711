"""Config of the telemetry stores: `[duckdb]` and `[influxdb]` of forewarn.toml."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator


class DuckDBSettings(BaseModel):
    """What the embedded store may use of the machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    memory_limit: Annotated[str, Field(pattern=r"^\d+ ?[KMGT]i?B$")] = "1GB"
    threads: Annotated[int, Field(ge=1)] = 2


class InfluxSettings(BaseModel):
    """How a plant's InfluxDB is reached: v1 `/write` and `/query` with HTTP Basic, which 1.x, 2.x and 3 offer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = "http://127.0.0.1:8086"
    database: Annotated[str, Field(min_length=1)] = "forewarn"
    retention_policy: str = ""
    rollup_policy: str = ""
    username: Annotated[str, Field(pattern=r"^[^:]*$")] = ""
    password: SecretStr = SecretStr("")
    password_file: str = ""
    ca_file: str = ""
    timeout_s: Annotated[float, Field(gt=0)] = 10.0
    query_timeout_s: Annotated[float, Field(gt=0)] = 60.0
    has_other_writers: bool = False
    write_points: Annotated[int, Field(ge=1)] = 5000
    read_rows: Annotated[int, Field(ge=1)] = 10_000

    @field_validator("url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be http://host:port or https://host:port")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("takes no user, password or query; use `username` and `password_file`")
        return url.rstrip("/")
