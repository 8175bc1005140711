"""What the predictions of alerts were worth, one ruling after the other, by the rule of events or by a person.

Invariant: rulings are only ever added. Of one saying the newest ruling of a person counts, or else the newest of the
rule; a person rules on the newest raise, and on what that alert says from there on until they spoke.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Worth(StrEnum):
    """What a warning was worth."""

    HIT = "hit"  # a failure followed in time, or a person found that one was near
    FALSE = "false"
    EXCUSED = "excused"  # planned work or a change of mode explains it
    UNCLEAR = "unclear"  # by rule: a person is asked; by a person: it cannot be told


@dataclass(frozen=True, slots=True)
class Ruling:
    """One ruling on one saying of an alert.

    said_at: the raise, or the horizon after it at which the alert still stood. at: when it was ruled. by: who, "" for
    the rule of events. because: the rule's reason as a stored phrase. cause, found: a person's words.
    acted_at: when planned work began that may have prevented a failure, None where there was none.
    """

    alert_id: str
    said_at: datetime
    worth: Worth
    at: datetime
    by: str = ""
    because: str = ""
    cause: str = ""
    found: str = ""
    acted_at: datetime | None = None

    @property
    def asks(self) -> bool:
        """Whether a person's word is needed."""
        return self.worth is Worth.UNCLEAR and not self.by


def in_force(rulings: Iterable[Ruling]) -> list[Ruling]:
    """Return the ruling that counts for each saying, by alert and time; given in the order in which they were made.

    One that a person made for an earlier saying is returned with that earlier `said_at`.
    """
    by_rule: dict[tuple[str, datetime], Ruling] = {}
    by_people: dict[str, list[Ruling]] = {}
    for each in rulings:
        by_rule.setdefault((each.alert_id, each.said_at), each)
        if each.by:
            by_people.setdefault(each.alert_id, []).append(each)
        else:
            by_rule[(each.alert_id, each.said_at)] = each
    found = []
    for (alert_id, said_at), each in sorted(by_rule.items()):
        said = [p for p in by_people.get(alert_id, ()) if p.said_at <= said_at <= p.at]
        found.append(said[-1] if said else each)
    return found


def newest(rulings: Sequence[Ruling]) -> dict[str, Ruling]:
    """Return of each alert the ruling that counts for the newest saying."""
    return {each.alert_id: each for each in in_force(rulings)}
