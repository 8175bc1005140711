"""The journal's sum of a period in, and what is silent or cannot be assessed now, out. No telemetry is read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from alerts import silence
from app.reporting.periods import Period
from app.rooms import Rooms
from domain.instants import from_ns, to_ns
from domain.records import Tally
from domain.scores import Verdict
from reports.week.figures import DataFigures, Silent

UNASSESSED = (Verdict.NO_DATA, Verdict.NOT_ASSESSED, Verdict.ENGINE_ERROR)


def figures(rooms: Rooms, period: Period, tallies: Sequence[Tally]) -> DataFigures:
    """Return the sum over the hours (UTC) that begin in a period; tallies: all of the journal."""
    own = [t for t in tallies if t.hour is not None and period.start <= to_ns(t.hour) < period.end]
    rows = rooms.ledger.alerting.transitions_between(from_ns(period.start), from_ns(period.end))
    return DataFigures(
        sum(t.received for t in own),
        sum(t.stored for t in own),
        sum(t.dead_lettered for t in own),
        sum(t.duplicates for t in own),
        sum(t.conflicts for t in own),
        sum(t.in_journal for t in own),
        sum(t.difference for t in own),
        sum(key.rule == silence.RULE_ID and row.change.is_announced for key, _, row in rows),
    )


def newest_data(tallies: Sequence[Tally]) -> datetime | None:
    """Return the last hour in which anything was received."""
    return max((t.hour for t in tallies if t.hour is not None and t.received), default=None)


def silent(rooms: Rooms) -> tuple[Silent, ...]:
    """Return what is silent now, the longest first."""
    found = [
        Silent(a.key.asset, "" if a.key.subject == silence.WHOLE else a.key.subject, a.raised_at or a.breach_since)
        for a in rooms.ledger.alerting.open().values()
        if a.key.rule == silence.RULE_ID and a.is_active
    ]
    return tuple(sorted(found, key=lambda x: (to_ns(x.since), x.asset, x.tag)))


def unassessed(rooms: Rooms) -> tuple[tuple[str, str], ...]:
    """Return the assets, as the Hand-over page names them, of which nothing can be said now, each with why."""
    rows = rooms.ledger.scoring.verdicts()
    known = (rows[path] for path in rooms.settings.plant.assets if path in rows)
    return tuple((r.asset, r.reason) for r in known if r.verdict in UNASSESSED and not r.is_stopped)
