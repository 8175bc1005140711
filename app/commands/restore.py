"""`forewarn restore`: an archive into an empty data folder."""

from __future__ import annotations

import argparse
import sys
import threading

from app.archive import BadArchiveError
from app.backup import restore
from app.clock import SystemClock
from app.running import CommandError
from domain.errors import StoreBusyError


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
    for note in done.notes:
        print(f"note: {note}", file=sys.stderr)
    return 0
