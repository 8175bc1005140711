"""`forewarn threshold`: a detector's curve of stops caught, false alarms and money; choosing a point on it."""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.clock import SystemClock
from app.commands.opening import opened_for
from app.operating import ChoiceRefusedError, chosen, curve_of
from app.running import CommandError
from app.settings import Settings, load
from detectors.calibration import probability
from domain.errors import ModelError
from domain.text import Translate, catalogue
from reports.curve import picture


def main(args: argparse.Namespace, _stopping: threading.Event) -> int:
    """Show the curve, draw it, or choose a threshold on it."""
    settings = load(args.config)
    t = catalogue(settings.root.plant.language)
    with opened_for(settings, telemetry=False) as rooms:
        try:
            if args.action == "choose":
                if args.raise_at is None:
                    raise CommandError("forewarn threshold choose DETECTOR --raise P --by WHO --reason WHY", 2)
                row = chosen(rooms, args.detector, args.raise_at, args.by, args.reason, SystemClock().now())
                print(json.dumps(row.details["choice"]) if args.json else t(
                    "{detector} raises from {threshold} on; model {model}",
                    detector=args.detector, threshold=f"{args.raise_at:.4g}", model=row.model_id,
                ))  # fmt: skip
                return 0
            champion, curve = curve_of(rooms, args.detector)
        except (ChoiceRefusedError, ModelError) as error:
            raise CommandError(str(error)) from error
    currency = _currency(settings, args.detector)
    if args.out is not None:
        _write(args.out, picture(curve, f"{args.detector}  {champion.model_id}", currency, t))
    if args.json:
        print(json.dumps({"model_id": champion.model_id, "currency": currency, "curve": list(curve)}))
    else:
        print("\n".join(_lines(curve, currency, t)))
    return 0


def _lines(curve: Sequence[Mapping[str, Any]], currency: str, t: Translate) -> list[str]:
    head = t("raise at; stops caught; false alarms per asset and week; cost per asset and week")
    found = [head]
    for row in curve:
        limit = float(probability(np.array([row["raise_at"]]))[0])
        spent = "-" if row["money_per_week"] is None else f"{row['money_per_week']:.4g} {currency}".rstrip()
        mark = "  <-" if row["is_taken"] else ""
        weekly = row["false_alarms_per_week"]
        found.append(f"{limit:8.4f}  {row['caught']:4d}/{row['events']}  {weekly:9.3g}  {spent}{mark}")
    return found


def _currency(settings: Settings, detector: str) -> str:
    cost = next((d.cost for d in settings.root.detectors if d.name == detector), None)
    return "" if cost is None else cost.currency


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from error
