"""The outbox to the outside, with receivers that work, fail, come back or are not there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from alerts.dispatch import FIRST_WAIT, LONGEST_WAIT, dispatch
from domain.alerting import AlertUpdate, Message
from domain.errors import NotifyError
from store.alerting import Alerting, OutboxCounts
from store.ledger import Ledger
from tests.alerts.examples import T0, at, raised


class Receiver:
    """Keeps what it is sent, or fails with the error it was given."""

    def __init__(self, error: NotifyError | None = None) -> None:
        self.error, self.tried, self.got = error, list[str](), list[str]()

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def send(self, message: Message) -> None:
        self.tried.append(message.key)
        if self.error is not None:
            raise self.error
        self.got.append(message.key)


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Alerting]:
    ledger = Ledger(tmp_path)
    ledger.start()
    yield ledger.alerting
    ledger.stop()


def put(outbox: Alerting, *messages: tuple[str, str]) -> None:
    made = tuple(Message(key, notifier, "id1", '{"text": "hot"}') for key, notifier in messages)
    outbox.save([AlertUpdate(raised(), (), made)], {}, T0)


def dead() -> Receiver:
    return Receiver(NotifyError("no route", is_retryable=True))


def test_message_is_delivered_once(outbox: Alerting) -> None:
    put(outbox, ("1", "log"), ("2", "log"))
    receiver = Receiver()
    assert dispatch(outbox, {"log": receiver}, T0) == 2
    assert dispatch(outbox, {"log": receiver}, at(60)) == 0
    assert receiver.got == ["1", "2"]
    assert outbox.outbox_counts() == OutboxCounts(0, 2, 0)


def test_message_is_not_sent_before_it_is_due(outbox: Alerting) -> None:
    put(outbox, ("1", "log"))
    assert dispatch(outbox, {"log": Receiver()}, at(-1)) == 0


def test_failed_message_waits_longer_each_time(outbox: Alerting) -> None:
    put(outbox, ("1", "log"))
    receiver, now, waits = dead(), T0, []
    for _ in range(12):
        assert dispatch(outbox, {"log": receiver}, now) == 0
        due = next_due(outbox, now)
        waits.append(due - now)
        now = due
    assert waits[:4] == [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT, 8 * FIRST_WAIT]
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_WAIT
    assert len(receiver.tried) == 12


def next_due(outbox: Alerting, after: datetime) -> datetime:
    seconds = (s for s in range(10_000) if outbox.due(after + timedelta(seconds=s)))
    return after + timedelta(seconds=next(seconds))


def test_failed_message_is_delivered_when_the_receiver_is_back(outbox: Alerting) -> None:
    put(outbox, ("1", "log"))
    receiver = dead()
    dispatch(outbox, {"log": receiver}, T0)
    receiver.error = None
    assert dispatch(outbox, {"log": receiver}, T0 + FIRST_WAIT / 2) == 0
    assert dispatch(outbox, {"log": receiver}, T0 + FIRST_WAIT) == 1
    assert receiver.got == ["1"]
    assert receiver.tried == ["1", "1"]


def test_refused_message_is_given_up(outbox: Alerting) -> None:
    put(outbox, ("1", "log"))
    receiver = Receiver(NotifyError("HTTP 404", is_retryable=False))
    assert dispatch(outbox, {"log": receiver}, T0) == 0
    assert dispatch(outbox, {"log": receiver}, at(600)) == 0
    assert receiver.tried == ["1"]
    assert outbox.outbox_counts() == OutboxCounts(0, 0, 1)


def test_message_for_an_unknown_notifier_is_given_up(outbox: Alerting) -> None:
    put(outbox, ("1", "gone"), ("2", "log"))
    assert dispatch(outbox, {"log": Receiver()}, T0) == 1
    assert outbox.outbox_counts() == OutboxCounts(0, 1, 1)


def test_dead_receiver_does_not_stop_another(outbox: Alerting) -> None:
    put(outbox, ("1", "mail"), ("2", "log"), ("3", "mail"), ("4", "log"))
    alive = Receiver()
    assert dispatch(outbox, {"mail": dead(), "log": alive}, T0) == 2
    assert alive.got == ["2", "4"]
    assert outbox.outbox_counts() == OutboxCounts(2, 2, 0)


def test_many_messages_of_a_dead_receiver_do_not_hold_up_another(outbox: Alerting) -> None:
    put(outbox, *((f"{i:03}", "mail") for i in range(150)), ("999", "log"))
    alive, broken = Receiver(), dead()
    for _ in range(2):
        dispatch(outbox, {"mail": broken, "log": alive}, T0)
    assert alive.got == ["999"]


def test_other_errors_are_not_swallowed(outbox: Alerting) -> None:
    put(outbox, ("1", "log"))

    class Broken(Receiver):
        def send(self, message: Message) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        dispatch(outbox, {"log": Broken()}, T0)
    assert outbox.outbox_counts().waiting == 1
