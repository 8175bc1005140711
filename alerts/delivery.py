"""The outbox to the outside: due messages in, deliveries out; a row is closed after the send.

Without a crash each message goes out exactly once; after a crash at most once more, with the same key. Each receiver
has a lane of its own, so that a dead one delays no other.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from domain.alerting import Message
from domain.errors import NotifyError, StoreAwayError
from domain.ports import Notifier

log = logging.getLogger(__name__)
FIRST_WAIT: Final = timedelta(seconds=5)
LONGEST_WAIT: Final = timedelta(minutes=10)
LONGEST_HOLD: Final = timedelta(hours=1)  # what a receiver may ask for at once
GIVE_UP_AFTER: Final = timedelta(days=1)  # a message that is refused, not one whose receiver is away
PATIENCE: Final = 5  # failed attempts, two and a half minutes, after which another receiver takes the message as well
POLL_S: Final = 1.0
STOP_S: Final = 2.0  # a send that takes longer is left alone at the stop, and repeated after the next start


class Outbox(Protocol):
    """Where messages wait."""

    def due(self, now: datetime, notifier: str | None = None, most: int = 100) -> list[Message]:
        """Return messages to send now, of one notifier or of all."""
        ...

    def waiting_receivers(self, now: datetime) -> list[str]:
        """Return for whom messages are due."""
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

    def hold(self, notifier: str, until: datetime) -> None:
        """Send nothing to a notifier before an instant."""
        ...

    def hand_over(self, message: Message, notifier: str, now: datetime) -> bool:
        """Give a message to another notifier as well."""
        ...


def deliver(
    outbox: Outbox,
    name: str,
    receiver: Notifier,
    now: Callable[[], datetime],
    instead: str = "",
    is_stopping: Callable[[], bool] = lambda: False,
) -> int:
    """Send what is due to one receiver; returns how many were delivered. The first failure ends the turn, so that a
    dead receiver is tried by one message at a time, each waiting longer after each attempt.

    instead: the receiver that takes over what this one refuses or does not take for long, "" for none.
    """
    sent = 0
    for message in outbox.due(now(), name):
        if is_stopping():
            break
        try:
            receiver.send(replace(message, tried_at=now()))
        except NotifyError as error:
            _note_failure(outbox, message, now(), error, instead)
            if error.is_retryable:
                break
            continue
        outbox.close_message(message.key, now())
        sent += 1
    return sent


def give_up_unknown(outbox: Outbox, known: Mapping[str, object], now: datetime) -> None:
    """Give up messages for receivers that the config no longer has."""
    for name in outbox.waiting_receivers(now):
        if name not in known:
            for message in outbox.due(now, name, 1000):
                outbox.give_up_message(message.key, now, f"no notifier {name!r} in the config")


def _note_failure(outbox: Outbox, message: Message, now: datetime, error: NotifyError, instead: str) -> None:
    attempts = message.attempts + 1
    log.warning("notify failed notifier=%s key=%s attempt=%d error=%s", message.notifier, message.key, attempts, error)
    is_first = not message.key.endswith(f":instead:{message.notifier}")
    is_for_other = instead and is_first and (attempts >= PATIENCE or not error.is_retryable)
    if is_for_other and outbox.hand_over(message, instead, now):
        log.warning("handed over key=%s from=%s to=%s", message.key, message.notifier, instead)
    if error.is_retryable:
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(attempts - 1, 10))
    elif message.planned_at is not None and now - message.planned_at < GIVE_UP_AFTER:
        wait = LONGEST_WAIT  # refused: a mended config or mailbox takes it later
    else:
        outbox.give_up_message(message.key, now, str(error))
        return
    if error.retry_after is not None:
        held = min(error.retry_after, LONGEST_HOLD)
        outbox.hold(message.notifier, now + held)
        wait = max(wait, held)
    outbox.delay_message(message.key, attempts, now + wait, str(error))


class Lane:
    """One receiver's thread: it sends what is due, then waits to be woken or for a second."""

    def __init__(self, name: str, turn: Callable[[Callable[[], bool]], object]) -> None:
        self.name, self._turn = name, turn
        self.n_steps = 0  # messages and turns begun: where it stands still, the lane does
        self._ending, self._left, self._woken = threading.Event(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"lane-{name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Look at once."""
        self._woken.set()

    def end(self) -> None:
        """Let the next turn be the last."""
        self._ending.set()
        self._woken.set()

    def stop(self) -> None:
        """End, waiting for STOP_S at most; a send that takes longer is left alone, and no other follows it."""
        self.end()
        if self._thread.is_alive():
            self._thread.join(STOP_S)
        self._left.set()

    @property
    def is_alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    def _step(self) -> bool:
        self.n_steps += 1
        return self._left.is_set()

    def _run(self) -> None:
        while True:
            self._woken.clear()
            is_last = self._ending.is_set()
            try:
                self._step()
                self._turn(self._step)
            except StoreAwayError as away:
                log.warning("lane waits name=%s reason=%s", self.name, away)
            except Exception:  # a lane must not end: what it could not do is due again
                log.exception("lane failed name=%s", self.name)
            if is_last:
                return
            self._woken.wait(POLL_S)
