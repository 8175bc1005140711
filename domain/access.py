"""People who use Forewarn: who they are, what role they have, and what a role may do.

Invariant: each role may do what the roles before it may do.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Final

MAX_NAME: Final = 64
NAME_SIGNS: Final = "._-@"


class UserRole(StrEnum):
    """What a person may do, the least first."""

    VIEWER = "viewer"  # look at everything but the people
    OPERATOR = "operator"  # and act on alerts
    ENGINEER = "engineer"  # and change rules, models and data
    ADMIN = "admin"  # and see who may do what, and who did what

    def may(self, needed: UserRole) -> bool:
        """Whether this role may do what needs another one."""
        ranks = list(UserRole)
        return ranks.index(self) >= ranks.index(needed)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is logged in. must_change: the password is one that somebody else has seen."""

    name: str
    role: UserRole
    must_change: bool = False


def user_name(typed: str) -> str:
    """Return a name as it is kept: in one Unicode form and lower case; raises ValueError where it cannot be one."""
    name = unicodedata.normalize("NFKC", typed.strip()).casefold()
    if not name or len(name) > MAX_NAME or not all(c.isalnum() or c in NAME_SIGNS for c in name):
        raise ValueError(f"{typed[:MAX_NAME]!r}: a name has 1 to {MAX_NAME} letters, digits and {' '.join(NAME_SIGNS)}")
    return name


@dataclass(frozen=True, slots=True)
class Entry:
    """What came of a log-in: tokens for the browser to hold, or a fault (a message id), or how long to wait."""

    session: str = ""
    browser: str = ""
    fault: str = ""
    values: Mapping[str, object] = field(default_factory=dict)
    wait: timedelta | None = None
