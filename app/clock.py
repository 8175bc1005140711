"""The only clocks: the machine's, and one that a replay moves."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SystemClock:
    """The machine's clock, in UTC."""

    def now(self) -> datetime:
        """The current instant."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never step back."""
        return time.monotonic()


class ReplayClock:
    """A clock that stands still until it is set; `monotonic` stays the machine's, for time-outs."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        """The instant the replay has come to."""
        return self._at

    def monotonic(self) -> float:
        """Seconds that never step back."""
        return time.monotonic()

    def set(self, at: datetime) -> None:
        """Move to an instant, never back."""
        self._at = max(self._at, at)
