"""How many threads DuckDB works with: one, and all that it may have during work that is worth them.

With several, DuckDB hands even a query of some rows to another thread and waits for it to wake, which on a busy machine
takes many times as long as the query. The number is one for the whole file: what is asked briefly during long work
waits as the long work does. Invariant: it is one again when the last of such works has ended.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import duckdb


class Threads:
    """The threads of one file, of which it may have `most`. Thread-safe."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._n_works = 0

    @contextmanager
    def all(self, cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Let DuckDB have all threads meanwhile; the cursor is outside of a transaction before and after."""
        with self._lock:
            if not self._n_works:
                cursor.execute(f"set threads = {self._most}")
            self._n_works += 1
        try:
            yield
        finally:
            with self._lock:
                self._n_works -= 1
                if not self._n_works:
                    with suppress(duckdb.Error):  # of a file that DuckDB gave up: it is opened with one
                        cursor.execute("set threads = 1")
