"""`forewarn train`: detectors of one role from the stored history."""

from __future__ import annotations

import argparse
import json
import sys
import threading

from app import training
from app.clock import SystemClock
from app.commands.opening import clear, opened_for, shower
from app.evaluation_text import suspected
from app.model_text import cautions, promised
from app.people import system_user
from app.running import CommandError
from app.settings import load
from detectors import detector_class
from domain.audit import Action, Deed
from domain.scores import TrainingError
from domain.text import catalogue


def main(args: argparse.Namespace, _stopping: threading.Event) -> int:
    """Train each detector of the role; the first model of a detector is its champion, later ones are challengers."""
    settings = load(args.config)
    chosen = [
        d
        for d in settings.root.detectors
        if detector_class(d.kind).role == args.role and args.detector in (None, d.name)
    ]
    if not chosen:
        raise CommandError(f"no detector of role {args.role} in {args.config / 'forewarn.toml'}", 2)
    failed, t = 0, catalogue(settings.root.plant.language)
    with opened_for(settings) as rooms:
        now, who = SystemClock().now(), system_user()
        for detector in chosen:
            try:
                trained = training.build(
                    training.gather(rooms, detector, now), rooms.models.folder, shower(detector.name)
                )
            except TrainingError as error:
                clear()
                print(f"{detector.name}: not trained: {error}", file=sys.stderr)
                failed += 1
                continue
            clear()
            role = training.promote(rooms, trained, now)
            deed = Deed(now, who.name, Action.TRAINED, detector.name, "", trained.model_id, role, who.origin)
            rooms.ledger.audit.save(deed)
            if args.json:
                row = {"detector": detector.name, "model_id": trained.model_id, "role": role, **trained.about}
                print(json.dumps(row))
            else:
                shown = {
                    k: v for k, v in trained.about["report"].items() if not isinstance(v, list | dict) and v is not None
                }
                figures = ", ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in shown.items())
                print(f"{detector.name}: model {trained.model_id} ({role}); out of fold: {figures}")
                for line in (*promised(trained.about["report"], t), *cautions(trained.about["report"], t)):
                    print(f"  {line}")
                for line in suspected(trained.about["report"].get("suspects", ()), t):
                    print(line)
    return 1 if failed else 0
