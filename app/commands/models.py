"""`forewarn models`: what was trained, when, on what, with which figures."""

from __future__ import annotations

import argparse
import json
import threading

from app.commands.opening import opened_for
from app.model_text import shown
from app.running import CommandError
from app.settings import load
from domain.text import catalogue


def main(args: argparse.Namespace, _stopping: threading.Event) -> int:
    """List models, newest first, or show one whole."""
    settings = load(args.config)
    with opened_for(settings, telemetry=False) as rooms:
        rows = rooms.ledger.scoring.models()
    if args.action == "show":
        if not args.model:
            raise CommandError("forewarn models show ID: which one? forewarn models list names them", 2)
        found = [r for r in rows if args.model and r.model_id.startswith(args.model)]
        if not found:
            raise CommandError(f"no model {args.model!r}: forewarn models list names them")
        row = found[0]
        head = {"detector": row.detector, "model_id": row.model_id, "role": row.role}
        if args.json:
            print(json.dumps({**head, "trained_at": row.trained_at.isoformat(), **row.details}, indent=2))
        else:
            print("\n".join(shown(row, catalogue(settings.root.plant.language), settings.zone)))
        return 0
    if args.json:
        print(
            json.dumps(
                [
                    {
                        "detector": r.detector,
                        "model_id": r.model_id,
                        "role": r.role,
                        "trained_at": r.trained_at.isoformat(),
                    }
                    for r in rows
                ]
            )
        )
        return 0
    for r in rows:
        print(f"{r.model_id}  {r.role:10}  {r.trained_at:%Y-%m-%d %H:%M} UTC  {r.detector}")
    if not rows:
        print("no model yet: forewarn train failure|quality|anomaly makes one")
    return 0
