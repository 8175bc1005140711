"""What people and the service have changed: deeds in, a chain of digests out, and what is wrong with such a chain.

Invariant: a row's digest covers the row, its number and the digest before it, so that a row that was changed, taken
out, put in or moved is found. Who can write the table and its head can write another chain: a head that was noted
elsewhere finds that too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from domain.instants import to_ns

START: Final = ""  # the digest before the first row
COMMAND_LINE: Final = "command line"


class Action(StrEnum):
    """Kinds of deeds that are recorded."""

    LOGGED_IN = "logged in"
    LOG_IN_FAILED = "log-in failed"
    LOG_IN_LIMITED = "log-in limited"
    LOGGED_OUT = "logged out"
    REFUSED = "refused"
    USER_ADDED = "user added"
    USER_ROLE = "user's role changed"
    USER_DISABLED = "user disabled"
    USER_ENABLED = "user enabled"
    PASSWORD_RESET = "password reset"  # noqa: S105 - a kind of deed
    PASSWORD_CHANGED = "password changed"  # noqa: S105 - a kind of deed
    ACKNOWLEDGED = "alert acknowledged"
    RESET = "alert reset"
    SHELVED = "alert shelved"
    UNSHELVED = "alert unshelved"
    COMMENTED = "alert commented"
    REVIEWED = "alert reviewed"
    OUT_OF_SERVICE = "alert out of service"
    IN_SERVICE = "alert in service again"
    RULE_CHANGED = "rule changed"
    EVENT_RECORDED = "event recorded"
    TRAINED = "model trained"
    EXPORTED = "exported"
    READ_AGAIN = "dead letters read again"
    CONFIG_CHANGED = "config changed"
    BACKED_UP = "backup made"
    RESTORED = "backup restored"


@dataclass(frozen=True, slots=True)
class Deed:
    """One deed. action: of Action, or a package's own words; subject: what it was done to; old, new: "" where there is
    none. origin: an address, or `command line` and the system's user.
    """

    at: datetime
    by: str
    action: str
    subject: str = ""
    old: str = ""
    new: str = ""
    reason: str = ""
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, and from where."""

    name: str
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """One row of the chain; rows are numbered from 1 without a gap."""

    number: int
    deed: Deed
    digest: str


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ends: the number and digest of its last row. Written `number:digest`."""

    number: int = 0
    digest: str = START

    def __str__(self) -> str:
        return f"{self.number}:{self.digest}"

    @staticmethod
    def of(text: str) -> Head:
        """Read a written head; raises ValueError."""
        number, _, digest = text.partition(":")
        if not number.isdecimal():
            raise ValueError(f"{text!r} is not a head such as 12:3f5a...")
        return Head(int(number), digest)


def digest(before: str, number: int, deed: Deed) -> str:
    """Return the digest of a row: SHA-256, 64 hex digits."""
    said = [before, number, to_ns(deed.at), *(str(x) for x in astuple(deed)[1:])]
    return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()


def chain_faults(links: Iterable[Link], head: Head, noted: Head | None = None) -> Iterator[str]:
    """Yield what is wrong with a chain, given in the order of its numbers. noted: a head that was kept elsewhere."""
    last = Head()
    for link in links:
        if link.number != last.number + 1:
            yield f"row {last.number + 1}: missing before row {link.number}"
        elif link.digest != digest(last.digest, link.number, link.deed):
            yield f"row {link.number}: changed, moved or put in later ({link.deed.action} by {link.deed.by})"
        last = Head(link.number, link.digest)
        if noted is not None and noted.number == link.number and noted.digest != link.digest:
            yield f"row {link.number}: not the one that was noted: the chain up to it was written anew"
    if last != head:
        yield f"the end: row {last.number} is the last one, and row {head.number} was the last one written"
    if noted is not None and noted.number > last.number:
        yield f"the end: row {noted.number} was noted, and row {last.number} is the last one"
