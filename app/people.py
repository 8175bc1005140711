"""Adding and changing users from the command line; each change is in the audit log with the system's user."""

from __future__ import annotations

import os
import pwd
from datetime import datetime

from app.access import hash_of, one_time_password
from domain.access import UserRole, user_name
from domain.audit import COMMAND_LINE, Action, Actor, Deed
from store.ledger import Ledger
from store.users import User


def system_user() -> Actor:
    """Return who runs this command, as the operating system knows them."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # in a container a number may have no name
        name = f"uid {os.getuid()}"
    return Actor(name, COMMAND_LINE)


def commanded(by: str) -> Actor:
    """Return who somebody says to be on the command line, with the system's user beside the origin."""
    return Actor(by.strip(), f"{COMMAND_LINE}, {system_user().name}")


def add(ledger: Ledger, typed: str, role: UserRole, actor: Actor, now: datetime) -> tuple[str, str]:
    """Add a user; returns the name as it is kept and a one-time password. Raises ValueError."""
    name, password = user_name(typed), one_time_password()
    deed = Deed(now, actor.name, Action.USER_ADDED, name, "", role.value, origin=actor.origin)
    ledger.users.add(User(name, role, hash_of(password), now), deed)
    return name, password


def give_role(ledger: Ledger, typed: str, role: UserRole, actor: Actor, now: datetime) -> User:
    """Give a user another role, at once and in every browser. Raises ValueError."""
    user = named(ledger, typed)
    deed = Deed(now, actor.name, Action.USER_ROLE, user.name, user.role.value, role.value, origin=actor.origin)
    ledger.users.change(user.name, {"role": role.value}, deed, keeps_sessions=True)
    return user


def switch(ledger: Ledger, typed: str, actor: Actor, now: datetime, *, is_disabled: bool) -> User:
    """Disable a user, who is logged out everywhere, or enable one again. Raises ValueError."""
    user = named(ledger, typed)
    action = Action.USER_DISABLED if is_disabled else Action.USER_ENABLED
    deed = Deed(now, actor.name, action, user.name, origin=actor.origin)
    ledger.users.change(user.name, {"is_disabled": int(is_disabled)}, deed)
    return user


def reset_password(ledger: Ledger, typed: str, actor: Actor, now: datetime) -> tuple[str, str]:
    """Log a user out everywhere; returns the name and a new one-time password. Raises ValueError."""
    user, password = named(ledger, typed), one_time_password()
    deed = Deed(now, actor.name, Action.PASSWORD_RESET, user.name, origin=actor.origin)
    ledger.users.change(user.name, {"password": hash_of(password), "must_change": 1}, deed)
    return user.name, password


def named(ledger: Ledger, typed: str) -> User:
    """Return a user by name; raises ValueError."""
    user = ledger.users.get(user_name(typed))
    if user is None:
        raise ValueError(f"no user {typed!r}: forewarn users list names them")
    return user
