"""`forewarn audit`: who did what, and whether anybody has changed that since."""

from __future__ import annotations

import argparse
import json
import sys
import threading
from dataclasses import asdict

from app.commands.opening import opened_for
from app.rooms import Rooms
from app.running import CommandError
from app.settings import load
from domain.audit import Deed, Head
from domain.text import printable


def main(args: argparse.Namespace, _stopping: threading.Event) -> int:
    """List deeds, the newest first, or verify the chain; exit code 1 where it is broken."""
    try:
        noted = Head.of(args.head) if args.head else None
    except ValueError as error:
        raise CommandError(f"--head: {error}", 2) from error
    with opened_for(load(args.config), telemetry=False) as rooms:
        return _verify(rooms, noted) if args.action == "verify" else _list(rooms, args)


def _verify(rooms: Rooms, noted: Head | None) -> int:
    faults, head = rooms.ledger.audit.faults(noted), rooms.ledger.audit.head()
    for fault in faults:
        print(printable(fault), file=sys.stderr)
    if faults:
        print(f"the audit log was changed: {len(faults)} faults")
        return 1
    print(f"{head.number} rows, none changed, missing or moved; note the end elsewhere, for a later --head: {head}")
    return 0


def _list(rooms: Rooms, args: argparse.Namespace) -> int:
    deeds = rooms.ledger.audit.deeds(most=args.most)
    if args.json:
        print(json.dumps([{**asdict(d), "at": d.at.isoformat()} for d in deeds]))
        return 0
    for deed in deeds:
        print(printable(_line(deed)))
    if not deeds:
        print("nothing was done yet")
    return 0


def _line(d: Deed) -> str:
    change = f" {d.old or '-'} -> {d.new or '-'}" if d.old or d.new else ""
    reason = f": {d.reason}" if d.reason else ""
    return f"{d.at:%Y-%m-%d %H:%M:%S} UTC  {d.by or '-'}  {d.action}  {d.subject}{change}{reason}  ({d.origin or '-'})"
