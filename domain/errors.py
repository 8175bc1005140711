"""Errors that cross package borders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from domain.text import phrase


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of the config: where it stands, what stands there, and the rule it breaks."""

    file: str
    key: str
    value: str
    rule: str

    def __str__(self) -> str:
        shown = f" = {self.value}" if self.value else ""
        return f"{self.file}: {self.key}{shown}: {self.rule}"


class ConfigError(Exception):
    """The config cannot be used; carries every fault found."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))


class NotifyError(Exception):
    """A notification was not delivered; `is_retryable` says whether trying again soon can help, and `retry_after` what
    the receiver asked to wait before anything more is sent to it.
    """

    def __init__(self, text: str, *, is_retryable: bool, retry_after: timedelta | None = None) -> None:
        super().__init__(text)
        self.is_retryable, self.retry_after = is_retryable, retry_after


class NotKeptHereError(Exception):
    """What was asked for lies on a server of the plant's, which has its own tools for it."""


class StaleAlertError(Exception):
    """An alert was changed by somebody else in the meantime: read it again and decide anew."""


class ModelError(Exception):
    """A model bundle is missing, damaged, or does not fit what it is asked to score."""


class StoreBusyError(Exception):
    """Another process owns the data folder, or a file of it."""


class StoreAwayError(Exception):
    """A store cannot be reached or cannot write just now; what was offered is kept and offered again."""


class JournalFullError(OSError):
    """The journal has reached its bound, or its disk is nearly full; nothing was accepted."""


class NewerDataError(Exception):
    """The data were written by a newer Forewarn than this one; the text says what to do."""


class RecordError(ValueError):
    """What a person tells cannot be recorded; `stored` says why as a phrase for `spoken`, `str` in English."""

    def __init__(self, message: str, /, **said: object) -> None:
        super().__init__(message.format(**said) if said else message)
        self.stored = phrase(message, **said)
