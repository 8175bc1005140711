"""A service of which one part can be broken while it runs: `python -m benchmarks.parts_child PART HOW FILE LATE_S run
--config DIR` breaks it as soon as FILE is there.

PART: receiver, drain, scorer, dispatcher, lane, scheduler. HOW: frozen (it never comes back), or killed (its thread
ends).
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial, wraps
from pathlib import Path
from typing import Any, Final

from apscheduler.schedulers.background import BackgroundScheduler

from alerts import delivery
from alerts.watchdog import checks
from app import watchdog
from app.cli import main
from app.notify import Delivering
from app.pipeline import Pipeline
from store.journal import Journal

PARTS: Final[dict[str, tuple[Any, str]]] = {
    "receiver": (Journal, "accept"),
    "drain": (Pipeline, "drain"),
    "scorer": (Pipeline, "tick"),
    "dispatcher": (Delivering, "plan"),
    "lane": (delivery.Lane, "_step"),
    "scheduler": (BackgroundScheduler, "_process_jobs"),
}


def breaking(real: Callable[..., Any], how: str, file: Path) -> Callable[..., Any]:
    """Return a function that works until there is a file, and then freezes its thread or ends it."""

    @wraps(real)
    def broken(*given: Any, **named: Any) -> Any:
        if not file.exists():
            return real(*given, **named)
        if how == "frozen":
            threading.Event().wait()
        raise SystemExit  # no `except Exception` catches it: the thread ends

    return broken


if __name__ == "__main__":
    part, how, file, late_s, *command = sys.argv[1:]
    place, name = PARTS[part]
    setattr(place, name, breaking(getattr(place, name), how, Path(file)))
    vars(watchdog)["LATE_S"] = float(late_s)
    vars(watchdog)["checks"] = partial(checks, late=timedelta(seconds=float(late_s)))
    sys.exit(main(command))
