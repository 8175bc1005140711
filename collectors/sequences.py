"""The numbers that publishers give their messages: each seen number in, counts of what is missing out.

Invariant: the last number seen of each publisher survives a restart, so that what was lost meanwhile is counted too;
so does whether it had a gap.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from collectors.health import Numbering

MOST_SOURCES: Final = 10_000
FAR_BACK: Final = 1000  # a number this far behind the last one is a new start, not a repetition
MOST_NUMBER: Final = 2**63 - 1  # a larger one is no number of a message
MOST_MISSING: Final = 1_000_000_000  # of one gap: beyond it a publisher changed its way of numbering


class Step(Enum):
    """How a number stands to the one before it."""

    FIRST = "first"  # there is none before it, or the publisher begins anew
    NEXT = "next"
    REPEATED = "repeated"
    GAP = "gap"


@dataclass(slots=True)
class Sequence:
    """What one publisher's numbers told: messages missing, in how many gaps; repeated ones; new starts.

    has_gap: something is, or may be, missing since the publisher last declared a first number.
    """

    last: int
    has_gap: bool = False
    n_gaps: int = 0
    n_missing: int = 0
    n_repeats: int = 0
    n_restarts: int = 0

    def follow(self, number: int, modulus: int, is_duplicate: bool) -> Step:
        """Take the next number."""
        ahead = (number - self.last) % modulus if modulus else number - self.last
        if modulus and is_duplicate and ahead > modulus // 2:
            ahead -= modulus  # delivered again: it stands behind, and not nearly a whole round ahead
        if ahead == 1:
            self.last = number
            return Step.NEXT
        if ahead > 1:
            self.n_gaps += 1
            self.n_missing += min(ahead - 1, MOST_MISSING)
            self.last, self.has_gap = number, True
            return Step.GAP
        if is_duplicate or modulus or (number > 1 and ahead > -FAR_BACK):
            self.n_repeats += 1
            return Step.REPEATED
        self.n_restarts += 1
        self.last = number
        return Step.FIRST


class Sequences:
    """The sequences of all publishers that number their messages; those beyond `MOST_SOURCES` are not followed."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._found: dict[str, Sequence] = {}
        self._is_changed = False

    def start(self) -> None:
        """Read the last numbers of an earlier run; a file that cannot be read is begun anew."""
        try:
            kept = {} if self._file is None else json.loads(self._file.read_text(encoding="utf-8"))
            self._found = {str(source): Sequence(int(last), bool(gap)) for source, (last, gap) in kept.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            self._found = {}

    def follow(self, source: str, number: int, *, modulus: int = 0, is_duplicate: bool = False) -> Step:
        """Take a publisher's next number (of 0 to modulus - 1, or rising for ever).

        The first number of a publisher is where counting begins. is_duplicate: the broker says it may be a repetition.
        """
        found = self._found.get(source)
        self._is_changed = True
        if found is not None:
            return found.follow(number, modulus, is_duplicate)
        if len(self._found) < MOST_SOURCES:
            self._found[source] = Sequence(number, has_gap=True)
        return Step.FIRST

    def begin(self, source: str, number: int) -> None:
        """Take a number that a publisher declares to be its first."""
        found = self._found.get(source)
        self._is_changed = True
        if found is not None:
            found.last, found.has_gap = number, False
            found.n_restarts += 1
        elif len(self._found) < MOST_SOURCES:
            self._found[source] = Sequence(number)

    def has_gap(self, source: str) -> bool:
        """Say whether something is, or may be, missing since a publisher last declared a first number."""
        found = self._found.get(source)
        return found is not None and found.has_gap

    def counts(self) -> Mapping[str, Numbering]:
        """Return the publishers that missed, repeated or began anew, and their counts."""
        return {
            source: Numbering(found.n_missing, found.n_gaps, found.n_repeats, found.n_restarts)
            for source, found in list(self._found.items())
            if found.n_gaps or found.n_repeats or found.n_restarts
        }

    def settle(self) -> None:
        """Write the last numbers down, before the messages are acknowledged.

        Without fsync: it outlives the process; after a power cut a gap may be counted that was none.
        """
        if self._file is None or not self._is_changed:
            return
        new = self._file.with_suffix(".new")
        kept = {source: (found.last, found.has_gap) for source, found in self._found.items()}
        new.write_text(json.dumps(kept), encoding="utf-8")
        new.replace(self._file)
        self._is_changed = False
