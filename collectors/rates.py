"""Topics as their messages come to which of them send far more than usual.

A topic's normal number of messages in a minute is learned by small steps: up by a quarter, down within days, so that
neither a burst nor a night's idleness changes it. Minutes of silence are owed: what was held back meanwhile, by a
gateway or by a broker while the collector was away, comes at once and is no flood. All topics together are followed as
one more, for a flood that is spread over many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

MINUTE_S: Final = 60.0
FLOOD: Final = 50  # times the normal number
FEWEST: Final = 1000  # messages in a minute: fewer are no flood, whatever is normal
LEARNED: Final = 5  # minutes with messages, before which nothing is normal
UP: Final = 1.25
UP_IN_FLOOD: Final = 1.05  # what lasts becomes normal, slowly
DOWN: Final = 0.9995  # in a day by half
MOST_OWED: Final = 7 * 24 * 60  # minutes
OWED_KEPT: Final = 0.98  # from one minute with messages to the next: what was held back comes first
MOST_TOPICS: Final = 10_000
ALL: Final = "all topics"


@dataclass(slots=True)
class _Flow:
    n: int = 0  # messages of this minute
    normal: float = 0.0
    owed: float = 0.0
    n_minutes: int = 0
    is_flood: bool = False

    def take(self, n: int) -> bool:
        """Count messages of this minute; says whether they make it a flood, once."""
        self.n += n
        was_flood = self.is_flood
        most = max(FEWEST, FLOOD * self.normal) + self.owed
        self.is_flood |= self.n_minutes >= LEARNED and self.n > most
        return self.is_flood and not was_flood

    def close(self, n_minutes: int) -> None:
        """End the minute, and the silent ones that followed it."""
        if self.n:
            self.owed = max(0.0, self.owed - max(0.0, self.n - self.normal)) * OWED_KEPT
            if self.n_minutes < LEARNED:  # the first ones may bring what the broker held
                self.normal = min(self.normal, self.n) if self.n_minutes else float(self.n)
            else:
                self.normal *= UP_IN_FLOOD if self.is_flood else UP if self.n > self.normal else DOWN
            self.n_minutes += 1
        n_silent = n_minutes - (self.n > 0)
        self.owed = min(self.owed + self.normal * n_silent, self.normal * MOST_OWED)
        self.n, self.is_flood = 0, False


class Rates:
    """Follows up to `MOST_TOPICS` topics by the collector's monotonic clock."""

    def __init__(self) -> None:
        self._flows: dict[str, _Flow] = {ALL: _Flow()}
        self._since: float | None = None
        self._floods: Counter[str] = Counter()

    def take(self, topics: Iterable[str], monotonic: float) -> None:
        """Count messages by their topics; monotonic in seconds."""
        self._since = monotonic if self._since is None else self._since
        if n_minutes := int((monotonic - self._since) // MINUTE_S):
            self._since += n_minutes * MINUTE_S
            for flow in self._flows.values():
                flow.close(n_minutes)
        counted = Counter(topics)
        for topic, n in (*counted.items(), (ALL, counted.total())):
            if topic not in self._flows and len(self._flows) <= MOST_TOPICS:
                self._flows[topic] = _Flow()
            if topic in self._flows and self._flows[topic].take(n):
                self._floods[topic] += 1

    def floods(self) -> Mapping[str, int]:
        """Return the number of minutes in which a topic sent far more than normal, where there were any."""
        return dict(self._floods)
