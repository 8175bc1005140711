"""What every command has in common: logs on stderr, signals to a stop event, errors to exit codes."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Callable
from typing import Final

from domain.errors import ConfigError, NewerDataError, StoreAwayError

log = logging.getLogger(__name__)
# Of a path that a person named, in the config or on the command line: what to do about it needs no traceback.
UNUSABLE: Final = (PermissionError, FileNotFoundError, NotADirectoryError, IsADirectoryError, FileExistsError)


class CommandError(Exception):
    """A command that cannot do what it was asked; the text says why and what to do. code 2: wrong usage."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


def run(command: Callable[[argparse.Namespace, threading.Event], int], args: argparse.Namespace) -> int:
    """Run a command's `main(args, stopping)`; the event is set by Ctrl-C and SIGTERM."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s level=%(levelname)s logger=%(name)s %(message)s",
    )
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    try:
        return command(args, stopping)
    except ConfigError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        return 2
    except (NewerDataError, StoreAwayError) as error:
        print(error, file=sys.stderr)
        return 1
    except CommandError as error:
        print(error, file=sys.stderr)
        return error.code
    except BrokenPipeError:
        return 0
    except UNUSABLE as error:
        if error.filename is None:
            raise
        log.debug("the path that cannot be used", exc_info=True)
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return 1
