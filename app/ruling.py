"""Every prediction alert ruled on against what happened, and ruled on by people: the ledger's rows in, rulings added.

Invariant: the rule adds a ruling where it has none of a saying, or says otherwise than its last one, since events are
told late and told anew; nobody's ruling is changed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from app.outcomes import report_times
from app.rooms import Rooms
from app.settings import Settings
from app.spans import units
from detectors import detector_class
from detectors.settings import DetectorSettings
from detectors.symptoms import is_of_lots, is_symptom
from domain.alerting import Alert, Rule, Transition
from domain.audit import Action, Actor, Deed
from domain.instants import to_ns
from domain.plant import Axis
from domain.records import EventKind
from domain.rulings import Ruling, Worth
from reports.outcome import Watched, excursions
from reports.ruling import ruled

DAYS: Final = 90.0  # how far back alerts are ruled on anew, for events that are told late
EXPLAINING: Final = (EventKind.MAINTENANCE, EventKind.STOP, EventKind.MODE)


def failure_detector(settings: Settings, rule: Rule) -> DetectorSettings | None:
    """Return the detector of failures on a time or cycle axis that a rule watches, None where it watches none."""
    own = {d.name: d for d in settings.root.detectors}
    for term in rule.all_terms:
        kind, _, name = term.watch.partition(":")
        found = own.get(name) if kind == "score" else None
        if found is not None and detector_class(found.kind).role == "failure" and not is_of_lots(found):
            return found
    return None


def predictions(settings: Settings) -> dict[str, DetectorSettings]:
    """Return the rules that predict a failure, by id, each with its detector."""
    watching = ((r.id, failure_detector(settings, r)) for r in settings.all_rules)
    return {name: detector for name, detector in watching if detector is not None}


def rule_on_alerts(rooms: Rooms, now: datetime, days: float = DAYS) -> list[Ruling]:
    """Rule on the alerts of the last days, and on those that are still open; returns the rulings that were added."""
    rules = predictions(rooms.settings)
    alerts = rooms.ledger.alerting.alerts(1_000_000, rules=rules, since=now - timedelta(days=days)) if rules else []
    by_asset: dict[str, list[Alert]] = defaultdict(list)
    for alert in alerts:
        if alert.key.asset in rooms.settings.plant.assets:
            by_asset[alert.key.asset].append(alert)
    ids = [a.id for a in alerts]
    story: dict[str, list[Transition]] = defaultdict(list)
    for row in rooms.ledger.alerting.transitions(ids):
        story[row.alert_id].append(row)
    last = {(r.alert_id, r.said_at): r for r in rooms.ledger.rulings.all(ids) if not r.by}
    added = []
    for path, own in sorted(by_asset.items()):
        for each in _of_asset(rooms, path, own, story, rules, now):
            known = last.get((each.alert_id, each.said_at))
            if known is None or (known.worth, known.because) != (each.worth, each.because):
                added.append(each)
    rooms.ledger.rulings.add(added)
    return added


def _of_asset(
    rooms: Rooms,
    path: str,
    alerts: Sequence[Alert],
    story: dict[str, list[Transition]],
    rules: dict[str, DetectorSettings],
    now: datetime,
) -> list[Ruling]:
    plant, events, found = rooms.settings.plant, rooms.ledger.records.events(now, path), []
    cls = plant.class_of(path)
    times: Sequence[int] = ()
    if cls.axis is Axis.CYCLE:
        longest = max(window_of(rooms.settings, rules[a.key.rule]) for a in alerts)
        since = min(a.raised_at or a.breach_since for a in alerts) - cls.wall(cls.horizon + longest)
        times = report_times(rooms, path, to_ns(since), to_ns(now) + 1).tolist()
        if not times:
            return []
    for alert in alerts:
        detector = rules[alert.key.rule]
        failed = [e for e in events if is_symptom(e, detector.symptom, detector.outcome)]
        others = [e for e in events if e.kind in EXPLAINING and e not in failed]
        starts = tuple(e.start for e in failed)
        asset = Watched(cls, plant.lead_of(path), starts, times, tuple(story[alert.id]))
        codes = [e.code or e.kind.value for e in failed]
        for x in ruled(asset, others, codes, window_of(rooms.settings, detector), now):
            found.append(Ruling(alert.id, x.said_at, x.worth, now, because=x.because, acted_at=x.acted_at))
    return found


def window_of(settings: Settings, detector: DetectorSettings) -> int:
    """Return how far a detector looks back, in axis units."""
    axis = settings.plant.classes[detector.asset_class].axis
    return units(settings.feature_set(detector.features).window, axis)


def review(
    rooms: Rooms, alert_id: str, worth: Worth, who: Actor, now: datetime, cause: str = "", found: str = ""
) -> Ruling:
    """Add a person's ruling on an alert's newest raise; raises ValueError for no name, no such alert, no prediction."""
    if not who.name.strip():
        raise ValueError("this needs a name")
    alert = rooms.ledger.alerting.alert(alert_id)
    if alert is None:
        raise ValueError(f"no alert {alert_id!r}: forewarn alerts list names them")
    if alert.key.rule not in predictions(rooms.settings):
        raise ValueError(f"alert {alert_id} is of rule {alert.key.rule!r}, which predicts no failure")
    told = sorted(raised for raised, _ in excursions(rooms.ledger.alerting.transitions([alert_id])))
    before = [r for r in rooms.ledger.rulings.all([alert_id]) if told and r.said_at >= told[-1]]
    said_at = told[-1] if told else alert.raised_at or alert.breach_since
    acted_at = next((r.acted_at for r in reversed(before) if r.acted_at is not None), None)
    made = Ruling(alert_id, said_at, worth, now, who.name, "", cause.strip(), found.strip(), acted_at)
    said = "; ".join(x for x in (made.cause, made.found) if x)
    old = before[-1].worth.value if before else ""
    deed = Deed(now, who.name, Action.REVIEWED, alert_id, old, worth.value, said, who.origin)
    rooms.ledger.rulings.add([made], deed)
    return made
