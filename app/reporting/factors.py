"""`report factors`: which factors move a result, how surely, which limits would help; one of them watched."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from alerts.messages import local
from app import factor_study, factor_watching, training
from app.commands.opening import clear, shower
from app.people import commanded
from app.reporting.said import Said
from app.requests import ServiceLock
from app.rooms import Rooms
from app.running import CommandError
from app.settings import Settings
from detectors import symptoms
from detectors.settings import DetectorSettings
from domain.errors import ConfigError
from domain.text import Translate, catalogue
from reports import factor_page, factor_text


def needs_telemetry(settings: Settings, args: argparse.Namespace) -> bool:
    """Return whether lots are studied anew: not to watch a window, nor while a service has the data."""
    return args.watch is None and not ServiceLock(settings.data_folder).is_held()


def report(rooms: Rooms, args: argparse.Namespace, now: datetime, t: Translate) -> Said:
    """Return the report, of lots studied anew or the newest study; or watch a window. Raises TrainingError, and
    CommandError for what cannot be done.
    """
    detector = chosen(rooms.settings, args.detector)
    if args.watch is not None:
        return _watched(rooms, detector, args, now, t)
    record = _record(rooms, detector, now, is_new=needs_telemetry(rooms.settings, args))

    def page(language: str) -> str:
        made = local(datetime.fromisoformat(record["made_at"]), rooms.settings.root.plant.zone)
        return factor_page.page({**record, "made": made}, language, catalogue(language))

    said = t if args.language is None else catalogue(args.language)
    return Said(record, list(factor_text.summary(record, said)), page)


def chosen(settings: Settings, name: str | None) -> DetectorSettings:
    """Return the detector of lots of that name, or the first."""
    of_lots = [d for d in settings.root.detectors if symptoms.is_of_lots(d)]
    found = next((d for d in of_lots if name in (None, d.name)), None)
    if found is None:
        known = ", ".join(d.name for d in of_lots) or "none"
        raise CommandError(f"report factors --detector NAME: a detector of lots; the config has {known}", 2)
    return found


def _record(rooms: Rooms, detector: DetectorSettings, now: datetime, *, is_new: bool) -> Mapping[str, Any]:
    if not is_new:
        found = factor_study.kept(rooms, detector.name)
        if found is None:
            raise CommandError(f"{detector.name} has no study yet, and the running service has the data: stop it first")
        return found
    try:
        history = training.gather(rooms, detector, now)
        rows, _ = training.learned_from(history)
        studied = factor_study.studied(history, rows, shower("factors"))
    finally:
        clear()
    return factor_study.keep(rooms, detector.name, studied, now)


def _watched(rooms: Rooms, detector: DetectorSettings, args: argparse.Namespace, now: datetime, t: Translate) -> Said:
    if not args.by.strip() or not args.reason.strip():
        raise CommandError("report factors --watch FACTOR --by NAME --reason WHY: both are needed", 2)
    if args.out is not None:
        raise CommandError("report factors --watch FACTOR makes a rule, and no page: leave --out out", 2)
    try:
        number, rule = factor_watching.watch(rooms, detector.name, args.watch, commanded(args.by), args.reason, now)
    except (factor_watching.NotWatchedError, ConfigError) as error:
        raise CommandError(str(error)) from error
    line = t("Rule {rule} watches {factor} from now on.", rule=rule, factor=args.watch)
    return Said({"rule": rule, "change": number}, [line], lambda _language: "")
