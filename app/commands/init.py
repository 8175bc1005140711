"""`forewarn init`: a starting config from dump files that nobody described."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import available_timezones

from pydantic import ValidationError

from app.faults import suggest
from app.running import CommandError
from app.starting.asset_list import read_assets
from app.starting.classes import classes_of, told_apart
from app.starting.config import write
from app.starting.plans import Answers, asset_name
from app.starting.records import check_results, has_interval, read_events, read_quality
from app.starting.sensors import DEFAULT_ASSET, read_sensors
from app.starting.untimed import first_rows_of
from collectors.settings import RowSettings
from collectors.tables import BadFileError

UNKNOWN_FIRST = "2026-01-01T00:00:00+00:00"
LOUD_ROWS = 500_000


def main(args: argparse.Namespace, _stopping: threading.Event) -> int:
    """Write the config and say what was guessed; a file that cannot be taken ends with code 1 and what to do."""
    answers = _answers(args)
    if args.dir.exists() and (not args.dir.is_dir() or any(args.dir.iterdir())):
        raise CommandError(f"{args.dir} is not empty: name a new folder, nothing was written", 2)
    if not args.sensors and not args.quality and not args.events:
        raise CommandError(
            "forewarn init DIR --sensors FILE...: at least one file is needed, or --events, --quality", 2
        )
    try:
        sensors = told_apart([read_sensors(path, answers, _progress(path)) for path in args.sensors])
        named = list(dict.fromkeys(a for p in sensors for a in p.assets))
        assets = named or [answers.asset or DEFAULT_ASSET]
        has_lots = {path: has_interval(path) for path in args.quality}
        starts = first_rows_of(args.quality, answers)
        qualities = [
            read_quality(
                path,
                answers,
                assets,
                has_lots=not has_lots[path] and any(has_lots.values()),
                has_results=has_lots[path] and not all(has_lots.values()),
                first_row=starts.get(path, ""),
                is_one_of_many=sum(has_lots.values()) != 1 and len(args.quality) > 1,
                tick=_progress(path),
            )
            for path in args.quality
        ]
        check_results(answers, qualities)
        has_cycles = bool(sensors) and all(p.has_cycles for p in sensors)
        events = [
            read_events(path, answers, assets, has_cycles=has_cycles, tick=_progress(path)) for path in args.events
        ]
        recorded = [a for q in qualities for a in q.lines] + [a for e in events for a in e.assets]
        lists = [read_assets(path, list(dict.fromkeys([*named, *recorded]))) for path in args.assets]
    except BadFileError as error:
        raise CommandError(f"nothing was written: {error}") from error
    formats = [*(p.format for p in sensors), *(p.format for p in qualities), *(p.format for p in events)]
    start = write(args.dir.resolve().name, formats, classes_of(sensors, qualities, events, lists), answers)
    args.dir.mkdir(parents=True, exist_ok=True)
    for name, text in start.files.items():
        (args.dir / name).write_text(text, encoding="utf-8")
    print(f"{args.dir}: written: {', '.join(start.files)}")
    print("what was guessed, and where it stands:")
    print("\n".join(start.summary))
    if start.n_undecided:
        print(f"{start.n_undecided} choices are yours: `forewarn check --config {args.dir}` names them")
    else:
        print(f"next: forewarn check --config {args.dir}, then forewarn load --config {args.dir} FILE...")
    return 0


def _answers(args: argparse.Namespace) -> Answers:
    if args.zone and args.zone not in available_timezones():
        raise CommandError(f"--zone {args.zone}: not a time zone{suggest(args.zone, available_timezones())}", 2)
    if args.asset and asset_name(args.asset) != args.asset:
        raise CommandError(f"--asset {args.asset}: a path of non-empty levels without + # * ? [ ]", 2)
    if args.row_every:
        try:
            RowSettings(first=_first_row(args.row_first) or UNKNOWN_FIRST, every=args.row_every)
        except ValidationError as error:
            raise CommandError(f"--row-every {args.row_every}: {error.errors()[0]['msg']}", 2) from error
    return Answers(
        args.zone, args.time_format, args.asset, tuple(args.results), args.row_every, _first_row(args.row_first)
    )


def _first_row(text: str) -> str:
    """Return a time as ISO with its zone, UTC where it names none."""
    if not text:
        return ""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"--row-first {text}: not a time such as 2026-01-01T00:00", 2) from error
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat()


def _progress(path: Path) -> Callable[[int], None]:
    def tick(n_rows: int) -> None:
        if n_rows >= LOUD_ROWS and sys.stderr.isatty():
            print(f"\r{path.name}: {n_rows} rows", end="", file=sys.stderr, flush=True)

    return tick
