"""What the console reads: the plant, its stores, its rules, and the clock; handed in by app."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from alerts.advice import Figures
from domain.alerting import Rule
from domain.health import Reading
from domain.lots import Judged
from domain.plant import Plant
from domain.ports import PointStore
from domain.records import Told
from domain.rulings import Worth
from reports.live_class import LiveClass
from store.journal import Journal
from store.ledger import Ledger


@dataclass(frozen=True, slots=True)
class DetectorInfo:
    """What the console needs to know of a configured detector. judged: by which a result is bad, where that is what it
    predicts of a number.
    """

    name: str
    role: str
    asset_class: str
    outcome: str
    judged: Judged | None = None


@dataclass(frozen=True, slots=True)
class Reread:
    """What became of dead letters that were read again. before: those numbered below are still to be read, None where
    none is left.
    """

    n_letters: int
    n_mended: int
    before: int | None = None


class Act(StrEnum):
    """What a person does with alerts."""

    ACKNOWLEDGE = "ack"
    COMMENT = "comment"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"
    RESET = "reset"
    OUT_OF_SERVICE = "out-of-service"
    IN_SERVICE = "in-service"


@dataclass(frozen=True, slots=True)
class Doing:
    """What somebody does with one alert, or with many. by: who was typed; who is logged in counts. seen: alert id ->
    the number of its raises that were shown. lasts: of shelving.
    """

    act: Act
    by: str
    note: str
    seen: Mapping[str, int]
    lasts: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Done:
    """What became of it. refused: why some were not done, as stored phrases, each once."""

    n_done: int
    refused: tuple[str, ...] = ()


class Workshop(Protocol):
    """Rules tried on history and changed, and how good the alarms are. What is asked for is `{"settings": [[rule, key,
    text], ...], "days": n}`, text "" taking the key out, or `{"undo": number, "days": n}`.
    """

    def figures(self, days: float) -> Figures:
        """Return the alarm figures of the last days."""

    def entries(self) -> Sequence[Mapping[str, Any]]:
        """Return the rules as rules.toml has them now; raises RecordError where it cannot be read."""

    def tried(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what a change would have meant, as JSON data; raises RecordError saying why it cannot be made."""

    def saved(self, asked: Mapping[str, Any], by: str, why: str) -> int:
        """Make the change; returns its number. Raises RecordError."""


@dataclass(frozen=True, slots=True)
class Review:
    """What a person says of a warning. by: who was typed; who is logged in counts."""

    alert: str
    worth: Worth
    by: str
    cause: str = ""
    found: str = ""


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
    read_rules: Callable[[], Sequence[Rule]]  # a rule that is changed is changed here with the service's next look
    detectors: Sequence[DetectorInfo]
    now: Callable[[], datetime]
    state: Callable[[], str]
    attend: Callable[[Doing], Done]
    explain: Callable[[str, str], Sequence[str]]  # an alert's id and a language; raises RecordError
    health: Callable[[], Sequence[Reading]]  # none before the service ever looked
    reread: Callable[[int | None, str | None, int | None], Reread]  # a number, a reason code, numbers below; None: any
    record: Callable[[Told], None]  # raises RecordError
    workshop: Workshop
    review: Callable[[Review], None]  # raises ValueError saying why it is not kept
    watch: Callable[[str, str, str, str], str]  # detector, factor, by whom, why; the rule's id; raises WatchError
    shifts: Sequence[str] = ()  # the hours at which shifts begin, in the plant's zone
    model_days: int = 0  # after which a model is overdue, 0 for never
    live_class: Callable[[str], LiveClass | None] = lambda _detector: None  # of good and bad lots, once results came

    @property
    def rules(self) -> Sequence[Rule]:
        """The rules as they are now."""
        return self.read_rules()

    def is_stale(self, trained_at: datetime) -> bool:
        """Whether a model that was trained then is overdue now."""
        return self.model_days > 0 and self.now() - trained_at > timedelta(days=self.model_days)

    def detectors_of(self, class_name: str) -> list[DetectorInfo]:
        """Return the detectors of a class."""
        return [d for d in self.detectors if d.asset_class == class_name]
