"""`report benefit`: stops and judged lots before and after a date, of pilot assets and a control, to what changed."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app import training
from app.reporting.drop import judged
from app.reporting.judged import ended_at
from app.reporting.periods import Period, PeriodError, instant
from app.reporting.said import Said
from app.reporting.standing import HOUR, stopped_spans
from app.rooms import Rooms
from app.shelf import PROMOTED
from detectors import symptoms
from detectors.settings import DetectorSettings
from domain.audit import Action
from domain.instants import from_ns, to_ns
from domain.plant import Asset
from domain.records import EventKind
from domain.scores import TrainingError
from domain.text import Translate, mark, phrase
from reports import benefit, benefit_page
from reports.benefit import Compared, Stopped
from reports.benefit_page import LotsBenefit, StopsBenefit
from reports.drop import Lots, comparable

PILOT: Final = "pilot"  # the attribute of assets.csv that tells the pilot from the control
YES: Final = frozenset({"yes", "true", "1", "on", "pilot"})
DAY: Final = 86_400 * 10**9
WEEK: Final = 7 * DAY
SHORT: Final = 4 * WEEK
SWITCHED: Final = (PROMOTED, Action.RULE_CHANGED.value, Action.CONFIG_CHANGED.value)
MOST_NAMED: Final = 3
TREND = mark("Already in the time before, {what} changed beyond chance when nothing was switched on: there is a trend.")
MIX = mark("The mix of lots by {dimension} changed: look at the change at the same mix.")
APART = mark("By {dimension} the periods have too few lots of a kind in common to be compared at the same mix.")
CLUSTERED = mark("Stops come in clusters more than by chance: the interval is too narrow.")
OTHERS = mark("Other things were switched on as well: {what}.")
SHORT_TIME = mark("A period of less than four weeks says little: seasons, shifts and campaigns are not in it.")
NO_CONTROL = mark("There is no control: name pilot assets by the column pilot of assets.csv (yes or no).")
STOPS, LOTS = mark("stops"), mark("the lots")
AT: Final = "--at names when it was switched on, by default when the first model was promoted"


def report(rooms: Rooms, args: argparse.Namespace, now: datetime, t: Translate) -> Said:
    """Return the report; raises PeriodError for periods that are empty, TrainingError where nothing can be compared."""
    zone = rooms.settings.zone
    at, switched = _switched(rooms, args, t)
    newest = _newest(rooms, now)
    end = instant(args.until, zone) or min(to_ns(now), newest)
    if args.until is None and newest <= at:
        told = f"{from_ns(at).astimezone(zone):%Y-%m-%d %H:%M %Z}"
        raise PeriodError(f"nothing is stored of the time after {told}: {AT}")
    begin = instant(args.since, zone)
    before, after = Period(2 * at - end if begin is None else begin, at), Period(at, end)
    if not before.start < at < end:
        raise PeriodError(f"{from_ns(at).isoformat()} does not lie within the time that is looked at")
    doubts: list[str] = []
    stops = _stops(rooms, args.detector, before, after, now, doubts)
    lots = tuple(_lots(rooms, args.detector, before, after, now, doubts))
    if stops is None and not lots:
        spans = " and ".join(period.said(zone) for period in (before, after))
        raise TrainingError(f"neither stops nor judged lots are stored of {spans}: {AT}")
    doubts += _around(rooms, before, after, at)
    if (stops is None or stops.control is None) and all(x.control is None for x in lots):
        doubts.append(phrase(NO_CONTROL))
    found = benefit_page.Benefit(
        switched, before.said(zone), after.said(zone), stops, lots, tuple(dict.fromkeys(doubts))
    )
    return Said(
        benefit_page.as_json(found, t),
        benefit_page.lines(found, t),
        lambda language: benefit_page.page(found, t, language),
    )


def _switched(rooms: Rooms, args: argparse.Namespace, t: Translate) -> tuple[int, str]:
    """Return when something was switched on, and what: as told, or the first model (of a detector)."""
    zone = rooms.settings.zone
    at = instant(args.at, zone)
    if at is not None:
        return at, t("Compared at {at}.", at=f"{from_ns(at).astimezone(zone):%Y-%m-%d %H:%M %Z}")
    first = [
        (row.promoted_at or row.trained_at, row.detector)
        for row in rooms.ledger.scoring.models()
        if args.detector in (None, row.detector) and (row.role == "champion" or row.promoted_at is not None)
    ]
    if not first:
        raise PeriodError("no model was switched on: --at says which time to compare at")
    begun, detector = min(first)
    told = f"{begun.astimezone(zone):%Y-%m-%d %H:%M %Z}"
    return to_ns(begun), t(
        "Compared at {at}, when the first model of {detector} was switched on.", at=told, detector=detector
    )


def _newest(rooms: Rooms, now: datetime) -> int:
    ids = [tag.tag_id for tags in rooms.settings.plant.tags.values() for tag in tags.values()]
    newest = rooms.points.latest(ids, to_ns(now) + 1).at
    ends = [
        to_ns(e.end or e.start) for e in rooms.ledger.records.events(now, kinds=(EventKind.FAILURE, EventKind.STOP))
    ]
    lots = [
        ended_at(lot)
        for detector in rooms.settings.root.detectors
        if symptoms.is_of_lots(detector)
        for line in rooms.settings.plant.of_class(detector.asset_class)
        for lot in rooms.ledger.records.lots(line.path, now)
    ]
    return max([int(newest.max()) if len(newest) else 0, *ends, *lots])


def _is_pilot(asset: Asset) -> bool:
    return asset.attributes.get(PILOT, "").strip().lower() in YES


def _stops(
    rooms: Rooms, detector: str | None, before: Period, after: Period, now: datetime, doubts: list[str]
) -> StopsBenefit | None:
    plant = rooms.settings.plant
    known = {d.name: d for d in rooms.settings.root.detectors}
    if detector is not None and detector not in known:
        raise TrainingError(f"no detector {detector!r} in forewarn.toml; there are: {', '.join(known) or 'none'}")
    asset_class = None if detector is None else known[detector].asset_class
    assets = [a for a in plant.assets.values() if asset_class in (None, a.class_name)]
    spans = stopped_spans(rooms, now)
    watched = {a.path: _watched(rooms, a.path, to_ns(now)) for a in assets}
    pairs = {
        a.path: (_stopped(spans[a.path], watched[a.path], before), _stopped(spans[a.path], watched[a.path], after))
        for a in assets
    }
    pilots = [pairs[a.path] for a in assets if _is_pilot(a)]
    others = [pairs[a.path] for a in assets if not _is_pilot(a)]
    own, control = (pilots, others) if pilots and others else ([*pilots, *others], [])
    first, last = _summed(own)
    if first.n + last.n == 0:
        return None
    if benefit.dispersion([p[0].n for p in own], [p[0].weeks for p in own]) < benefit.SURE:
        doubts.append(phrase(CLUSTERED))
    half = before.start + (before.end - before.start) // 2
    halves = Period(before.start, half), Period(half, before.end)
    placebo = [tuple(_stopped(spans[a.path], watched[a.path], x) for x in halves) for a in assets]
    if benefit.rate_ratio(*_summed([(x[0], x[1]) for x in placebo])).verdict is not benefit.Verdict.CANNOT_TELL:
        doubts.append(phrase(TREND, what=STOPS))
    costs = [d.cost for d in known.values() if d.cost is not None and not symptoms.is_of_lots(d)]
    cost = next((d.cost for d in known.values() if d.name == detector and d.cost), costs[0] if costs else None)
    pair = _summed(control) if control else None
    return StopsBenefit(
        (first, last),
        pair,
        benefit.rate_ratio(first, last),
        None if pair is None else benefit.rate_ratio(*pair),
        None if pair is None else benefit.ratio_of_ratios((first, last), pair),
        benefit.showable(first, last.weeks),
        None if cost is None else cost.stop,
        "" if cost is None else cost.currency,
    )


def _watched(rooms: Rooms, path: str, now: int) -> tuple[int, int]:
    """Return the span (ns) of an asset's data; all of time where it has no tag."""
    ids = [tag.tag_id for tag in rooms.settings.plant.tags[path].values()]
    oldest, newest = rooms.points.oldest_first(ids, -1, now, 1), rooms.points.latest(ids, now + 1)
    if not ids:
        return 0, now
    return (int(oldest.at[0]), int(newest.at.max()) + 1) if len(oldest) else (0, 0)


def _stopped(spans: Sequence[tuple[int, int]], watched: tuple[int, int], period: Period) -> Stopped:
    """Return the stops that began in a period while the asset was watched, and the hours that it stood in it."""
    start, end = max(period.start, watched[0]), min(period.end, watched[1])
    n = sum(start <= s < end for s, _ in spans)
    stood = sum(max(0, min(e, end) - max(s, start)) for s, e in spans)
    return Stopped(n, max(0, end - start) / WEEK, stood / HOUR)


def _summed(pairs: Sequence[tuple[Stopped, Stopped]]) -> tuple[Stopped, Stopped]:
    first, last = (
        Stopped(sum(p[i].n for p in pairs), sum(p[i].weeks for p in pairs), sum(p[i].hours for p in pairs))
        for i in (0, 1)
    )
    return first, last


def _lots(
    rooms: Rooms, detector: str | None, before: Period, after: Period, now: datetime, doubts: list[str]
) -> Iterator[LotsBenefit]:
    for each in rooms.settings.root.detectors:
        if symptoms.is_of_lots(each) and detector in (None, each.name):
            found = _compared(rooms, each, before, after, now, doubts)
            if found is not None:
                yield found


def _compared(
    rooms: Rooms, detector: DetectorSettings, before: Period, after: Period, now: datetime, doubts: list[str]
) -> LotsBenefit | None:
    try:
        history = training.gather(rooms, detector, now)
    except TrainingError:
        return None
    told = judged(rooms, history)
    ends = told.rows.end
    is_after = np.asarray((ends >= after.start) & (ends < after.end))
    of = is_after | ((ends >= before.start) & (ends < before.end))
    every = Lots(told.outcome, is_after, told.strata).take(of)
    if not 0 < every.is_after.sum() < len(every.outcome):
        return None
    lots = comparable(every)
    doubts += [phrase(APART, dimension=name) for name in every.strata if name not in lots.strata]
    pilots = {a.path for a in rooms.settings.plant.of_class(detector.asset_class) if _is_pilot(a)}
    is_pilot = np.isin(told.rows.asset[of].astype(str), sorted(pilots))
    is_apart = bool(is_pilot.any() and not is_pilot.all())
    own = lots.take(is_pilot) if is_apart else lots
    if not 0 < own.is_after.sum() < len(own.outcome):
        return None
    pilot, control = benefit.compared(own), None
    if is_apart and 0 < lots.is_after[~is_pilot].sum() < (~is_pilot).sum():
        control = benefit.compared(lots.take(~is_pilot))
    doubts += [phrase(MIX, dimension=name) for name, p in benefit.mixes(own).items() if p < benefit.SURE]
    earlier = benefit.placebo(own)
    if earlier is not None and (earlier.at_same_mix or earlier.change).verdict is not benefit.Verdict.CANNOT_TELL:
        doubts.append(phrase(TREND, what=LOTS))
    against = None
    if control is not None:
        sides = [x.at_same_mix or x.change for x in (pilot, control)]
        against = benefit.against_control(*sides)
    units = (rooms.settings.plant.tag(f"{line}/{detector.outcome}") for line in history.lots)
    cost = detector.cost
    return LotsBenefit(
        detector.outcome,
        next((tag.unit for tag in units if tag is not None), ""),
        own.is_share,
        pilot,
        control,
        against,
        _per_day(ends[of][is_pilot] if is_apart else ends[of], before, after),
        None if cost is None else cost.stop,
        "" if cost is None else cost.currency,
    )


def _per_day(ends: NDArray[np.int64], before: Period, after: Period) -> Compared:
    """Compare the lots a day, by whole days from the date on and back from it; less than a day counts as one."""
    counts: list[float] = []
    is_after: list[bool] = []
    first = int(ends.min()) if len(ends) else before.start  # days before the first lot are no days without lots
    before = Period(min(max(before.start, first), before.end - 1), before.end)
    for period, is_later in ((before, False), (after, True)):
        own = ends[(ends >= period.start) & (ends < period.end)]
        n_days = max(1, (period.end - period.start) // DAY)
        day = (own - period.start) // DAY if is_later else (period.end - 1 - own) // DAY
        counts += np.bincount(np.minimum(day, n_days - 1), minlength=n_days).tolist()
        is_after += [is_later] * n_days
    return benefit.compared(Lots(np.array(counts, dtype=np.float64), np.array(is_after), {}))


def _around(rooms: Rooms, before: Period, after: Period, at: int) -> Iterator[str]:
    """Yield what else may be behind a change: short periods, and what else was switched on in them."""
    if min(before.end - before.start, after.end - after.start) < SHORT:
        yield phrase(SHORT_TIME)
    deeds = rooms.ledger.audit.deeds(since=from_ns(before.start))
    others = {
        f"{deed.action} {deed.subject}": None
        for deed in sorted(deeds, key=lambda d: d.at)
        if deed.action in SWITCHED and to_ns(deed.at) < after.end and to_ns(deed.at) != at
    }
    if others:
        named = list(others)[:MOST_NAMED]
        yield phrase(OTHERS, what=", ".join([*named, *(["…"] if len(others) > MOST_NAMED else [])]))
