"""Sparkplug birth certificates on disk: the bytes of each, under its topic, one file per topic.

Invariant: after `settle` a birth survives a crash; it is called before the birth is acknowledged.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from pathlib import Path

log = logging.getLogger(__name__)


class BirthShelf:
    """Keeps the newest birth of each topic. Without a folder it keeps nothing."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._waiting: dict[str, bytes | None] = {}  # None: to be removed

    def load(self) -> list[tuple[str, bytes]]:
        """Return (topic, payload) of each birth kept; a damaged file is left out and logged."""
        if self._folder is None or not self._folder.is_dir():
            return []
        found = []
        for file in sorted(self._folder.glob("*.birth")):
            head, _, payload = file.read_bytes().partition(b"\n")
            try:
                found.append((str(json.loads(head)), payload))
            except ValueError:
                log.warning("birth damaged file=%s: a rebirth will be asked for", file)
        return found

    def put(self, topic: str, payload: bytes) -> None:
        """Keep a birth from the next `settle` on."""
        self._waiting[topic] = payload

    def remove(self, topic: str) -> None:
        """Forget a birth from the next `settle` on."""
        self._waiting[topic] = None

    def settle(self) -> None:
        """Write and fsync what changed; raises OSError where the disk refuses, and keeps it for another try."""
        if self._folder is None or not self._waiting:
            self._waiting.clear()
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        for topic, payload in self._waiting.items():
            file = self._folder / f"{hashlib.sha256(topic.encode()).hexdigest()[:32]}.birth"
            if payload is None:
                file.unlink(missing_ok=True)
                continue
            new = file.with_suffix(".new")
            with new.open("wb") as out:
                out.write(json.dumps(topic).encode() + b"\n" + payload)
                out.flush()
                os.fsync(out.fileno())
            new.replace(file)
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._waiting.clear()
