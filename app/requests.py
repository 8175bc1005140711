"""Commands to the running service and back: a request in the ledger, its answer, and a lock that says who serves.

Invariant: a command never waits for a service that is not there; what it asked for stays in the ledger until a service
has answered, or the command takes it back.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from store.ledger import Ledger
from store.requests import Request

log = logging.getLogger(__name__)
POLL_S: Final = 0.2
WAITS: Final = "waits for "
Work = Callable[[Mapping[str, Any], Callable[[str], None]], Mapping[str, Any]]


class ServiceGoneError(Exception):
    """The service ended before it answered."""


class ServiceLock:
    """Held by the process that serves a data folder; the system frees it however that process ends."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "service.lock"
        self._descriptor: int | None = None

    def acquire(self, tries: int = 5) -> bool:
        """Take the lock; False where another process has it, and not only looks whether it is free."""
        for _ in range(tries - 1):
            if self._acquire():
                return True
            threading.Event().wait(0.02)
        return self._acquire()

    def _acquire(self) -> bool:
        if self._descriptor is not None:
            return True
        self._file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Give the lock back; may be called twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def is_held(self) -> bool:
        """Say whether some process serves the folder."""
        if self._descriptor is not None or not self._file.exists():
            return self._descriptor is not None
        if self._acquire():
            self.release()
            return False
        return True


def serve(ledger: Ledger, works: Mapping[str, Work], now: Callable[[], datetime]) -> int:
    """Answer the open requests of the kinds in `works`; returns how many. An error becomes the answer's `error`."""
    requests = ledger.requests.open(tuple(works))
    for request in requests:
        try:
            answer = works[request.kind](request.payload, _noting(ledger, request))
        except Exception as error:  # one bad request must not stop the service
            log.exception("request failed id=%d kind=%s", request.id, request.kind)
            answer = {"error": str(error) or repr(error)}
        ledger.requests.answer(request.id, answer, now())
    return len(requests)


def _noting(ledger: Ledger, request: Request) -> Callable[[str], None]:
    return lambda progress: ledger.requests.note(request.id, progress)


@contextmanager
def in_turn(lock: threading.Lock, note: Callable[[str], None], other: str) -> Iterator[None]:
    """Hold a lock; where another work has it, say first that it is waited for."""
    if not lock.acquire(blocking=False):
        note(f"{WAITS}{other}")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def ask(
    ledger: Ledger,
    lock: ServiceLock,
    kind: str,
    payload: Mapping[str, Any],
    now: datetime,
    wait: Callable[[float], bool],
    show: Callable[[str], None] = lambda _: None,
) -> Mapping[str, Any]:
    """Ask the running service and wait for its answer.

    wait: sleeps for seconds and returns True where the command is to stop. Raises ServiceGoneError where the service
    ends, or the wait is broken off, before there is an answer; the request is taken back then, unless it is under way.
    show: told how far the work has come, or which other request it waits for: they are served one by one.
    """
    number = ledger.requests.ask(kind, payload, now)
    while (request := ledger.requests.get(number)) is not None and request.answer is None:
        show(request.progress or _waits_for(ledger.requests.ahead_of(number)))
        is_stopped = wait(POLL_S)
        if is_stopped or not lock.is_held():
            last = ledger.requests.get(number)
            if last is not None and last.answer is not None:
                return last.answer
            ledger.requests.withdraw(number, now)
            why = "interrupted" if is_stopped else "the service ended"
            raise ServiceGoneError(f"{why} before there was an answer; what was not yet begun will not be done")
    if request is None or request.answer is None:
        raise ServiceGoneError("the request is gone from the ledger")
    return request.answer


def _waits_for(other: Request | None) -> str:
    if other is None:
        return ""
    what = f"{other.kind} {other.payload.get('path') or ''}".rstrip()
    return f"{WAITS}{what}" + (f" ({other.progress})" if other.progress else "")
