"""Config of the alerts: rules.toml, and `[[notifiers]]` of forewarn.toml."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, field_validator, model_validator

from alerts import NOTIFIERS
from domain.alerting import Direction, Priority, Rule
from domain.instants import parse_duration


class RuleSettings(BaseModel):
    """One rule of rules.toml. `raise` and `clear` are in the watched thing's unit, or "model" for the model's own."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    asset_class: Annotated[str, Field(min_length=1)]
    watch: Annotated[str, Field(pattern=r"^(tag|score|health):.+$")]
    direction: Direction = Direction.ABOVE
    raise_at: FiniteFloat | Literal["model"] = Field(alias="raise")
    clear_at: FiniteFloat | Literal["model"] | None = Field(default=None, alias="clear")
    on_delay: str = "0s"
    priority: Priority = Priority.MEDIUM
    title: str = ""
    action: str = ""

    @field_validator("on_delay")
    @classmethod
    def _is_duration(cls, text: str) -> str:
        parse_duration(text)
        return text

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if "model" in (self.raise_at, self.clear_at) and self.raise_at != (self.clear_at or "model"):
            raise ValueError('`raise` and `clear` must both be "model", or both be numbers')
        if self.raise_at == "model" and not self.watch.startswith("score:"):
            raise ValueError('`raise = "model"` needs a score to watch')
        if isinstance(self.raise_at, float) and isinstance(self.clear_at, float):
            sign = 1 if self.direction is Direction.ABOVE else -1
            if sign * self.clear_at > sign * self.raise_at:
                raise ValueError(f"`clear` {self.clear_at} is beyond `raise` {self.raise_at}")
        return self

    def rule(self) -> Rule:
        """Return the rule; without `clear` the alert clears where it raises."""
        is_model = self.raise_at == "model"
        raise_at = None if is_model else float(self.raise_at)
        clear_at = None if is_model else raise_at if self.clear_at is None else float(self.clear_at)
        return Rule(
            self.id,
            self.asset_class,
            self.watch,
            self.direction,
            raise_at,
            clear_at,
            parse_duration(self.on_delay),
            self.priority,
            self.title or self.id,
            self.action,
        )


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
