"""`forewarn events`: record a stop, a failure or maintenance by hand; list what is known."""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from alerts.messages import local
from app.clock import SystemClock
from app.commands.opening import opened_for
from app.recording import KNOWN, NEW, VERSION, Told, record
from app.running import CommandError
from app.settings import Settings, load
from domain.errors import RecordError
from domain.records import Event
from domain.text import printable

SAID: Final = {NEW: "recorded", VERSION: "recorded as a new version", KNOWN: "known already, nothing changed"}


def main(args: argparse.Namespace, _stopping: threading.Event) -> int:
    """Do one of the actions."""
    settings = load(args.config)
    actions: Mapping[str, Callable[[Settings, argparse.Namespace, datetime], int]] = {"add": _add, "list": _list}
    return actions[args.action](settings, args, SystemClock().now())


def _add(settings: Settings, args: argparse.Namespace, now: datetime) -> int:
    lacking = [name for name in ("asset", "kind", "start") if not getattr(args, name)]
    if lacking:
        raise CommandError(f"forewarn events add needs {', '.join('--' + name for name in lacking)}", 2)
    told = Told(args.asset, args.kind, args.code, args.start, args.end, args.note, args.by)
    with opened_for(settings, telemetry=False) as rooms:
        try:
            found = record(rooms, told, now)
        except RecordError as error:
            raise CommandError(str(error)) from error
    if args.json:
        print(json.dumps({"outcome": found.outcome, **_row(found.event)}))
    else:
        print(f"{_line(found.event, settings.root.plant.zone)}: {SAID[found.outcome]}")
    return 0


def _list(settings: Settings, args: argparse.Namespace, now: datetime) -> int:
    with opened_for(settings, telemetry=False) as rooms:
        known = rooms.ledger.records.events(now, args.asset or None)
    found = [e for e in known if not args.kind or e.kind == args.kind]
    if args.json:
        print(json.dumps([_row(e) for e in found]))
        return 0
    for event in found:
        note = f"  {printable(event.note)}" if event.note else ""
        print(f"{_line(event, settings.root.plant.zone)}{note}")
    if not found:
        print("no such event" if args.asset or args.kind else "no events")
    return 0


def _line(event: Event, zone: str) -> str:
    end = "open" if event.end is None else local(event.end, zone)
    return f"{local(event.start, zone)} - {end}  {event.kind:11}  {printable(event.code) or '-'}  {event.asset}"


def _row(event: Event) -> dict[str, str | None]:
    return {
        "asset": event.asset,
        "kind": str(event.kind),
        "code": event.code,
        "start": event.start.isoformat(),
        "end": None if event.end is None else event.end.isoformat(),
        "known_at": event.known_at.isoformat(),
        "note": event.note,
    }
