"""Dump files to the stores: a file in, its report out. The file is its own journal; a file seen before is not read
again, unless the config has changed since.

Invariants: nothing of a file is stored before all of it was checked for what would refuse it; a load that was cut off
goes on where it stopped, and each block counts once; rows in = stored + rejected + duplicates + conflicts.
A second reading of a file is received and counted again: what was stored comes back as duplicates, and the dead letters
of the first reading stay, as the record of what was refused then.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final

from app import late
from app.drain import store
from app.rooms import Rooms
from app.versions import Turn, turn_of
from collectors.dump import check_columns, format_for, latest_at, read_dump
from collectors.settings import FormatSettings
from collectors.tables import BLOCK_BYTES, BadFileError, checked, content_hash
from domain.instants import to_ns
from domain.plant import Plant
from domain.points import Points
from domain.records import Decoded, Outcome, Reason, Refused, Rejected
from store.records import FileReport

log = logging.getLogger(__name__)
N_EXAMPLES: Final = 20
LOADED, KNOWN = "loaded", "known"
BLOCKS: Final = "file:"


class StoppedError(Exception):
    """The load was told to stop between two blocks; it goes on there the next time."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file's report, and what a person wants to know beside the counts.

    outcome: `loaded`, or `known` for a file that was not read again. is_other_content: whether a file of this name and
    another content was loaded before. reasons: rejected items by reason code.
    examples: the first rejected items, as (file:line, reason, detail).
    """

    report: FileReport
    outcome: str = LOADED
    note: str = ""
    is_other_content: bool = False
    reasons: Counter[str] = field(default_factory=Counter)
    examples: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Loading:
    """How files are loaded beside the other work of a process.

    turn: held while a block is stored. is_stopping: asked between blocks, also while the file is hashed and checked.
    progress: told how far it is, in words. stored: told the points of each block.
    """

    turn: AbstractContextManager[Any] = field(default_factory=nullcontext)
    is_stopping: Callable[[], bool] = lambda: False
    progress: Callable[[str], None] = lambda _words: None
    stored: Callable[[Points], None] = lambda _points: None
    block_bytes: int = BLOCK_BYTES


def load_file(
    rooms: Rooms,
    path: Path,
    now: datetime,
    kind: str | None = None,
    *,
    is_again: bool = False,
    how: Loading | None = None,
) -> Loaded:
    """Load one file; `is_again` reads it also when it is known and the config is as it was.

    Raises BadFileError where it cannot be read as a whole; nothing of it is stored then, but for a file that was
    changed while it was read. Raises StoppedError, FileNotFoundError.
    """
    how = how or Loading()
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file")
    form = format_for(path, rooms.settings.root.formats, kind)
    signature = _signature(path)
    with closing(checked(path, form, how.block_bytes)) as pieces:
        header, _ = next(pieces)  # a large file that is plainly something else is refused before it is read whole
        check_columns(header, path.name, form, rooms.settings.plant, now)
        digest = content_hash(path, partial(_passed, how, path, "hashed"))
        config, records = fingerprint(form, rooms.settings.plant), rooms.ledger.records
        readings = records.readings(path.name, digest)
        turn = turn_of(path.name, digest, config, records.file(digest), readings, is_again=is_again)
        if turn.known is not None:
            return Loaded(turn.known, KNOWN)
        for _, fraction in pieces:
            _passed(how, path, "checked", fraction)
    _check_unchanged(path, signature)
    report = FileReport(digest, path.name, now, is_done=False, config=config, is_version=bool(turn.note))
    # A load that goes on counts in the hour of its start, under the batches of its start, and judges the future by it.
    report = records.begin_file(report) if turn.begun_at is None else replace(report, loaded_at=turn.begun_at)
    loaded = Loaded(report, note=turn.note, is_other_content=turn.is_other_content)
    blocks = read_dump(
        path, form, rooms.settings.plant, report.loaded_at, latest_at(form, report.loaded_at), how.block_bytes
    )
    for number, decoded in enumerate(_with_progress(_ahead(blocks), path, how)):
        if how.is_stopping():
            raise StoppedError(f"{path.name} is loaded up to block {number}; it goes on there the next time")
        batch = f"{blocks_of(report)}{number}"
        with how.turn:
            outcome = _store(rooms, batch, decoded, turn)
            rooms.journal.settle_block(batch, f"dump:{form.name}", report.loaded_at, decoded, outcome)
            how.stored(decoded.points)
        loaded = _counted(loaded, decoded, outcome)
    _check_unchanged(path, signature, loaded.report.rows_in)
    loaded = _with_notes(loaded, _missing_columns(rooms, form, header))
    loaded = replace(loaded, report=replace(loaded.report, is_done=True))
    rooms.ledger.records.save_file(loaded.report)
    log.info(
        "file loaded name=%r items=%d stored=%d rejected=%d",
        path.name,
        loaded.report.rows_in,
        loaded.report.stored,
        loaded.report.rejected,
    )
    return loaded


def blocks_of(report: FileReport) -> str:
    """Return what the ids of the blocks of one reading of a file begin with."""
    return f"{BLOCKS}{report.sha256[:16]}:{to_ns(report.loaded_at):x}:"


def load_folder(rooms: Rooms, names: Sequence[Path], now: datetime) -> list[FileReport]:
    """Load several files in order; raises BadFileError for the first that cannot be read."""
    return [load_file(rooms, path, now).report for path in names]


def fingerprint(form: FormatSettings, plant: Plant) -> str:
    """Return `format:plant`: short hashes of all that decides what a file's rows turn into."""
    assets = {
        path: (asset.attributes.get("first_cycle_at"), str(plant.class_of(path).cycle))
        for path, asset in plant.assets.items()
    }
    tags = {t.tag_id: (t.unit, t.least, t.most) for tags in plant.tags.values() for t in tags.values()}
    return f"{_short(form.model_dump(mode='json'))}:{_short([assets, tags])}"


def _short(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def _passed(how: Loading, path: Path, step: str, fraction: float) -> None:
    """Tell how far a pass over the file is; raises StoppedError where it is to end."""
    if how.is_stopping():
        raise StoppedError(f"{path.name} is {step} up to {fraction:.0%}; it is loaded the next time")
    how.progress(f"{fraction:4.0%} {step}")


def _missing_columns(rooms: Rooms, form: FormatSettings, header: Sequence[str]) -> str:
    """Say which columns the file before this one had and this one has not, and keep this one's for the next."""
    note = f"columns:{form.name}"
    kept, found = rooms.ledger.note(note), json.dumps(list(header))
    if kept != found:
        rooms.ledger.save_note(note, found)
    missing = [name for name in json.loads(kept or "[]") if name not in header]
    if not missing:
        return ""
    more = f" and {len(missing) - N_EXAMPLES} more" if len(missing) > N_EXAMPLES else ""
    return (
        f"columns are missing that the last file of format {form.name!r} had: {', '.join(missing[:N_EXAMPLES])}{more}"
    )


def _with_notes(loaded: Loaded, *notes: str) -> Loaded:
    empty = "" if loaded.report.rows_in else "it holds no rows"
    return replace(loaded, note="; ".join(note for note in (loaded.note, empty, *notes) if note))


def _store(rooms: Rooms, batch: str, decoded: Decoded, turn: Turn) -> Outcome:
    if turn.note and len(decoded.points):
        outcome = rooms.points.overwrite(batch, decoded.points, turn.supplied_at)
        late.note(rooms, decoded.points, outcome)
        return outcome
    return store(rooms, batch, (decoded,))


def _ahead(blocks: Iterator[Decoded]) -> Iterator[Decoded]:
    """Yield the blocks, the next of which is read while the last is stored."""
    with ThreadPoolExecutor(1, "read-ahead") as pool:
        coming = pool.submit(next, blocks, None)
        while (decoded := coming.result()) is not None:
            coming = pool.submit(next, blocks, None)
            yield decoded


def _with_progress(blocks: Iterator[Decoded], path: Path, how: Loading) -> Iterator[Decoded]:
    size, n_items = path.stat().st_size, 0
    is_measured = path.suffix.lower() != ".parquet"
    for number, decoded in enumerate(blocks):
        yield decoded
        n_items += decoded.n_items
        done = f"{min(1.0, (number + 1) * how.block_bytes / max(1, size)):4.0%}, " if is_measured else ""
        how.progress(f"{done}{n_items:,} items")


def _counted(loaded: Loaded, decoded: Decoded, outcome: Outcome) -> Loaded:
    r = loaded.report
    turned_away: list[Rejected | Refused] = [*decoded.rejected, *outcome.refused]
    report = replace(
        r,
        rows_in=r.rows_in + decoded.n_items,
        stored=r.stored + outcome.stored,
        rejected=r.rejected + len(turned_away),
        duplicates=r.duplicates + outcome.duplicates,
        conflicts=r.conflicts + len(outcome.conflicts),
    )
    loaded.reasons.update(item.reason.value for item in turned_away)
    more = islice(turned_away, max(0, N_EXAMPLES - len(loaded.examples)))
    return replace(loaded, report=report, examples=(*loaded.examples, *map(_example, more)))


def _example(item: Rejected | Refused) -> tuple[str, str, str]:
    where = item.topic if isinstance(item, Rejected) else f"{item.key} {item.at.isoformat()}"
    return where, item.reason.value, item.detail


def _signature(path: Path) -> tuple[int, int, int]:
    found = os.stat(path)
    return found.st_ino, found.st_size, found.st_mtime_ns


def _check_unchanged(path: Path, signature: tuple[int, int, int], n_items: int = 0) -> None:
    if _signature(path) != signature:
        stored = f"; {n_items} items of it were taken and stay counted" if n_items else ""
        raise BadFileError(Reason.PARTIAL, f"{path.name} was changed while it was read{stored}")
