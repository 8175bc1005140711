"""Config of the ledger: `[ledger]` of forewarn.toml."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

QUERY_KEYS: Final = ("sslmode", "sslrootcert", "sslcert", "sslkey", "target_session_attrs")


class LedgerSettings(BaseModel):
    """Where the ledger is: an empty url is SQLite in the data folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = ""
    password: SecretStr = SecretStr("")
    password_file: str = ""
    connect_timeout_s: Annotated[int, Field(ge=1, le=300)] = 10

    @field_validator("url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        if not url:
            return url
        parts = urlsplit(url)
        if parts.scheme != "postgresql" or not parts.hostname:
            raise ValueError('must be empty (SQLite) or like "postgresql://forewarn@db.example.com:5432/forewarn"')
        if parts.password is not None:
            raise ValueError("takes no password: use FOREWARN_LEDGER_PASSWORD or `password_file`")
        if len(parts.path) < 2:
            raise ValueError("names no database: postgresql://user@host/DATABASE")
        if unknown := sorted(set(parse_qs(parts.query, keep_blank_values=True)) - set(QUERY_KEYS)):
            raise ValueError(f"does not take {', '.join(unknown)}, only {', '.join(QUERY_KEYS)}")
        return url

    @property
    def is_postgres(self) -> bool:
        """Whether the ledger is on PostgreSQL."""
        return bool(self.url)
