"""Which messages are due: open notices, the config of delivery and what was sent before in, messages to send out. Pure.

Invariants: a notice is told to a receiver once per step, whatever is restarted in between, since steps are stored; a
receiver with a bound gets no more messages than it in any ten minutes, and what does not fit is put together, highest
priority first; nothing is dropped.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from alerts.routing import Delivery, Recipient, Route, targets
from domain.alerting import Priority
from domain.notices import OpenNotice, Past

WINDOW: Final = timedelta(minutes=10)


class Reason(StrEnum):
    """Why a notice is told."""

    RAISED = "raised"
    ESCALATED = "not acknowledged"
    REPEATED = "still not acknowledged"


@dataclass(frozen=True, slots=True)
class Item:
    """A notice to tell, at which step and why."""

    notice: OpenNotice
    step: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Planned:
    """One message to one receiver. about: the group, "" where several were put together."""

    receiver: str
    about: str
    items: tuple[Item, ...]

    @property
    def key(self) -> str:
        """The idempotency key: a notice is at a step for a receiver once only, so its first item names the message."""
        first = self.items[0]
        return f"{first.notice.key}:{self.receiver}" + (f":{first.step}" if first.step else "")


@dataclass(frozen=True, slots=True)
class Plan:
    """Messages to send, and notices of which nothing is left to tell."""

    messages: tuple[Planned, ...]
    settled: tuple[str, ...]


def horizon(delivery: Delivery) -> timedelta:
    """Return how far back `plan` needs to know what was sent."""
    return max([WINDOW, *(r.group_interval for r in (*delivery.routes, delivery.to_all))])


def plan(notices: Sequence[OpenNotice], delivery: Delivery, past: Sequence[Past], now: datetime) -> Plan:
    """Return what is due at `now`. past: the messages planned within `horizon`, oldest first."""
    wanted: dict[str, list[tuple[Item, Route]]] = defaultdict(list)
    settled = []
    for notice in notices:
        is_told = True
        for name, target in targets(notice, delivery, now).items():
            told = notice.told.get(name)
            if told is None:
                item = Item(notice, 0, Reason.ESCALATED if target.is_escalated else Reason.RAISED)
            elif notice.needs_attention and target.route.repeat and now - told.at >= target.route.repeat:
                item = Item(notice, told.step + 1, Reason.REPEATED)
            else:
                continue
            wanted[name].append((item, target.route))
            is_told = False
        if is_told and not notice.needs_attention:
            settled.append(notice.key)
    recipients = {r.name: r for r in delivery.recipients}
    messages: list[Planned] = []
    for name, items in wanted.items():
        before = [p for p in past if p.receiver == name]
        messages += _within_bound(recipients.get(name, Recipient(name, 0)), _ready(items, before, now), before, now)
    return Plan(tuple(messages), tuple(settled))


def _ready(items: Sequence[tuple[Item, Route]], past: Sequence[Past], now: datetime) -> dict[str, list[Item]]:
    """Return the groups that have waited as long as their route says."""
    last = {p.about: p.at for p in past}
    groups: dict[str, list[tuple[Item, Route]]] = defaultdict(list)
    for item, route in items:
        groups[route.about(item.notice)].append((item, route))
    return {
        about: [item for item, _ in members]
        for about, members in groups.items()
        if any(_is_ready(item, route, last.get(about), now) for item, route in members)
    }


def _is_ready(item: Item, route: Route, last: datetime | None, now: datetime) -> bool:
    if item.reason is not Reason.RAISED:
        return True
    has_waited = now - item.notice.noted_at >= route.group_wait
    is_apart = last is None or now - last >= route.group_interval
    return has_waited and (is_apart or item.notice.priority is Priority.HIGH)


def _within_bound(
    recipient: Recipient, groups: Mapping[str, list[Item]], past: Sequence[Past], now: datetime
) -> list[Planned]:
    """Return a message per group; where the bound is near, one message of all groups, and those evenly spaced.

    The first half of the bound may go at once; the other half is spread over the window, so that there is always one
    to come.
    """
    found = [Planned(recipient.name, about, _sorted(items)) for about, items in groups.items()]
    found.sort(key=lambda m: _urgency(m.items[0]))
    if not found or not recipient.most:
        return found
    sent = [p.at for p in past if p.at > now - WINDOW]
    at_once = recipient.most // 2
    if len(found) <= at_once - len(sent):
        return found
    spacing = WINDOW / (recipient.most - at_once)
    is_held = len(sent) >= at_once and bool(sent) and now - max(sent) < spacing
    if is_held or len(sent) >= recipient.most:
        return []
    about = found[0].about if len(found) == 1 else ""
    return [Planned(recipient.name, about, _sorted([item for m in found for item in m.items]))]


def _sorted(items: Sequence[Item]) -> tuple[Item, ...]:
    return tuple(sorted(items, key=_urgency))


def _urgency(item: Item) -> tuple[int, datetime, str]:
    return item.notice.priority.rank, item.notice.noted_at, item.notice.key
