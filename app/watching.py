"""New values and scores to alerts: every rule looks at each value once, in event time; changes and notices are saved
together.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alerts import cycle, lifecycle
from alerts.evidence import Evidence, against
from alerts.following import advance_through
from alerts.lifecycle import Sample
from alerts.messages import Background, notices_for
from alerts.plan import Plan, plan_of
from alerts.units import measure_of
from alerts.watchdog import CANARY_RULE
from app.feeding import LOT, SCORE, TAG, Behind, Fed, fed
from app.rooms import Rooms
from app.windowing import stopped_since
from detectors.bundle import Bundle
from domain.alerting import Alert, AlertKey, AlertState, AlertUpdate, Condition, Hold, Rule
from domain.errors import StaleAlertError
from domain.instants import to_ns
from domain.limits import Limits
from domain.plant import Axis
from domain.records import Event, EventKind
from domain.scores import Contribution, Verdict
from domain.text import mark

log = logging.getLogger(__name__)
CURSOR: Final = "watch:"
WATCHED: Final = "watched"  # the cursor of the cycle as a whole
STOPPED: Final = mark("the asset stopped")
TAKEN_OUT: Final = mark("no rule watches it any more")
Samples = Mapping[str, Sequence[Sample]]


class Watcher:
    """Holds the rules laid out for the plant, and how far each series of values was looked at."""

    def __init__(self, rooms: Rooms, started_at: int) -> None:
        self._rooms, self._started_at = rooms, started_at
        self._rules: Sequence[Rule] | None = None
        self._plan = plan_of((), rooms.settings.watched)
        self._since = np.zeros(0, np.int64)
        self._begun = rooms.ledger.scoring.cursors().get(WATCHED, cycle.EVER)
        self.failed: dict[AlertKey, str] = {}  # what could not be looked at in the last cycle, and why

    def watch(
        self,
        champions: Mapping[str, Bundle],
        events: Mapping[str, Sequence[Event]],
        reported: Mapping[str, int],
        now: datetime,
    ) -> int:
        """Advance every rule to `now`; returns the number of alerts changed. reported: each asset's newest point."""
        rooms, plan = self._rooms, self._laid_out(now)
        held, holds = rooms.ledger.alerting.open(), rooms.ledger.alerting.holds()
        found = fed(rooms, plan, self._since, events, now, self._has_news(plan, reported, now))
        n_rows = rooms.ledger.alerting.n_transitions([a.id for a in held.values() if a.id])
        models, failed = model_limits(champions), dict[AlertKey, str]()
        updates: list[AlertUpdate] = []
        modes = modes_of(rooms, now, rooms.settings.rules)
        for watch, steps in cycle.advance_all(
            plan, found.feed, held, holds, modes, models, to_ns(now), n_rows, failed, begun=self._begun
        ):
            updates += [with_notices(rooms, step, watch.rule, found.behind) for step in steps]
            _keep(held, watch.key, steps)
        updates += self._ended(plan, held, events, n_rows, updates, now)
        for key, error in failed.items():
            if self.failed.get(key) != error:
                log.error("rule failed rule=%s asset=%s error=%s", key.rule, key.asset, error)
        self.failed = failed
        return self._save(plan, found, updates, holds, now)

    def _laid_out(self, now: datetime) -> Plan:
        rules = self._rooms.settings.rules
        if rules is not self._rules:
            self._plan = plan_of((*rules, CANARY_RULE), self._rooms.settings.watched)
            self._since = self._adopted(self._plan, now)
            self._rules = rules
        return self._plan

    def _adopted(self, plan: Plan, now: datetime) -> NDArray[np.int64]:
        """Return from when on each series is looked at: what was never watched before, from now; at first, from the
        plant's first start.
        """
        cursors = self._rooms.ledger.scoring.cursors()
        is_first = not any(name.startswith(CURSOR) for name in cursors)
        earlier: dict[str, int] = {}  # cursors of rules, as they were kept before there was one for each series
        for watch in plan.watches if is_first else ():
            at = cursors.get(f"rule:{watch.key.rule}:{watch.key.asset}")
            for part in watch.parts if at is not None else ():
                name = cursor_name(plan.sources[plan.series[part]])
                earlier[name] = max(at or 0, earlier.get(name, 0))
        otherwise = self._started_at if is_first else to_ns(now)
        names = [cursor_name(source) for source in plan.sources]
        fresh = {name: earlier.get(name, otherwise) for name in names if name not in cursors}
        if fresh:
            self._rooms.ledger.alerting.save([], fresh, now)
        return np.array([cursors.get(name, fresh.get(name, 0)) for name in names], dtype=np.int64)

    def _has_news(self, plan: Plan, reported: Mapping[str, int], now: datetime) -> NDArray[np.bool_]:
        """Return the series that have new values, or stand in one rule with such a one."""
        newest = np.array([reported.get(asset, 0) for asset, _ in plan.sources], dtype=np.int64)
        tags = self._rooms.settings.watched.tags
        for number, (asset, watched) in enumerate(plan.sources):
            if watched.startswith((SCORE, LOT)):
                newest[number] = to_ns(now)
            elif tags[asset][watched.removeprefix(TAG)].role == "lab":
                newest[number] = to_ns(now)  # results come beside what an asset reports
        has = np.asarray(newest > self._since)
        for place in np.flatnonzero(plan.is_joined).tolist():
            parts = plan.series[list(plan.watches[place].parts)]
            if has[parts].any():
                has[parts] = True
        return has

    def _ended(
        self,
        plan: Plan,
        held: Mapping[AlertKey, Alert],
        events: Mapping[str, Sequence[Event]],
        n_rows: Mapping[str, int],
        before: Sequence[AlertUpdate],
        now: datetime,
    ) -> list[AlertUpdate]:
        """Return to normal what was raised on an asset that has stopped, or by a rule that is no longer there."""
        rules = {r.id: r for r in self._rooms.settings.all_rules}
        updates = []
        for key, alert in held.items():
            rule, since = rules.get(key.rule), stopped_since(events.get(key.asset, ()), now)
            is_watched = rule is not None and (key in plan.places or not key.subject.startswith((TAG, SCORE, LOT)))
            if is_watched and since is None:
                continue
            if not (alert.is_active or alert.state is AlertState.PENDING or alert.pending_since):
                continue
            at, note = (now, TAKEN_OUT) if since is None else (since, STOPPED)
            step = lifecycle.end(alert, max(at, alert.last_at), note, is_latching=rule is not None and rule.is_latching)
            first = n_rows.get(alert.id, 0) + sum(len(u.transitions) for u in before if u.alert.id == alert.id)
            rows = lifecycle.numbered(step.transitions, first)
            updates.append(replace(step, transitions=rows, seen=alert.state))
        return updates

    def _save(
        self,
        plan: Plan,
        found: Fed,
        updates: Sequence[AlertUpdate],
        holds: Mapping[tuple[str, str], Hold],
        now: datetime,
    ) -> int:
        moved = np.flatnonzero(found.newest > self._since).tolist()
        cursors = {cursor_name(plan.sources[i]): int(found.newest[i]) for i in moved} | {WATCHED: to_ns(now)}
        over = {key: None for key, hold in holds.items() if hold.until is not None and hold.until <= now}
        watched = {(w.key.rule, w.key.asset) for w in plan.watches} if over else set()
        try:
            self._rooms.ledger.alerting.save(updates, cursors, now, {k: None for k in over if k in watched})
        except StaleAlertError:
            return 0  # a person changed one meanwhile; nothing was saved, the next tick looks at the same values again
        self._since, self._begun = found.newest, to_ns(now)
        return len(updates)


def advance_rules(rooms: Rooms, samples: Mapping[str, Samples], now: datetime) -> int:
    """Advance the rules that watch what `samples` holds (watched thing -> asset -> values), whatever else there is;
    returns the number of alerts changed.
    """
    alerting = rooms.ledger.alerting
    held, holds = alerting.open(), alerting.holds()
    updates: list[AlertUpdate] = []
    over: dict[tuple[str, str], None] = {}
    n_rows = alerting.n_transitions([a.id for a in held.values() if a.id])
    for rule in rooms.settings.all_rules:
        for asset, found in samples.get(rule.watch, {}).items():
            here, key = rule.on(asset), AlertKey(rule.id, asset, rule.watch)
            if here is None or not _is_of(rooms, rule, asset):
                continue
            alert, hold = held.get(key), holds.get((rule.id, asset))
            steps: list[tuple[int, Hold | None]] = [] if hold is None else [(cycle.EVER, hold)]
            if hold is not None and hold.until is not None:
                steps.append((to_ns(hold.until), None))
                if hold.until <= now:
                    over[(rule.id, asset)] = None
            first = 0 if alert is None else n_rows.get(alert.id, 0)
            rows = advance_through(alert, _evidence(here, found), here, key, first, steps, to_ns(now))
            updates += [with_notices(rooms, step, here, {}) for step in rows]
    try:
        alerting.save(updates, {}, now, over)
    except StaleAlertError:
        return 0
    return len(updates)


def _is_of(rooms: Rooms, rule: Rule, asset: str) -> bool:
    known = rooms.settings.plant.assets.get(asset)
    return known is None or known.class_name == rule.asset_class


def _evidence(rule: Rule, samples: Iterable[Sample]) -> Evidence:
    known = [(to_ns(s.at), s.value) for s in samples if s.value is not None]
    at = np.array([t for t, _ in known], dtype=np.int64)
    values = np.array([v for _, v in known], dtype=np.float64)
    if rule.condition is Condition.IS:  # the values are places in VERDICTS
        over = np.isin(values, [VERDICTS.index(Verdict(v)) for v in rule.verdicts])
        return against(at, over.astype(np.float64), Limits(1.0, 1.0))
    limits = lifecycle.limits_of(rule, None)
    return against(at, values, limits) if limits is not None else against(at[:0], values[:0], Limits(0.0, 0.0))


VERDICTS: Final = tuple(Verdict)


def verdict_samples(verdicts: Mapping[tuple[str, str], Verdict], now: datetime) -> dict[str, dict[str, list[Sample]]]:
    """Return verdicts, by asset and what they are of (a detector, or the asset), as `advance_rules` takes them."""
    samples: dict[str, dict[str, list[Sample]]] = {}
    for (asset, of), verdict in verdicts.items():
        samples.setdefault(f"verdict:{of}", {})[asset] = [Sample(now, float(VERDICTS.index(verdict)))]
    return samples


def cursor_name(source: tuple[str, str]) -> str:
    """Return the name of the cursor of what is watched on one asset."""
    return f"{CURSOR}{source[0]}:{source[1]}"


def modes_of(
    rooms: Rooms, now: datetime, rules: Sequence[Rule]
) -> dict[str, list[tuple[datetime, datetime | None, str]]]:
    """Return the operating modes known by `now` of each asset, where a rule asks for them."""
    modes: dict[str, list[tuple[datetime, datetime | None, str]]] = {}
    if any(r.when_mode for r in rules):
        for e in rooms.ledger.records.events(now, kinds=(EventKind.MODE,)):
            modes.setdefault(e.asset, []).append((e.start, e.end, e.code))
    return modes


def model_limits(champions: Mapping[str, Bundle]) -> dict[str, tuple[float, float]]:
    """Return the raise and clear limit of each champion that has them."""
    found = {name: (b.detector.threshold, b.detector.clear_threshold) for name, b in champions.items()}
    return {name: (high, low) for name, (high, low) in found.items() if high is not None and low is not None}


def _keep(held: dict[AlertKey, Alert], key: AlertKey, steps: Sequence[AlertUpdate]) -> None:
    if steps[-1].is_dropped or steps[-1].alert.state is AlertState.CLOSED:
        held.pop(key, None)
    else:
        held[key] = steps[-1].alert


def with_notices(rooms: Rooms, update: AlertUpdate, rule: Rule, behind: Behind) -> AlertUpdate:
    """Return an update with a notice of each change that is announced. behind: the scores behind the values."""
    if not any(row.change.is_announced for row in update.transitions):
        return update
    asset, term = update.alert.key.asset, rule.all_terms[0]
    score = behind.get((asset, term.watch, to_ns(update.transitions[-1].at)))
    why: tuple[Contribution, ...] = ()
    if score is not None:
        why = tuple(c for c in score.contributions if c.amount > 0)
    axis = rooms.settings.plant.classes[rule.asset_class].axis if score is not None else Axis.TIME
    life = None if score is None else score.life
    plant, name = rooms.settings.watched, term.watch.removeprefix(SCORE)
    outcome = "" if score is None else rooms.settings.detector(name).outcome
    factor, unit = measure_of(rule, plant, asset, outcome, None if score is None else score.scale)
    titles = {tag: x.title for tag, x in plant.tags.get(asset, {}).items() if x.title}
    background = Background(unit, why, life=life, axis=axis, factor=factor, titles=titles)
    return replace(update, notices=notices_for(update.alert, rule, update.transitions, background))
