"""Which of several services on one ledger scores, alerts, sends and trains: a lease in the ledger in, yes or no out.

Invariant: at one instant at most one process leads, as long as the machines' clocks differ by less than the lease.
"""

from __future__ import annotations

import os
import socket
from datetime import datetime, timedelta
from typing import Final

from store.leases import Leases

NAME: Final = "score"
SPAN: Final = timedelta(seconds=30)
RENEWED_AFTER: Final = timedelta(seconds=10)


class Leader:
    """This process's claim to lead."""

    def __init__(self, leases: Leases, holder: str | None = None) -> None:
        self._leases, self._holder = leases, holder or f"{socket.gethostname()}:{os.getpid()}"
        self._taken_at: datetime | None = None

    def leads(self, now: datetime) -> bool:
        """Say whether this process leads; it does as soon as nobody else does, and until it ends."""
        if self._taken_at is not None and timedelta(0) <= now - self._taken_at < RENEWED_AFTER:
            return True
        other = self._leases.holder(NAME)
        gone = other if other is not None and _has_ended(other) else None
        self._taken_at = now if self._leases.take(NAME, self._holder, now, SPAN, gone) else None
        return self._taken_at is not None

    def stop(self) -> None:
        """Let another lead at once; may be called twice."""
        if self._taken_at is not None:
            self._leases.give_back(NAME, self._holder)
            self._taken_at = None


def _has_ended(holder: str) -> bool:
    """Say whether a holder was a process of this machine that runs no more."""
    host, _, number = holder.rpartition(":")
    if host != socket.gethostname() or not number.isdecimal():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
