"""`forewarn report`: what it was worth, what drives quality, and why it changed; as text, JSON, or a page to mail."""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Final

from app.clock import SystemClock
from app.commands.opening import opened_for
from app.reporting.periods import PeriodError
from app.reporting.said import Said
from app.running import CommandError
from app.settings import Settings, load
from domain.errors import ModelError
from domain.scores import TrainingError
from domain.text import catalogue

REPORTS: Final[Mapping[str, str]] = {
    "factors": "app.reporting.factors",
    "drop": "app.reporting.drop",
    "benefit": "app.reporting.benefit",
    "weekly": "app.reporting.weekly",
}


def main(args: argparse.Namespace, _stopping: threading.Event) -> int:
    """Make one report of the stored data."""
    settings = load(args.config)
    language = args.language or settings.root.plant.language
    module = import_module(REPORTS[args.report])
    report = module.report
    with opened_for(settings, telemetry=getattr(module, "needs_telemetry", _always)(settings, args)) as rooms:
        try:
            said: Said = report(rooms, args, SystemClock().now(), catalogue(language))
        except PeriodError as error:
            raise CommandError(str(error), 2) from error
        except (TrainingError, ModelError, ValueError) as error:
            raise CommandError(f"no report: {error}") from error
    if args.out is not None:
        _write(args.out, said.page(language))
    print(json.dumps(said.data, ensure_ascii=False) if args.json else "\n".join(said.lines))
    return 0


def _always(_settings: Settings, _args: argparse.Namespace) -> bool:
    return True


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from error
