"""`forewarn report`: what stands behind the figures, as a page to read, mail and print."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Callable, Mapping
from typing import Final

from app.reporting import factors

REPORTS: Final[Mapping[str, Callable[[argparse.Namespace, threading.Event], int]]] = {
    "factors": factors.main,
}


def main(args: argparse.Namespace, stopping: threading.Event) -> int:
    """Make one report."""
    return REPORTS[args.report](args, stopping)
