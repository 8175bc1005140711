"""An alert, evidence and holds over a stretch of time in, what becomes of it out. Pure.

Invariant: the outcome is that of looking at every instant in turn; those that change nothing are passed over.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

import numpy as np

from alerts import lifecycle
from alerts.evidence import Evidence, against
from alerts.lifecycle import Sample
from domain.alerting import Alert, AlertKey, AlertState, AlertUpdate, Hold, Rule
from domain.instants import duration_ns, from_ns, to_ns
from domain.limits import Limits

NEVER: Final = 2**63 - 1
Holds = Sequence[tuple[int, Hold | None]]  # from when (ns) on what holds back; the first counts from ever


def follow(
    alert: Alert | None,
    samples: Iterable[Sample],
    limits: Limits,
    rule: Rule,
    key: AlertKey,
    next_sequence: int,
) -> list[AlertUpdate]:
    """Advance through samples in time order against limits; see `advance_through`."""
    known = [(to_ns(s.at), s.value) for s in samples if s.value is not None]
    at = np.array([t for t, _ in known], dtype=np.int64)
    values = np.array([v for _, v in known], dtype=np.float64)
    return advance_through(alert, against(at, values, limits), rule, key, next_sequence)


def advance_through(
    alert: Alert | None,
    evidence: Evidence,
    rule: Rule,
    key: AlertKey,
    next_sequence: int = 0,
    holds: Holds = (),
    until: int | None = None,
) -> list[AlertUpdate]:
    """Return one update per alert touched, the last one being the present one.

    next_sequence: number of the next transition of `alert` (0 for a new one). until: the instant (ns) up to which
    holds begin and end and re-alarm times run out; None for none of these.
    """
    story = _Story(alert, next_sequence)
    index = _Index(evidence)
    place = 0 if alert is None else bisect_right(index.at, to_ns(alert.last_at))
    if place == len(index.at) and alert is None:
        return []
    hold, step = (holds[0][1], 1) if holds else (None, 0)
    limit_ns = -1 if until is None else until
    _synchronise(story, hold, rule, limit_ns)
    while True:
        found = index.next(place, story.alert, rule)
        sample_at = index.at[found] if found < len(index.at) else NEVER
        hold_at = holds[step][0] if step < len(holds) and holds[step][0] <= limit_ns else NEVER
        alarm_at = _re_alarm(story.alert, rule, limit_ns)
        if sample_at == hold_at == alarm_at == NEVER:
            break
        if hold_at <= min(sample_at, alarm_at):
            hold, step = holds[step][1], step + 1
            _change_hold(story, hold, rule, from_ns(hold_at))
            place = max(place, bisect_left(index.at, hold_at))
        elif alarm_at < sample_at and story.alert is not None:
            story.take(lifecycle.announce_again(story.alert, from_ns(alarm_at)))
        else:
            if found > place and story.alert is not None and story.alert.state is AlertState.PENDING:
                story.look(from_ns(index.at[found - 1]), index.value[found - 1], index.limit[found - 1])
            is_over = index.is_over(found, story.alert)
            sample = Sample(from_ns(sample_at), index.value[found])
            story.take(lifecycle.advance(story.alert, is_over, sample, index.limit[found], rule, key, hold=hold))
            place = found + 1
    if len(index.at) and story.alert is not None:
        story.look(from_ns(index.at[-1]), index.value[-1], index.limit[-1])
    return story.updates()


class _Index:
    """Where the evidence says this or that, as plain lists: single steps are faster on those."""

    def __init__(self, evidence: Evidence) -> None:
        self.at: list[int] = evidence.at.tolist()
        self.value: list[float] = evidence.value.tolist()
        self.limit: list[float] = evidence.limit.tolist()
        self._over_raise, self._over_clear = evidence.over_raise, evidence.over_clear
        self._places: dict[tuple[str, bool], list[int]] = {}

    def is_over(self, place: int, alert: Alert | None) -> bool:
        """Return whether there is a breach, the alert's state deciding which of the two limits counts."""
        return bool((self._over_clear if alert is not None and alert.is_active else self._over_raise)[place])

    def next(self, place: int, alert: Alert | None, rule: Rule) -> int:
        """Return the first place from `place` on that changes something."""
        if alert is not None and alert.is_active:
            if alert.returning_since is None:
                return self._first("clear", False, place)
            due = to_ns(alert.returning_since) + duration_ns(rule.off_delay)
            return min(self._first("clear", True, place), self._due(due, place))
        if alert is not None and alert.pending_since is not None:
            due = to_ns(alert.pending_since) + duration_ns(rule.on_delay)
            return min(self._first("raise", False, place), self._due(due, place))
        return self._first("raise", True, place)

    def _due(self, at: int, place: int) -> int:
        return max(place, bisect_left(self.at, at))

    def _first(self, limit: str, wanted: bool, place: int) -> int:
        places = self._places.get((limit, wanted))
        if places is None:
            flags = self._over_raise if limit == "raise" else self._over_clear
            places = self._places[(limit, wanted)] = np.flatnonzero(flags == wanted).tolist()
        found = bisect_left(places, place)
        return places[found] if found < len(places) else len(self.at)


class _Story:
    """Collects what becomes of one key: an update per alert, its rows numbered."""

    def __init__(self, alert: Alert | None, next_sequence: int) -> None:
        self.alert, self._sequence, self._first = alert, next_sequence, alert
        self._rows: list[AlertUpdate] = []
        self._done: list[AlertUpdate] = []
        self._is_touched = False

    def take(self, step: AlertUpdate | None) -> None:
        """Go on from one step."""
        if step is None:
            return
        self._is_touched = True
        self._rows.append(step)
        self.alert = step.alert
        if step.is_dropped or step.alert.state is AlertState.CLOSED:
            self._close(is_dropped=step.is_dropped)
            self.alert = lifecycle.remains(step.alert)
            self._is_touched = self.alert is not None

    def look(self, at: datetime, value: float, limit: float) -> None:
        """Note the newest value looked at, whether it changed anything or not."""
        if self.alert is None or at <= self.alert.last_at:
            return
        self._is_touched = True
        if self.alert.state is AlertState.PENDING:
            self.alert = replace(self.alert, value=value, limit=limit)
        self.alert = replace(self.alert, last_at=at)

    def updates(self) -> list[AlertUpdate]:
        """Return what has become of the key."""
        if self.alert is not None and self._is_touched:
            self._close(is_dropped=False)
        if self._first is not None and self._done:
            self._done[0] = replace(self._done[0], seen=self._first.state)
        return self._done

    def _close(self, *, is_dropped: bool) -> None:
        if self.alert is None:
            return
        rows = lifecycle.numbered([row for step in self._rows for row in step.transitions], self._sequence)
        self._done.append(AlertUpdate(self.alert, rows, is_dropped=is_dropped))
        self.alert, self._rows, self._sequence, self._is_touched = None, [], 0, False


def _synchronise(story: _Story, hold: Hold | None, rule: Rule, until: int) -> None:
    """Bring an alert in line with what held it back before the stretch began, where the two differ."""
    if story.alert is None or until < 0 or story.alert.state is AlertState.PENDING:
        return
    now = from_ns(until)
    _change_hold(story, hold, rule, now if hold is None else min(now, max(hold.since, story.alert.last_at)))


def _change_hold(story: _Story, hold: Hold | None, rule: Rule, at: datetime) -> None:
    alert = story.alert
    if alert is None or alert.state is AlertState.PENDING:
        return
    if hold is None:
        if alert.state.is_held:
            story.take(lifecycle.release(alert, at, is_latching=rule.is_latching))
    elif alert.state is not hold.state or alert.cause != hold.why:
        story.take(lifecycle.hold_back(alert, hold, at))


def _re_alarm(alert: Alert | None, rule: Rule, until: int) -> int:
    if alert is None or alert.state is not AlertState.ACTIVE_ACKED or not rule.re_alarm or alert.acked_at is None:
        return NEVER
    at = to_ns(alert.acked_at) + duration_ns(rule.re_alarm)
    return at if at <= until else NEVER
