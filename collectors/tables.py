"""What a dump file is once it is opened: blocks of named columns, the rows left out, and why a file is refused.

Invariant: every row of a file is in exactly one block, as a row of its columns or as a bad row.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from collectors.settings import FormatSettings
from domain.records import Reason

PARQUET_MAGIC: Final = b"PAR1"
BLOCK_BYTES: Final = 8 << 20
HASH_BYTES: Final = 1 << 20  # as much as the processor keeps at hand
HASH_BLOCKS: Final = 32  # between two looks at how far it is
HEAD_BYTES: Final = 512
FOREIGN: Final[Mapping[bytes, str]] = {
    b"PK\x03\x04": "a zip archive or a spreadsheet",
    b"PK\x05\x06": "an empty zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet",
    b"%PDF": "a PDF",
}
ARCHIVES: Final = frozenset({".zip", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".zst", ".tar", ".rar"})


class BadFileError(Exception):
    """A file that cannot be read as a whole, with its reason code."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason, self.detail = reason, detail


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """A column of numbers. value: float64 (n,), NaN where there is none.

    odd: the rows whose raw cell must be read one by one, and those cells; a NaN that is not odd is a blank cell.
    """

    value: NDArray[np.float64]
    odd_rows: NDArray[np.int64]
    odd: Sequence[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """A column of anything else, by its distinct raw cells: row i holds `distinct[codes[i]]`."""

    codes: NDArray[np.int64]
    distinct: Sequence[Any]

    def __getitem__(self, row: int) -> Any:
        return self.distinct[self.codes[row]]


@dataclass(frozen=True, slots=True, eq=False)
class Instants:
    """A column of times that the file itself types as instants: int64 ns UTC."""

    ns: NDArray[np.int64]


Column = Numbers | Cells | Instants


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that does not have the header's width: its line, its cells, and what is wrong."""

    line: int
    detail: str
    cells: Sequence[str]


def _no_cells(_row: int) -> Sequence[Any]:
    return ()


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Rows of a file: columns of equal length, the line (or row) number of each, and the rows left out.

    header: all column names of the file, those left out included; `cells(row)` gives a row's raw cells in its order.
    columns may have other names, once the block is shaped by its format.
    is_typed: the file itself says what is a number and what is a time (Parquet).
    """

    header: Sequence[str]
    columns: Mapping[str, Column]
    lines: NDArray[np.int64]
    bad_rows: tuple[BadRow, ...] = ()
    cells: Callable[[int], Sequence[Any]] = field(default=_no_cells)
    is_typed: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which columns are read as numbers; the others, but for `ignore`, are read as cells."""

    form: FormatSettings

    def numbers(self, header: Sequence[str]) -> list[str]:
        """Return the names of the number columns."""
        form = self.form
        if form.kind != "sensors":
            return []
        if form.layout == "long":
            return [form.value_column] if form.value_column in header else []
        others = {form.time_column, form.asset_column, *form.ignore}
        return [name for name in header if name not in others]

    def cells(self, header: Sequence[str]) -> list[str]:
        """Return the names of the other columns that are read."""
        form = self.form
        numbers = set(self.numbers(header))
        joined = {part for parts in form.join.values() for part in parts}
        if form.kind == "sensors":
            named = {form.time_column, form.asset_column, form.tag_column, *joined}
            read = {name for name in header if form.rename.get(name, name) in ("quality", "unit")}
            return [name for name in header if name in (named | read) and name not in numbers]
        return [name for name in header if name not in form.ignore or name in joined]


def encode(cells: Sequence[Any]) -> Cells:
    """Return a column of hashable cells by its distinct ones, in order of first appearance."""
    places: dict[Any, int] = {}
    codes = np.fromiter((places.setdefault(c, len(places)) for c in cells), np.int64, len(cells))
    return Cells(codes, list(places))


def content_hash(path: Path, passed: Callable[[float], None] = lambda _fraction: None) -> str:
    """Return the SHA-256 of a file's bytes; `passed` is told the fraction read, and may raise to end it."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        end = file.seek(0, io.SEEK_END)
        file.seek(0)
        for number, block in enumerate(iter(lambda: file.read(HASH_BYTES), b"")):
            digest.update(block)
            if not number % HASH_BLOCKS:
                passed(min(1.0, file.tell() / max(1, end)))
    return digest.hexdigest()


def check_name(path: Path) -> None:
    """Raise BadFileError for a packed file."""
    if path.suffix.lower() in ARCHIVES:
        raise BadFileError(Reason.ARCHIVE, f"{path.name} is packed; unpack it first")


def check_head(file: BinaryIO, name: str) -> None:
    """Raise BadFileError for a file that is empty, or plainly something else than CSV; leaves the file at its start."""
    head = file.read(HEAD_BYTES)
    file.seek(0)
    if not head:
        raise BadFileError(Reason.EMPTY, f"{name} is empty")
    for magic, what in {**FOREIGN, PARQUET_MAGIC: "Parquet without the ending .parquet"}.items():
        if head.startswith(magic):
            raise BadFileError(Reason.MAGIC, f"{name} is {what}, not a CSV file")
    if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<":
        raise BadFileError(Reason.MAGIC, f"{name} is HTML or XML, not a CSV file")


def check_header(header: Sequence[str], name: str, form: FormatSettings) -> None:
    """Raise BadFileError for column names that cannot be told apart, and for too many of them."""
    if len(header) > form.max_columns:
        raise BadFileError(Reason.LIMIT, f"{name} has {len(header)} columns; max_columns is {form.max_columns}")
    seen: set[str] = set()
    for column in header:
        if not column.strip():
            raise BadFileError(Reason.HEADER, f"{name} has a column without a name")
        if column in seen:
            raise BadFileError(Reason.HEADER, f"{name} has column {column!r} twice")
        seen.add(column)


def read_blocks(path: Path, form: FormatSettings, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
    """Yield the file's rows in blocks; raises BadFileError for a file that is not what its name says.

    Block boundaries depend on the file and the format only, so that a load that was cut off finds them again.
    """
    from collectors import csv_file, parquet_file

    check_name(path)
    with path.open("rb") as file:
        if path.suffix.lower() == ".parquet":
            yield from parquet_file.blocks(file, path.name, form, block_bytes)
        else:
            check_head(file, path.name)
            yield from csv_file.blocks(file, path.name, form, block_bytes)


def checked(
    path: Path, form: FormatSettings, block_bytes: int = BLOCK_BYTES
) -> Generator[tuple[Sequence[str], float], None, None]:
    """Read a file to its end without turning it into values, piece by piece: its columns and the fraction read.

    The first comes once its head is good, whatever the rest is; raises BadFileError as `read_blocks` would.
    """
    from collectors import csv_file, parquet_file

    check_name(path)
    with path.open("rb") as file:
        if path.suffix.lower() == ".parquet":
            yield from parquet_file.checked(file, path.name, form, block_bytes)
        else:
            check_head(file, path.name)
            yield from csv_file.checked(file, path.name, form, block_bytes)


def check_file(path: Path, form: FormatSettings, block_bytes: int = BLOCK_BYTES) -> None:
    """Read a file to its end without turning it into values; raises BadFileError as `read_blocks` would."""
    for _ in checked(path, form, block_bytes):
        pass
