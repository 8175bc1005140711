"""Events, rulings and autopsies of a period in; its stops, each with whether it was warned of, and their figures out.

Invariant: warned of is `domain.judging`'s caught, as the rule of events has ruled it; no telemetry is read.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from statistics import median

from app.reporting.periods import Period
from app.reporting.standing import HOUR, stopped_spans
from app.rooms import Rooms
from app.windowing import STOPPING
from detectors import detector_class
from detectors.symptoms import is_of_lots, is_symptom
from domain.instants import from_ns, to_ns
from domain.records import Event
from domain.rulings import Ruling, Worth
from reports.ruling import CAUGHT
from reports.week.figures import Stop, StopFigures, Warned
from store.rulings import AutopsyRow

StopKey = tuple[str, datetime]  # asset and start


def stops(rooms: Rooms, period: Period, rulings: Sequence[Ruling], now: datetime) -> list[Stop]:
    """Return the failures and stops that began in a period, in order. rulings: all of the ledger."""
    warned, begun = _warned(rooms, rulings), _begun(rooms)
    missed: dict[StopKey, list[AutopsyRow]] = defaultdict(list)
    for row in rooms.ledger.rulings.autopsies():
        missed[row.asset, row.start].append(row)
    found = []
    for event in rooms.ledger.records.events(now, kinds=STOPPING):
        if period.start <= to_ns(event.start) < period.end:
            key = event.asset, event.start
            own = [r for r in missed.get(key, ()) if r.code == event.code]
            found.append(_stop(rooms, event, warned.get(key), own, begun))
    return found


def figures(rooms: Rooms, period: Period, days: Sequence[Period], found: Sequence[Stop], now: datetime) -> StopFigures:
    """Return the figures of a period's stops; as `report benefit` counts them, of what overlaps once."""
    spans = _spans(rooms, now)
    leads = [x.lead_s for x in found if x.lead_s is not None]
    n = {each: sum(x.warned is each for x in found) for each in Warned}
    return StopFigures(
        sum(period.start <= start < period.end for start, _ in spans),
        sum(max(0, min(end, period.end) - max(start, period.start)) for start, end in spans) / HOUR,
        sum(x.kind == "failure" for x in found),
        sum(x.end is None for x in found),
        n[Warned.IN_TIME],
        n[Warned.MISSED],
        n[Warned.NOT_JUDGED],
        n[Warned.NOT_WATCHED],
        median(leads) if leads else None,
        tuple(sum(day.start <= start < day.end for start, _ in spans) for day in days),
    )


def _spans(rooms: Rooms, now: datetime) -> list[tuple[int, int]]:
    """Return the spans (ns) in which assets stood; of a stop without an end no more than there are data of."""
    verdicts, found = rooms.ledger.scoring.verdicts(), []
    for asset, spans in stopped_spans(rooms, now).items():
        newest = verdicts[asset].newest_at if asset in verdicts else None
        last = to_ns(now) if newest is None else to_ns(newest) + 1
        found += [(start, end if end < to_ns(now) else max(start, last)) for start, end in spans]
    return found


def _stop(
    rooms: Rooms, event: Event, said_at: datetime | None, missed: Sequence[AutopsyRow], begun: Mapping[str, datetime]
) -> Stop:
    told = event.asset, event.kind.value, event.code, event.start, event.end
    if said_at is not None:
        return Stop(*told, Warned.IN_TIME, (event.start - said_at).total_seconds())
    if missed:
        named = next((r.detector for r in missed if r.detector), "")
        return Stop(*told, Warned.MISSED, None, tuple(dict.fromkeys(r.finding for r in missed)), named)
    is_watched = any(begun[name] < event.start for name in _warning(rooms, event) if name in begun)
    return Stop(*told, Warned.NOT_JUDGED if is_watched else Warned.NOT_WATCHED)


def _warning(rooms: Rooms, event: Event) -> list[str]:
    """Return the detectors that warn of such a stop."""
    asset = rooms.settings.plant.assets.get(event.asset)
    return [
        d.name
        for d in rooms.settings.root.detectors
        if asset is not None
        and d.asset_class == asset.class_name
        and detector_class(d.kind).role == "failure"
        and not is_of_lots(d)
        and is_symptom(event, d.symptom, d.outcome)
    ]


def _begun(rooms: Rooms) -> dict[str, datetime]:
    """Return by detector when its first model was trained."""
    begun: dict[str, datetime] = {}
    for model in rooms.ledger.scoring.models():
        begun[model.detector] = min(model.trained_at, begun.get(model.detector, model.trained_at))
    return begun


def _warned(rooms: Rooms, rulings: Sequence[Ruling]) -> dict[StopKey, datetime]:
    """Return of each stop that was warned of in time the first instant at which it was."""
    newest = {(r.alert_id, r.said_at): r for r in rulings if not r.by}
    hits = [r for r in newest.values() if r.worth is Worth.HIT]
    alerts = rooms.ledger.alerting.named(sorted({r.alert_id for r in hits}))
    found: dict[StopKey, datetime] = {}
    for each in hits:
        message, values = json.loads(each.because)
        if message == CAUGHT and each.alert_id in alerts:
            key = alerts[each.alert_id].key.asset, _exact(values["at"])
            found[key] = min(each.said_at, found.get(key, each.said_at))
    return found


def _exact(text: str) -> datetime:
    """Return an instant as the ledger keeps it."""
    return from_ns(to_ns(datetime.fromisoformat(text)))
