"""Who is to hear of a notice: routes, shifts and quiet hours of the config, a notice and the time in, receivers out.
Pure.

Invariants: a notice goes along every route that it matches; one that matches no route goes to every receiver; one of
high priority that no route takes just now goes to every receiver too, and others wait until a route takes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from fnmatch import fnmatchcase
from typing import Final, Literal
from zoneinfo import ZoneInfo

from domain.alerting import Priority
from domain.notices import OpenNotice

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
GroupBy = Literal["alert", "asset", "all"]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the day in the plant's wall time, on the weekdays on which it begins; it may run past midnight.
    start = end is the whole day.
    """

    start: time
    end: time
    days: frozenset[str] = frozenset(DAYS)

    def holds(self, local: datetime) -> bool:
        """Say whether a wall time lies in [start, end)."""
        at, today = local.time(), DAYS[local.weekday()]
        yesterday = DAYS[local.weekday() - 1]
        if self.start < self.end:
            return today in self.days and self.start <= at < self.end
        return (today in self.days and at >= self.start) or (yesterday in self.days and at < self.end)


@dataclass(frozen=True, slots=True)
class Escalation:
    """Who is told as well when an alert is not acknowledged `after` its raise."""

    after: timedelta
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """Which notices go to whom, when, and how they are put together. repeat 0: never again.

    shifts: empty for always. quiet: while it lasts only notices of high priority go.
    """

    to: tuple[str, ...]
    assets: tuple[str, ...] = ("*",)
    rules: tuple[str, ...] = ("*",)
    priorities: frozenset[Priority] = frozenset(Priority)
    shifts: tuple[Span, ...] = ()
    quiet: Span | None = None
    group_by: GroupBy = "asset"
    group_wait: timedelta = timedelta(seconds=5)
    group_interval: timedelta = timedelta(minutes=5)
    repeat: timedelta = timedelta(hours=4)
    escalations: tuple[Escalation, ...] = ()

    def matches(self, notice: OpenNotice) -> bool:
        """Say whether the notice goes along this route at all."""
        return (
            notice.priority in self.priorities
            and any(fnmatchcase(notice.asset, pattern) for pattern in self.assets)
            and any(fnmatchcase(notice.rule, pattern) for pattern in self.rules)
        )

    def is_open(self, priority: Priority, local: datetime) -> bool:
        """Say whether notices of a priority go along it at a wall time."""
        if self.shifts and not any(shift.holds(local) for shift in self.shifts):
            return False
        return priority is Priority.HIGH or self.quiet is None or not self.quiet.holds(local)

    def about(self, notice: OpenNotice) -> str:
        """Name the group that a notice belongs to."""
        return {"alert": notice.alert_id, "asset": notice.asset, "all": "*"}[self.group_by]


@dataclass(frozen=True, slots=True)
class Recipient:
    """A receiver of the config. most: notices within ten minutes at most, 0 for any number."""

    name: str
    most: int = 10


@dataclass(frozen=True, slots=True, eq=False)
class Delivery:
    """All that the config says of delivery. zone: the plant's, in which shifts and quiet hours are read.

    own: routes of the software's own; a notice that one of them matches goes along no other.
    """

    recipients: tuple[Recipient, ...]
    routes: tuple[Route, ...]
    zone: ZoneInfo
    own: tuple[Route, ...] = ()

    @property
    def to_all(self) -> Route:
        """The route of what no other takes."""
        return Route(tuple(r.name for r in self.recipients))


@dataclass(frozen=True, slots=True)
class Target:
    """A receiver that is to know of a notice by now, along which route, and whether because nobody acknowledged it."""

    route: Route
    is_escalated: bool


def targets(notice: OpenNotice, delivery: Delivery, now: datetime) -> Mapping[str, Target]:
    """Return who is to know of a notice by now; the first route that names a receiver decides how it is told."""
    local = now.astimezone(delivery.zone)
    own = [r for r in delivery.own if r.matches(notice)]
    matching = own or [r for r in delivery.routes if r.matches(notice)]
    is_high = notice.priority is Priority.HIGH
    going = [r for r in matching if r.is_open(notice.priority, local)]
    if not matching or (is_high and not going):
        going = [delivery.to_all]
    found: dict[str, Target] = {}
    for route in going:
        for name, is_escalated in _of_route(notice, route, now):
            found.setdefault(name, Target(route, is_escalated))
    return found


def _of_route(notice: OpenNotice, route: Route, now: datetime) -> Iterator[tuple[str, bool]]:
    yield from ((name, False) for name in route.to)
    for escalation in route.escalations:
        if notice.needs_attention and now - notice.noted_at >= escalation.after:
            yield from ((name, True) for name in escalation.to)


def names_of(routes: Sequence[Route]) -> frozenset[str]:
    """Return every receiver that routes name."""
    told = {name for route in routes for name in route.to}
    return frozenset(told | {name for route in routes for e in route.escalations for name in e.to})
