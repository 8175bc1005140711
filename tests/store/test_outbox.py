"""Notices, tellings and messages: what is to be told, what was, and what waits."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from domain.alerting import Alert, AlertKey, AlertState, AlertUpdate, Message, Notice, Priority
from domain.notices import Past, Telling, Told
from store.ledger import Ledger
from store.outbox import Outbox, OutboxCounts
from tests.store.items import at

HOUR = timedelta(hours=1)
ALERT = Alert(
    "id1", AlertKey("hot", "a", "T"), AlertState.ACTIVE_UNACKED, at(0), None, at(0), at(0), 1.0, 1.0, Priority.HIGH, 1
)


@pytest.fixture
def outbox(ledger: Ledger) -> Outbox:
    return ledger.outbox


def raised(ledger: Ledger, sequence: int = 0, state: AlertState = AlertState.ACTIVE_UNACKED, hours: float = 0) -> None:
    notice = Notice("id1", sequence, "a", "hot", Priority.HIGH, f'{{"n": {sequence}}}')
    ledger.alerting.save([AlertUpdate(replace(ALERT, state=state), (), (notice,))], {}, at(hours))


def message(key: str = "id1:0:log", priority: Priority = Priority.MEDIUM) -> Message:
    return Message(key, key.rpartition(":")[2], "id1", '{"text": "hot"}', priority=priority, about="a")


def put(outbox: Outbox, *messages: Message, hours: float = 0) -> None:
    outbox.save_plan(messages, (), (), at(hours))


@pytest.mark.parametrize(
    ("state", "needs_attention"),
    [
        (AlertState.ACTIVE_UNACKED, True),
        (AlertState.RETURNED_UNACKED, True),
        (AlertState.ACTIVE_ACKED, False),
        (AlertState.CLOSED, False),
    ],
)
def test_a_notice_needs_attention_until_its_alert_is_acknowledged(
    ledger: Ledger, state: AlertState, needs_attention: bool
) -> None:
    raised(ledger)
    ledger.alerting.save([AlertUpdate(replace(ALERT, state=state))], {}, at(1))
    (found,) = ledger.outbox.open_notices()
    assert (found.key, found.asset, found.rule, found.noted_at) == ("id1:0", "a", "hot", at(0))
    assert found.needs_attention is needs_attention


def test_only_the_newest_raise_of_an_alert_needs_attention(ledger: Ledger) -> None:
    raised(ledger, 0)
    raised(ledger, 2, hours=1)
    assert [(n.key, n.needs_attention) for n in ledger.outbox.open_notices()] == [("id1:0", False), ("id1:2", True)]
    assert ledger.outbox.facts(["id1:0", "id1:2"]) == {"id1:0": '{"n": 0}', "id1:2": '{"n": 2}'}


def test_the_last_telling_of_each_receiver_is_known(ledger: Ledger) -> None:
    raised(ledger)
    for step, hours in enumerate((1, 5)):
        ledger.outbox.save_plan([], [Telling("id1:0", "log", step, f"m{step}")], [], at(hours))
    (found,) = ledger.outbox.open_notices()
    assert found.told == {"log": Told(1, at(5))}


def test_a_settled_notice_is_not_looked_at_again(ledger: Ledger) -> None:
    raised(ledger)
    ledger.outbox.save_plan([], [], ["id1:0"], at(1))
    assert ledger.outbox.open_notices() == []


def test_a_step_is_told_once_or_nothing_is_saved(outbox: Outbox) -> None:
    outbox.save_plan([message("m1:log")], [Telling("n", "log", 0, "m1:log")], [], at(0))
    with pytest.raises(IntegrityError):
        outbox.save_plan([message("m2:log")], [Telling("n", "log", 0, "m2:log")], [], at(1))
    assert [m.key for m in outbox.due(at(9))] == ["m1:log"]


def test_what_was_planned_after_an_instant_is_known(outbox: Outbox) -> None:
    put(outbox, message("1:log"), hours=1)
    put(outbox, message("2:log"), hours=2)
    outbox.close_message("2:log", at(2))
    assert outbox.past(at(1)) == [Past("log", "a", at(2))]


def test_message_is_due_at_once(outbox: Outbox) -> None:
    put(outbox, message(), hours=1)
    assert outbox.due(at(0.99)) == []
    assert outbox.due(at(1)) == [replace(message(), planned_at=at(1))]


def test_highest_priority_and_then_the_oldest_comes_first(outbox: Outbox) -> None:
    put(outbox, message("b:log"), message("c:log"), hours=1)
    put(outbox, message("a:log"), message("d:log", Priority.HIGH), hours=2)
    assert [m.key for m in outbox.due(at(3))] == ["d:log", "b:log", "c:log", "a:log"]
    assert [m.key for m in outbox.due(at(3), most=1)] == ["d:log"]


def test_messages_of_one_receiver_can_be_asked_for(outbox: Outbox) -> None:
    put(outbox, message("1:log"), message("1:mail"))
    assert outbox.waiting_receivers(at(0)) == ["log", "mail"]
    assert [m.key for m in outbox.due(at(0), "mail")] == ["1:mail"]


def test_closed_message_is_not_due_again(outbox: Outbox) -> None:
    put(outbox, message())
    outbox.close_message("id1:0:log", at(1))
    assert outbox.due(at(99)) == []
    assert outbox.counts() == OutboxCounts(waiting=0, sent=1, given_up=0)


def test_delayed_message_waits(outbox: Outbox) -> None:
    put(outbox, message(), message("other"))
    outbox.delay_message("id1:0:log", 1, at(2), "no route")
    assert [m.key for m in outbox.due(at(1.99))] == ["other"]
    assert [(m.key, m.attempts) for m in outbox.due(at(2))] == [("other", 0), ("id1:0:log", 1)]
    assert outbox.counts() == OutboxCounts(waiting=2, sent=0, given_up=0)


def test_given_up_message_is_not_due_and_stays_counted(outbox: Outbox) -> None:
    put(outbox, message())
    outbox.give_up_message("id1:0:log", at(1), "HTTP 404")
    assert outbox.due(at(99)) == []
    assert outbox.counts() == OutboxCounts(waiting=0, sent=0, given_up=1)


def test_a_receiver_that_is_held_gets_nothing_before_and_the_others_do(outbox: Outbox) -> None:
    put(outbox, message("1:log"), message("1:mail"))
    outbox.hold("mail", at(1))
    assert outbox.waiting_receivers(at(0.5)) == ["log"]
    assert outbox.waiting_receivers(at(1)) == ["log", "mail"]


def test_a_message_is_handed_over_once(outbox: Outbox) -> None:
    put(outbox, message())
    assert outbox.hand_over(message(), "sms", at(1))
    assert not outbox.hand_over(message(), "sms", at(2))
    assert [(m.key, m.notifier) for m in outbox.due(at(1), "sms")] == [("id1:0:log:instead:sms", "sms")]


def test_undelivered_are_those_that_fail_for_long_and_those_just_given_up(outbox: Outbox) -> None:
    put(outbox, message("1:log"), message("2:log"), message("3:mail"))
    assert outbox.undelivered(at(0.5), 0.1 * HOUR, HOUR) == {}  # they wait, but nothing failed
    outbox.delay_message("1:log", 1, at(1), "no route")
    outbox.give_up_message("3:mail", at(0.5), "refused")
    assert outbox.undelivered(at(0.05), 0.1 * HOUR, HOUR) == {"mail": (1, "refused")}
    assert outbox.undelivered(at(0.5), 0.1 * HOUR, HOUR) == {"log": (1, "no route"), "mail": (1, "refused")}
    assert outbox.undelivered(at(2), 0.1 * HOUR, HOUR) == {"log": (1, "no route")}


def test_what_became_of_a_notice_is_told_by_receiver(outbox: Outbox) -> None:
    put(outbox, message("1:log"), message("1:mail"))
    tellings = [Telling("n", "log", 0, "1:log"), Telling("n", "mail", 0, "1:mail")]
    outbox.save_plan([], tellings, [], at(0))
    outbox.close_message("1:mail", at(0))
    assert outbox.receivers_of(["n"]) == {"log": "waiting", "mail": "sent"}


def test_old_messages_go_with_their_notices_and_open_ones_stay(ledger: Ledger) -> None:
    raised(ledger, 0)
    raised(ledger, 2)
    put(ledger.outbox, message("1:log"), message("2:log"))
    ledger.outbox.save_plan([], [Telling("id1:0", "log", 0, "1:log")], ["id1:0"], at(0))
    ledger.outbox.close_message("1:log", at(0))
    assert ledger.upkeep.delete_messages(at(1)) == 1
    assert [m.key for m in ledger.outbox.due(at(9))] == ["2:log"]
    assert [n.key for n in ledger.outbox.open_notices()] == ["id1:2"]
    assert ledger.outbox.facts(["id1:0"]) == {}
