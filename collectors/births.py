"""Sparkplug birth certificates on disk: the bytes and number of each, under its topic, one file per topic.

Invariant: after `settle` a birth survives a crash; it is called before the birth is acknowledged.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

log = logging.getLogger(__name__)


class Kept(NamedTuple):
    """A birth as it is kept; n_births: how many the node, and its devices, had by then, by device."""

    topic: str
    payload: bytes
    n_births: Mapping[str, int]


class BirthShelf:
    """Keeps the newest birth of each topic. Without a folder it keeps nothing."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._waiting: dict[str, Kept | None] = {}  # None: to be removed

    def load(self) -> list[Kept]:
        """Return each birth kept; a damaged file is left out and logged."""
        if self._folder is None or not self._folder.is_dir():
            return []
        found = []
        for file in sorted(self._folder.glob("*.birth")):
            head, _, payload = file.read_bytes().partition(b"\n")
            try:
                topic, n_births = json.loads(head)
                found.append(Kept(str(topic), payload, {str(k): int(n) for k, n in n_births.items()}))
            except (ValueError, TypeError, AttributeError):
                log.warning("birth damaged file=%s: a rebirth will be asked for", file)
        return found

    def put(self, birth: Kept) -> None:
        """Keep a birth from the next `settle` on."""
        self._waiting[birth.topic] = birth

    def remove(self, topic: str) -> None:
        """Forget a birth from the next `settle` on."""
        self._waiting[topic] = None

    def settle(self) -> None:
        """Write and fsync what changed; raises OSError where the disk refuses, and keeps it for another try."""
        if self._folder is None or not self._waiting:
            self._waiting.clear()
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        for topic, birth in self._waiting.items():
            file = self._folder / f"{hashlib.sha256(topic.encode()).hexdigest()[:32]}.birth"
            if birth is None:
                file.unlink(missing_ok=True)
                continue
            new = file.with_suffix(".new")
            with new.open("wb") as out:
                out.write(json.dumps([topic, dict(birth.n_births)]).encode() + b"\n" + birth.payload)
                out.flush()
                os.fsync(out.fileno())
            new.replace(file)
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._waiting.clear()
