"""`forewarn deadletter`: what could not be taken, why, and its bytes."""

from __future__ import annotations

import argparse
import json
import threading

from app.commands.opening import opened_for
from app.running import CommandError
from app.settings import load

LISTED = 1000


def main(args: argparse.Namespace, _stopping: threading.Event) -> int:
    """List dead letters, newest first, after a line per reason; or show one whole."""
    with opened_for(load(args.config), telemetry=False) as rooms:
        shown = rooms.journal.dead_letter(args.id) if args.id is not None else None
        rows = rooms.journal.dead_letters(most=LISTED, reason=args.reason)
        counts = rooms.journal.dead_letters_by_reason()
    if args.action == "show":
        if args.id is None:
            raise CommandError("forewarn deadletter show NUMBER: which one? forewarn deadletter list names them", 2)
        if shown is None:
            raise CommandError(f"no dead letter {args.id}: forewarn deadletter list names them")
        for name in ("id", "source", "received_at", "topic", "reason", "detail", "sha256"):
            print(f"{name}: {getattr(shown, name)}")
        print(shown.payload.decode("utf-8", "backslashreplace"))
        return 0
    if args.json:
        fields = ("id", "source", "topic", "reason", "detail", "sha256")
        print(
            json.dumps([{"received_at": r.received_at.isoformat(), **{f: getattr(r, f) for f in fields}} for r in rows])
        )
        return 0
    for reason, n in counts.items():
        print(f"{n:7}  {reason}")
    for r in rows:
        print(f"{r.id:6}  {r.received_at:%Y-%m-%d %H:%M:%S} UTC  {r.reason:14}  {r.topic}: {r.detail}")
    if not rows:
        print("no dead letters")
    elif len(rows) == LISTED:
        print(f"the newest {LISTED} are listed; `show NUMBER` shows any")
    return 0
