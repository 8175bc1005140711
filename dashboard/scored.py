"""The ledger in; what warnings were worth, which of them wait for a person, and the stops that had none, out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from dashboard.source import Source
from domain.alerting import Alert
from domain.instants import to_ns
from domain.rulings import Ruling, Worth, in_force, newest
from store.rulings import AutopsyRow

SHOWN: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Scored:
    """The warnings of the last days with what each was worth (None: not known yet), those that ask first.

    counts: rulings in force, by worth. autopsies: of stops without a warning, the latest first.
    """

    alerts: tuple[tuple[Alert, Ruling | None], ...]
    counts: Mapping[Worth, int]
    n_asking: int
    autopsies: tuple[AutopsyRow, ...]

    @property
    def precision(self) -> float | None:
        """The share of hits among hits and false warnings, None where there is neither."""
        n = self.counts[Worth.HIT] + self.counts[Worth.FALSE]
        return self.counts[Worth.HIT] / n if n else None


def scored(source: Source) -> Scored:
    """Return what the warnings of the last SHOWN were worth."""
    since = source.now() - SHOWN
    names = {f"score:{d.name}" for d in source.detectors if d.role == "failure"}
    rules = {r.id for r in source.rules if any(term.watch in names for term in r.all_terms)}
    alerts = source.ledger.alerting.alerts(1_000_000, rules=rules, since=since)
    made = source.ledger.rulings.all([a.id for a in alerts])
    worth = newest(made)
    rows = [(a, worth.get(a.id)) for a in alerts]
    rows.sort(key=lambda row: (not (row[1] is not None and row[1].asks), -to_ns(row[0].raised_at or since)))
    return Scored(
        tuple(rows),
        Counter(r.worth for r in in_force(made)),
        sum(r.asks for r in worth.values()),
        tuple(r for r in source.ledger.rulings.autopsies() if r.start >= since),
    )
