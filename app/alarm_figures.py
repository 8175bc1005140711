"""The ledger's transitions in, alarm figures by position, grades of assets, and advice with its replay as proof out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from alerts import performance
from alerts.advice import Advice, Figures, advice
from alerts.performance import Grade
from app.previewing import Preview, preview
from app.rooms import Rooms
from domain.alerting import Rule
from domain.instants import parse_duration

BEFORE = timedelta(days=30)  # what stands since longer than this before the stretch is not looked for


def figures(rooms: Rooms, since: datetime, until: datetime) -> Figures:
    """Return the figures of [since, until), worst assets first."""
    rows = rooms.ledger.alerting.transitions_between(since - BEFORE, until)
    rules = {r.id: r for r in rooms.settings.all_rules}
    told, stood, unauthorised = performance.read(rows, {r.id: r.owner for r in rules.values()})
    told = [a for a in told if a.at >= since]
    assets = rooms.settings.plant.assets
    grades = sorted((performance.grade(path, told, since, until) for path in assets), key=_attention)
    recent = [s for s in stood if s.end is None or s.end >= since]
    return Figures(
        since,
        until,
        tuple(performance.performance(told, recent, unauthorised, since, until)),
        tuple(grades),
        tuple(advice(told, recent, rules, _spans(rooms))),
    )


def proved(rooms: Rooms, given: Advice, since: datetime, until: datetime) -> Preview:
    """Hold one advice against what was stored in (since, until]."""
    old = rooms.settings.rules
    new = tuple(with_advice(r, given) if r.id == given.rule else r for r in old)
    return preview(rooms, old, new, since, until)


def is_worth(found: Preview) -> bool:
    """Say whether a change spares alerts and loses no stop."""
    return found.then.n_alerts < found.now.n_alerts and found.then.n_caught >= found.now.n_caught


def with_advice(rule: Rule, given: Advice) -> Rule:
    """Return the rule as advised."""
    if given.key == "clear":
        return replace(rule, clear_at=float(given.value))
    if given.key == "parent":
        return replace(rule, parent=str(given.value))
    delay = parse_duration(str(given.value))
    return replace(rule, off_delay=delay) if given.key == "off_delay" else replace(rule, on_delay=delay)


def _spans(rooms: Rooms) -> dict[tuple[str, str], float]:
    spans = {}
    plant = rooms.settings.plant
    for rule in rooms.settings.rules:
        for asset in plant.of_class(rule.asset_class):
            tag = plant.tag(f"{asset.path}/{rule.watch.removeprefix('tag:')}")
            if tag is None:
                continue
            low, high = (tag.low, tag.high) if tag.low is not None and tag.high is not None else (tag.least, tag.most)
            if low is not None and high is not None:
                spans[(rule.id, asset.path)] = high - low
    return spans


def _attention(grade: Grade) -> tuple[int, int, str]:
    return -ord(grade.grade), -(grade.recency + grade.frequency + grade.magnitude), grade.asset
