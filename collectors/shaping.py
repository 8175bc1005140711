"""Blocks as a file has them to blocks as its readers expect them: joined, renamed, completed and translated by format.

Invariant: no row is added, left out or moved; the header and the raw cells stay the file's own, for dead letters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import PurePath
from typing import Any, Final

import numpy as np

from collectors.settings import FormatSettings
from collectors.tables import BadFileError, Block, Cells, Column, Numbers, encode
from domain.instants import parse_duration
from domain.records import Reason

FILE, ROW, ROW_TIME = "file", "row", "row_time"  # what a format may join without the file having it
NAMES: Final = ("asset", "line", "lot", "kind", "code", "result", "lab")


def names_of(header: Sequence[str], form: FormatSettings) -> list[str]:
    """Return the names that a file's columns have once they are shaped.

    Raises BadFileError where a column to join is missing, or where two columns get one name.
    """
    for name, parts in form.join.items():
        missing = [part for part in parts if part not in (*header, *places_of(form))]
        if missing:
            words = f"column {missing[0]!r}, of which {name!r} is made, is missing (format {form.name!r})"
            raise BadFileError(Reason.HEADER, words)
    names = [name_of(raw, form) for raw in (*header, *form.join)]
    if len(set(names)) < len(names):
        twice = next(n for n in names if names.count(n) > 1)
        raise BadFileError(Reason.HEADER, f"`rename` of format {form.name!r} gives two columns the name {twice!r}")
    return names + [name for name in form.fixed if name not in names]


def places_of(form: FormatSettings) -> tuple[str, ...]:
    """Return the columns that say where a row stood."""
    return (FILE, ROW) if form.rows is None else (FILE, ROW, ROW_TIME)


def shaped(block: Block, form: FormatSettings, file: str = "") -> Block:
    """Return the block with the columns and texts that the format makes of it. file: the name of its file."""
    n = len(block.lines)
    own = {**_places(block, form, file), **block.columns} if form.join else {}
    columns = {**block.columns, **{name: _joined(own, parts, n) for name, parts in form.join.items()}}
    if form.kind == "sensors":  # what a time was joined from is no column of its own
        parts = {part for found in form.join.values() for part in found} - {form.time_column, form.asset_column}
        columns = {name: column for name, column in columns.items() if name not in parts}
    columns = {name_of(raw, form): column for raw, column in columns.items()}
    for name, text in form.fixed.items():
        columns.setdefault(name, Cells(np.zeros(n, np.int64), [text]))
    for name, texts in form.translate.items():
        if name in columns:
            columns[name] = _translated(columns[name], texts)
    if form.kind != "sensors":
        columns |= {name: _named(columns[name]) for name in NAMES if name in columns}
    return replace(block, columns=columns)


def sources_of(name: str, form: FormatSettings) -> list[str]:
    """Return the file's own columns that a shaped column is made of."""
    raw = next((raw for raw, new in form.rename.items() if new == name), name)
    return list(form.join.get(raw, (raw,)))


def results_of(row: Mapping[str, Any], names: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """Yield a row of a long results file for each result column of a wide one.

    A result without a `result_at` is known when its lot ends, or starts.
    """
    at = row.get("result_at") or row.get("end") or row.get("start")
    for name in names:
        yield {**row, "result": name, "value": row.get(name), "result_at": at}


def name_of(raw: str, form: FormatSettings) -> str:
    """Return the name that a file's column has once it is shaped."""
    kept = {form.time_column, form.asset_column, form.tag_column, form.value_column} if form.kind == "sensors" else ()
    return raw if raw in kept else form.rename.get(raw, raw)


def _places(block: Block, form: FormatSettings, file: str) -> dict[str, Column]:
    """Return the columns that say where each row stood."""
    n = len(block.lines)
    first_line = 0 if block.is_typed else form.skip_lines + 1  # the header's
    rows = (block.lines - first_line).tolist()
    found: dict[str, Column] = {
        FILE: Cells(np.zeros(n, np.int64), [PurePath(file).stem]),
        ROW: Cells(np.arange(n), [str(row) for row in rows]),
    }
    if form.rows is not None:
        every, first = parse_duration(form.rows.every), form.rows.first
        found[ROW_TIME] = Cells(np.arange(n), [(first + (row - 1) * every).isoformat() for row in rows])
    return found


def _joined(own: Mapping[str, Column], parts: Sequence[str], n: int) -> Column:
    columns = [own[part] for part in parts]
    if len(columns) == 1:
        return columns[0]
    found = [column if isinstance(column, Cells) else Cells(np.zeros(0, np.int64), ()) for column in columns]
    return encode([" ".join(str(c[row]) for c in found) for row in range(n)])


def _translated(column: Column, texts: Mapping[str, str]) -> Column:
    if isinstance(column, Cells):
        return Cells(column.codes, [texts.get(str(cell), cell) for cell in column.distinct])
    if isinstance(column, Numbers):
        return Numbers(column.value, column.odd_rows, [texts.get(str(cell), cell) for cell in column.odd])
    return column


def _named(column: Column) -> Column:
    """Return whole numbers and times, as a Parquet file may hold them, as the texts that name a lot or a machine."""
    if not isinstance(column, Cells):
        return column
    is_named = [isinstance(c, int | datetime) and not isinstance(c, bool) for c in column.distinct]
    return Cells(column.codes, [str(c) if named else c for c, named in zip(column.distinct, is_named, strict=True)])
