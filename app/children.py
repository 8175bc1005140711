"""A function and its arguments in, its result out of a process of its own, within a time limit.

Invariants: whatever the child does to itself (a crash of a library, a hang, memory), the caller goes on; a child does
not outlive its parent.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from typing import Any, Final, TypeVar

R = TypeVar("R")
POLL_S: Final = 0.5


class ChildError(Exception):
    """A child process gave no result: it crashed, or took too long."""


def in_child(
    work: Callable[..., R],
    *arguments: Any,
    limit_s: float,
    stopping: threading.Event | None = None,
) -> R:
    """Call a module-level function in a spawned process; what it raises is raised here.

    Raises ChildError where the process ends without a result, after `limit_s`, or once `stopping` is set.
    """
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(theirs,))
    with ours:
        process.start()
        theirs.close()
        try:
            # Not as the process's arguments: to send those to a child that died at its start never ends.
            with suppress(BrokenPipeError, ConnectionResetError):
                ours.send((work, arguments))
            waited_s = 0.0
            while not ours.poll(min(POLL_S, limit_s - waited_s)):
                waited_s += POLL_S
                if stopping is not None and stopping.is_set():
                    raise ChildError("the service is stopping")
                if waited_s >= limit_s:
                    raise ChildError(f"it took longer than {limit_s:g} s")
            is_well, found = ours.recv()
        except (EOFError, ConnectionResetError) as error:
            process.join()
            raise ChildError(f"its process ended by {_ending(process.exitcode)}") from error
        finally:
            if process.is_alive():
                process.join(1.0)
                process.kill()
            process.join()
            process.close()
    if not is_well:
        raise found
    result: R = found
    return result


def _run(caller: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    work, arguments = caller.recv()
    try:
        answer = True, work(*arguments)
    except Exception as error:  # noqa: BLE001 - handed to the parent, which raises it
        answer = False, error
    caller.send(answer)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        return signal.Signals(-code).name
    return f"exit code {code}"
