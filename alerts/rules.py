"""Config of the rules: the entries of rules.toml in, rules out; what one entry says against itself is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, field_validator, model_validator

from domain.alerting import Condition, Priority, Rule, Term
from domain.instants import parse_duration
from domain.scores import Verdict

STRICT: Final = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
WATCH: Final = r"^(tag|score|lot|verdict|health):.+$"
RATES: Final = (Condition.RISING, Condition.FALLING)
Limit = FiniteFloat | str  # a number in the watched thing's unit, "model", or a duration for stuck and stale


class TermSettings(BaseModel):
    """One condition. `raise` and `clear` are in the watched thing's unit (rising, falling: per minute; stuck, stale: a
    duration), or "model" for the model's own; `deadband` stands for a `clear` that far inside `raise`.
    """

    model_config = STRICT

    watch: Annotated[str, Field(pattern=WATCH)]
    condition: Condition = Condition.HIGH
    raise_at: Limit | None = Field(default=None, alias="raise")
    clear_at: Limit | None = Field(default=None, alias="clear")
    deadband: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    over: str = ""
    verdicts: tuple[Verdict, ...] = ()

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        kind = self.watch.partition(":")[0]
        if (kind == "verdict") is not (self.condition is Condition.IS):
            raise ValueError('`condition = "is"` and `watch = "verdict:..."` belong together')
        if (self.condition is Condition.IS) is not bool(self.verdicts):
            raise ValueError('`verdicts` belongs to `condition = "is"`, and must name at least one')
        if (self.condition in RATES or self.condition.is_duration) and kind != "tag":
            raise ValueError(f'`condition = "{self.condition.value}"` needs a tag to watch')
        if (self.condition in RATES) is not bool(self.over):
            raise ValueError(
                '`over`, the span of a rate, belongs to `condition = "rising"` and "falling", and is needed there'
            )
        if self.condition in RATES and parse_duration(self.over) <= timedelta(0):
            raise ValueError("`over` must be longer than 0")
        if self.condition is Condition.IS and not self.raise_at == self.clear_at is None:
            raise ValueError("a verdict has no limits")
        if self.condition is Condition.STUCK or self.condition is Condition.STALE:
            self._check_duration()
        elif self.condition is not Condition.IS:
            self._check_numbers(kind)
        return self

    def _check_duration(self) -> None:
        if self.clear_at is not None:
            raise ValueError(f'`condition = "{self.condition.value}"` clears by itself: leave `clear` out')
        if self.condition is Condition.STALE and self.deadband:
            raise ValueError("a stale tag has no deadband")
        if self.raise_at is None and self.condition is Condition.STALE:
            return
        if not isinstance(self.raise_at, str) or parse_duration(self.raise_at) <= timedelta(0):
            raise ValueError('`raise` must be a duration such as "10min" here')

    def _check_numbers(self, kind: str) -> None:
        if self.raise_at is None:
            raise ValueError("`raise` is missing")
        if "model" in (self.raise_at, self.clear_at) and self.raise_at != (self.clear_at or "model"):
            raise ValueError('`raise` and `clear` must both be "model", or both be numbers')
        if self.raise_at == "model":
            if kind != "score":
                raise ValueError('`raise = "model"` needs a score to watch')
            if self.deadband:
                raise ValueError("the model has its own clear limit: leave `deadband` out")
            return
        if isinstance(self.raise_at, str) or isinstance(self.clear_at, str):
            raise ValueError(
                f'`raise` and `clear` are numbers, or "model", where the condition is "{self.condition.value}"'
            )
        if self.clear_at is None:
            return
        if self.deadband:
            raise ValueError("`clear` and `deadband` say the same twice: leave one out")
        sign = self.condition.sign
        if sign * self.clear_at > sign * self.raise_at:
            raise ValueError(f"`clear` {self.clear_at} is beyond `raise` {self.raise_at}")

    def term(self) -> Term:
        """Return the condition; without `clear` and `deadband` it clears where it raises."""
        over = parse_duration(self.over) if self.over else timedelta(0)
        verdicts = tuple(v.value for v in self.verdicts)
        return Term(self.watch, self.condition, *self._limits(), over, self.deadband, verdicts)

    def _limits(self) -> tuple[float | None, float | None]:
        if self.condition is Condition.IS:
            return 1.0, 1.0
        if self.raise_at is None or self.raise_at == "model":
            return None, None
        if isinstance(self.raise_at, str):
            seconds = parse_duration(self.raise_at).total_seconds()
            return seconds, seconds
        clear = self.raise_at - self.condition.sign * self.deadband if self.clear_at is None else float(self.clear_at)
        return self.raise_at, clear


class OverrideSettings(BaseModel):
    """What is different on some assets of the class: a path, or a pattern as "*/line-2/*"; the first one counts."""

    model_config = STRICT

    asset: Annotated[str, Field(min_length=1)]
    is_enabled: bool = True
    raise_at: Limit | None = Field(default=None, alias="raise")
    clear_at: Limit | None = Field(default=None, alias="clear")
    deadband: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    on_delay: str | None = None
    off_delay: str | None = None
    priority: Priority | None = None

    def changes(self) -> dict[str, Any]:
        """Return what it changes, by the rule's keys; a limit of its own takes the place of the rule's clear limit."""
        given = {k: v for k, v in self.model_dump(by_alias=True).items() if v is not None}
        given = {k: v for k, v in given.items() if k not in ("asset", "is_enabled")}
        if given.keys() & {"clear", "deadband"}:
            return {"clear": None, "deadband": 0.0, **given}
        return given


class RuleSettings(BaseModel):
    """One rule of rules.toml: a condition of its own, or several under `all` or `any`."""

    model_config = STRICT

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    asset_class: Annotated[str, Field(min_length=1)]
    watch: Annotated[str, Field(pattern=WATCH)] | None = None
    condition: Condition = Condition.HIGH
    raise_at: Limit | None = Field(default=None, alias="raise")
    clear_at: Limit | None = Field(default=None, alias="clear")
    deadband: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    over: str = ""
    verdicts: tuple[Verdict, ...] = ()
    all_of: tuple[TermSettings, ...] = Field(default=(), alias="all")
    any_of: tuple[TermSettings, ...] = Field(default=(), alias="any")
    hold: str = "1h"
    on_delay: str = "0s"
    off_delay: str = "0s"
    re_alarm: str = "0s"
    is_latching: bool = False
    when_mode: tuple[str, ...] = ()
    parent: str = ""
    priority: Priority = Priority.MEDIUM
    title: str = ""
    action: str = ""
    owner: str = ""
    cost: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    receivers: tuple[str, ...] = ()
    overrides: tuple[OverrideSettings, ...] = ()

    @field_validator("on_delay", "off_delay", "re_alarm", "hold")
    @classmethod
    def _is_duration(cls, text: str) -> str:
        if text.strip().startswith("-"):
            raise ValueError(f"{text!r} is negative: a delay cannot be")
        parse_duration(text)
        return text

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        terms = (*self.all_of, *self.any_of)
        if sum(map(bool, (self.watch, self.all_of, self.any_of))) != 1:
            raise ValueError("a rule has one of `watch`, `all` and `any`")
        if terms:
            own = self.model_fields_set & {"condition", "raise_at", "clear_at", "deadband", "over", "verdicts"}
            if own:
                raise ValueError(
                    f"with `all` or `any`, {sorted(own)[0].removesuffix('_at')!r} belongs to each condition"
                )
            if any(t.watch.partition(":")[0] not in ("tag", "score") for t in terms):
                raise ValueError("the conditions under `all` and `any` watch tags and scores")
            if any(o.changes().keys() & {"raise", "clear", "deadband"} for o in self.overrides):
                raise ValueError("an override cannot change limits of a rule with several conditions")
        elif "hold" in self.model_fields_set:
            raise ValueError("`hold` belongs to a rule with several conditions")
        else:
            self._own_term()
        if self.parent == self.id:
            raise ValueError("a rule cannot be its own parent")
        for override in self.overrides:
            self._overridden(override)
        return self

    def _own_term(self) -> TermSettings:
        keys = TermSettings.model_fields
        return TermSettings.model_validate({name: getattr(self, name) for name in keys})

    def _overridden(self, override: OverrideSettings) -> RuleSettings:
        own = {k: v for k, v in self.model_dump(by_alias=True, exclude_unset=True).items() if k != "overrides"}
        return RuleSettings.model_validate({**own, **override.changes()})

    def rule(self) -> Rule:
        """Return the rule, with what it is on the assets of its overrides."""
        settings = self.all_of or self.any_of
        terms = tuple(t.term() for t in settings)
        one = terms[0] if terms else self._own_term().term()
        overrides = tuple((o.asset, self._overridden(o).rule() if o.is_enabled else None) for o in self.overrides)
        return Rule(
            self.id,
            self.asset_class,
            (" | " if self.any_of else " & ").join(dict.fromkeys(t.watch for t in terms)) if terms else one.watch,
            one.condition,
            one.raise_at,
            one.clear_at,
            parse_duration(self.on_delay),
            self.priority,
            self.title or self.id,
            self.action,
            parse_duration(self.off_delay),
            parse_duration(self.re_alarm),
            self.is_latching,
            one.over,
            one.deadband,
            one.verdicts,
            terms,
            bool(self.any_of),
            parse_duration(self.hold) if terms else timedelta(0),
            self.when_mode,
            self.parent,
            self.owner,
            self.cost,
            self.receivers,
            overrides,
        )
