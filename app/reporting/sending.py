"""The weekly report to the outbox, once a week: a day and a wall time in, messages for those who get it out.

Invariant: a week's message has one key for each receiver, so that a repeat after a crash plans no second one.
"""

from __future__ import annotations

import logging
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from alerts.messages import Reader, letter
from app.notify import readers
from app.reporting.periods import Weeks, weeks
from app.reporting.weekly import gather
from app.rooms import Rooms
from domain.alerting import Message
from domain.text import catalogue
from reports.week import needs, page
from reports.week.figures import Week

log = logging.getLogger(__name__)
NOTE: Final = "weekly_report"
MAIL: Final = "email"


def send_due(rooms: Rooms, now: datetime) -> str:
    """Plan the report of the last whole week, where it is due and was not planned yet; returns the week, "" for none.

    What was due while nothing ran is planned when something does, if the week is not over by then.
    """
    zone, asked = rooms.settings.zone, rooms.settings.root.delivery
    if asked.weekly_at is None:
        return ""
    of = weeks(None, None, None, (None, None), zone, now)
    if now < due(*asked.weekly_at, zone, now) or rooms.ledger.note(NOTE) == of.name:
        return ""
    rooms.ledger.outbox.save_plan(messages(rooms, of, asked.weekly_to, now), [], [], now)
    rooms.ledger.save_note(NOTE, of.name)
    log.info("weekly report planned week=%s receivers=%s", of.name, ",".join(asked.weekly_to))
    return of.name


def due(day: int, at: time, zone: ZoneInfo, now: datetime) -> datetime:
    """Return the instant of a day and wall time in the week of `now`."""
    today = now.astimezone(zone).date()
    return datetime.combine(today + timedelta(days=day - today.weekday()), at, zone)


def messages(rooms: Rooms, of: Weeks, receivers: tuple[str, ...], now: datetime) -> list[Message]:
    """Return a week's report for each receiver, in its language."""
    found, known = gather(rooms, of, now), readers(rooms.settings)
    mails = {n.name for n in rooms.settings.root.notifiers if n.kind == MAIL}
    return [_letter(found, name, known[name], now, is_mail=name in mails) for name in receivers]


def _letter(found: Week, name: str, reader: Reader, now: datetime, *, is_mail: bool) -> Message:
    t, asked = catalogue(reader.language), needs.needs(found)
    whole = page.page(found, asked, t, reader.language) if is_mail else ""
    text = page.short_lines(found, asked, t)
    return letter(f"weekly:{found.name}:{name}", name, reader, page.title(found, t), "\n".join(text), now, whole)
