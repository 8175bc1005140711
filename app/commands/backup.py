"""`forewarn backup`: config, journal, ledger, telemetry and models into one file."""

from __future__ import annotations

import argparse
import sys
import threading

from app.auditing import note_command
from app.backup import backup, told
from app.clock import SystemClock
from app.commands.opening import served_or_here
from app.running import CommandError
from app.settings import load
from domain.audit import Action


def main(args: argparse.Namespace, stopping: threading.Event) -> int:
    """Write the archive, by the service where one runs, and say what it holds; notes go to stderr."""
    file = args.file.absolute()
    settings = load(args.config)
    with served_or_here(settings, "backup", {"path": str(file)}, stopping) as (answer, rooms):
        try:
            made = told(backup(rooms, file, SystemClock().now())) if rooms is not None else answer
        except OSError as error:
            raise CommandError(f"no backup was made: {error}") from error
    note_command(settings, Action.BACKED_UP, made["file"], SystemClock().now())
    print(
        f"{made['file']}: {made['n_files']} files, {made['n_bytes'] / 1e6:.1f} MB in "
        f"{made['archive_bytes'] / 1e6:.1f} MB, as of {made['made_at']}"
    )
    for note in made["notes"]:
        print(f"note: {note}", file=sys.stderr)
    return 0
