"""`forewarn restore`: an archive into an empty data folder."""

from __future__ import annotations

import argparse
import sys
import threading

from app.archive import BadArchiveError
from app.auditing import note_command
from app.backup import Restored, restore
from app.clock import SystemClock
from app.running import CommandError
from app.settings import load
from domain.audit import Action
from domain.errors import ConfigError, StoreAwayError, StoreBusyError


def main(args: argparse.Namespace, _stopping: threading.Event) -> int:
    """Check the whole archive, then put it in its place."""
    try:
        done = restore(args.file, args.config, SystemClock().now(), is_forced=args.force)
    except (BadArchiveError, OSError) as error:
        raise CommandError(f"nothing was restored: {error}") from error
    except StoreBusyError as error:
        raise CommandError(f"nothing was restored: {error}; stop it first") from error
    print(f"{done.data}: restored as of {done.manifest.made_at} (plant {done.manifest.plant!r})")
    if done.config is not None:
        print(f"{done.config}: the config of the archive")
    if done.moved_aside is not None:
        print(f"{done.moved_aside}: what was there before")
    for note in (*done.notes, *_recorded(args, done)):
        print(f"note: {note}", file=sys.stderr)
    return 0


def _recorded(args: argparse.Namespace, done: Restored) -> tuple[str, ...]:
    """Record the restore in the ledger that was restored; returns a note where that cannot be opened as yet."""
    try:
        settings = load(args.config)
        note_command(settings, Action.RESTORED, str(args.file), SystemClock().now(), f"as of {done.manifest.made_at}")
    except (ConfigError, StoreAwayError) as error:
        return (f"the audit log does not hold this restore: {error}",)
    return ()
