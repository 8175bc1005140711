"""Dump files to items: CSV and Parquet, wide and long, of sensors, events, lots and results.

Invariant: every value of a sensor file, and every row of another file, becomes exactly one item, taken or rejected.
"""

from __future__ import annotations

import fnmatch
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from collectors import csv_file, letters
from collectors.letters import Letters
from collectors.readings import NumberReader
from collectors.record_file import RecordFile
from collectors.sensor_file import NO_POINTS, SensorFile
from collectors.settings import FormatSettings
from collectors.shaping import names_of, shaped
from collectors.tables import BLOCK_BYTES, BadFileError, Block, read_blocks
from domain.instants import to_ns
from domain.plant import Plant
from domain.records import Decoded, Reason, Rejected


def format_for(path: Path, formats: Sequence[FormatSettings], kind: str | None = None) -> FormatSettings:
    """Return the first format that fits the file's name (and kind); raises BadFileError where none does."""
    for each in formats:
        if fnmatch.fnmatch(path.name, each.match) and kind in (None, each.kind):
            return each
    wanted = f" of kind {kind}" if kind else ""
    there = ", ".join(repr(each.match) for each in formats if kind in (None, each.kind)) or "none"
    raise BadFileError(
        Reason.FORMAT, f"no [[formats]]{wanted} in forewarn.toml matches {path.name}; there are: {there}"
    )


def latest_at(form: FormatSettings, now: datetime) -> datetime:
    """Return the latest time that a row may bear at an instant."""
    return now + timedelta(seconds=form.max_future_s)


def read_dump(
    path: Path,
    form: FormatSettings,
    plant: Plant,
    received_at: datetime,
    latest: datetime | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[Decoded]:
    """Yield the file's items block by block; a time after `latest` is refused.

    Raises BadFileError where the file cannot be read as a whole.
    """
    return read_items(read_blocks(path, form, block_bytes), path.name, form, plant, received_at, latest)


def read_items(
    blocks: Iterator[Block],
    name: str,
    form: FormatSettings,
    plant: Plant,
    received_at: datetime,
    latest: datetime | None = None,
    line: int | None = None,
) -> Iterator[Decoded]:
    """Yield the items of blocks; `name` stands in the rejected ones. line: of a single row, where it stood."""
    file = _file(name, form, plant, received_at, latest)
    is_first = True
    for block in blocks:
        if is_first:
            file.check_header(names_of(block.header, form))
            is_first = False
        if line is not None:
            block = replace(block, lines=np.full(len(block.lines), line, dtype=np.int64))
        yield file.read(shaped(block, form, name))


def check_columns(header: Sequence[str], name: str, form: FormatSettings, plant: Plant, received_at: datetime) -> None:
    """Raise BadFileError where a file's columns are not those of its format."""
    _file(name, form, plant, received_at, None).check_header(names_of(header, form))


def _file(
    name: str, form: FormatSettings, plant: Plant, received_at: datetime, latest: datetime | None
) -> SensorFile | RecordFile:
    kind = SensorFile if form.kind == "sensors" else RecordFile
    until = None if latest is None else to_ns(latest)
    return kind(name, form, plant, received_at, Letters(name, form), NumberReader(form), until)


def reread(
    payload: bytes,
    part: str,
    form: FormatSettings,
    plant: Plant,
    received_at: datetime,
    topic: str = "again",
) -> Decoded:
    """Read the row of a dead letter again, by the config of today and the clock of then: what lay ahead when it was
    received does not become true by waiting.

    payload, part and topic are those of the letter. A letter that still cannot be taken comes back as rejected.
    """
    typed = letters.read_json(payload)
    again = form.model_copy(update={"encoding": "utf-8", "skip_lines": 0})
    if typed is not None:
        from collectors import parquet_file

        blocks = iter([parquet_file.row_block(typed, form)])
    else:
        blocks = csv_file.blocks(io.BytesIO(payload), topic, again, BLOCK_BYTES)
    name, _, line = topic.rpartition(":")
    place = int(line) - (form.skip_lines if typed is None else 0) if line.isdecimal() else None
    latest = latest_at(form, received_at)
    try:
        found = list(read_items(blocks, name or topic, again, plant, received_at, latest, place))
    except BadFileError as error:
        source = f"dump:{form.name}"
        return Decoded(NO_POINTS, rejected=(Rejected(source, topic, error.reason, error.detail, payload, part),))
    decoded = next((d for d in found if d.n_items), Decoded(NO_POINTS))
    rejected = tuple(replace(r, topic=topic if line else r.topic, payload=payload) for r in decoded.rejected)
    return replace(decoded, rejected=rejected)
