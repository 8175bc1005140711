"""`forewarn load`: dump files into the stores, with what became of each file's rows.

While a service runs on the data folder, it loads the files; otherwise they are loaded here.
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from app.clock import SystemClock
from app.commands.opening import OF_ITS_START, clear, opened_for, shower
from app.filing import report_of
from app.loading import Loading, StoppedError, load_file
from app.requests import ServiceGoneError, ServiceLock, ask
from app.rooms import Rooms
from app.running import CommandError
from app.settings import Settings, load
from collectors.tables import BadFileError
from domain.text import printable

Load = Callable[[Path, Callable[[str], None]], Mapping[str, Any]]


def main(args: argparse.Namespace, stopping: threading.Event) -> int:
    """Load files in order; exit code 1 where a file could not be read or had rows rejected as a whole."""
    settings = load(args.config)
    lock = ServiceLock(settings.data_folder)
    if lock.is_held():
        with opened_for(settings, telemetry=False) as rooms:
            return _each(args.files, _by_service(rooms, lock, args, stopping), stopping)
    with opened_for(settings) as rooms:
        return _each(args.files, _here(rooms, settings, args, stopping), stopping)


def _here(rooms: Rooms, _settings: Settings, args: argparse.Namespace, stopping: threading.Event) -> Load:
    def work(path: Path, show: Callable[[str], None]) -> Mapping[str, Any]:
        how = Loading(is_stopping=stopping.is_set, progress=show)
        try:
            loaded = load_file(rooms, path, SystemClock().now(), args.kind, is_again=args.again, how=how)
        except (BadFileError, OSError) as error:
            return {"refused": str(error)}
        return report_of(loaded)

    return work


def _by_service(rooms: Rooms, lock: ServiceLock, args: argparse.Namespace, stopping: threading.Event) -> Load:
    def work(path: Path, show: Callable[[str], None]) -> Mapping[str, Any]:
        asked = {"path": str(path.absolute()), "kind": args.kind, "is_again": args.again}
        try:
            report = ask(rooms.ledger, lock, "load", asked, SystemClock().now(), stopping.wait, show)
        except ServiceGoneError as error:
            raise CommandError(f"{path}: {error}; run the same command again") from error
        refused = str(report.get("refused") or report.get("error") or "")
        return {**report, "refused": f"{refused}\n{OF_ITS_START}"} if refused else report

    return work


def _each(files: list[Path], work: Load, stopping: threading.Event) -> int:
    n_failed = 0
    for path in files:
        if stopping.is_set():
            return 1
        try:
            report = work(path, shower(path.name))
        except StoppedError as error:
            raise CommandError(str(error)) from error
        finally:
            clear()
        n_failed += _print(path, report)
    return 1 if n_failed else 0


def _print(path: Path, report: Mapping[str, Any]) -> bool:
    """Print what became of a file; returns whether it failed."""
    refused = report.get("refused") or report.get("error")
    if refused:
        print(f"{path}: refused: {refused}", file=sys.stderr)
        return True
    note = f" ({report['note']})" if report["note"] else ""
    print(
        f"{path}: {report['rows_in']} items in = {report['stored']} stored + {report['rejected']} rejected "
        f"+ {report['duplicates']} duplicate + {report['conflicts']} conflict{note}"
    )
    if report["rejected"] and report["outcome"] != "known":
        for example in report["examples"][:3]:
            print(printable(f"  {example['at']}: {example['reason']}: {example['detail']}"))
        print("  the rejected ones, with reasons: forewarn deadletter list")
    return bool(report["rejected"] and not report["stored"] + report["duplicates"])
