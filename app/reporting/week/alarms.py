"""Alerts, their rulings and transitions in; what warnings were worth, the load of alarms, and what stands out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from app import alarm_figures, ruling
from app.reporting.periods import Period
from app.rooms import Rooms
from domain.alerting import Alert, AlertKey, AlertState, Change, Priority, Transition
from domain.instants import from_ns, to_ns
from domain.rulings import Ruling, Worth, in_force, newest
from reports.week.figures import AlarmFigures, BadActor, Held, Load, Standing, WarningFigures

MOST_ACTORS: Final = 10
WEEK: Final = timedelta(weeks=1)


def warnings(rooms: Rooms, period: Period, rulings: Sequence[Ruling]) -> WarningFigures:
    """Return what the warnings of failures that were given in a period were worth. rulings: all of the ledger."""
    rules = ruling.predictions(rooms.settings)
    since, until = from_ns(period.start), from_ns(period.end)
    said = [r for r in in_force(rulings) if since <= r.said_at < until]
    alerts = rooms.ledger.alerting.named(sorted({r.alert_id for r in said}))
    own = [r for r in said if r.alert_id in alerts and alerts[r.alert_id].key.rule in rules]
    n = Counter(r.worth for r in own)
    raised = sum(
        key.rule in rules and row.change in (Change.RAISED, Change.RE_RAISED)
        for key, _, row in rooms.ledger.alerting.transitions_between(since, until)
    )
    n_asking = sum(r.asks for r in own)
    weeks = _asset_weeks(rooms, sorted({d.name for d in rules.values()}), period) if rules else None
    return WarningFigures(raised, n[Worth.HIT], n[Worth.FALSE], n[Worth.EXCUSED], n[Worth.UNCLEAR], n_asking, weeks)


def asking(rooms: Rooms, rulings: Sequence[Ruling]) -> tuple[Standing, ...]:
    """Return the warnings that wait for a person's word now, the newest first."""
    ids = [name for name, said in newest(rulings).items() if said.asks]
    titles = titles_of(rooms)
    found = [_standing(a, titles) for a in rooms.ledger.alerting.named(ids).values()]
    return tuple(sorted(found, key=lambda x: (-to_ns(x.raised_at), x.alert)))


def figures(rooms: Rooms, period: Period, days: Sequence[Period]) -> AlarmFigures:
    """Return the alarm figures of a period, as `alerts performance` tells them, and the alerts of each day."""
    found = alarm_figures.figures(rooms, from_ns(period.start), from_ns(period.end))
    loads = []
    for p in found.positions:
        b = p.burden
        load = b.n, b.per_day, b.per_10_min, b.most_in_10_min, b.n_floods, b.flood_share
        trouble = len(p.chattering), p.n_fleeting, p.most_stale, p.top_share, p.n_unauthorised
        loads.append(Load(p.owner, *load, *trouble, p.missed))
    times = [to_ns(row.at) for _, _, row in _announced(rooms, period)]
    return AlarmFigures(tuple(loads), tuple(sum(d.start <= at < d.end for at in times) for d in days))


def bad_actors(rooms: Rooms, week: Period, before: Period) -> tuple[BadActor, ...]:
    """Return the rules on assets that were announced most, beside how often they were before."""
    counts, then = (Counter((key.rule, key.asset) for key, _, _ in _announced(rooms, x)) for x in (week, before))
    top = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MOST_ACTORS]
    titles, n_all = titles_of(rooms), sum(counts.values())
    return tuple(
        BadActor(rule, titles.get(rule, rule), asset, n, n / n_all, then[rule, asset]) for (rule, asset), n in top
    )


def standing(rooms: Rooms) -> tuple[Standing, ...]:
    """Return the alerts that are open now, the most urgent first and then the oldest."""
    found = [a for a in rooms.ledger.alerting.open().values() if a.state.is_open]
    found.sort(key=lambda a: (not a.is_active, a.priority.rank, a.raised_at or a.breach_since, a.id))
    titles = titles_of(rooms)
    return tuple(_standing(a, titles) for a in found)


def held(rooms: Rooms, now: datetime) -> tuple[Held, ...]:
    """Return what persons hold back now, what ends first first; what is suppressed by design is none of theirs."""
    titles = titles_of(rooms)
    found = [
        Held(rule, titles.get(rule, rule), asset, h.state.value, h.by, h.why, h.until)
        for (rule, asset), h in rooms.ledger.alerting.holds().items()
        if h.by and (h.until is None or h.until > now)
    ]
    return tuple(sorted(found, key=lambda x: (x.until is None, to_ns(x.until or now), x.asset, x.rule)))


def titles_of(rooms: Rooms) -> Mapping[str, str]:
    """Return the rules' titles."""
    return {r.id: r.title or r.id for r in rooms.settings.all_rules}


def _announced(rooms: Rooms, period: Period) -> list[tuple[AlertKey, Priority, Transition]]:
    rows = rooms.ledger.alerting.transitions_between(from_ns(period.start), from_ns(period.end))
    return [row for row in rows if row[2].change.is_announced]


def _standing(a: Alert, titles: Mapping[str, str]) -> Standing:
    raised_at = a.raised_at or a.breach_since
    title = titles.get(a.key.rule, a.key.rule)
    is_acked = a.state in (AlertState.ACTIVE_ACKED, AlertState.LATCHED)
    return Standing(
        a.id, a.key.rule, title, a.key.asset, a.priority.value, a.state.value, raised_at, a.is_active, is_acked
    )


def _asset_weeks(rooms: Rooms, detectors: Sequence[str], period: Period) -> float:
    """Return for how long assets were scored by any of these detectors, from the first score to the last, in weeks."""
    spans: dict[str, tuple[int, int]] = {}
    for name in detectors:
        for asset, (first, last) in rooms.ledger.scoring.spans(name, period.start, period.end).items():
            a, b = spans.get(asset, (first, last))
            spans[asset] = min(a, first), max(b, last)
    return sum(last - first for first, last in spans.values()) / (WEEK.total_seconds() * 1e9)
