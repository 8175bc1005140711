"""`forewarn alerts`: list them, acknowledge one by name."""

from __future__ import annotations

import argparse
import json
import threading

from alerts.lifecycle import acknowledge
from alerts.messages import local
from app.clock import SystemClock
from app.commands.opening import opened_for
from app.rooms import Rooms
from app.running import CommandError
from app.settings import load


def main(args: argparse.Namespace, _stopping: threading.Event) -> int:
    """List alerts, newest first; or acknowledge one."""
    settings = load(args.config)
    with opened_for(settings, telemetry=False) as rooms:
        if args.action == "ack":
            acknowledge_by_id(rooms, args.alert or "", args.by, args.reason)
            print(f"{args.alert}: acknowledged by {args.by}")
            return 0
        rows = rooms.ledger.alerting.alerts()
    if args.json:
        print(
            json.dumps(
                [
                    {
                        "id": a.id,
                        "rule": a.key.rule,
                        "asset": a.key.asset,
                        "subject": a.key.subject,
                        "state": a.state.value,
                        "raised_at": None if a.raised_at is None else a.raised_at.isoformat(),
                        "value": a.value,
                        "limit": a.limit,
                        "priority": a.priority.value,
                        "occurrences": a.occurrences,
                        "acked_by": a.acked_by,
                    }
                    for a in rows
                ]
            )
        )
        return 0
    for a in rows:
        at = local(a.raised_at, settings.root.plant.zone) if a.raised_at else ""
        print(f"{a.id}  {at}  {a.priority.value:6}  {a.state.value:24}  {a.key.rule}  {a.key.asset}")
    if not rows:
        print("no alerts")
    return 0


def acknowledge_by_id(rooms: Rooms, alert_id: str, by: str, note: str) -> None:
    """Acknowledge an alert and keep it; raises CommandError with the reason where that cannot be."""
    alert = rooms.ledger.alerting.alert(alert_id)
    if alert is None:
        raise CommandError(f"no alert {alert_id!r}: forewarn alerts list names them")
    now = SystemClock().now()
    sequence = len(rooms.ledger.alerting.transitions([alert_id]))
    try:
        update = acknowledge(alert, by, now, note, sequence)
    except ValueError as error:
        raise CommandError(str(error), 2 if not by.strip() else 1) from error
    rooms.ledger.alerting.save([update], {}, now)
