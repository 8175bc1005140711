"""Gates for tests: nobody is asked, or people of each role on a ledger with a clock that the test moves."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.access import ConsoleGate, hash_of
from dashboard.access import BROWSER_COOKIE, SESSION_COOKIE
from dashboard.source import Source
from domain.access import UserRole
from domain.audit import Deed
from store.ledger import Ledger
from store.users import User

PASSWORD = "blue horse at dawn"
HASH = hash_of(PASSWORD)


def open_gate(source: Source) -> ConsoleGate:
    """Return the gate of a console on loopback without users."""
    return ConsoleGate(source.ledger, source.now, is_beyond=False)


def with_people(ledger: Ledger, at: datetime) -> None:
    """Add one user of each role, named as the role, with PASSWORD."""
    for role in UserRole:
        ledger.users.add(
            User(role.value, role, HASH, at, must_change=False), Deed(at, "test", "user added", role.value)
        )


class Hands:
    """A clock that a test moves."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def move(self, **span: float) -> None:
        self.at += timedelta(**span)


def cookies(gate: ConsoleGate, name: str, origin: str = "127.0.0.1") -> dict[str, str]:
    """Log somebody in and return what the browser holds then."""
    entry = gate.log_in(name, PASSWORD, origin, "", "")
    assert entry.session, entry
    return {SESSION_COOKIE: entry.session, BROWSER_COOKIE: entry.browser}
