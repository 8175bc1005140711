"""The outbox to the outside: due messages in, deliveries out; a row is closed after the send.

Without a crash each message goes out exactly once; after a crash at most once more, with the same key.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Protocol

from domain.alerting import Message
from domain.errors import NotifyError
from domain.ports import Notifier

log = logging.getLogger(__name__)
FIRST_WAIT: Final = timedelta(seconds=5)
LONGEST_WAIT: Final = timedelta(minutes=10)


class Outbox(Protocol):
    """Where messages wait."""

    def due(self, now: datetime, most: int = 100) -> list[Message]:
        """Return messages to send now."""
        ...

    def close_message(self, key: str, at: datetime) -> None:
        """Note a delivery."""
        ...

    def delay_message(self, key: str, attempts: int, due_at: datetime, error: str) -> None:
        """Note a failed attempt."""
        ...

    def give_up_message(self, key: str, at: datetime, error: str) -> None:
        """Note that a message cannot be delivered."""
        ...


def dispatch(outbox: Outbox, notifiers: Mapping[str, Notifier], now: datetime) -> int:
    """Send what is due; returns how many were delivered. A dead receiver's messages wait longer each time."""
    sent = 0
    for message in outbox.due(now):
        receiver = notifiers.get(message.notifier)
        if receiver is None:
            outbox.give_up_message(message.key, now, f"no notifier {message.notifier!r} in the config")
            continue
        try:
            receiver.send(message)
        except NotifyError as error:
            _note_failure(outbox, message, now, error)
            continue
        outbox.close_message(message.key, now)
        sent += 1
    return sent


def _note_failure(outbox: Outbox, message: Message, now: datetime, error: NotifyError) -> None:
    attempts = message.attempts + 1
    log.warning("notify failed notifier=%s key=%s attempt=%d error=%s", message.notifier, message.key, attempts, error)
    if error.is_retryable:
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(attempts - 1, 10))
        outbox.delay_message(message.key, attempts, now + wait, str(error))
    else:
        outbox.give_up_message(message.key, now, str(error))
