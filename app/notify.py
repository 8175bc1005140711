"""From notices to messages on their way: what the config says of receivers and routes, carried out.

Invariant: planning is one writer's; each receiver's messages are sent by one thread at a time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial

from alerts import notifier
from alerts.delivery import Lane, deliver, give_up_unknown
from alerts.delivery_settings import built
from alerts.messages import LISTED, Reader, message, tellings
from alerts.planning import Planned, horizon, plan
from alerts.routing import Delivery, Recipient, Route
from alerts.watchdog import CANARY
from app import secrets
from app.canary import CanaryReceiver
from app.rooms import Rooms
from app.settings import Settings
from domain.errors import ConfigError, Fault
from domain.ports import Clock, Notifier


@contextmanager
def notifiers(settings: Settings) -> Iterator[Mapping[str, Notifier]]:
    """Start every notifier; raises ConfigError, with every fault, for options that its kind does not take."""
    made: dict[str, Notifier] = {}
    faults: list[Fault] = []
    file = settings.folder / "forewarn.toml"
    for i, n in enumerate(settings.root.notifiers):
        options, found = secrets.of_options(n.name, n.options, os.environ, file, f"notifiers[{i}].options")
        faults += found
        try:
            made[n.name] = notifier(n.kind, options)
        except (TypeError, ValueError, OSError) as error:
            # The values are left out: a password or a token may be among them.
            faults.append(Fault(str(file), f"notifiers[{i}].options", ", ".join(sorted(n.options)), str(error)))
    if faults:
        raise ConfigError(faults)
    try:
        for each in made.values():
            each.start()
        yield made
    finally:
        for each in made.values():
            each.stop()


def delivery_of(settings: Settings) -> Delivery:
    """Return what the config says of delivery."""
    root = settings.root
    recipients = tuple(Recipient(n.name, n.most) for n in root.notifiers)
    canary = Route((CANARY,), rules=(CANARY,), group_wait=timedelta(0), repeat=timedelta(0))
    named = (Route(rule.receivers, rules=(rule.id,)) for rule in settings.rules if rule.receivers)
    return Delivery(recipients, built(root.routes, root.shifts), settings.zone, (canary, *named))


def readers(settings: Settings) -> dict[str, Reader]:
    """Return how each receiver's people read."""
    plant, url = settings.root.plant, settings.root.delivery.console_url
    languages = {CANARY: "en"} | {n.name: n.language for n in settings.root.notifiers}
    return {name: Reader(language, plant.zone, plant.name, url) for name, language in languages.items()}


class Delivering:
    """Plans messages and sends them: in turn, or by a lane for each receiver."""

    def __init__(self, rooms: Rooms, receivers: Mapping[str, Notifier]) -> None:
        self._rooms = rooms
        self._receivers = {**receivers, CANARY: CanaryReceiver(rooms)}
        self._settings, self._delivery = rooms.settings, delivery_of(rooms.settings)
        self._readers = readers(rooms.settings)
        self._instead = {n.name: n.instead for n in rooms.settings.root.notifiers}

    def plan(self, now: datetime) -> int:
        """Put what is due into the outbox; returns how many messages."""
        outbox = self._rooms.ledger.outbox
        notices = outbox.open_notices()
        if not notices:
            return 0
        if self._rooms.settings is not self._settings:  # rules say who is told, and may change while it runs
            self._settings, self._delivery = self._rooms.settings, delivery_of(self._rooms.settings)
        found = plan(notices, self._delivery, outbox.past(now - horizon(self._delivery)), now)
        if not found.messages and not found.settled:
            return 0
        facts = outbox.facts(_listed(found.messages))
        made = [message(m, facts, self._readers[m.receiver], now) for m in found.messages]
        outbox.save_plan(made, [t for m in found.messages for t in tellings(m)], found.settled, now)
        return len(made)

    def dispatch(self, now: datetime) -> int:
        """Plan, and send what is due, one receiver after the other; returns how many messages were delivered."""
        self.plan(now)
        outbox = self._rooms.ledger.outbox
        give_up_unknown(outbox, self._receivers, now)
        sent = 0
        for name in outbox.waiting_receivers(now):
            sent += deliver(outbox, name, self._receivers[name], lambda: now, self._instead.get(name, ""))
        return sent

    @contextmanager
    def lanes(self, clock: Clock) -> Iterator[Sequence[Lane]]:
        """Run a lane for each receiver; at the end each has a last turn, and none is waited for long."""
        outbox = self._rooms.ledger.outbox
        give_up_unknown(outbox, self._receivers, clock.now())
        lanes = [
            Lane(name, partial(deliver, outbox, name, receiver, clock.now, self._instead.get(name, "")))
            for name, receiver in self._receivers.items()
        ]
        for lane in lanes:
            lane.start()
        try:
            yield lanes
        finally:
            for lane in lanes:
                lane.end()
            for lane in lanes:
                lane.stop()


def _listed(messages: Sequence[Planned]) -> list[str]:
    return sorted({item.notice.key for m in messages for item in m.items[:LISTED]})
