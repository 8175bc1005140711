"""`forewarn events`: record a stop, a failure or maintenance by hand; list what is known; from where failures show; why
stops came without a warning.
"""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from alerts.messages import local
from app import afterwards, training
from app.clock import SystemClock
from app.commands.opening import opened_for, served_or_here
from app.examples import onsets_of, with_modes
from app.faults import suggest
from app.onsets import Onset, accept
from app.recording import KNOWN, NEW, VERSION, read_instant, record
from app.running import CommandError
from app.settings import Settings, load
from domain.errors import RecordError
from domain.records import Event, Told
from domain.scores import TrainingError
from domain.text import catalogue, printable
from reports.autopsy_text import sentences
from store.rulings import AutopsyRow

SAID: Final = {NEW: "recorded", VERSION: "recorded as a new version", KNOWN: "known already, nothing changed"}


def main(args: argparse.Namespace, stopping: threading.Event) -> int:
    """Do one of the actions."""
    settings = load(args.config)
    actions: Mapping[str, Callable[[Settings, argparse.Namespace, datetime], int]] = {
        "add": _add,
        "list": _list,
        "onsets": _onsets,
        "autopsy": partial(_autopsy, stopping),
    }
    try:
        return actions[args.action](settings, args, SystemClock().now())
    except RecordError as error:
        raise CommandError(str(error)) from error


def _add(settings: Settings, args: argparse.Namespace, now: datetime) -> int:
    lacking = [name for name in ("asset", "kind", "start") if not getattr(args, name)]
    if lacking:
        raise CommandError(f"forewarn events add needs {', '.join('--' + name for name in lacking)}", 2)
    told = Told(args.asset, args.kind, args.code, args.start, args.end, args.note, args.by)
    with opened_for(settings, telemetry=False) as rooms:
        found = record(rooms, told, now)
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


def _onsets(settings: Settings, args: argparse.Namespace, now: datetime) -> int:
    """Show from where each failure shows in the data, and accept what is asked for."""
    known = {d.name: d for d in settings.root.detectors}
    if args.detector not in known:
        raise CommandError(f"no detector {args.detector!r}{suggest(args.detector, known)}: --detector NAME", 2)
    if args.accept and not args.by.strip():
        raise CommandError("forewarn events onsets --accept needs --by WHO", 2)
    detector = known[args.detector]
    if detector.symptom.from_ != "trend":
        raise CommandError(f'{detector.name} has [detectors.symptom] from = "{detector.symptom.from_}", not "trend"')
    with opened_for(settings) as rooms:
        try:
            history = with_modes(training.gather(rooms, detector, now))
        except TrainingError as error:
            raise CommandError(str(error)) from error
        wanted = [a for a in sorted(history.grids) if args.asset in ("", a)]
        found = [o for asset in wanted for o in onsets_of(history, asset)]
        if args.start:
            start = read_instant("start", args.start, settings.root.plant.zone)
            found = [o for o in found if o.failed_at == start]
        if args.onset:
            found = _moved(found, read_instant("onset", args.onset, settings.root.plant.zone))
        if args.accept:
            found = accept(rooms, detector.name, found, args.by.strip())
    if args.json:
        print(json.dumps([_onset_row(o) for o in found]))
        return 0
    for onset in found:
        print(_onset_line(onset, settings.root.plant.zone))
    if not found:
        print("no failure that this detector warns of is known")
    return 0


def _autopsy(stopping: threading.Event, settings: Settings, args: argparse.Namespace, now: datetime) -> int:
    """Show why stops of the last days came without a warning; by the running service where there is one."""
    if args.asset and args.asset not in settings.plant.assets:
        raise CommandError(f"no such asset: {args.asset!r}{suggest(args.asset, settings.plant.assets)}", 2)
    asked = {"days": args.days, "asset": args.asset, "is_again": args.again}
    with served_or_here(settings, "judge", asked, stopping) as (_, rooms):
        if rooms is not None:
            afterwards.told(rooms, now, **asked)
    zone, since = settings.root.plant.zone, now - timedelta(days=args.days)
    with opened_for(settings, telemetry=False) as rooms:
        found = [r for r in rooms.ledger.rulings.autopsies(args.asset or None) if r.start >= since]
    if args.start:
        start = read_instant("start", args.start, zone)
        found = [r for r in found if r.start == start]
    if args.json:
        print(json.dumps([_autopsy_row(r) for r in found]))
        return 0
    t = catalogue(settings.root.plant.language)
    for row in found:
        print(f"{local(row.start, zone)}  {printable(row.code) or '-'}  {row.asset}  {row.detector}".rstrip())
        for said in sentences(row.finding, row.evidence, t, lambda at: local(datetime.fromisoformat(at), zone)):
            print(f"    {said}")
    if not found:
        print("no stop without a warning")
    return 0


def _autopsy_row(row: AutopsyRow) -> dict[str, Any]:
    return {
        "asset": row.asset,
        "code": row.code,
        "start": row.start.isoformat(),
        "detector": row.detector,
        "finding": row.finding,
        **row.evidence,
    }


def _moved(found: list[Onset], at: datetime) -> list[Onset]:
    if len(found) != 1:
        raise CommandError(f"--onset is said of one failure, and {len(found)} are meant: --asset A --start T", 2)
    if at > found[0].failed_at:
        raise CommandError("the onset lies after the failure", 2)
    return [replace(found[0], at=at)]


def _onset_line(onset: Onset, zone: str) -> str:
    state = f"accepted by {printable(onset.by)}" if onset.by else "not accepted"
    shown = "no onset found" if onset.at is None else f"shows from {local(onset.at, zone)}, {_before(onset)} before"
    return f"{local(onset.failed_at, zone)}  {printable(onset.code) or '-'}  {onset.asset}: {shown}; {state}"


def _before(onset: Onset) -> str:
    hours = (onset.failed_at - (onset.at or onset.failed_at)).total_seconds() / 3600
    return f"{hours:.1f} h" if hours < 72 else f"{hours / 24:.1f} days"


def _onset_row(onset: Onset) -> dict[str, str | float | bool | None]:
    return {
        "asset": onset.asset,
        "code": onset.code,
        "failed_at": onset.failed_at.isoformat(),
        "onset": None if onset.at is None else onset.at.isoformat(),
        "before_s": None if onset.at is None else (onset.failed_at - onset.at).total_seconds(),
        "accepted": bool(onset.by),
        "by": onset.by,
    }


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
