"""The console's gate: names, passwords and tokens in; who somebody is, or why not, out.

Invariants: a token is random and is kept as its digest only; a log-in makes a new session and ends the one before; a
wrong name, a wrong password and a disabled user are answered alike, after the same work. Argon2id by argon2-cffi.

Tries (ASVS 5.0, 6.1.1 and 6.3.1): a name has 20 within an hour from browsers it never logged in from, a single address
13 of them, and 10 from browsers that it knows. So guessing takes nobody's own browser the way in, and an address that
guesses leaves tries to others.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from domain.access import Entry, Person, user_name
from domain.audit import Action, Deed
from domain.passwords import LIMITS, normal, password_fault
from domain.text import mark
from store.ledger import Ledger
from store.users import BROWSER, SESSION, Token, Tries, User

TOKEN_BYTES: Final = 32
TOUCH_EVERY: Final = timedelta(seconds=30)
BROWSER_KNOWN: Final = timedelta(days=180)
AT_ONCE: Final = 2  # passwords that are checked at the same time: each takes 96 MB
PATIENCE_S: Final = 5.0
WRONG: Final = mark("The name or the password is wrong.")
SAME: Final = mark("This is the password that you had.")
UNKNOWN: Final = "unknown name"  # what was typed there may be a password
HASHER: Final = PasswordHasher(time_cost=4, memory_cost=96 << 10, parallelism=1)


@dataclass(frozen=True, slots=True)
class Spans:
    """How long a session lasts: without a person doing anything, and at most."""

    idle: timedelta = timedelta(minutes=30)
    most: timedelta = timedelta(hours=12)


def tries(name: str, origin: str, *, is_known: bool) -> list[Tries]:
    """Return of which a log-in takes one try each. Keys are digests: a name may be a password typed in its place."""
    if is_known:
        return [_tries(f"known {name}", 12, 5)]
    return [_tries(f"name {name}", 4, 5), _tries(f"name {name} from {origin}", 6, 3), _tries(f"from {origin}", 1, 20)]


def _tries(key: str, minutes: int, burst: int) -> Tries:
    return Tries(hashed(key), timedelta(minutes=minutes), burst)


def hashed(secret: str) -> str:
    """Return the digest under which a token or a key is kept."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def one_time_password() -> str:
    """Return a random password of 80 bits, to be changed with the first log-in."""
    return secrets.token_hex(10)


class ConsoleGate:
    """Lets people in. is_beyond: the console is reached from other machines, so that nobody gets in without a name."""

    def __init__(
        self, ledger: Ledger, now: Callable[[], datetime], *, is_beyond: bool, spans: Spans | None = None
    ) -> None:
        self._ledger, self._now, self._is_beyond = ledger, now, is_beyond
        self._spans = spans or Spans()
        self._checking = threading.Semaphore(AT_ONCE)
        self._stranger = ""  # a hash that nobody's password has

    def is_open(self) -> bool:
        """Whether anybody may do everything: there are no users, and only this machine reaches the console."""
        return not self._is_beyond and self._ledger.users.count() == 0

    def person(self, session: str, *, is_active: bool) -> Person | None:
        """Return who a session belongs to now, None where it is unknown, ended, or its user disabled.

        is_active: a person did something; what a page asks by itself does not keep a session alive.
        """
        found = self._ledger.users.token(hashed(session), SESSION)
        if found is None:
            return None
        token, user = found
        now = self._now()
        if user.is_disabled or now - token.used_at > self._spans.idle or now - token.made_at > self._spans.most:
            self._ledger.users.drop_token(token.digest)
            return None
        if is_active and now - token.used_at > TOUCH_EVERY:
            self._ledger.users.touch(token.digest, now)
        return Person(user.name, user.role, user.must_change)

    def log_in(self, name: str, password: str, origin: str, session: str, browser: str) -> Entry:
        """Let somebody in; session, browser: what the browser held of these tokens. Raises ValueError for no name."""
        name, now, users = user_name(name), self._now(), self._ledger.users
        known = users.token(hashed(browser), BROWSER) if browser else None
        is_known = known is not None and known[1].name == name
        taken = tries(name, origin, is_known=is_known)
        user = users.get(name)
        by = name if user is not None else UNKNOWN
        wait = users.take_try(taken, now)
        if wait is not None:
            self._note_some(Deed(now, by, Action.LOG_IN_LIMITED, origin=origin))
            return Entry(wait=wait)
        if (is_right := self._is_right(user, password)) is None:
            users.give_back(taken, now)
            return Entry(wait=timedelta(seconds=PATIENCE_S))
        if not is_right or user is None or user.is_disabled:
            self._save(Deed(now, by, Action.LOG_IN_FAILED, origin=origin))
            return Entry(fault=WRONG)
        users.give_back(taken, now)
        users.clear(now, {SESSION: self._spans.most, BROWSER: BROWSER_KNOWN})
        users.drop_token(hashed(session))
        self._save(Deed(now, name, Action.LOGGED_IN, origin=origin))
        return Entry(self._token(SESSION, name, now), browser if is_known else self._token(BROWSER, name, now))

    def log_out(self, session: str, origin: str) -> None:
        """End a session."""
        found = self._ledger.users.token(hashed(session), SESSION)
        if found is not None and self._ledger.users.drop_token(found[0].digest):
            self._save(Deed(self._now(), found[1].name, Action.LOGGED_OUT, origin=origin))

    def change_password(self, name: str, old: str, new: str, origin: str) -> Entry:
        """Give a person the password of his or her choice and a new session; the sessions before are ended."""
        now, users = self._now(), self._ledger.users
        taken = tries(name, origin, is_known=True)
        wait = users.take_try(taken, now)
        if wait is not None:
            return Entry(wait=wait)
        user = users.get(name)
        if (is_right := self._is_right(user, old)) is None:
            users.give_back(taken, now)
            return Entry(wait=timedelta(seconds=PATIENCE_S))
        if not is_right:
            self._save(Deed(now, name, Action.LOG_IN_FAILED, reason="password change", origin=origin))
            return Entry(fault=WRONG)
        users.give_back(taken, now)
        fault = SAME if normal(old) == normal(new) else password_fault(new, name)
        if fault:
            return Entry(fault=fault, values=LIMITS)
        deed = Deed(now, name, Action.PASSWORD_CHANGED, name, origin=origin)
        users.change(name, {"password": hash_of(new), "must_change": 0}, deed)
        return Entry(self._token(SESSION, name, now))

    def note(self, by: str, action: Action, subject: str, origin: str, reason: str = "") -> None:
        """Record what somebody did, or was refused; of what is refused to one address, only some."""
        deed = Deed(self._now(), by, action, subject, reason=reason, origin=origin)
        if action is Action.REFUSED:
            self._note_some(deed)
        else:
            self._save(deed)

    def _is_right(self, user: User | None, password: str) -> bool | None:
        """Whether a password is the user's, after the same work where there is no such user; None: too many ask."""
        if not self._checking.acquire(timeout=PATIENCE_S):
            return None
        try:
            self._stranger = self._stranger or HASHER.hash(secrets.token_hex())
            return (
                HASHER.verify(self._stranger if user is None else user.password, normal(password)) and user is not None
            )
        except (VerificationError, InvalidHashError):
            return False
        finally:
            self._checking.release()

    def _token(self, kind: str, name: str, now: datetime) -> str:
        secret = secrets.token_urlsafe(TOKEN_BYTES)
        self._ledger.users.put_token(Token(hashed(secret), kind, name, now, now))
        return secret

    def _save(self, deed: Deed) -> None:
        self._ledger.audit.save(deed)

    def _note_some(self, deed: Deed) -> None:
        if self._ledger.users.take_try([_tries(f"audit {deed.origin}", 1, 20)], deed.at) is None:
            self._save(deed)


def hash_of(password: str) -> str:
    """Return the hash of a password, by Argon2id."""
    return HASHER.hash(normal(password))
