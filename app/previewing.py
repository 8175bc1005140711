"""Rules as they are and as they would be in, what each would have announced over the last days out.

Invariant: the alerts are those of a run over the same data: it is the same reading and the same engine.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np

from alerts import cycle
from alerts.performance import Announcement, burden
from alerts.plan import plan_of
from app.feeding import fed
from app.outcomes import report_times
from app.rooms import Rooms
from app.watching import model_limits, modes_of
from app.windowing import STOPPING
from domain.alerting import AlertState, Rule, Transition
from domain.instants import to_ns
from domain.plant import Axis
from domain.records import Event, EventKind
from reports.outcome import Watched, failure_outcome

MOST_DAYS: Final = 400


@dataclass(frozen=True, slots=True)
class Run:
    """What rules announced over a stretch of time. transitions: by asset. announcements: in time order."""

    announcements: tuple[Announcement, ...]
    transitions: Mapping[str, tuple[Transition, ...]]


@dataclass(frozen=True, slots=True)
class Side:
    """What one set of rules would have meant. n_stops: failures on the assets watched; n_caught: warned of in time."""

    n_alerts: int
    n_stops: int
    n_caught: int
    per_day: float
    most_in_10_min: int


@dataclass(frozen=True, slots=True)
class Preview:
    """A change of rules held against history. rules: id -> alerts (now, then). owners: position -> alerts a day."""

    since: datetime
    until: datetime
    now: Side
    then: Side
    rules: Mapping[str, tuple[int, int]]
    owners: Mapping[str, tuple[float, float]]

    def as_json(self) -> dict[str, Any]:
        """Return the figures as JSON data."""
        return asdict(self) | {"since": self.since.isoformat(), "until": self.until.isoformat()}

    def __str__(self) -> str:
        days = (self.until - self.since) / timedelta(days=1)
        return (
            f"last {days:g} days: {self.now.n_alerts} -> {self.then.n_alerts} alerts, "
            f"stops caught {self.now.n_caught}/{self.now.n_stops} -> {self.then.n_caught}/{self.then.n_stops}, "
            f"a day {self.now.per_day:.1f} -> {self.then.per_day:.1f}, "
            f"most in 10 min {self.now.most_in_10_min} -> {self.then.most_in_10_min}"
        )


def preview(rooms: Rooms, old: Sequence[Rule], new: Sequence[Rule], since: datetime, until: datetime) -> Preview:
    """Hold two sets of rules against what was stored in (since, until]; only rules that differ, and their children,
    are counted.
    """
    ids = affected(old, new)
    sides = [run(rooms, rules, ids, since, until) for rules in (old, new)]
    owners = {r.id: r.owner for r in (*old, *new)}
    days = max((until - since) / timedelta(days=1), 1e-9)
    counts = [_counted(side, ids) for side in sides]
    by_owner = [_per_owner(side, days) for side in sides]
    found = [_side(rooms, side, ids, (*old, *new), since, until) for side in sides]
    return Preview(
        since,
        until,
        found[0],
        found[1],
        {rule: (counts[0][rule], counts[1][rule]) for rule in sorted(ids)},
        {o: (by_owner[0][o], by_owner[1][o]) for o in sorted({owners[i] for i in ids})},
    )


def affected(old: Sequence[Rule], new: Sequence[Rule]) -> frozenset[str]:
    """Return the ids of the rules that differ, and of those that they suppress, in either."""
    before, after = {r.id: r for r in old}, {r.id: r for r in new}
    found = {i for i in before.keys() | after.keys() if before.get(i) != after.get(i)}
    while more := {r.id for r in (*old, *new) if r.parent in found and r.id not in found}:
        found |= more
    return frozenset(found)


def run(rooms: Rooms, rules: Sequence[Rule], ids: frozenset[str], since: datetime, until: datetime) -> Run:
    """Run some rules, with those that suppress them, over what was stored in (since, until], from nothing open."""
    named = {r.id: r for r in rules}
    wanted = set(ids)
    while more := {named[i].parent for i in wanted if i in named} - wanted - {""}:
        wanted |= more
    plan = plan_of([r for r in rules if r.id in wanted], rooms.settings.plant)
    events: dict[str, list[Event]] = defaultdict(list)
    for event in rooms.ledger.records.events(until, kinds=STOPPING):
        events[event.asset].append(event)
    start = np.full(len(plan.sources), to_ns(since), np.int64)
    found = fed(rooms, plan, start, events, until, np.ones(len(start), bool))
    models, modes = model_limits(rooms.models.champions()), modes_of(rooms, until, rules)
    announcements: list[Announcement] = []
    transitions: dict[str, list[Transition]] = defaultdict(list)
    for watch, updates in cycle.advance_all(plan, found.feed, {}, {}, modes, models, to_ns(until)):
        if watch.key.rule not in ids:
            continue
        for update in updates:
            for row in update.transitions:
                if row.state is not AlertState.PENDING:
                    transitions[watch.key.asset].append(row)
                if row.change.is_announced:
                    announcements.append(
                        Announcement(row.at, watch.key.rule, watch.key.asset, watch.rule.owner, watch.rule.priority)
                    )
    ordered = tuple(sorted(announcements, key=lambda a: (a.at, a.rule, a.asset)))
    return Run(ordered, {asset: tuple(rows) for asset, rows in transitions.items()})


def _counted(side: Run, ids: frozenset[str]) -> dict[str, int]:
    counts = dict.fromkeys(ids, 0)
    for each in side.announcements:
        counts[each.rule] += 1
    return counts


def _per_owner(side: Run, days: float) -> dict[str, float]:
    loads: dict[str, float] = defaultdict(float)
    for each in side.announcements:
        loads[each.owner] += 1 / days
    return loads


def _side(
    rooms: Rooms, side: Run, ids: frozenset[str], rules: Sequence[Rule], since: datetime, until: datetime
) -> Side:
    plant = rooms.settings.plant
    classes = {r.asset_class for r in rules if r.id in ids}
    failed: dict[str, list[datetime]] = defaultdict(list)
    for event in rooms.ledger.records.events(until, kinds=(EventKind.FAILURE,)):
        if since < event.start <= until:
            failed[event.asset].append(event.start)
    watched = []
    for path, asset in plant.assets.items():
        if asset.class_name not in classes or not failed[path]:
            continue
        own = plant.class_of(path)
        is_time = own.axis is Axis.TIME
        times = [to_ns(since), to_ns(until)] if is_time else report_times(rooms, path, to_ns(since), to_ns(until) + 1)
        rows = side.transitions.get(path, ())
        watched.append(Watched(own, plant.lead_of(path), tuple(failed[path]), list(times), rows))
    outcome = failure_outcome(watched)
    load = burden([a.at for a in side.announcements], since, until)
    return Side(len(side.announcements), outcome.n_events, outcome.n_caught, load.per_day, load.most_in_10_min)
