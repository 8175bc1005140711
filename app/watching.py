"""New values and scores to alerts: every rule looks at each value once, in event time; changes and messages are
saved together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from alerts import lifecycle
from alerts.lifecycle import Sample
from alerts.messages import Background, Receiver, messages_for
from app import windowing
from app.rooms import Rooms
from detectors.bundle import Bundle
from domain.alerting import Alert, AlertKey, AlertState, AlertUpdate, Rule
from domain.errors import StaleAlertError
from domain.instants import from_ns, to_ns
from domain.plant import Axis
from domain.points import Flag, Quality
from domain.records import Event
from domain.scores import Contribution, Score

HEALTH = "health:"
Samples = dict[str, list[Sample]]


def watch(
    rooms: Rooms,
    champions: Mapping[str, Bundle],
    events: Mapping[str, Sequence[Event]],
    cursors: Mapping[str, int],
    reported: Mapping[str, int],
    started_at: int,
    now: datetime,
) -> int:
    """Advance every rule to `now`; returns the number of alerts changed. reported: each asset's newest point (ns)."""
    held = rooms.ledger.alerting.open()
    updates: list[AlertUpdate] = []
    moved: dict[str, int] = {}
    for rule in rooms.settings.rules:
        if rule.watch.startswith(HEALTH):
            continue
        samples, behind = _samples(rooms, rule, events, cursors, reported, started_at, now)
        limits = lifecycle.limits_of(rule, _model_limits(rule, champions))
        for asset, found in samples.items():
            moved[cursor_name(rule, asset)] = max(to_ns(s.at) for s in found)
            if limits is None:
                continue
            key = AlertKey(rule.id, asset, rule.watch)
            alert = held.get(key)
            steps = lifecycle.follow(alert, found, limits, rule, key, _n_transitions(rooms, alert))
            updates += [_with_messages(rooms, step, rule, behind) for step in steps]
            if steps and (steps[-1].is_dropped or steps[-1].alert.state is AlertState.CLOSED):
                held.pop(key, None)
            elif steps:
                held[key] = steps[-1].alert
    updates += _stopped(rooms, held, events, now, updates)
    try:
        rooms.ledger.alerting.save(updates, moved, now)
    except StaleAlertError:
        return 0  # a person acknowledged one meanwhile; nothing was saved, the next tick looks at the same values again
    return len(updates)


def advance_rules(rooms: Rooms, samples: Mapping[str, Samples], now: datetime) -> int:
    """Advance the rules that watch what `samples` holds (watched thing -> asset -> values), whatever else there is;
    returns the number of alerts changed.
    """
    held = rooms.ledger.alerting.open()
    updates: list[AlertUpdate] = []
    for rule in rooms.settings.all_rules:
        limits = lifecycle.limits_of(rule, None)
        for asset, found in samples.get(rule.watch, {}).items():
            key = AlertKey(rule.id, asset, rule.watch)
            alert = held.get(key)
            if limits is not None:
                steps = lifecycle.follow(alert, found, limits, rule, key, _n_transitions(rooms, alert))
                updates += [_with_messages(rooms, step, rule, {}) for step in steps]
    try:
        rooms.ledger.alerting.save(updates, {}, now)
    except StaleAlertError:
        return 0
    return len(updates)


def cursor_name(rule: Rule, asset: str) -> str:
    """Return the name of the cursor of one rule on one asset."""
    return f"rule:{rule.id}:{asset}"


def _samples(
    rooms: Rooms,
    rule: Rule,
    events: Mapping[str, Sequence[Event]],
    cursors: Mapping[str, int],
    reported: Mapping[str, int],
    started_at: int,
    now: datetime,
) -> tuple[Samples, dict[tuple[str, datetime], Score]]:
    """Return the new values a rule watches by asset, and the scores behind them."""
    since: dict[str, int] = {}
    until: dict[str, int] = {}  # an asset that stopped meanwhile is looked at up to its stop
    for asset in (a.path for a in rooms.settings.plant.of_class(rule.asset_class)):
        stop = windowing.stopped_since(events.get(asset, ()), now)
        since[asset] = cursors.get(cursor_name(rule, asset), started_at)
        until[asset] = to_ns(now if stop is None else stop)
    kind, _, name = rule.watch.partition(":")
    newest = _newest(rooms, kind, name, list(since), reported, to_ns(now) + 1)
    since = {a: at for a, at in since.items() if at < min(until[a], newest.get(a, 0))}
    if not since:
        return {}, {}
    samples: Samples = defaultdict(list)
    behind: dict[tuple[str, datetime], Score] = {}
    for asset, at, value, score in _values(rooms, kind, name, since, now):
        if since[asset] < to_ns(at) <= until[asset]:
            is_repair = windowing.touches_stop(events.get(asset, ()), to_ns(at), to_ns(at))
            samples[asset].append(Sample(at, None if is_repair else value))
            if score is not None:
                behind[(asset, at)] = score
    for asset in since:
        if until[asset] < to_ns(now):  # stopped: what came after the stop is not read again and again
            samples[asset].append(Sample(from_ns(until[asset]), None))
    return samples, behind


def _values(
    rooms: Rooms, kind: str, name: str, since: Mapping[str, int], now: datetime
) -> Iterator[tuple[str, datetime, float | None, Score | None]]:
    """Yield what is watched of these assets in time order: asset, time, value (None = not a number), the score
    behind it.
    """
    if kind == "score":
        for score in rooms.ledger.scoring.scores(name, since=from_ns(min(since.values())), until=now):
            if score.asset in since:
                yield score.asset, score.at, score.value, score
        return
    points = rooms.points.read([f"{a}/{name}" for a in since], min(since.values()) + 1, to_ns(now) + 1)
    for point in points.rows():
        if point.flags & Flag.RETAINED:
            continue  # old news, given again by the broker
        asset = point.tag_id.rpartition("/")[0]
        if rooms.settings.plant.tags[asset][name].role != "lab" or point.received_at <= to_ns(now):
            yield asset, from_ns(point.at), None if point.quality == Quality.BAD else point.value, None


def _newest(
    rooms: Rooms, kind: str, name: str, assets: Sequence[str], reported: Mapping[str, int], until: int
) -> Mapping[str, int]:
    """Return the newest time (ns) of what is watched, or of its asset; what has nothing new is not read again."""
    if kind == "score":
        return {asset: to_ns(score.at) for asset, score in rooms.ledger.scoring.latest(name).items()}
    tags = rooms.settings.plant.tags
    lab = [f"{a}/{name}" for a in assets if name in tags[a] and tags[a][name].role == "lab"]
    if not lab:
        return reported
    points = rooms.points.latest(lab, until)  # results come beside what an asset reports
    newest = zip(points.tag_id.tolist(), points.at.tolist(), strict=True)
    return {**reported, **{tag_id.rpartition("/")[0]: at for tag_id, at in newest}}


def _model_limits(rule: Rule, champions: Mapping[str, Bundle]) -> tuple[float, float] | None:
    bundle = champions.get(rule.watch.partition(":")[2])
    if bundle is None or bundle.detector.threshold is None or bundle.detector.clear_threshold is None:
        return None
    return bundle.detector.threshold, bundle.detector.clear_threshold


def _n_transitions(rooms: Rooms, alert: Alert | None) -> int:
    return len(rooms.ledger.alerting.transitions([alert.id])) if alert is not None and alert.id else 0


def _with_messages(
    rooms: Rooms, update: AlertUpdate, rule: Rule, behind: Mapping[tuple[str, datetime], Score]
) -> AlertUpdate:
    if not update.transitions:
        return update
    root = rooms.settings.root
    receivers = [Receiver(n.name, n.language) for n in root.notifiers]
    score = behind.get((update.alert.key.asset, update.transitions[-1].at))
    why: tuple[Contribution, ...] = ()
    if score is not None:
        why = tuple(c for c in score.contributions if c.amount > 0)
    tag = rooms.settings.plant.tag(f"{update.alert.key.asset}/{rule.watch.partition(':')[2]}")
    axis = rooms.settings.plant.classes[rule.asset_class].axis if score is not None else Axis.TIME
    life = None if score is None else score.life
    background = Background(tag.unit if tag else "", why, root.plant.zone, life, axis)
    messages = messages_for(update.alert, rule, update.transitions, receivers, background)
    return replace(update, messages=messages)


def _stopped(
    rooms: Rooms,
    held: Mapping[AlertKey, Alert],
    events: Mapping[str, Sequence[Event]],
    now: datetime,
    before: Sequence[AlertUpdate],
) -> list[AlertUpdate]:
    """Return to normal what was raised on an asset that has stopped: there is nothing left to watch."""
    rules = {r.id: r for r in rooms.settings.all_rules}
    updates = []
    for key, alert in held.items():
        since = windowing.stopped_since(events.get(key.asset, ()), now)
        if since is None or key.rule not in rules or alert.state.value.startswith("returned"):
            continue
        sample = Sample(max(since, alert.last_at), None)
        sequence = _n_transitions(rooms, alert) + sum(len(u.transitions) for u in before if u.alert.id == alert.id)
        step = lifecycle.advance(alert, False, sample, alert.limit, rules[key.rule], key, "the asset stopped")
        if step is not None:
            rows = tuple(replace(r, sequence=sequence + i) for i, r in enumerate(step.transitions))
            updates.append(replace(step, transitions=rows, seen=alert.state))
    return updates
