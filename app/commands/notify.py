"""`forewarn notify`: list the receivers of notifications, or send one of them a test."""

from __future__ import annotations

import argparse
import json
import threading
from datetime import timedelta

from alerts.messages import sample
from app.clock import SystemClock
from app.commands.opening import opened_for
from app.faults import suggest
from app.notify import notifiers, readers
from app.running import CommandError
from app.settings import Settings, load
from domain.errors import NotifyError


def main(args: argparse.Namespace, _stopping: threading.Event) -> int:
    """Send a test past the outbox, and say what the receiver answered; or list the receivers."""
    settings = load(args.config)
    return _test(settings, args.name or "") if args.action == "test" else _list(settings, args.json)


def _test(settings: Settings, name: str) -> int:
    known = [n.name for n in settings.root.notifiers]
    if name not in known:
        raise CommandError(f"no notifier {name!r}{suggest(name, known)}; there are {', '.join(known) or 'none'}", 2)
    now = SystemClock().now()
    with notifiers(settings) as receivers:
        try:
            receivers[name].send(sample(name, readers(settings)[name], now))
        except NotifyError as error:
            raise CommandError(f"{name}: not delivered: {error}") from error
    print(f"{name}: delivered")
    return 0


def _list(settings: Settings, is_json: bool) -> int:
    now = SystemClock().now()
    with opened_for(settings, telemetry=False) as rooms:
        failing = rooms.ledger.outbox.undelivered(now, timedelta(0), timedelta(hours=1))
    rows = [
        {
            "name": n.name,
            "kind": n.kind,
            "language": n.language,
            "most": n.most,
            "instead": n.instead,
            "undelivered": failing.get(n.name, (0, ""))[0],
            "error": failing.get(n.name, (0, ""))[1],
        }
        for n in settings.root.notifiers
    ]
    if is_json:
        print(json.dumps(rows, ensure_ascii=False))
        return 0
    for row in rows:
        state = f"{row['undelivered']} undelivered: {row['error']}" if row["undelivered"] else "nothing undelivered"
        print(f"{row['name']:16} {row['kind']:8} {row['language']}  {state}")
    if not rows:
        print("no notifiers")
    return 0
