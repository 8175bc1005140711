"""`forewarn deadletter`: what could not be taken, why, and its bytes; read again once the cause is mended.

What a sender or a file put into topic, detail and payload reaches a terminal with its control signs escaped.
"""

from __future__ import annotations

import argparse
import base64
import json
import threading
from collections.abc import Mapping
from typing import Any

from app.auditing import note_command
from app.clock import SystemClock
from app.commands.opening import OF_ITS_START, clear, opened_for, served_or_here, shower
from app.rereading import replay, told
from app.rooms import Rooms
from app.running import CommandError
from app.settings import load
from domain.audit import Action
from domain.text import printable
from store.books import DeadLetter

LISTED = 1000
CONFLICT_FIELDS = ("id", "source", "key", "stored", "offered")
FIELDS = ("id", "source", "received_at", "topic", "part", "reason", "detail", "n_items", "sha256", "replayed_at")


def main(args: argparse.Namespace, stopping: threading.Event) -> int:
    """List dead letters or conflicts, show a letter whole, or read letters again."""
    if args.action == "replay":
        return _replay(args, stopping)
    look = {"list": _list, "show": _show, "conflicts": _conflicts}[args.action]
    with opened_for(load(args.config), telemetry=False) as rooms:
        return look(rooms, args)


def _replay(args: argparse.Namespace, stopping: threading.Event) -> int:
    settings, now = load(args.config), SystemClock().now()
    asked = {"number": args.id, "reason": args.reason}
    how: Mapping[str, Any] = {"is_stopping": stopping.is_set, "progress": shower("reread")}
    with served_or_here(settings, "reread", asked, stopping) as (answer, rooms):
        found = told(replay(rooms, now, args.id, args.reason, **how)) if rooms is not None else answer
    clear()
    if found["n_letters"]:
        said = f"{found['n_letters']} read, {found['n_mended']} mended"
        note_command(settings, Action.READ_AGAIN, str(args.id or args.reason or "all"), now, said)
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
    if found["before"] is not None:
        raise CommandError(f"stopped: those numbered below {found['before']} were not read; run the same command again")
    return 0


def _show(rooms: Rooms, args: argparse.Namespace) -> int:
    if args.id is None:
        raise CommandError("forewarn deadletter show NUMBER: which one? forewarn deadletter list names them", 2)
    letter = rooms.journal.dead_letter(args.id)
    if letter is None:
        raise CommandError(f"no dead letter {args.id}: forewarn deadletter list names them")
    text = letter.payload.decode("utf-8", "backslashreplace")
    if args.json:
        payload = {"payload": text, "payload_base64": base64.b64encode(letter.payload).decode()}
        print(json.dumps(_row(letter) | payload))
        return 0
    for name, value in _row(letter).items():
        print(f"{name}: {printable(str(value))}")
    print(f"payload: {len(letter.payload)} bytes")
    for line in text.split("\n"):
        print(f"    {printable(line)}")
    return 0


def _list(rooms: Rooms, args: argparse.Namespace) -> int:
    rows = rooms.journal.dead_letters(most=LISTED, reason=args.reason)
    if args.json:
        print(json.dumps([_row(r) for r in rows]))
        return 0
    for reason, n in rooms.journal.dead_letters_by_reason().items():
        print(f"{n:7}  {reason}")
    for r in rows:
        where = printable(f"{r.topic} {r.part}".rstrip())
        print(f"{r.id:6}  {r.received_at:%Y-%m-%d %H:%M:%S} UTC  {r.reason:14}  {where}: {printable(r.detail)}")
    if not rows:
        print("no dead letters")
    elif len(rows) == LISTED:
        print(f"the newest {LISTED} are listed; `show NUMBER` shows any")
    return 0


def _conflicts(rooms: Rooms, args: argparse.Namespace) -> int:
    rows = rooms.journal.conflicts(LISTED)
    if args.json:
        print(json.dumps([{"at": r.at.isoformat(), **{f: getattr(r, f) for f in CONFLICT_FIELDS}} for r in rows]))
        return 0
    for r in rows:
        values = printable(f"stored {r.stored}, offered {r.offered}")
        print(f"{r.id:6}  {r.at:%Y-%m-%d %H:%M:%S} UTC  {printable(r.key)}: {values} ({r.source})")
    if not rows:
        print("no conflicts")
    elif len(rows) == LISTED:
        print(f"the newest {LISTED} are listed")
    return 0


def _row(letter: DeadLetter) -> dict[str, Any]:
    times = {
        name: None if (at := getattr(letter, name)) is None else at.isoformat()
        for name in ("received_at", "replayed_at")
    }
    return {name: getattr(letter, name) for name in FIELDS} | times
