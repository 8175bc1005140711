"""Unknown dump files to samples: how a file is written, and enough of its rows to guess what it holds.

Invariant: a dialect is returned only where the header and the rows below it agree; otherwise the reason says what to
do.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np

from collectors.tables import BadFileError
from collectors.values import NUMBER
from domain.records import Reason

BLOCK_ROWS: Final = 50_000
DELIMITERS: Final = ",;\t|"
HEAD_LINES: Final = 200
MOST_SKIPPED: Final = 60
KEPT_OF_GROUP: Final = 2_000  # rows of one asset, or of one tag, that lie next to each other: periods are learned here
STRIDE: Final = 50  # of the other rows, one in so many
SCANNED_BLOCKS: Final = 20  # beyond these, texts are looked at in one block of ten
MOST_TEXTS: Final = 50_000
HIGH_BYTES: Final = re.compile(rb"[\x80-\xff]+")
COMMA_NUMBER: Final = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?", re.ASCII)
DATE_LIKE: Final = re.compile(r"\d{1,4}[-./:]\d{1,2}[-./:]\d{1,4}")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a CSV file is written. Parquet has the default one."""

    delimiter: str = ","
    encoding: str = "utf-8-sig"
    skip_lines: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Some rows of a file by column, cells as the file has them; n_bad rows between them have another width."""

    columns: Mapping[str, Sequence[Any]]
    n: int
    n_bad: int = 0


@dataclass(slots=True, eq=False)
class Column:
    """What is in one column: kept cells in the file's order, and counts over all that was looked at."""

    name: str
    cells: list[Any]
    n_empty: int = 0
    n_point: int = 0  # numbers with a decimal point
    n_comma: int = 0  # numbers with a decimal comma
    n_whole: int = 0  # numbers without either
    n_number: int = 0  # numbers of a Parquet file
    texts: Counter[str] | None = None  # cells that are none of these

    @property
    def n_numbers(self) -> int:
        """Cells that are numbers, however written."""
        return self.n_point + self.n_comma + self.n_whole + self.n_number

    @property
    def others(self) -> Mapping[str, int]:
        """Texts that are no numbers, with how often each was seen."""
        return self.texts or {}


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One file: how it is written, and what is in its columns.

    n_rows and groups (combinations of the key columns, with their rows) count the whole file.
    """

    path: Path
    dialect: Dialect
    columns: Mapping[str, Column]
    groups: Mapping[tuple[Any, ...], int]
    n_rows: int
    n_bad_rows: int

    @property
    def is_csv(self) -> bool:
        """Whether values are texts."""
        return self.path.suffix != ".parquet"

    @property
    def n_neighbours(self) -> int:
        """How many of a group's first kept rows lie next to each other; those after them are one in STRIDE."""
        return _n_neighbours(is_keyed=any(self.groups))


def sniff(path: Path, *, has_values: bool = True) -> Dialect:
    """Return how a file is written; raises BadFileError, whose text says what to do.

    has_values: whether rows hold numbers or times, by which they are told from lines above the header.
    """
    if path.suffix == ".parquet":
        return Dialect()
    _check_kind(path)
    encoding = sniff_encoding(path)
    with path.open(encoding=encoding, newline="") as file:
        lines = list(islice(file, HEAD_LINES))
    found = sniff_delimiter([line.rstrip("\r\n") for line in lines], has_values=has_values)
    if found is None:
        raise BadFileError(
            Reason.DIALECT,
            f"{path.name}: no header line followed by rows of the same width, with any of , ; tab |. The file needs "
            "one line with the columns' names (each with a name of its own, none empty) right above the values",
        )
    return Dialect(found[0], encoding, found[1])


def _check_kind(path: Path) -> None:
    if not path.is_file():
        raise BadFileError(Reason.PATH, f"{path} is not a file")
    with path.open("rb") as file:
        head = file.read(4096)
    if not head:
        raise BadFileError(Reason.EMPTY, f"{path.name} is empty")
    told = {
        b"PK\x03\x04": "a workbook or an archive: save the sheet as CSV (UTF-8), or unpack it",
        b"\xd0\xcf\x11\xe0": "an old Excel workbook: save the sheet as CSV (UTF-8)",
        b"\x1f\x8b": "packed: unpack it first",
        b"\xff\xfe": "UTF-16 text: save it as CSV (UTF-8)",
        b"\xfe\xff": "UTF-16 text: save it as CSV (UTF-8)",
    }
    for magic, what in told.items():
        if head.startswith(magic):
            raise BadFileError(Reason.FORMAT, f"{path.name} is {what}")
    if b"\0" in head:
        raise BadFileError(Reason.ENCODING, f"{path.name} is a binary file: export it as CSV or Parquet")


def sniff_encoding(path: Path) -> str:
    """Return utf-8-sig, utf-8, cp949, cp1252 or latin-1, the first that fits every byte and what bytes stand together.

    In cp949 bytes above 0x7f come in pairs; in the Latin encodings a lone one is usual.
    """
    with path.open("rb") as file:
        head = file.read(3)
    if head == b"\xef\xbb\xbf":
        return "utf-8-sig"
    if _fits(path, "utf-8"):
        return "utf-8"
    with path.open("rb") as file:
        runs = HIGH_BYTES.findall(file.read(1 << 22))
    is_paired = bool(runs) and all(len(run) % 2 == 0 for run in runs)
    for name in ("cp949", "cp1252") if is_paired else ("cp1252",):
        if _fits(path, name):
            return name
    return "latin-1"


def _fits(path: Path, encoding: str) -> bool:
    try:
        with path.open(encoding=encoding, newline="") as file:
            while file.read(1 << 20):
                pass
    except UnicodeDecodeError:
        return False
    return True


def sniff_delimiter(lines: Sequence[str], *, has_values: bool = True) -> tuple[str, int] | None:
    """Return the delimiter and the number of lines above the header, None where no header fits the rows below it.

    Of several that fit, the one with the most columns and the fewest lines above is taken.
    """
    found = []
    for delimiter in DELIMITERS:
        try:
            rows = [next(csv.reader([line], delimiter=delimiter, strict=True), []) for line in lines]
        except csv.Error:
            continue
        for skipped, header in enumerate(rows[:MOST_SKIPPED]):
            below = [row for row in rows[skipped + 1 :] if row]
            if not below or not _is_header(header):
                continue
            if has_values and not any(_is_value(cell) for row in below[:2] for cell in row):
                continue
            n_fit = sum(len(row) == len(header) for row in below)
            if n_fit >= 0.95 * len(below) and len(below[0]) == len(header):
                found.append((len(header), -skipped, delimiter))
                break
    if not found:
        return None
    _, skipped, delimiter = max(found)
    return delimiter, -skipped


def _is_header(cells: Sequence[str]) -> bool:
    names = [cell.strip() for cell in cells]
    if len(names) < 2 or "" in names or len(set(names)) < len(names):
        return False
    return not all(_is_value(n) for n in names) and not any(DATE_LIKE.match(n) for n in names)


def _is_value(cell: str) -> bool:
    return is_number(cell) or bool(DATE_LIKE.search(cell))


def is_number(text: str) -> bool:
    """Return whether a text is a number, with a decimal point or comma."""
    return bool(NUMBER.fullmatch(text) or COMMA_NUMBER.fullmatch(text))


def rows_of(path: Path, dialect: Dialect) -> Iterator[Rows]:
    """Yield a file's rows in blocks; raises BadFileError where it cannot be read."""
    return _parquet_rows(path) if path.suffix == ".parquet" else _csv_rows(path, dialect)


def _csv_rows(path: Path, dialect: Dialect) -> Iterator[Rows]:
    with path.open(encoding=dialect.encoding, newline="") as file:
        for _ in range(dialect.skip_lines):
            file.readline()
        reader = csv.reader(file, delimiter=dialect.delimiter, strict=True)
        try:
            header = next(reader, [])
            while block := list(islice(reader, BLOCK_ROWS)):
                rows = [row for row in block if len(row) == len(header)]
                columns = zip(*rows, strict=True) if rows else [()] * len(header)
                n_bad = sum(bool(row) for row in block) - len(rows)
                yield Rows(dict(zip(header, columns, strict=True)), len(rows), n_bad)
        except csv.Error as error:
            raise BadFileError(Reason.DIALECT, f"{path.name}:{reader.line_num}: {error}") from error


def _parquet_rows(path: Path) -> Iterator[Rows]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(BLOCK_ROWS):
                columns = dict(zip(batch.schema.names, map(_cells, batch.columns), strict=True))
                yield Rows(columns, batch.num_rows)
    except pa.ArrowException as error:
        raise BadFileError(Reason.FORMAT, f"{path.name}: {error}") from error


def _cells(column: Any) -> Sequence[Any]:
    import pyarrow as pa

    is_float = pa.types.is_floating(column.type)
    if is_float or (pa.types.is_integer(column.type) and not column.null_count):
        return column.to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]
    return column.to_pylist()  # type: ignore[no-any-return]


def first_rows(path: Path, dialect: Dialect) -> Rows:
    """Return the first rows; raises BadFileError where there are none, or the file cannot be read."""
    rows = next(rows_of(path, dialect), None)
    if rows is None or not rows.n:
        raise BadFileError(Reason.EMPTY, f"{path.name} has a header and no rows")
    return rows


def survey(path: Path, dialect: Dialect, keys: Sequence[str], tick: Callable[[int], None] = lambda _: None) -> Sample:
    """Read the whole file once. Of each combination of the key columns the first rows are kept, then one in STRIDE.

    tick is told the rows read so far. Every text of a key column is counted; of other columns, those of the first
    blocks, then of one block in ten. Raises BadFileError.
    """
    columns: dict[str, Column] = {}
    groups: Counter[tuple[Any, ...]] = Counter()
    n_rows = n_bad = 0
    for number, rows in enumerate(rows_of(path, dialect)):
        n_bad += rows.n_bad
        if not columns:
            columns = {name: Column(name, []) for name in rows.columns}
        kept = list(_kept(rows, keys, groups, n_rows))
        for name, cells in rows.columns.items():
            columns[name].cells += [cells[i] for i in kept]
            if name in keys or number < SCANNED_BLOCKS or number % 10 == 0:
                _count(columns[name], cells)
        n_rows += rows.n
        tick(n_rows)
    if not n_rows:
        raise BadFileError(Reason.EMPTY, f"{path.name} has a header and no rows")
    return Sample(path, dialect, columns, groups, n_rows, n_bad)


def _kept(rows: Rows, keys: Sequence[str], groups: Counter[tuple[Any, ...]], n_before: int) -> Iterator[int]:
    found = zip(*(rows.columns[k] for k in keys), strict=True) if keys else iter([()] * rows.n)
    most = _n_neighbours(is_keyed=bool(keys))
    for i, key in enumerate(found):
        groups[key] += 1
        if groups[key] <= most or (n_before + i) % STRIDE == 0:
            yield i


def _n_neighbours(*, is_keyed: bool) -> int:
    return KEPT_OF_GROUP if is_keyed else 10 * KEPT_OF_GROUP


def _count(column: Column, cells: Sequence[Any]) -> None:
    if isinstance(cells, np.ndarray):
        column.n_empty += int(np.isnan(cells).sum()) if cells.dtype.kind == "f" else 0
        column.n_number += len(cells)
        return
    texts = column.texts if column.texts is not None else Counter()
    column.texts = texts
    for cell, n in Counter(cells).items():
        if cell is None or cell == "":
            column.n_empty += n
        elif isinstance(cell, bool) or not isinstance(cell, str | int | float):
            texts[str(cell)] += n
        elif not isinstance(cell, str):
            column.n_number += n
        elif NUMBER.fullmatch(cell):
            if cell.lstrip("+-").isdigit():
                column.n_whole += n
            else:
                column.n_point += n
        elif COMMA_NUMBER.fullmatch(cell):
            column.n_comma += n
        elif len(texts) < MOST_TEXTS:
            texts[cell] += n
