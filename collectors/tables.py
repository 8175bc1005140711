"""Dump files to blocks of named columns: CSV read strictly, Parquet by row group. Knows nothing of tags or lots."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from domain.records import Reason

BLOCK_ROWS: Final = 50_000
MAX_COLUMNS: Final = 20_000
PARQUET_MAGIC: Final = b"PAR1"


class BadFileError(Exception):
    """A file that cannot be read as a whole, with its reason code."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason, self.detail = reason, detail


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that does not have the header's width."""

    line: int
    detail: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of a file: columns of equal length, the line (or row) number of each, and the rows left out."""

    columns: Mapping[str, Sequence[Any]]
    lines: Sequence[int]
    bad_rows: tuple[BadRow, ...] = ()


def content_hash(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def read_blocks(path: Path, delimiter: str, encoding: str) -> Iterator[Block]:
    """Yield the file's rows in blocks; raises BadFileError for a file that is not what its name says."""
    if path.suffix == ".parquet":
        return _parquet(path)
    return _csv(path, delimiter, encoding)


def _csv(path: Path, delimiter: str, encoding: str) -> Iterator[Block]:
    _check_ending(path)
    try:
        with path.open(encoding=encoding, newline="") as file:
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            header = _header(next(reader, []), path, delimiter)
            yield from _csv_blocks(reader, header, delimiter)
    except UnicodeDecodeError as error:
        raise BadFileError(Reason.ENCODING, f"{path.name} is not {encoding} at byte {error.start}") from error
    except csv.Error as error:
        raise BadFileError(Reason.DIALECT, f"{path.name}: {error}") from error


def _csv_blocks(reader: Any, header: list[str], delimiter: str) -> Iterator[Block]:
    rows: list[list[str]] = []
    lines: list[int] = []
    bad: list[BadRow] = []
    for row in reader:
        if len(row) == len(header):
            rows.append(row)
            lines.append(reader.line_num)
        elif row:
            detail = f"{len(row)} fields where the header has {len(header)}"
            bad.append(BadRow(reader.line_num, detail, delimiter.join(row).encode()))
        if len(rows) + len(bad) >= BLOCK_ROWS:
            yield _block(header, rows, lines, bad)
            rows, lines, bad = [], [], []
    yield _block(header, rows, lines, bad)


def _block(header: list[str], rows: list[list[str]], lines: list[int], bad: list[BadRow]) -> Block:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(header)
    return Block(dict(zip(header, columns, strict=True)), lines, tuple(bad))


def _check_ending(path: Path) -> None:
    size = path.stat().st_size
    if size == 0:
        raise BadFileError(Reason.EMPTY, f"{path.name} is empty")
    with path.open("rb") as file:
        head = file.read(512)
        file.seek(-1, 2)
        last = file.read(1)
    if head[:4] in (b"PK\x03\x04", PARQUET_MAGIC) or head.lstrip()[:1] == b"<":
        raise BadFileError(Reason.FORMAT, f"{path.name} is not a CSV file")
    if b"\0" in head:
        raise BadFileError(Reason.ENCODING, f"{path.name} holds NUL bytes")
    if last not in b"\r\n":
        raise BadFileError(Reason.PARTIAL, f"{path.name} does not end with a line end: still being written?")


def _header(header: list[str], path: Path, delimiter: str) -> list[str]:
    if len(header) > MAX_COLUMNS:
        raise BadFileError(Reason.SIZE, f"{path.name} has {len(header)} columns")
    if len(header) < 2:
        raise BadFileError(Reason.DIALECT, f"{path.name} has one column only with delimiter {delimiter!r}")
    for name in header:
        if not name.strip():
            raise BadFileError(Reason.HEADER, f"{path.name} has a column without a name")
        if header.count(name) > 1:
            raise BadFileError(Reason.HEADER, f"{path.name} has column {name!r} twice")
    return header


def _parquet(path: Path) -> Iterator[Block]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            twice = next((n for n in names if names.count(n) > 1), None)
            if twice is not None:
                raise BadFileError(Reason.HEADER, f"{path.name} has column {twice!r} twice")
            done = 0
            for batch in file.iter_batches(BLOCK_ROWS):
                table = pa.Table.from_batches([batch])
                columns = {name: _column(table.column(name)) for name in table.column_names}
                yield Block(columns, range(done + 1, done + 1 + len(table)))
                done += len(table)
    except pa.ArrowException as error:
        raise BadFileError(Reason.FORMAT, f"{path.name}: {error}") from error


def _column(column: Any) -> Any:
    import pyarrow as pa

    if pa.types.is_floating(column.type):
        return column.to_numpy()
    if pa.types.is_integer(column.type) and not column.null_count:
        return column.to_numpy()
    return column.to_pylist()
