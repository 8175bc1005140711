"""Config of what `[mqtt]` holds beside the connection: `[mqtt.tls]`, `[[mqtt.topics]]` and `[mqtt.sparkplug]`."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from collectors.grading import Codes
from collectors.json_paths import parse_path

STRICT: Final = ConfigDict(frozen=True, extra="forbid")
TimeUnit = Literal["iso", "s", "ms", "us", "ns"]
LEVEL: Final = re.compile(r"\+|#|\{[A-Za-z_]\w*#?\}|[^+#{}\0]+")
NAME: Final = re.compile(r"\{(\w+)\}")


class TlsSettings(BaseModel):
    """`[mqtt.tls]`: TLS 1.2 or newer with the broker's certificate and host name checked; no way back to plain."""

    model_config = STRICT
    is_enabled: bool = False
    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""

    @model_validator(mode="after")
    def _is_whole(self) -> TlsSettings:
        if bool(self.certificate_file) != bool(self.key_file):
            raise ValueError("`certificate_file` and `key_file` belong together")
        if not self.is_enabled and (self.ca_file or self.certificate_file):
            raise ValueError("certificates are named, but `is_enabled` is false: the connection would be plain")
        return self


class TopicSettings(BaseModel):
    """One `[[mqtt.topics]]` entry: which topics it reads, and where in them asset, tag, value and time stand."""

    model_config = STRICT
    pattern: Annotated[str, Field(min_length=1)]
    asset: Annotated[str, Field(min_length=1)]
    tag: Annotated[str, Field(min_length=1)]
    payload: Literal["json", "lines", "plain"] = "json"
    records_path: str | None = None
    values_path: str | None = None
    value_path: str = "value"
    name_path: str | None = None
    time_path: str | None = None
    quality_path: str | None = None
    unit_path: str | None = None
    fields: dict[str, str] = {}
    rename: dict[str, str] = {}
    unit: str = ""
    time_unit: TimeUnit = "iso"
    quality_codes: Codes = "opc-ua"
    has_text_numbers: bool = False
    decimal: Literal[".", ","] = "."

    @field_validator("pattern")
    @classmethod
    def _is_pattern(cls, pattern: str) -> str:
        levels = pattern.split("/")
        if pattern.startswith("$") or not all(LEVEL.fullmatch(level) for level in levels):
            raise ValueError("a level is a text, `+`, `{name}`, or last `#` or `{name#}`; it may not begin with $")
        if any("#" in level for level in levels[:-1]):
            raise ValueError("`#` and `{name#}` stand at the end only")
        names = [level.strip("{}#") for level in levels if level.startswith("{")]
        if len(names) != len(set(names)):
            raise ValueError("a name stands twice")
        return pattern

    @field_validator("records_path", "values_path", "value_path", "name_path", "time_path", "quality_path", "unit_path")
    @classmethod
    def _is_path(cls, path: str | None) -> str | None:
        if path is not None:
            parse_path(path)
        return path

    @field_validator("fields")
    @classmethod
    def _are_paths(cls, fields: dict[str, str]) -> dict[str, str]:
        for path in fields.values():
            parse_path(path)
        return fields

    @model_validator(mode="after")
    def _names_are_known(self) -> TopicSettings:
        known = {m.strip("{}#") for m in re.findall(r"\{\w+#?\}", self.pattern)} | set(self.fields)
        if self.values_path is not None or self.name_path is not None:
            known.add("name")
        for template in (self.asset, self.tag):
            for name in NAME.findall(template):
                if name not in known:
                    raise ValueError(f"`{{{name}}}` is neither a level of the pattern nor one of `fields`")
        if self.payload == "plain" and (self.values_path or self.records_path or self.name_path or self.fields):
            raise ValueError('a "plain" payload is one number: it has no paths')
        return self


class SparkplugSettings(BaseModel):
    """`[mqtt.sparkplug]`: which groups are read, and how a metric's place becomes a tag."""

    model_config = STRICT
    is_enabled: bool = False
    groups: Annotated[tuple[str, ...], Field(min_length=1)] = ("+",)
    asset: Annotated[str, Field(min_length=1)] = "{group}/{node}/{device}"
    tag: Annotated[str, Field(min_length=1)] = "{metric}"
    rename: dict[str, str] = {}
    ignore: tuple[str, ...] = ("Properties/*", "Node Info/*")
    rebirth_s: Annotated[int, Field(ge=1)] = 60

    @field_validator("groups")
    @classmethod
    def _are_levels(cls, groups: tuple[str, ...]) -> tuple[str, ...]:
        if any(not g or "/" in g or "#" in g or ("+" in g and g != "+") for g in groups):
            raise ValueError('group ids, or "+" for all')
        return groups

    @field_validator("asset", "tag")
    @classmethod
    def _names_are_known(cls, template: str) -> str:
        unknown = set(NAME.findall(template)) - {"group", "node", "device", "metric"}
        if unknown:
            raise ValueError(f"`{{{unknown.pop()}}}` is none of group, node, device, metric")
        return template
