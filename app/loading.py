"""Dump files to the stores: a file in, its report out. The file is its own journal; a file seen before is not read
again.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from app.drain import store
from app.rooms import Rooms
from collectors.dump import format_for, read_dump
from collectors.tables import content_hash
from store.records import FileReport

log = logging.getLogger(__name__)


def load_file(rooms: Rooms, path: Path, now: datetime, kind: str | None = None) -> tuple[FileReport, bool]:
    """Load one file; returns its report, and whether it had been loaded before.

    Raises BadFileError where it cannot be read as a whole. A load that was cut off goes on where it stopped: blocks
    that were stored count once.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file")
    digest = content_hash(path)
    known = rooms.ledger.records.file(digest)
    if known is not None and known.is_done:
        return known, True
    form = format_for(path, rooms.settings.root.formats, kind)
    received_at = known.loaded_at if known is not None else now  # so that a resumed load counts in the same hour
    report = FileReport(digest, path.name, received_at, is_done=False)
    rooms.ledger.records.save_file(report)
    for number, decoded in enumerate(read_dump(path, form, rooms.settings.plant, received_at)):
        batch = f"file:{digest[:16]}:{number}"
        outcome = store(rooms, batch, (decoded,))
        rooms.journal.settle_block(batch, f"dump:{form.name}", received_at, decoded, outcome)
        report = replace(
            report,
            rows_in=report.rows_in + decoded.n_items,
            stored=report.stored + outcome.stored,
            rejected=report.rejected + len(decoded.rejected),
            duplicates=report.duplicates + outcome.duplicates,
            conflicts=report.conflicts + len(outcome.conflicts),
        )
    report = replace(report, is_done=True)
    rooms.ledger.records.save_file(report)
    log.info(
        "file loaded name=%s rows=%d stored=%d rejected=%d",
        path.name,
        report.rows_in,
        report.stored,
        report.rejected,
    )
    return report, False


def load_folder(rooms: Rooms, names: Sequence[Path], now: datetime) -> list[FileReport]:
    """Load several files in order; raises BadFileError for the first that cannot be read."""
    return [load_file(rooms, path, now)[0] for path in names]
