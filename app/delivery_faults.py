"""What `[[notifiers]]`, `[[shifts]]` and `[[routes]]` say of each other: names that are not there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from alerts.delivery_settings import DeliverySettings, RouteSettings, ShiftSettings, WatchdogSettings
from alerts.settings import NotifierSettings
from app.faults import suggest
from domain.errors import Fault


def delivery_faults(
    receivers: Sequence[NotifierSettings],
    routes: Sequence[RouteSettings],
    shifts: Sequence[ShiftSettings],
    watchdog: WatchdogSettings,
    delivery: DeliverySettings,
    file: str,
) -> Iterator[Fault]:
    """Yield names in routes and notifiers that the config does not have, and receivers that stand in for themselves."""
    known = {n.name for n in receivers}
    for i, n in enumerate(receivers):
        if n.instead == n.name:
            yield Fault(file, f"notifiers[{i}].instead", n.instead, "is the notifier itself")
        elif n.instead and n.instead not in known:
            yield _unknown(file, f"notifiers[{i}].instead", n.instead, "notifier", known)
    told = {"watchdog.heartbeat_to": watchdog.heartbeat_to, "watchdog.second": watchdog.second}
    for key, names in {**told, "delivery.weekly_to": delivery.weekly_to}.items():
        yield from (_unknown(file, key, name, "notifier", known) for name in names if name not in known)
    for i, route in enumerate(routes):
        named: list[tuple[str, Any]] = [(f"routes[{i}].to", route.to)]
        named += [(f"routes[{i}].escalate[{k}].to", e.to) for k, e in enumerate(route.escalate)]
        yield from (
            _unknown(file, key, name, "notifier", known) for key, names in named for name in names if name not in known
        )
        all_shifts = {s.name for s in shifts}
        yield from (
            _unknown(file, f"routes[{i}].shifts", name, "shift", all_shifts)
            for name in route.shifts
            if name not in all_shifts
        )


def _unknown(file: str, key: str, name: str, what: str, known: Any) -> Fault:
    return Fault(file, key, repr(name), f"no such {what}{suggest(name, known)}")
