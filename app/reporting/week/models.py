"""Models, notes and deeds of the ledger in; what scores now, what is wrong with it, and what was changed, out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from app import drifting, retraining
from app.model_text import DEEDS
from app.promotion import DELETED
from app.reporting.periods import Period
from app.rooms import Rooms
from app.shelf import REFUSED_NOTE
from detectors import detector_class
from domain.audit import Action, Deed
from domain.instants import from_ns, to_ns
from domain.text import mark, phrase, printable
from reports.week.figures import Change, Model
from store.scoring import ModelRow

MOST_DEEDS: Final = 1_000_000  # of which only some are of models
CHOSEN: Final = mark("{at}: {by} chose threshold {limit} for {subject}: {reason}")
RULE: Final = mark("{at}: {by} changed rule {rules}: {reason}")
UNDONE: Final = mark("{at}: {by} took back change {n} of rule {rules}: {reason}")
CONFIG: Final = mark("{at}: {file} was found changed")


def models(rooms: Rooms, now: datetime) -> tuple[Model, ...]:
    """Return each detector's champion with what is known of it."""
    drifted, failed = drifting.noted(rooms), retraining.failed(rooms)
    overdue = retraining.overdue(rooms, now)
    refused: Mapping[str, str] = json.loads(rooms.ledger.note(REFUSED_NOTE) or "{}")
    found = []
    for detector in rooms.settings.root.detectors:
        name = detector.name
        rows = rooms.ledger.scoring.models(name)
        champion = next((row for row in rows if row.role == "champion"), None)
        found.append(
            Model(
                name,
                detector_class(detector.kind).role,
                "" if champion is None else champion.model_id,
                None if champion is None else champion.trained_at,
                _challenger(rows, champion),
                overdue.get(name),
                drifted[name].told if name in drifted else "",
                failed.get(name, ""),
                refused.get(name, ""),
            )
        )
    return tuple(found)


def changes(rooms: Rooms, period: Period) -> tuple[Change, ...]:
    """Return what was changed in a period: models, thresholds, rules, the config; in order."""
    return tuple(sorted([*_deeds(rooms, period), *_rule_changes(rooms, period)], key=lambda x: to_ns(x.at)))


def _deeds(rooms: Rooms, period: Period) -> Iterator[Change]:
    known = {row.model_id: row for row in rooms.ledger.scoring.models()}
    for deed in rooms.ledger.audit.deeds(most=MOST_DEEDS, since=from_ns(period.start)):
        if to_ns(deed.at) >= period.end or (deed.action not in DEEDS and deed.action != Action.CONFIG_CHANGED):
            continue
        if deed.action != DELETED:  # that old ones are cleared away is no news
            yield Change(deed.at, deed.action, deed.subject, deed.by, _told(rooms, deed, known.get(deed.new)))


def _told(rooms: Rooms, deed: Deed, row: ModelRow | None) -> str:
    said = {"at": _at(rooms, deed.at), "by": printable(deed.by), "reason": printable(deed.reason)}
    if deed.action == Action.CONFIG_CHANGED:
        return phrase(CONFIG, at=said["at"], file=printable(deed.subject))
    choice = None if row is None else row.details.get("choice")
    if choice is not None and choice["at"] == deed.at.isoformat():
        return phrase(CHOSEN, limit=f"{choice['threshold']:.4g}", subject=deed.subject, **said)
    return phrase(DEEDS[deed.action], subject=deed.subject, old=deed.old or "-", new=deed.new, **said)


def _rule_changes(rooms: Rooms, period: Period) -> Iterator[Change]:
    for each in rooms.ledger.rule_changes.all():
        if period.start <= to_ns(each.at) < period.end:
            rules = ", ".join(dict.fromkeys(c.rule for c in each.changes))
            said = {"at": _at(rooms, each.at), "by": printable(each.by), "reason": printable(each.why)}
            told = (
                phrase(RULE, rules=rules, **said)
                if each.undoes is None
                else phrase(UNDONE, n=each.undoes, rules=rules, **said)
            )
            yield Change(each.at, Action.RULE_CHANGED.value, rules, each.by, told)


def _challenger(rows: list[ModelRow], champion: ModelRow | None) -> str:
    """Return the newest challenger, where it was trained after the champion."""
    waiting = (r for r in rows if r.role == "challenger")
    return next((r.model_id for r in waiting if champion is None or r.trained_at > champion.trained_at), "")


def _at(rooms: Rooms, at: datetime) -> str:
    return f"{at.astimezone(rooms.settings.zone):%Y-%m-%d %H:%M %Z}"
