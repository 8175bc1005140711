"""What the console reads: the plant, its stores, its rules, and the clock; handed in by app."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from domain.alerting import Rule
from domain.health import Reading
from domain.plant import Plant
from domain.ports import PointStore
from domain.records import Told
from store.journal import Journal
from store.ledger import Ledger


@dataclass(frozen=True, slots=True)
class DetectorInfo:
    """What the console needs to know of a configured detector."""

    name: str
    role: str
    asset_class: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Reread:
    """What became of dead letters that were read again. before: those numbered below are still to be read, None where
    none is left.
    """

    n_letters: int
    n_mended: int
    before: int | None = None


class WatchError(Exception):
    """A window that cannot be watched; the text says why."""


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Everything a page may read. state: what the service is doing now, a message id ("" for ordinary running)."""

    title: str
    plant: Plant
    zone: ZoneInfo
    language: str
    refresh_s: float
    points: PointStore
    ledger: Ledger
    journal: Journal
    rules: Sequence[Rule]
    detectors: Sequence[DetectorInfo]
    now: Callable[[], datetime]
    state: Callable[[], str]
    acknowledge: Callable[[str, str, str], None]
    health: Callable[[], Sequence[Reading]]  # none before the service ever looked
    reread: Callable[[int | None, str | None, int | None], Reread]  # a number, a reason code, numbers below; None: any
    record: Callable[[Told], None]  # raises RecordError
    watch: Callable[[str, str, str, str], str]  # detector, factor, by whom, why; the rule's id; raises WatchError
    shifts: Sequence[str] = ()  # the hours at which shifts begin, in the plant's zone
    model_days: int = 0  # after which a model is overdue, 0 for never

    def is_stale(self, trained_at: datetime) -> bool:
        """Whether a model that was trained then is overdue now."""
        return self.model_days > 0 and self.now() - trained_at > timedelta(days=self.model_days)

    def detectors_of(self, class_name: str) -> list[DetectorInfo]:
        """Return the detectors of a class."""
        return [d for d in self.detectors if d.asset_class == class_name]
