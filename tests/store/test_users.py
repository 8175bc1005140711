"""Users, tokens and tries in the ledger."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from domain.access import UserRole
from domain.audit import Deed
from store.ledger import Ledger
from store.users import BROWSER, SESSION, Token, Tries, User
from tests.store.items import at

KIM = User("kim", UserRole.OPERATOR, "hash", at(0))
DEED = Deed(at(0), "root", "user added", "kim")
MINUTE = timedelta(minutes=1)


def test_a_user_is_kept_with_the_deed_and_a_name_is_taken_once(ledger: Ledger) -> None:
    ledger.users.add(KIM, DEED)
    assert ledger.users.get("kim") == KIM
    with pytest.raises(ValueError, match="kim already"):
        ledger.users.add(KIM, DEED)
    assert (ledger.users.count(), len(ledger.audit.deeds())) == (1, 1)


def test_a_change_takes_effect_and_ends_the_sessions_but_not_the_known_browsers(ledger: Ledger) -> None:
    ledger.users.add(KIM, DEED)
    for kind in (SESSION, BROWSER):
        ledger.users.put_token(Token(kind, kind, "kim", at(1), at(1)))
    found = ledger.users.token(SESSION, SESSION)
    assert found is not None
    assert found[1] == KIM
    ledger.users.change("kim", {"role": "viewer"}, DEED, keeps_sessions=True)
    found = ledger.users.token(SESSION, SESSION)
    assert found is not None
    assert found[1].role is UserRole.VIEWER
    ledger.users.change("kim", {"is_disabled": 1}, DEED)
    assert ledger.users.token(SESSION, SESSION) is None
    assert ledger.users.token(BROWSER, BROWSER) is not None
    assert ledger.users.token(BROWSER, SESSION) is None  # a browser's token opens nothing


def test_old_tokens_and_tries_are_cleared(ledger: Ledger) -> None:
    ledger.users.add(KIM, DEED)
    ledger.users.put_token(Token("old", SESSION, "kim", at(0), at(5)))
    ledger.users.put_token(Token("new", SESSION, "kim", at(9), at(9)))
    ledger.users.clear(at(10), {SESSION: timedelta(hours=2)})
    assert ledger.users.token("old", SESSION) is None
    assert ledger.users.token("new", SESSION) is not None


def test_tries_come_in_a_burst_and_then_one_by_one(ledger: Ledger) -> None:
    some = [Tries("a", MINUTE, 3)]
    assert [ledger.users.take_try(some, at(0)) for _ in range(4)] == [None, None, None, MINUTE]
    assert ledger.users.take_try(some, at(0) + MINUTE / 2) == MINUTE / 2
    assert ledger.users.take_try(some, at(0) + MINUTE) is None
    assert ledger.users.take_try(some, at(0) + MINUTE) == MINUTE
    ledger.users.give_back(some, at(0) + MINUTE)
    assert ledger.users.take_try(some, at(0) + MINUTE) is None


def test_where_one_of_several_has_no_try_left_none_is_taken_of_the_others(ledger: Ledger) -> None:
    few, many = Tries("few", MINUTE, 1), Tries("many", MINUTE, 2)
    assert ledger.users.take_try([few, many], at(0)) is None
    assert ledger.users.take_try([few, many], at(0)) == MINUTE
    assert ledger.users.take_try([many], at(0)) is None


def test_parallel_tries_are_counted_one_by_one(open_ledger: Callable[[], Ledger]) -> None:
    ledgers = [open_ledger() for _ in range(4)]
    taken: list[bool] = []

    def guess(ledger: Ledger) -> None:
        taken.extend(ledger.users.take_try([Tries("a", MINUTE, 5)], at(0)) is None for _ in range(10))

    threads = [threading.Thread(target=guess, args=(each,)) for each in ledgers]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (len(taken), sum(taken)) == (40, 5)
