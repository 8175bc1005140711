"""Users, the tokens that their browsers hold, and how many tries are left, in the ledger.

Invariants: a change of a user and its row in the audit log are one transaction; of a token only the digest is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, and_, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from domain.access import UserRole
from domain.audit import Deed
from domain.instants import duration_ns, from_ns, to_ns
from store import tables
from store.audit import record
from store.sql import put, take_turns

SESSION: Final = "session"
BROWSER: Final = "browser"


@dataclass(frozen=True, slots=True)
class User:
    """One user. password: its hash. must_change: somebody else has seen the password."""

    name: str
    role: UserRole
    password: str
    made_at: datetime
    must_change: bool = True
    is_disabled: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """What a browser holds the secret of. kind: SESSION, or BROWSER where the user has logged in before."""

    digest: str
    kind: str
    user: str
    made_at: datetime
    used_at: datetime


@dataclass(frozen=True, slots=True)
class Tries:
    """How many tries something is given: `burst` at once, and one more each `every`."""

    key: str
    every: timedelta
    burst: int


class Users:
    """Users, tokens and tries on one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, user: User, deed: Deed) -> None:
        """Add a user; raises ValueError where the name is taken."""
        values = {
            "name": user.name,
            "role": user.role.value,
            "password": user.password,
            "made_at": to_ns(user.made_at),
            "must_change": int(user.must_change),
            "is_disabled": int(user.is_disabled),
        }
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(tables.users).values(**values))
                record(connection, deed)
        except IntegrityError as error:
            raise ValueError(f"there is a user {user.name} already") from error

    def get(self, name: str) -> User | None:
        """Return one user by its kept name."""
        with self._engine.connect() as connection:
            row = connection.execute(select(tables.users).where(tables.users.c.name == name)).first()
        return None if row is None else _user(row)

    def all(self) -> list[User]:
        """Return the users by name."""
        with self._engine.connect() as connection:
            return [_user(row) for row in connection.execute(select(tables.users).order_by(tables.users.c.name))]

    def count(self) -> int:
        """Return how many users there are, disabled ones among them."""
        with self._engine.connect() as connection:
            return int(connection.execute(select(func.count()).select_from(tables.users)).scalar_one())

    def change(self, name: str, values: Mapping[str, Any], deed: Deed, *, keeps_sessions: bool = False) -> None:
        """Change columns of a user, who is logged out of every browser unless told otherwise."""
        with self._engine.begin() as connection:
            connection.execute(update(tables.users).where(tables.users.c.name == name).values(**values))
            if not keeps_sessions:
                t = tables.tokens
                connection.execute(delete(t).where(t.c.user == name, t.c.kind == SESSION))
            record(connection, deed)

    def put_token(self, token: Token) -> None:
        """Keep a token."""
        row = {"kind": token.kind, "user": token.user, "made_at": to_ns(token.made_at), "used_at": to_ns(token.used_at)}
        with self._engine.begin() as connection:
            put(connection, tables.tokens, [{"digest": token.digest, **row}], ["digest"], tuple(row))

    def token(self, digest: str, kind: str) -> tuple[Token, User] | None:
        """Return a token and its user."""
        t, u = tables.tokens, tables.users
        with self._engine.connect() as connection:
            row = connection.execute(select(t).where(t.c.digest == digest, t.c.kind == kind)).first()
            user = None if row is None else connection.execute(select(u).where(u.c.name == row.user)).first()
        if row is None or user is None:
            return None
        return Token(row.digest, row.kind, row.user, from_ns(row.made_at), from_ns(row.used_at)), _user(user)

    def touch(self, digest: str, at: datetime) -> None:
        """Note that a token was used."""
        with self._engine.begin() as connection:
            connection.execute(update(tables.tokens).where(tables.tokens.c.digest == digest).values(used_at=to_ns(at)))

    def drop_token(self, digest: str) -> bool:
        """Forget a token; returns whether it was there."""
        with self._engine.begin() as connection:
            return bool(connection.execute(delete(tables.tokens).where(tables.tokens.c.digest == digest)).rowcount)

    def clear(self, now: datetime, ends: Mapping[str, timedelta]) -> None:
        """Forget tokens that were made too long ago, by kind, and tries that are all given back."""
        with self._engine.begin() as connection:
            for kind, span in ends.items():
                t = tables.tokens
                connection.execute(delete(t).where(t.c.kind == kind, t.c.made_at < to_ns(now - span)))
            connection.execute(delete(tables.tries).where(tables.tries.c.until < to_ns(now)))

    def take_try(self, of: Sequence[Tries], now: datetime) -> timedelta | None:
        """Take one try of each; where one has none left, take none and return how long that one's next is away.

        The generic cell rate algorithm: of each key one instant is kept, at which all its tries are back.
        """
        with self._engine.begin() as connection:
            _alone(connection)
            held = _held(connection, [x.key for x in of], to_ns(now))
            waits = [held[x.key] + (1 - x.burst) * duration_ns(x.every) - to_ns(now) for x in of]
            if max(waits) > 0:
                return timedelta(microseconds=max(waits) // 1000)
            rows = [{"key": x.key, "until": held[x.key] + duration_ns(x.every)} for x in of]
            put(connection, tables.tries, rows, ["key"], ["until"])
        return None

    def give_back(self, of: Sequence[Tries], now: datetime) -> None:
        """Give back the try that was taken of each."""
        with self._engine.begin() as connection:
            _alone(connection)
            held = _held(connection, [x.key for x in of], to_ns(now))
            rows = [{"key": x.key, "until": held[x.key] - duration_ns(x.every)} for x in of]
            put(connection, tables.tries, rows, ["key"], ["until"])


def _alone(connection: Connection) -> None:
    """Let writers of tries take turns, so that parallel tries are counted one by one."""
    t = tables.tries
    connection.execute(update(t).where(t.c.key == "").values(until=0))  # takes SQLite's lock
    take_turns(connection, "tries")


def _held(connection: Connection, keys: Sequence[str], now: int) -> dict[str, int]:
    t = tables.tries
    rows = connection.execute(select(t).where(and_(t.c.key.in_(keys)))).all()
    return {**dict.fromkeys(keys, now), **{row.key: max(row.until, now) for row in rows}}


def _user(row: Any) -> User:
    return User(
        row.name, UserRole(row.role), row.password, from_ns(row.made_at), bool(row.must_change), bool(row.is_disabled)
    )
