"""`forewarn report factors`: which process factors move a result, how surely, and which limits would help."""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from alerts.messages import local
from app import factor_study, factor_watching, training
from app.clock import SystemClock
from app.commands.opening import clear, opened_for, shower
from app.people import commanded
from app.requests import ServiceLock
from app.running import CommandError
from app.settings import Settings, load
from detectors import symptoms
from detectors.settings import DetectorSettings
from domain.scores import TrainingError
from domain.text import catalogue
from reports import factor_page, factor_text


def main(args: argparse.Namespace, _stopping: threading.Event) -> int:
    """Study the lots, or where the service has the data take its newest study; print it, write the page, or watch."""
    settings = load(args.config)
    detector = _detector(settings, args.detector)
    if args.watch is not None:
        return _watch(settings, detector, args)
    record = _record(settings, detector)
    language = args.language or settings.root.plant.language
    t = catalogue(language)
    if args.out is not None:
        made = local(datetime.fromisoformat(record["made_at"]), settings.root.plant.zone)
        _write(args.out, factor_page.page({**record, "made": made}, language, t))
    print(json.dumps(record) if args.json else "\n".join(factor_text.summary(record, t)))
    return 0


def _detector(settings: Settings, name: str | None) -> DetectorSettings:
    of_lots = [d for d in settings.root.detectors if symptoms.is_of_lots(d)]
    found = [d for d in of_lots if name in (None, d.name)]
    if len(found) == 1 or (found and name is None):
        return found[0]
    known = ", ".join(d.name for d in of_lots) or "none"
    raise CommandError(f"forewarn report factors --detector NAME: a detector of lots; the config has {known}", 2)


def _record(settings: Settings, detector: DetectorSettings) -> Mapping[str, Any]:
    if ServiceLock(settings.data_folder).is_held():
        with opened_for(settings, telemetry=False) as rooms:
            found = factor_study.kept(rooms, detector.name)
        if found is None:
            raise CommandError(
                f"{detector.name} has no study yet, and the running service has the data: train it first"
            )
        return found
    with opened_for(settings) as rooms:
        now = SystemClock().now()
        try:
            history = training.gather(rooms, detector, now)
            rows, _ = training.learned_from(history)
            found = factor_study.studied(history, rows, shower("factors"))
        except TrainingError as error:
            raise CommandError(str(error)) from error
        finally:
            clear()
        return factor_study.keep(rooms, detector.name, found, now)


def _watch(settings: Settings, detector: DetectorSettings, args: argparse.Namespace) -> int:
    if not args.by.strip() or not args.reason.strip():
        raise CommandError("forewarn report factors --watch FACTOR --by NAME --reason WHY: both are needed", 2)
    with opened_for(settings, telemetry=False) as rooms:
        try:
            number, rule = factor_watching.watch(
                rooms, detector.name, args.watch, commanded(args.by), args.reason, SystemClock().now()
            )
        except factor_watching.NotWatchedError as error:
            raise CommandError(str(error)) from error
    print(f"change {number}: rule {rule} watches {args.watch}; forewarn rules history tells it")
    return 0


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from error
