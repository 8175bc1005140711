"""`forewarn evaluate`: what detectors would have been worth, by a back-test that cannot leak; nothing is promoted."""

from __future__ import annotations

import argparse
import json
import sys
import threading

from app import training
from app.clock import SystemClock
from app.commands.opening import clear, opened_for, shower
from app.evaluating import evaluated, evaluated_quality
from app.evaluation_text import quality_shown, shown
from app.running import CommandError
from app.settings import load
from detectors import detector_class
from domain.scores import TrainingError
from domain.text import catalogue


def main(args: argparse.Namespace, _stopping: threading.Event) -> int:
    """Back-test each detector of the role."""
    settings = load(args.config)
    chosen = [
        d
        for d in settings.root.detectors
        if detector_class(d.kind).role == args.role and args.detector in (None, d.name)
    ]
    if not chosen:
        raise CommandError(f"no detector of role {args.role} in {args.config / 'forewarn.toml'}", 2)
    failed = 0
    with opened_for(settings) as rooms:
        now = SystemClock().now()
        for detector in chosen:
            try:
                history = training.gather(rooms, detector, now)
                backtest = evaluated_quality if args.role == "quality" else evaluated
                found = backtest(history, shower(detector.name), is_random=args.random_rows)
            except TrainingError as error:
                clear()
                print(f"{detector.name}: not evaluated: {error}", file=sys.stderr)
                failed += 1
                continue
            clear()
            if args.json:
                print(json.dumps(found))
            else:
                lines = quality_shown if args.role == "quality" else shown
                print("\n".join(lines(found, catalogue(settings.root.plant.language))))
    return 1 if failed else 0
