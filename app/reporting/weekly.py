"""`report weekly`: a plant's week beside the week before, from the ledger and the journal alone."""

from __future__ import annotations

import argparse
from datetime import datetime

from app.reporting.periods import Weeks, days, instant, weeks
from app.reporting.said import Said
from app.reporting.week import alarms, data, models, quality, stops
from app.rooms import Rooms
from app.settings import Settings
from domain.instants import from_ns
from domain.text import Translate, catalogue
from reports.week import needs, page
from reports.week.figures import Week, as_json


def needs_telemetry(_settings: Settings, _args: argparse.Namespace) -> bool:
    """Return that it is made beside a running service, which has the telemetry."""
    return False


def report(rooms: Rooms, args: argparse.Namespace, now: datetime, t: Translate) -> Said:
    """Return the report; raises PeriodError for a week that is none, or has not begun."""
    zone = rooms.settings.zone
    since, until = instant(args.since, zone), instant(args.until, zone)
    against = instant(args.against_since, zone), instant(args.against_until, zone)
    return told(gather(rooms, weeks(args.week, since, until, against, zone, now), now), t)


def told(found: Week, t: Translate) -> Said:
    """Return a week as JSON data, as lines of text and as a page."""
    asked = needs.needs(found)
    return Said(
        as_json(found, [needs.as_json(each, t) for each in asked], t),
        page.lines(found, asked, t),
        lambda language: page.page(found, asked, catalogue(language), language),
    )


def gather(rooms: Rooms, of: Weeks, now: datetime) -> Week:
    """Read a week and the one before it."""
    root, zone = rooms.settings.root, rooms.settings.zone
    rulings, tallies = rooms.ledger.rulings.all(), rooms.journal.tallies()
    pair = (of.week, days(of.week, zone)), (of.before, days(of.before, zone))
    found = [stops.stops(rooms, period, rulings, now) for period, _ in pair]
    figures = [stops.figures(rooms, *each, own, now) for each, own in zip(pair, found, strict=True)]
    warned = [alarms.warnings(rooms, period, rulings) for period, _ in pair]
    load = [alarms.figures(rooms, *each) for each in pair]
    sums = [data.figures(rooms, period, tallies) for period, _ in pair]
    return Week(
        plant=root.plant.name,
        start=from_ns(of.week.start),
        end=from_ns(of.week.end),
        made_at=now,
        is_over=of.is_over,
        name=of.name,
        said=of.week.said(zone),
        said_before=of.before.said(zone),
        zone=root.plant.zone,
        console=root.delivery.console_url.rstrip("/"),
        newest_data=data.newest_data(tallies),
        days=tuple(from_ns(day.start) for day in pair[0][1]),
        stops=(figures[0], figures[1]),
        stops_list=tuple(found[0]),
        warnings=(warned[0], warned[1]),
        asking=alarms.asking(rooms, rulings),
        alarms=(load[0], load[1]),
        bad_actors=alarms.bad_actors(rooms, of.week, of.before),
        standing=alarms.standing(rooms),
        held=alarms.held(rooms, now),
        quality=quality.levels(rooms, of.week, of.before, now),
        live=quality.errors(rooms, of.week, of.before),
        live_calls=quality.calls(rooms, of.week, of.before),
        factors=quality.factors(rooms, of.week, of.before),
        data=(sums[0], sums[1]),
        silent=data.silent(rooms),
        unassessed=data.unassessed(rooms),
        models=models.models(rooms, now),
        changes=models.changes(rooms, of.week),
    )
