"""Who was told what and when: how the ledger remembers it, and what planning the next messages needs of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from domain.alerting import Priority


@dataclass(frozen=True, slots=True)
class Told:
    """The last time that a receiver was told of a notice. step: 0 for the first time, then counting the repeats."""

    step: int
    at: datetime


@dataclass(frozen=True, slots=True)
class OpenNotice:
    """A notice that may still have to be told. noted_at: the clock's time when it was saved.

    needs_attention: its alert is not acknowledged, and this is the newest raise of it.
    """

    key: str
    alert_id: str
    asset: str
    rule: str
    priority: Priority
    noted_at: datetime
    needs_attention: bool
    told: Mapping[str, Told] = field(default_factory=dict)  # receiver -> when


@dataclass(frozen=True, slots=True)
class Telling:
    """One notice told to one receiver by one message."""

    notice: str
    receiver: str
    step: int
    message: str


@dataclass(frozen=True, slots=True)
class Past:
    """A message that was planned before: to whom, about what, when."""

    receiver: str
    about: str
    at: datetime
