"""Whatever a child process does to itself, the parent goes on."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from app.children import ChildError, in_child


def double(n: int) -> int:
    return 2 * n


def refuse(text: str) -> None:
    raise ValueError(text)


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def leave() -> None:
    os._exit(3)


def hang() -> None:
    time.sleep(600)


def test_result_and_error_come_back() -> None:
    assert in_child(double, 21, limit_s=120) == 42
    with pytest.raises(ValueError, match="no good"):
        in_child(refuse, "no good", limit_s=120)


def test_a_crash_is_an_error_that_names_the_signal() -> None:
    with pytest.raises(ChildError, match="SIGSEGV"):
        in_child(crash, limit_s=120)
    with pytest.raises(ChildError, match="exit code 3"):
        in_child(leave, limit_s=120)


class DiesAtStart:
    """A large argument that ends the process which reads it."""

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return _end, (b"x" * 10_000_000,)


def _end(_much: bytes) -> None:
    os._exit(4)


def test_a_child_that_dies_while_it_takes_its_arguments_is_an_error() -> None:
    with pytest.raises(ChildError, match="exit code 4"):
        in_child(len, [DiesAtStart(), b"y" * 10_000_000], limit_s=120)


def test_a_child_that_hangs_is_ended_after_its_limit_or_when_told_to_stop() -> None:
    with pytest.raises(ChildError, match="longer than 1 s"):
        in_child(hang, limit_s=1)
    stopping = threading.Event()
    stopping.set()
    with pytest.raises(ChildError, match="stopping"):
        in_child(hang, limit_s=600, stopping=stopping)
