"""`forewarn run`: the live service."""

from __future__ import annotations

import argparse
import threading

from app.clock import SystemClock
from app.console import PortTakenError
from app.roles import chosen
from app.running import CommandError
from app.service import Service
from app.settings import load
from domain.errors import StoreBusyError


def main(args: argparse.Namespace, stopping: threading.Event) -> int:
    """Serve until Ctrl-C or SIGTERM."""
    settings = load(args.config)
    try:
        Service(settings, SystemClock(), stopping, chosen(args.only, settings)).run()
    except StoreBusyError as error:
        raise CommandError(f"{error}: only one can run on a data folder") from error
    except PortTakenError as error:
        raise CommandError(f"{error}: choose another [console] port") from error
    return 0
