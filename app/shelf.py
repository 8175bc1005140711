"""Champions by detector, read from disk when the ledger names new ones.

Invariants: a bundle is verified before it is parsed, and has been loaded by another process before this one loads it;
a champion that cannot be used is told of, and the one before it scores meanwhile.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from app.children import ChildError, in_child
from detectors import bundle, signing
from detectors.bundle import Bundle
from domain.errors import ModelError
from store.ledger import Ledger
from store.scoring import ModelRow

log = logging.getLogger(__name__)
PROMOTED: Final = "model promoted"
REFUSED_NOTE: Final = "models_refused"
LOAD_LIMIT_S: Final = 60.0

Stamp = tuple[tuple[str, int, int], ...]


class ModelShelf:
    """The bundles in a folder, and those of them that score."""

    def __init__(self, folder: Path, ledger: Ledger, key_file: Path | None = None) -> None:
        self.folder, self.key_file, self._ledger = folder, key_file, ledger
        self._loaded: dict[tuple[str, str], Bundle] = {}
        self._refused: dict[tuple[str, str], tuple[Stamp, str]] = {}

    def champions(self) -> Mapping[str, Bundle]:
        """Return the champions by detector name. In the place of one that is refused stands the newest former
        champion that can be used; it is logged, and noted in the ledger for the health rules.
        """
        by_detector: dict[str, list[ModelRow]] = {}
        for row in self._ledger.scoring.models():
            if row.role == "champion" or row.promoted_at is not None:
                by_detector.setdefault(row.detector, []).append(row)
        found: dict[tuple[str, str], Bundle] = {}
        refused: dict[str, str] = {}
        for detector, rows in by_detector.items():
            for row in in_order(rows):
                try:
                    found[detector, row.model_id] = self._usable(detector, row.model_id)
                    break
                except ModelError as error:
                    refused.setdefault(detector, str(error))
        self._loaded = found
        self._note(refused)
        return {detector: held for (detector, _), held in found.items()}

    def read(self, detector: str, model_id: str) -> Bundle:
        """Return a model that is or was a champion; raises ModelError."""
        return self._usable(detector, model_id)

    def prove(self, detector: str, model_id: str) -> None:
        """Make sure that a bundle is whole, signed, and loads in a process of its own; raises ModelError."""
        key = self.key()
        bundle.verified(self.folder, detector, model_id, key)
        if bundle.is_proved(self.folder, detector, model_id, key):
            return
        try:
            in_child(bundle.prove, self.folder, detector, model_id, key, limit_s=LOAD_LIMIT_S)
        except ChildError as error:
            raise ModelError(f"model {model_id} of {detector} cannot be loaded: {error}") from error

    def sign(self, detector: str, model_id: str) -> None:
        """Sign a bundle that a person vouches for; raises ModelError."""
        bundle.sign(self.folder, detector, model_id, self.key())

    def held(self) -> tuple[Bundle, ...]:
        """Return the bundles that this process scores with."""
        return tuple(self._loaded.values())

    def key(self) -> bytes:
        """Return the key that models are signed with, made where there is none; raises ModelError."""
        return signing.key_at(self.key_file or self.folder / signing.KEY_NAME)

    def _usable(self, detector: str, model_id: str) -> Bundle:
        held = self._loaded.get((detector, model_id))
        if held is not None:
            return held
        stamp = _stamp(self.folder / detector / model_id)
        known = self._refused.get((detector, model_id))
        if known is not None and known[0] == stamp:
            raise ModelError(known[1])
        try:
            self.prove(detector, model_id)
            return bundle.load(self.folder, detector, model_id, self.key())
        except (ModelError, OSError) as error:
            log.error("model refused detector=%s model=%s error=%s", detector, model_id, error)
            self._refused[detector, model_id] = stamp, str(error)
            raise ModelError(str(error)) from error

    def _note(self, refused: Mapping[str, str]) -> None:
        text = json.dumps(refused, sort_keys=True)
        if text != (self._ledger.note(REFUSED_NOTE) or "{}"):
            self._ledger.save_note(REFUSED_NOTE, text)


def in_order(rows: Sequence[ModelRow]) -> list[ModelRow]:
    """Return a detector's champion and, newest first, those that were promoted before it; others are left out."""
    champion = next((row for row in rows if row.role == "champion"), None)
    if champion is None:
        return []
    since = champion.promoted_at or champion.trained_at
    former = [r for r in rows if r is not champion and r.promoted_at is not None and r.promoted_at < since]
    return [champion, *sorted(former, key=lambda r: r.promoted_at or r.trained_at, reverse=True)]


def _stamp(folder: Path) -> Stamp:
    """Return what changes when somebody mends a bundle."""
    if not folder.is_dir():
        return ()
    found = ((path, path.lstat()) for path in sorted(folder.rglob("*")))
    return tuple((path.name, status.st_mtime_ns, status.st_size) for path, status in found)
