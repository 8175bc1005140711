"""`forewarn load`: dump files into the stores, with what became of each file's rows."""

from __future__ import annotations

import argparse
import sys
import threading

from app.clock import SystemClock
from app.commands.opening import opened_for
from app.loading import load_file
from app.settings import load
from collectors.tables import BadFileError


def main(args: argparse.Namespace, stopping: threading.Event) -> int:
    """Load files in order; exit code 1 where a file could not be read or had rows rejected as a whole."""
    settings = load(args.config)
    failed = 0
    with opened_for(settings) as rooms:
        for path in args.files:
            if stopping.is_set():
                return 1
            try:
                report, was_known = load_file(rooms, path, SystemClock().now(), args.kind)
            except (BadFileError, OSError) as error:
                print(f"{path}: refused: {error}", file=sys.stderr)
                failed += 1
                continue
            failed += bool(report.rejected and not report.stored + report.duplicates)
            note = " (loaded before, not read again)" if was_known else ""
            print(
                f"{path}: {report.rows_in} items in = {report.stored} stored + {report.rejected} rejected "
                f"+ {report.duplicates} duplicate + {report.conflicts} conflict{note}"
            )
            if report.rejected and not was_known:
                print("  the rejected ones, with reasons: forewarn deadletter list")
    return 1 if failed else 0
