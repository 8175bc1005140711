"""The outbox to the outside, with receivers that work, fail, come back or are not there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from alerts import delivery
from alerts.delivery import FIRST_WAIT, GIVE_UP_AFTER, LONGEST_WAIT, PATIENCE, Lane, deliver, give_up_unknown
from domain.alerting import Message, Priority
from domain.errors import NotifyError
from store.ledger import Ledger
from store.outbox import Outbox, OutboxCounts
from tests.alerts.examples import T0, at


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
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    ledger = Ledger(tmp_path)
    ledger.start()
    yield ledger.outbox
    ledger.stop()


def put(outbox: Outbox, *messages: tuple[str, str], priority: Priority = Priority.MEDIUM) -> None:
    made = [Message(key, notifier, "id1", '{"text": "hot"}', priority=priority) for key, notifier in messages]
    outbox.save_plan(made, (), (), T0)


def dead() -> Receiver:
    return Receiver(NotifyError("no route", is_retryable=True))


def send(outbox: Outbox, receiver: Receiver, now: datetime = T0, name: str = "log", instead: str = "") -> int:
    return deliver(outbox, name, receiver, lambda: now, instead)


def test_message_is_delivered_once(outbox: Outbox) -> None:
    put(outbox, ("1", "log"), ("2", "log"))
    receiver = Receiver()
    assert send(outbox, receiver) == 2
    assert send(outbox, receiver, at(60)) == 0
    assert receiver.got == ["1", "2"]
    assert outbox.counts() == OutboxCounts(0, 2, 0)


def test_message_is_not_sent_before_it_is_due(outbox: Outbox) -> None:
    put(outbox, ("1", "log"))
    assert send(outbox, Receiver(), at(-1)) == 0


def test_high_priority_goes_first(outbox: Outbox) -> None:
    put(outbox, ("1", "log"), ("2", "log"))
    put(outbox, ("3", "log"), priority=Priority.HIGH)
    receiver = Receiver()
    send(outbox, receiver)
    assert receiver.got == ["3", "1", "2"]


def test_failed_message_waits_longer_each_time(outbox: Outbox) -> None:
    put(outbox, ("1", "log"))
    receiver, now, waits = dead(), T0, []
    for _ in range(12):
        assert send(outbox, receiver, now) == 0
        due = next_due(outbox, now)
        waits.append(due - now)
        now = due
    assert waits[:4] == [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT, 8 * FIRST_WAIT]
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_WAIT
    assert len(receiver.tried) == 12


def next_due(outbox: Outbox, after: datetime) -> datetime:
    seconds = (s for s in range(10_000) if outbox.due(after + timedelta(seconds=s)))
    return after + timedelta(seconds=next(seconds))


def test_failed_message_is_delivered_when_the_receiver_is_back(outbox: Outbox) -> None:
    put(outbox, ("1", "log"))
    receiver = dead()
    send(outbox, receiver)
    receiver.error = None
    assert send(outbox, receiver, T0 + FIRST_WAIT / 2) == 0
    assert send(outbox, receiver, T0 + FIRST_WAIT) == 1
    assert receiver.got == ["1"]
    assert receiver.tried == ["1", "1"]


def test_a_dead_receiver_is_tried_by_one_message_at_a_time(outbox: Outbox) -> None:
    put(outbox, ("1", "log"), ("2", "log"), ("3", "log"))
    receiver = dead()
    send(outbox, receiver)
    assert receiver.tried == ["1"]
    send(outbox, receiver)  # the first waits; the next is tried
    assert receiver.tried == ["1", "2"]


def test_refused_message_is_tried_for_a_day_and_then_given_up(outbox: Outbox) -> None:
    put(outbox, ("1", "log"))
    receiver = Receiver(NotifyError("HTTP 404", is_retryable=False))
    for now in (T0, T0 + LONGEST_WAIT, T0 + GIVE_UP_AFTER):
        assert send(outbox, receiver, now) == 0
    assert send(outbox, receiver, T0 + 2 * GIVE_UP_AFTER) == 0
    assert receiver.tried == ["1", "1", "1"]
    assert outbox.counts() == OutboxCounts(0, 0, 1)


def test_refused_message_does_not_hold_up_the_next(outbox: Outbox) -> None:
    put(outbox, ("1", "log"), ("2", "log"))
    receiver = Receiver(NotifyError("HTTP 404", is_retryable=False))
    send(outbox, receiver)
    assert receiver.tried == ["1", "2"]


def test_receiver_that_asks_to_wait_is_sent_nothing_until_then(outbox: Outbox) -> None:
    put(outbox, ("1", "log"), ("2", "log"))
    receiver = Receiver(NotifyError("HTTP 429", is_retryable=True, retry_after=timedelta(minutes=3)))
    send(outbox, receiver)
    receiver.error = None
    assert send(outbox, receiver, at(2.9)) == 0
    assert send(outbox, receiver, at(3)) == 2


def test_what_is_refused_goes_to_the_one_that_stands_in(outbox: Outbox) -> None:
    put(outbox, ("1", "mail"))
    send(outbox, Receiver(NotifyError("SMTP 550", is_retryable=False)), name="mail", instead="sms")
    second = Receiver()
    assert send(outbox, second, name="sms") == 1
    assert second.got == ["1:instead:sms"]


def test_what_is_not_taken_for_long_goes_to_the_one_that_stands_in_once(outbox: Outbox) -> None:
    put(outbox, ("1", "mail"))
    now, taken = T0, []
    for _ in range(PATIENCE + 3):
        send(outbox, dead(), now, "mail", "sms")
        taken.append(len(outbox.due(now, "sms")))
        now += LONGEST_WAIT
    assert taken == [0] * (PATIENCE - 1) + [1] * 4


def test_two_that_stand_in_for_each_other_do_not_play_ball(outbox: Outbox) -> None:
    put(outbox, ("1", "mail"))
    refusing = NotifyError("no", is_retryable=False)
    for i in range(4):
        send(outbox, Receiver(refusing), T0 + i * LONGEST_WAIT, "mail", "sms")
        send(outbox, Receiver(refusing), T0 + i * LONGEST_WAIT, "sms", "mail")
    assert sorted(m.key for m in outbox.due(T0 + GIVE_UP_AFTER)) == ["1", "1:instead:sms"]


def test_message_for_an_unknown_notifier_is_given_up(outbox: Outbox) -> None:
    put(outbox, ("1", "gone"), ("2", "log"))
    give_up_unknown(outbox, {"log": Receiver()}, T0)
    assert outbox.counts() == OutboxCounts(1, 0, 1)


def test_messages_of_a_dead_receiver_do_not_hold_up_another(outbox: Outbox) -> None:
    put(outbox, *((f"{i:03}", "mail") for i in range(150)), ("999", "log"))
    alive = Receiver()
    send(outbox, dead(), name="mail")
    send(outbox, alive)
    assert alive.got == ["999"]


def test_an_attempt_carries_its_time(outbox: Outbox) -> None:
    put(outbox, ("1", "log"))
    seen = []

    class Looking(Receiver):
        def send(self, message: Message) -> None:
            seen.append(message.tried_at)

    send(outbox, Looking(), at(7))
    assert seen == [at(7)]


def test_other_errors_are_not_swallowed(outbox: Outbox) -> None:
    put(outbox, ("1", "log"))

    class Broken(Receiver):
        def send(self, message: Message) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        send(outbox, Broken())
    assert outbox.counts().waiting == 1


def test_a_lane_goes_on_after_a_failure_and_has_a_last_turn() -> None:
    turns, came = [], threading.Event()

    def turn(_is_left: Callable[[], bool]) -> None:
        turns.append(1)
        came.set()
        raise ZeroDivisionError

    lane = Lane("log", turn)
    lane.start()
    assert came.wait(5)
    came.clear()
    lane.wake()
    assert came.wait(5)
    assert lane.is_alive
    before = len(turns)
    lane.stop()
    assert len(turns) > before
    assert not lane.is_alive


def test_a_lane_that_hangs_is_left_and_sends_nothing_more(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    put(outbox, ("1", "log"), ("2", "log"))
    hung, go_on = threading.Event(), threading.Event()

    class Hanging(Receiver):
        def send(self, message: Message) -> None:
            super().send(message)
            hung.set()
            go_on.wait(20)

    receiver = Hanging()
    monkeypatch.setattr(delivery, "STOP_S", 0.05)
    lane = Lane("log", lambda is_left: deliver(outbox, "log", receiver, lambda: T0, is_stopping=is_left))
    lane.start()
    assert hung.wait(5)
    lane.stop()
    assert lane.is_alive  # stop did not wait for it
    go_on.set()
    while lane.is_alive:
        go_on.wait(0.01)
    assert receiver.got == ["1"]
    assert outbox.counts() == OutboxCounts(1, 1, 0)
