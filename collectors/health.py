"""How a collector is doing: what it counted since its start, for the status and for alerts about the software."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Numbering:
    """What one publisher's numbers told: messages missing, in how many gaps; repeated ones; new starts."""

    n_missing: int
    n_gaps: int
    n_repeats: int
    n_restarts: int


@dataclass(frozen=True, slots=True)
class Noted:
    """What was noted about the messages themselves. A message that the broker gave twice is noted twice."""

    n_retained: int = 0  # messages that the broker gave again on subscribing
    n_ignored: int = 0  # cleared retained messages, probes, and Sparkplug metrics that are no measurements
    n_absent: int = 0  # points made null because their Sparkplug node or device died
    n_extra_keys: int = 0  # keys in native messages that nothing reads
    rejected: Mapping[str, int] = field(default_factory=dict)  # items by reason code
    faults: Mapping[str, str] = field(default_factory=dict)  # where a reason that a person must mend was seen last
    floods: Mapping[str, int] = field(default_factory=dict)  # minutes in which a topic sent far more than normal
    publishers: Mapping[str, Numbering] = field(default_factory=dict)  # those with a gap, a repetition, a new start

    @property
    def n_missing(self) -> int:
        """Messages that publishers numbered and that never came."""
        return sum(each.n_missing for each in self.publishers.values())


@dataclass(frozen=True, slots=True)
class Health:
    """What can be said of a collector; times are monotonic seconds."""

    is_connected: bool
    is_subscribed: bool
    last_turn_at: float
    last_received_at: float | None
    n_committed: int  # messages
    n_unguaranteed: int  # of them by QoS 0: the broker may have dropped others
    n_connections: int
    n_restarts: int
    error: str  # why nothing can be taken just now, "" when all is well
    noted: Noted = field(default_factory=Noted)
