"""Config of delivery: `[delivery]`, `[[shifts]]` and `[[routes]]` of forewarn.toml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import time
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from alerts.routing import DAYS, Escalation, GroupBy, Route, Span
from domain.alerting import Priority
from domain.instants import parse_duration

STRICT: Final = ConfigDict(frozen=True, extra="forbid")
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class DeliverySettings(BaseModel):
    """`[delivery]`: what is common to all messages. console_url: where people reach the console, for links in them.

    weekly: from when on the report of the last whole week is sent, such as "mon 06:00" of the plant, "" for never;
    weekly_to: the notifiers that get it.
    """

    model_config = STRICT
    console_url: str = ""
    weekly: str = ""
    weekly_to: tuple[str, ...] = ()

    @field_validator("console_url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        if url and not url.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return url

    @field_validator("weekly")
    @classmethod
    def _is_weekly(cls, text: str) -> str:
        if text:
            _weekly(text)
        return text

    @model_validator(mode="after")
    def _has_both(self) -> DeliverySettings:
        if bool(self.weekly) != bool(self.weekly_to):
            raise ValueError("`weekly` and `weekly_to` need each other")
        return self

    @property
    def weekly_at(self) -> tuple[int, time] | None:
        """The day (Monday is 0) and the wall time from which on the report of the week before is sent."""
        return _weekly(self.weekly) if self.weekly else None


class WatchdogSettings(BaseModel):
    """`[watchdog]`: how Forewarn tells that it is alive, tries its own alarm path, and misses tags that fall silent.

    heartbeat_to: receivers of a sign of life. heartbeat_when "well": it is left out while a check fails, for a receiver
    that cannot read. canary_at: wall time of the daily test, "" for none. second: who is told, past the outbox, when it
    does not arrive within canary_timeout.
    """

    model_config = STRICT
    heartbeat_to: tuple[str, ...] = ()
    heartbeat_s: Annotated[float, Field(ge=1)] = 60.0
    heartbeat_when: Literal["always", "well"] = "always"
    canary_at: str = "06:00"
    canary_timeout: str = "2min"
    second: tuple[str, ...] = ()
    has_no_data_alarms: bool = True

    @field_validator("canary_at")
    @classmethod
    def _is_time(cls, text: str) -> str:
        if text:
            _time(text)
        return text

    @field_validator("canary_timeout")
    @classmethod
    def _is_duration(cls, text: str) -> str:
        if parse_duration(text) < parse_duration("10s"):
            raise ValueError('shorter than "10s" would only alarm about itself')
        return text

    @property
    def at(self) -> time | None:
        """When the daily test is made."""
        return _time(self.canary_at) if self.canary_at else None


class ShiftSettings(BaseModel):
    """One `[[shifts]]` entry: wall times of the plant; `days` are those on which it begins, `end` may be next day."""

    model_config = STRICT
    name: Annotated[str, Field(min_length=1)]
    days: Annotated[tuple[Day, ...], Field(min_length=1)] = DAYS
    start: str = "00:00"
    end: str = "00:00"

    @field_validator("start", "end")
    @classmethod
    def _is_time(cls, text: str) -> str:
        _time(text)
        return text

    def span(self) -> Span:
        """Return the stretch of the day."""
        return Span(_time(self.start), _time(self.end), frozenset(self.days))


class EscalationSettings(BaseModel):
    """One `[[routes.escalate]]` entry."""

    model_config = STRICT
    after: str
    to: Annotated[tuple[str, ...], Field(min_length=1)]

    @field_validator("after")
    @classmethod
    def _is_duration(cls, text: str) -> str:
        parse_duration(text)
        return text


class RouteSettings(BaseModel):
    """One `[[routes]]` entry: which alerts go to whom. assets and rules are patterns; shifts empty is always.

    quiet: `"22:00-06:00"`, in which only alerts of high priority go; the others wait for its end. repeat "0s" is never.
    """

    model_config = STRICT
    to: Annotated[tuple[str, ...], Field(min_length=1)]
    assets: Annotated[tuple[str, ...], Field(min_length=1)] = ("*",)
    rules: Annotated[tuple[str, ...], Field(min_length=1)] = ("*",)
    priorities: Annotated[tuple[Priority, ...], Field(min_length=1)] = tuple(Priority)
    shifts: tuple[str, ...] = ()
    quiet: str = ""
    group_by: GroupBy = "asset"
    group_wait: str = "5s"
    group_interval: str = "5min"
    repeat: str = "4h"
    escalate: tuple[EscalationSettings, ...] = ()

    @field_validator("group_wait", "group_interval", "repeat")
    @classmethod
    def _is_duration(cls, text: str) -> str:
        parse_duration(text)
        return text

    @field_validator("quiet")
    @classmethod
    def _is_span(cls, text: str) -> str:
        if text:
            _span(text)
        return text

    @model_validator(mode="after")
    def _agrees(self) -> RouteSettings:
        repeat = parse_duration(self.repeat)
        if repeat and repeat < parse_duration("1min"):
            raise ValueError('`repeat` shorter than "1min" would only be noise; "0s" is never')
        return self

    def route(self, shifts: Mapping[str, Span]) -> Route:
        """Return the route; shifts by name."""
        return Route(
            self.to,
            self.assets,
            self.rules,
            frozenset(self.priorities),
            tuple(shifts[name] for name in self.shifts),
            _span(self.quiet) if self.quiet else None,
            self.group_by,
            parse_duration(self.group_wait),
            parse_duration(self.group_interval),
            parse_duration(self.repeat),
            tuple(Escalation(parse_duration(e.after), e.to) for e in self.escalate),
        )


def built(routes: Sequence[RouteSettings], shifts: Sequence[ShiftSettings]) -> tuple[Route, ...]:
    """Return all routes."""
    by_name = {shift.name: shift.span() for shift in shifts}
    return tuple(route.route(by_name) for route in routes)


def _weekly(text: str) -> tuple[int, time]:
    day, _, at = text.partition(" ")
    if day not in DAYS:
        raise ValueError(f'{text!r} is not a day and a time such as "mon 06:00"')
    return DAYS.index(day), _time(at)


def _time(text: str) -> time:
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise ValueError(f'{text!r} is not a time of day such as "06:00"') from None


def _span(text: str) -> Span:
    start, dash, end = text.partition("-")
    if not dash:
        raise ValueError(f'{text!r} is not a stretch of the day such as "22:00-06:00"')
    return Span(_time(start.strip()), _time(end.strip()))
