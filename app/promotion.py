"""Who scores from now on: a model and a reason in, the champion of its detector changed, and the deed recorded.

Invariants: no model becomes champion that does not load in a process of its own; the champion before it stays on disk.
The running service reads from the ledger with each tick who is champion.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from app.rooms import Rooms
from app.shelf import PROMOTED, in_order
from domain.errors import ModelError
from domain.instants import to_ns
from store.audit import Deed
from store.scoring import ModelRow

log = logging.getLogger(__name__)
FOREWARN: Final = "forewarn"
ROLLED_BACK: Final = "model rolled back"
DELETED: Final = "model deleted"
SIGNED: Final = "model signed"
UNREGISTERED_FOR: Final = timedelta(days=1)  # a bundle is on disk before the ledger names it


class PromotionError(Exception):
    """A promotion that cannot be done; the text says why and what to do."""


def promote(rooms: Rooms, model: str, by: str, reason: str, now: datetime) -> Deed:
    """Make a model (its id, or how its id begins) the champion of its detector; raises PromotionError."""
    row = named(rooms, model)
    champion = rooms.ledger.scoring.champion(row.detector)
    if champion is not None and champion.model_id == row.model_id:
        raise PromotionError(f"model {row.model_id} is the champion of {row.detector} already")
    old = "" if champion is None else champion.model_id
    return _done(rooms, Deed(now, by, PROMOTED, row.detector, old, row.model_id, reason))


def rollback(rooms: Rooms, detector: str, by: str, reason: str, now: datetime) -> Deed:
    """Make the champion before the present one the champion again; raises PromotionError."""
    order = in_order(rooms.ledger.scoring.models(detector))
    if not order:
        raise PromotionError(f"no detector {detector!r} has a champion: forewarn models list names them")
    if len(order) < 2:
        raise PromotionError(
            f"{detector} has had no champion before {order[0].model_id}: there is nothing to go back to"
        )
    deed = Deed(now, by, ROLLED_BACK, detector, order[0].model_id, order[1].model_id, reason)
    return _done(rooms, deed, is_back=True)


def sign(rooms: Rooms, model: str, by: str, reason: str, now: datetime) -> Deed:
    """Sign a model that came without a signature of this plant's key, because a person vouches for it."""
    row = named(rooms, model)
    deed = Deed(now, by, SIGNED, row.detector, "", row.model_id, reason)
    _refuse_anonymous(deed)
    try:
        rooms.models.sign(row.detector, row.model_id)
        rooms.models.prove(row.detector, row.model_id)
    except ModelError as error:
        raise PromotionError(str(error)) from error
    rooms.ledger.audit.save(deed)
    return deed


def named(rooms: Rooms, model: str) -> ModelRow:
    """Return the one model whose id begins so; raises PromotionError."""
    found = [row for row in rooms.ledger.scoring.models() if model and row.model_id.startswith(model)]
    if not found:
        raise PromotionError(f"no model {model!r}: forewarn models list names them")
    if len(found) > 1:
        raise PromotionError(f"{len(found)} models begin with {model!r}: give more of the id")
    return found[0]


def of_detector(rooms: Rooms, detector: str) -> ModelRow | None:
    """Return a detector's champion, or its newest model where none is; None where it has no model."""
    own = [row for row in rooms.ledger.scoring.models() if row.detector == detector]
    return next((row for row in own if row.role == "champion"), own[0] if own else None)


def clean(rooms: Rooms, now: datetime) -> int:
    """Delete the models beyond those that [models] keeps, and what was left half written; returns how many models."""
    keeping, n = rooms.settings.root.models, 0
    by_detector: dict[str, list[ModelRow]] = {}
    for row in rooms.ledger.scoring.models():
        by_detector.setdefault(row.detector, []).append(row)
    for detector, rows in by_detector.items():
        for row, why in _beyond(rows, keeping.champions, keeping.challengers):
            log.info("model deleted detector=%s model=%s reason=%r", detector, row.model_id, why)
            rooms.ledger.scoring.forget_model(Deed(now, FOREWARN, DELETED, detector, row.model_id, "", why))
            _delete(rooms.models.folder / detector / row.model_id)
            n += 1
    clean_folder(rooms, now)
    return n


def clean_folder(rooms: Rooms, now: datetime) -> int:
    """Delete what processes that were killed left in the models' folder; returns how many."""
    known = {(row.detector, row.model_id) for row in rooms.ledger.scoring.models()}
    left = list(_left_over(rooms.models.folder, known, now))
    for path in left:
        log.info("left over, deleted path=%s", path)
        _delete(path)
    return len(left)


def _delete(path: Path) -> None:
    """Delete a file or a folder; a folder is out of sight at once, so that no kill leaves half of it under its name."""
    if not path.is_dir():
        path.unlink(missing_ok=True)
        return
    if not path.name.startswith("."):
        aside = path.with_name(f".{path.name}.{os.getpid()}.deleted")
        shutil.rmtree(aside, ignore_errors=True)
        path = path.rename(aside)
    shutil.rmtree(path, ignore_errors=True)


def _done(rooms: Rooms, deed: Deed, *, is_back: bool = False) -> Deed:
    _refuse_anonymous(deed)
    try:
        rooms.models.prove(deed.subject, deed.new)
        rooms.ledger.scoring.promote(deed, is_back=is_back)
    except (ModelError, ValueError) as error:
        raise PromotionError(str(error)) from error
    log.info("%s detector=%s old=%s new=%s by=%r", deed.action, deed.subject, deed.old, deed.new, deed.by)
    clean(rooms, deed.at)
    return deed


def _refuse_anonymous(deed: Deed) -> None:
    missing = [option for option, given in (("--by", deed.by), ("--reason", deed.reason)) if not given.strip()]
    if missing:
        raise PromotionError(f"it will be recorded who did it and why: give {' and '.join(missing)}")


def _beyond(rows: list[ModelRow], n_champions: int, n_challengers: int) -> Iterator[tuple[ModelRow, str]]:
    was = [row for row in rows if row.role == "retired" and row.promoted_at is not None]
    was.sort(key=lambda row: row.promoted_at or row.trained_at, reverse=True)
    if n_champions:
        for row in was[n_champions:]:
            yield row, f"{n_champions} champions were promoted after it"
    waiting = sorted((row for row in rows if row.role == "challenger"), key=lambda r: r.trained_at, reverse=True)
    if n_challengers:
        for row in waiting[n_challengers:]:
            yield row, f"{n_challengers} challengers were trained after it"


def _left_over(folder: Path, known: set[tuple[str, str]], now: datetime) -> Iterator[Path]:
    for path in folder.glob("*/*") if folder.is_dir() else ():
        if path.name.startswith("."):
            is_left = not _is_running(path.name.split("."))
        else:
            is_unknown = path.is_dir() and (path.parent.name, path.name) not in known
            is_left = is_unknown and path.stat().st_mtime_ns < to_ns(now - UNREGISTERED_FOR)
        if is_left:
            yield path


def _is_running(parts: list[str]) -> bool:
    """Say whether the process whose id is among the parts of a name still runs."""
    for part in parts:
        if part.isdecimal() and len(part) < 16:
            try:
                os.kill(int(part), 0)
            except ProcessLookupError:
                return False
            except PermissionError:
                return True
            return True
    return False
