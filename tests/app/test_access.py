"""The gate: passwords, guessing and who is kept out by it, equal answers to known and unknown names."""

from __future__ import annotations

import secrets
import statistics
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import thread_time
from typing import Any

import pytest
from sqlalchemy import event

from app import people
from app.access import HASHER, WRONG, ConsoleGate, Spans, hash_of
from domain.access import Person, UserRole
from domain.audit import Action, Actor, Deed
from domain.passwords import password_fault
from store.ledger import Ledger
from store.users import User

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
RIGHT = "blue horse at dawn"
ROOT = Actor("root", "command line")


class Place:
    """A ledger with kim in it, its gate, and a clock that is moved."""

    def __init__(self, folder: Path) -> None:
        self.at = NOW
        self.ledger = Ledger(folder)
        self.ledger.start()
        self.gate = ConsoleGate(self.ledger, lambda: self.at, is_beyond=False, spans=Spans())
        kim = User("kim", UserRole.OPERATOR, hash_of(RIGHT), NOW, must_change=False)
        self.ledger.users.add(kim, Deed(NOW, "x", "y"))

    def tries(self, name: str, password: str, origin: str = "10.0.0.1", browser: str = "") -> str:
        """Return what came of a log-in: in, wrong or wait."""
        entry = self.gate.log_in(name, password, origin, "", browser)
        return "wait" if entry.wait is not None else "in" if entry.session else "wrong"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    found = Place(tmp_path)
    yield found
    found.ledger.stop()


@pytest.fixture
def quick(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The same, where a password is compared without the cost of a hash: what is counted is the same."""

    @event.listens_for(place.ledger._db, "checkout")
    def _do_not_wait_for_the_disk(connection: Any, *_: Any) -> None:
        connection.execute("pragma synchronous=OFF")

    monkeypatch.setattr(place.gate, "_is_right", lambda user, password: user is not None and password == RIGHT)
    return place


def test_a_right_password_opens_and_a_wrong_one_does_not(place: Place) -> None:
    entry = place.gate.log_in(" KIM ", RIGHT, "10.0.0.1", "", "")
    assert place.gate.person(entry.session, is_active=True) == Person("kim", UserRole.OPERATOR)
    assert place.gate.log_in("kim", RIGHT + " ", "10.0.0.1", "", "").fault == WRONG
    assert place.gate.log_in("lee", RIGHT, "10.0.0.1", "", "").fault == WRONG
    deeds = place.ledger.audit.deeds()
    assert [(d.by, d.action, d.origin) for d in deeds[:3]] == [
        ("unknown name", Action.LOG_IN_FAILED, "10.0.0.1"),
        ("kim", Action.LOG_IN_FAILED, "10.0.0.1"),
        ("kim", Action.LOGGED_IN, "10.0.0.1"),
    ]


def test_no_secret_is_kept(place: Place, tmp_path: Path) -> None:
    entry = place.gate.log_in("kim", RIGHT, "10.0.0.1", "", "")
    place.gate.log_in("my secret typed in the wrong field".replace(" ", "_"), "x", "10.0.0.1", "", "")
    place.ledger.stop()
    kept = b"".join(p.read_bytes() for p in tmp_path.glob("ledger.db*"))
    for secret in (RIGHT, entry.session, entry.browser, "my_secret"):
        assert secret.encode() not in kept
    assert b"$argon2id$" in kept


def test_a_log_in_ends_the_session_that_the_browser_held(place: Place) -> None:
    first = place.gate.log_in("kim", RIGHT, "a", "", "")
    second = place.gate.log_in("kim", RIGHT, "a", first.session, first.browser)
    assert place.gate.person(first.session, is_active=True) is None
    assert second.session != first.session
    assert second.browser == first.browser


def test_a_thousand_guesses_on_one_name_are_few_tries_an_hour(quick: Place) -> None:
    n = 0
    for i in range(1000):
        n += quick.tries("kim", f"guess {i}", f"10.0.{i % 50}.{i % 7}") != "wait"
        quick.at += timedelta(seconds=3.6)
    assert n <= 30


def test_who_has_logged_in_before_gets_in_while_a_thousand_addresses_guess(quick: Place) -> None:
    browser = quick.gate.log_in("kim", RIGHT, "10.9.9.9", "", "").browser
    for i in range(200):
        quick.tries("kim", "guess", f"10.0.{i}.1")
    assert quick.tries("kim", RIGHT, "10.9.9.9") == "wait"
    assert quick.tries("kim", RIGHT, "10.9.9.9", browser) == "in"
    assert quick.tries("lee", RIGHT, "10.9.9.9", browser) == "wrong"  # a browser is known to its own user only


def test_one_address_that_guesses_leaves_tries_to_others(quick: Place) -> None:
    for _ in range(240):
        quick.tries("kim", "guess", "10.0.0.66")
        quick.at += timedelta(seconds=15)
    waited = 0
    while quick.tries("kim", RIGHT, "10.9.9.9") != "in":
        quick.tries("kim", "guess", "10.0.0.66")
        quick.at += timedelta(seconds=30)
        waited += 30
    assert waited <= 15 * 60


def test_after_guessing_has_ended_a_new_browser_gets_in_within_a_quarter_of_an_hour(quick: Place) -> None:
    for i in range(300):
        quick.tries("kim", "guess", f"10.0.{i}.1")
    quick.at += timedelta(minutes=15)
    assert quick.tries("kim", RIGHT, "10.9.9.9") == "in"


def test_one_password_on_a_thousand_names_is_stopped(quick: Place) -> None:
    tried = sum(quick.tries(f"name{i}", "Summer2026!") != "wait" for i in range(1000))
    assert tried <= 20
    limited = [d for d in quick.ledger.audit.deeds() if d.action == Action.LOG_IN_LIMITED]
    assert 0 < len(limited) <= 20  # and no flood of rows


def test_own_browser_is_limited_too(quick: Place) -> None:
    browser = quick.gate.log_in("kim", RIGHT, "a", "", "").browser
    assert [quick.tries("kim", "x", "a", browser) for _ in range(6)] == ["wrong"] * 5 + ["wait"]
    quick.at += timedelta(minutes=12)
    assert quick.tries("kim", RIGHT, "a", browser) == "in"


def test_unknown_and_disabled_names_take_the_same_work(place: Place) -> None:
    people.switch(place.ledger, "kim", ROOT, NOW, is_disabled=True)
    costs: dict[str, list[float]] = {"kim": [], "nobody": []}
    for _ in range(5):
        for name, cost in costs.items():
            place.at += timedelta(hours=2)
            begun = thread_time()
            assert place.tries(name, "guess") == "wrong"
            cost.append(thread_time() - begun)
    known, unknown = (statistics.median(costs[n][1:]) for n in costs)
    assert 0.5 < known / unknown < 2  # a missing hash would be a ratio of tens; benchmarks.access measures it closely


def test_too_many_at_once_wait_and_lose_no_try(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.access.PATIENCE_S", 0.01)
    for _ in range(2):
        place.gate._checking.acquire()
    assert [place.tries("kim", RIGHT) for _ in range(6)] == ["wait"] * 6
    place.gate._checking.release()
    assert place.tries("kim", RIGHT) == "in"


def test_the_hash_is_argon2id_with_memory_that_costs() -> None:
    assert HASHER.hash("x").startswith("$argon2id$")
    assert HASHER.memory_cost >= 64 << 10


@pytest.mark.parametrize(
    ("password", "is_good"),
    [
        ("short 7", False),
        ("eight ab", True),
        ("x" * 7 + "yzäö", True),
        ("blue horse at dawn " * 4, True),
        ("ab" * 129, False),
        ("iloveyou", False),
        ("ILoveYou", False),
        ("trustno1", False),
        ("aaaaaaaaaaaaaaa", False),
        ("my name is kim", False),
        ("비밀번호는여덟자", True),
    ],
)
def test_which_passwords_are_taken(password: str, is_good: bool) -> None:
    assert (password_fault(password, "kim") == "") is is_good


def test_the_most_common_passwords_are_all_refused() -> None:
    from domain.passwords import LIST

    words = LIST.read_text(encoding="utf-8").split()
    assert len(words) >= 3000
    assert [w for w in words[:3000] if not password_fault(w, "")] == []


def test_a_password_composed_on_another_keyboard_is_the_same(place: Place) -> None:
    import unicodedata

    typed = "비밀번호 아주 길게"
    place.ledger.users.change("kim", {"password": hash_of(unicodedata.normalize("NFD", typed))}, Deed(NOW, "x", "y"))
    assert place.tries("kim", typed) == "in"


def test_one_time_passwords_are_random_and_are_to_be_changed(place: Place) -> None:
    made = {people.add(place.ledger, f"new{i}", UserRole.VIEWER, ROOT, NOW)[1] for i in range(3)}
    assert len(made) == 3
    assert all(len(x) == 20 for x in made)
    user = place.ledger.users.get("new0")
    assert user is not None
    assert user.must_change


def test_a_gate_that_others_reach_is_never_open(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.start()
    assert ConsoleGate(ledger, lambda: NOW, is_beyond=False).is_open()
    assert not ConsoleGate(ledger, lambda: NOW, is_beyond=True).is_open()
    people.add(ledger, "kim", UserRole.VIEWER, ROOT, NOW)
    assert not ConsoleGate(ledger, lambda: NOW, is_beyond=False).is_open()
    ledger.stop()


def test_a_secret_that_is_no_token_opens_nothing(place: Place) -> None:
    place.gate.log_in("kim", RIGHT, "a", "", "")
    for guess in ("", "x", secrets.token_urlsafe(32), "' or 1=1 --"):
        assert place.gate.person(guess, is_active=True) is None
