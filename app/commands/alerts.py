"""`forewarn alerts`: list them, acknowledge one by name, explain one."""

from __future__ import annotations

import argparse
import json
import threading

from alerts.messages import local
from app.acknowledging import acknowledge
from app.clock import SystemClock
from app.commands.opening import opened_for
from app.explaining import NotExplainableError, explained
from app.explanation_text import shown
from app.running import CommandError
from app.settings import Settings, load
from domain.errors import ModelError
from domain.text import catalogue


def main(args: argparse.Namespace, _stopping: threading.Event) -> int:
    """List alerts, newest first; or acknowledge one, or explain it from the stored rows."""
    settings = load(args.config)
    if args.action == "explain":
        return _explain(settings, args)
    with opened_for(settings, telemetry=False) as rooms:
        if args.action == "ack":
            if not args.alert or not args.by.strip():
                raise CommandError("forewarn alerts ack ID --by NAME: both are needed", 2)
            try:
                acknowledge(rooms, args.alert or "", args.by, args.reason, SystemClock().now())
            except ValueError as error:
                raise CommandError(str(error)) from error
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


def _explain(settings: Settings, args: argparse.Namespace) -> int:
    if not args.alert:
        raise CommandError("forewarn alerts explain ID: which one? forewarn alerts list names them", 2)
    with opened_for(settings) as rooms:
        try:
            found = explained(rooms, args.alert, SystemClock().now())
        except (NotExplainableError, ModelError) as error:
            raise CommandError(str(error)) from error
    if args.json:
        print(json.dumps(found, indent=2))
    else:
        print("\n".join(shown(found, catalogue(settings.root.plant.language), settings.zone)))
    return 0 if found["is_reproduced"] else 1
