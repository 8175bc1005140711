"""`forewarn deadletter`: what could not be taken, why, and its bytes; read again once the cause is mended."""

from __future__ import annotations

import argparse
import json
import threading

from app.clock import SystemClock
from app.commands.opening import OF_ITS_START, opened_for, served_or_here
from app.rereading import chosen, reread, told
from app.running import CommandError
from app.settings import load

LISTED = 1000


def main(args: argparse.Namespace, stopping: threading.Event) -> int:
    """List dead letters, show one whole, or read them again."""
    return _replay(args, stopping) if args.action == "replay" else _look(args)


def _replay(args: argparse.Namespace, stopping: threading.Event) -> int:
    settings, now = load(args.config), SystemClock().now()
    asked = {"number": args.id, "reason": args.reason}
    with served_or_here(settings, "reread", asked, stopping) as (answer, rooms):
        found = told(reread(rooms, chosen(rooms, args.id, args.reason), now)) if rooms is not None else answer
    is_served = rooms is None
    if args.id is not None and not found["n_letters"]:
        raise CommandError(f"no dead letter {args.id}: forewarn deadletter list names them")
    print(
        f"{found['n_letters']} read again: {found['n_mended']} mended = {found['stored']} stored "
        f"+ {found['duplicates']} duplicate + {found['conflicts']} conflict; "
        f"{found['n_letters'] - found['n_mended']} as bad as before"
    )
    if is_served and found["n_mended"] < found["n_letters"]:
        print(OF_ITS_START)
    return 0


def _look(args: argparse.Namespace) -> int:
    with opened_for(load(args.config), telemetry=False) as rooms:
        shown = rooms.journal.dead_letter(args.id) if args.id is not None else None
        rows = rooms.journal.dead_letters(most=LISTED, reason=args.reason)
        counts = rooms.journal.dead_letters_by_reason()
    if args.action == "show":
        if args.id is None:
            raise CommandError("forewarn deadletter show NUMBER: which one? forewarn deadletter list names them", 2)
        if shown is None:
            raise CommandError(f"no dead letter {args.id}: forewarn deadletter list names them")
        for name in ("id", "source", "received_at", "topic", "part", "reason", "detail", "sha256"):
            print(f"{name}: {getattr(shown, name)}")
        print(shown.payload.decode("utf-8", "backslashreplace"))
        return 0
    if args.json:
        fields = ("id", "source", "topic", "part", "reason", "detail", "sha256")
        print(
            json.dumps([{"received_at": r.received_at.isoformat(), **{f: getattr(r, f) for f in fields}} for r in rows])
        )
        return 0
    for reason, n in counts.items():
        print(f"{n:7}  {reason}")
    for r in rows:
        where = f"{r.topic} {r.part}".rstrip()
        print(f"{r.id:6}  {r.received_at:%Y-%m-%d %H:%M:%S} UTC  {r.reason:14}  {where}: {r.detail}")
    if not rows:
        print("no dead letters")
    elif len(rows) == LISTED:
        print(f"the newest {LISTED} are listed; `show NUMBER` shows any")
    return 0
