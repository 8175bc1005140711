"""Opening the rooms for a command, with the reasons why it may not be possible in words."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from app.clock import SystemClock
from app.requests import WAITS, ServiceGoneError, ServiceLock, ask
from app.rooms import Rooms, opened
from app.running import CommandError
from app.settings import Settings
from domain.errors import StoreBusyError
from domain.text import printable

OF_ITS_START: Final = "(said by the running service, which knows the config of its start: restart it after a change)"


@contextmanager
def opened_for(settings: Settings, *, telemetry: bool = True) -> Iterator[Rooms]:
    """Open the rooms; raises CommandError where a running service owns the telemetry."""
    try:
        with opened(settings, telemetry=telemetry) as rooms:
            yield rooms
    except StoreBusyError as error:
        raise CommandError(f"{error}: stop it first, DuckDB belongs to one process") from error


@contextmanager
def served_or_here(
    settings: Settings, kind: str, asked: Mapping[str, Any], stopping: threading.Event
) -> Iterator[tuple[Mapping[str, Any], Rooms | None]]:
    """Give the running service's answer to a request; or, where none runs, the rooms to do the work here.

    Raises CommandError where the service ends before it answered, or says that the work failed.
    """
    lock = ServiceLock(settings.data_folder)
    if not lock.is_held():
        with opened_for(settings) as rooms:
            yield {}, rooms
        return
    with opened_for(settings, telemetry=False) as rooms:
        try:
            answer = ask(rooms.ledger, lock, kind, asked, SystemClock().now(), stopping.wait, shower(kind))
        except ServiceGoneError as error:
            raise CommandError(f"{error}; run the same command again") from error
        finally:
            clear()
    if "error" in answer:
        raise CommandError(str(answer["error"]))
    yield answer, None


def shower(what: str) -> Callable[[str], None]:
    """Return what shows progress on stderr: in one line on a terminal; elsewhere only that it waits, once."""
    has_waited = False

    def show(line: str) -> None:
        nonlocal has_waited
        if sys.stderr.isatty():
            print(f"\r\x1b[K{what}: {printable(line)}", end="", file=sys.stderr, flush=True)
        elif line.startswith(WAITS) and not has_waited:
            has_waited = True
            print(f"{what}: {printable(line)}", file=sys.stderr, flush=True)

    return show


def clear() -> None:
    """Take the progress off the terminal."""
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
