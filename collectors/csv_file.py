"""A CSV file to blocks, strictly: the dialect of its format, the exact number of columns, numbers by one grammar.

Plain pieces are read by Arrow, column by column; whatever Arrow would read more kindly than `values.from_text` does is
handed on as an odd cell. From the first piece on that is not plain, the csv module reads the file, row by row.
Invariant: both ways give the same items.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, BinaryIO, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv

from collectors import csv_text, values
from collectors.csv_text import Piece
from collectors.settings import FormatSettings
from collectors.tables import BadFileError, BadRow, Block, Cells, Column, Numbers, Wanted, check_header, encode
from domain.records import Reason

ROW_CELLS: Final = 500_000  # cells of a block that the csv module reads
CHECKED_ROWS: Final = 10_000
TEXT: Final = pa.dictionary(pa.int32(), pa.string())
NUMBER: Final = {
    ".": r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$",
    ",": r"^[+-]?(\d+(,\d*)?|,\d+)([eE][+-]?\d+)?$",
}
LINE: Final = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)")
NO_ROWS: Final[NDArray[np.int64]] = np.empty(0, np.int64)


def blocks(file: BinaryIO, name: str, form: FormatSettings, size: int, *, is_fast: bool = True) -> Iterator[Block]:
    """Yield the file's rows; raises BadFileError. `is_fast` False has the csv module read all of it."""
    found = csv_text.pieces(file, name, form, size)
    first = next(found, None)
    if first is None:
        raise BadFileError(Reason.EMPTY, f"{name} is empty")
    header, rest = _header(first, name, form)
    reader = _Columns(header, form)
    for piece in _chain(rest, found):
        if not (piece.is_plain and is_fast and form.delimiter.isascii()):
            yield from _by_row(_chain(piece, found), name, header, form)
            return
        yield reader.read(piece)


def checked(file: BinaryIO, name: str, form: FormatSettings, size: int) -> Iterator[tuple[Sequence[str], float]]:
    """Read the file to its end, yielding its columns and the fraction read; raises BadFileError as `blocks` would."""
    end = file.seek(0, io.SEEK_END)
    file.seek(0)
    found = csv_text.pieces(file, name, form, size)
    first = next(found, None)
    if first is None:
        raise BadFileError(Reason.EMPTY, f"{name} is empty")
    header, rest = _header(first, name, form)
    second = next(found, None)  # a line without an end below a good header is part of the head, too
    yield header, 0.0
    others = found if second is None else _chain(second, found)
    for piece in _chain(rest, others):
        if piece.is_plain:
            yield header, file.tell() / end
            continue
        for number, _ in enumerate(_rows(_chain(piece, others), name, form)):
            if not number % CHECKED_ROWS:
                yield header, file.tell() / end


def _chain(first: Piece, others: Iterator[Piece]) -> Iterator[Piece]:
    yield first
    yield from others


def _header(piece: Piece, name: str, form: FormatSettings) -> tuple[list[str], Piece]:
    """Return the column names, and the piece without their line and those above it."""
    piece = _below(piece, form.skip_lines)
    ends = [0]
    rows = csv.reader(_counted_lines(piece.data, ends), delimiter=form.delimiter, strict=True)
    try:
        header = next(rows, [])
    except csv.Error as error:
        raise BadFileError(Reason.DIALECT, f"{name} line {len(ends) - 1}: {error}") from error
    if len(header) < 2:
        raise BadFileError(Reason.DIALECT, f"{name} has one column only with delimiter {form.delimiter!r}")
    check_header(header, name, form)
    n = len(ends) - 1
    return header, Piece(piece.data[ends[-1] :], piece.first_line + n, piece.n_lines - n, piece.is_plain)


def _below(piece: Piece, n_lines: int) -> Piece:
    """Return a piece without its first lines."""
    ends = [0, *(match.end() for match in islice(LINE.finditer(piece.data), n_lines))]
    n = len(ends) - 1
    return Piece(piece.data[ends[-1] :], piece.first_line + n, piece.n_lines - n, piece.is_plain)


def _counted_lines(data: bytes, ends: list[int]) -> Iterator[str]:
    """Yield lines as they are asked for, and note in `ends` where each one ends."""
    for match in LINE.finditer(data):
        ends.append(match.end())
        yield match[0].decode()


def _text_lines(found: Iterator[Piece]) -> Iterator[str]:
    for piece in found:
        yield from io.StringIO(piece.data.decode(), newline="")


def _rows(found: Iterator[Piece], name: str, form: FormatSettings) -> Iterator[tuple[int, list[str]]]:
    """Yield (number of its last line, cells) of each row that is not blank."""
    first = next(found)
    reader = csv.reader(_text_lines(_chain(first, found)), delimiter=form.delimiter, strict=True)
    before = first.first_line - 1
    try:
        for row in reader:
            if row:
                yield before + reader.line_num, row
    except csv.Error as error:
        reason = Reason.LIMIT if "limit" in str(error) else Reason.DIALECT
        raise BadFileError(reason, f"{name} line {before + reader.line_num}: {error}") from error


def _by_row(found: Iterator[Piece], name: str, header: Sequence[str], form: FormatSettings) -> Iterator[Block]:
    rows: list[list[str]] = []
    lines: list[int] = []
    bad: list[BadRow] = []
    most = max(1, ROW_CELLS // len(header))
    for line, row in _rows(found, name, form):
        if len(row) == len(header):
            rows.append(row)
            lines.append(line)
        else:
            bad.append(_bad_row(line, row, header))
        if len(rows) + len(bad) >= most:
            yield _row_block(header, rows, lines, bad, form)
            rows, lines, bad = [], [], []
    yield _row_block(header, rows, lines, bad, form)


def _row_block(
    header: Sequence[str], rows: list[list[str]], lines: list[int], bad: list[BadRow], form: FormatSettings
) -> Block:
    by_name = dict(zip(header, zip(*rows, strict=True) if rows else [()] * len(header), strict=True))
    wanted = Wanted(form)
    columns: dict[str, Column] = {}
    for name in wanted.numbers(header):
        columns[name] = Numbers(np.full(len(rows), np.nan), np.arange(len(rows)), by_name[name])
    for name in wanted.cells(header):
        columns[name] = encode(by_name[name])
    return Block(header, columns, np.array(lines, dtype=np.int64), tuple(bad), rows.__getitem__)


def _bad_row(line: int, row: Sequence[str], header: Sequence[str]) -> BadRow:
    return BadRow(line, f"{len(row)} fields where the header has {len(header)}", row)


class _Lines:
    """The raw cells of a plain piece's rows, split when they are first asked for."""

    def __init__(self, data: bytes, delimiter: str) -> None:
        self._data, self._delimiter = data, delimiter
        self._lines: list[bytes] | None = None

    def cells(self, row: int) -> Sequence[str]:
        if self._lines is None:
            self._lines = self._data.split(b"\n")
        return self._lines[row].decode().split(self._delimiter)


class _Columns:
    """Reads plain pieces of one file; remembers which columns hold odd cells, to read them as text at once."""

    def __init__(self, header: Sequence[str], form: FormatSettings) -> None:
        wanted = Wanted(form)
        self._header, self._form = header, form
        self._numbers, self._cells = wanted.numbers(header), wanted.cells(header)
        self._with_odd: set[str] = set()
        self._delimiter = form.delimiter.encode()
        self._has_blanks = "" in form.null_texts
        spelled = [t.replace(form.decimal, ".") for t in form.null_texts]
        self._sentinels = [float(t) for t in spelled if values.NUMBER.fullmatch(t)]

    def read(self, piece: Piece) -> Block:
        data, lines = piece.data, np.arange(piece.n_lines) + piece.first_line
        bad: tuple[BadRow, ...] = ()
        table = self._table(data)
        if table is None or len(table) != len(lines):
            data, lines, bad = self._even(piece)
            table = self._table(data)
        if table is None:  # a number column holds something else
            table = self._read(data, [], self._numbers, self._cells)
        columns = self._columns(data, table)
        for name in self._cells:
            columns[name] = _cells(table.column(name))
        return Block(self._header, columns, lines, bad, _Lines(data, self._form.delimiter).cells)

    def _even(self, piece: Piece) -> tuple[bytes, NDArray[np.int64], tuple[BadRow, ...]]:
        """Return the piece without blank lines and rows of a wrong width, its line numbers, and those rows."""
        good, lines, bad = [], [], []
        n_delimiters = len(self._header) - 1
        for number, raw in enumerate(piece.data.split(b"\n")[:-1], piece.first_line):
            if raw.count(self._delimiter) == n_delimiters:
                good.append(raw)
                lines.append(number)
            elif raw:
                bad.append(_bad_row(number, raw.decode().split(self._form.delimiter), self._header))
        data = b"\n".join([*good, b""])
        return data, np.array(lines, dtype=np.int64), tuple(bad)

    def _table(self, data: bytes) -> Any | None:
        """Read the piece with its numbers as floats; None where some cell or row does not allow it."""
        if not data:
            return self._read(data, [], self._numbers, self._cells)
        as_floats = (
            [] if _has_edge_blanks(data, self._delimiter) else [n for n in self._numbers if n not in self._with_odd]
        )
        try:
            return self._read(data, as_floats, [n for n in self._numbers if n not in set(as_floats)], self._cells)
        except pa.ArrowInvalid:
            return None

    def _read(self, data: bytes, floats: Sequence[str], texts: Sequence[str], cells: Sequence[str]) -> Any:
        types = {
            **dict.fromkeys(floats, pa.float64()),
            **dict.fromkeys(texts, pa.string()),
            **dict.fromkeys(cells, TEXT),
        }
        if not data:
            return pa.table({name: pa.array([], type=each) for name, each in types.items()})
        return arrow_csv.read_csv(
            pa.py_buffer(data),
            arrow_csv.ReadOptions(column_names=list(self._header), block_size=len(data) + 1),
            arrow_csv.ParseOptions(delimiter=self._form.delimiter, quote_char=False),
            arrow_csv.ConvertOptions(
                check_utf8=False,
                column_types=types,
                include_columns=list(types),
                null_values=[""] if self._has_blanks else [],
                strings_can_be_null=False,
                decimal_point=self._form.decimal,
            ),
        )

    def _columns(self, data: bytes, table: Any) -> dict[str, Column]:
        columns: dict[str, Numbers] = {}
        odd_rows: dict[str, NDArray[np.int64]] = {}
        for name in self._numbers:
            column = table.column(name)
            if column.type == pa.string():
                columns[name] = self._from_texts(name, column)
                continue
            value = column.to_numpy()
            is_odd = self._is_odd(value)
            if column.null_count:
                is_odd &= column.is_valid().to_numpy()
            columns[name] = Numbers(value, NO_ROWS, ())
            if is_odd.any():
                odd_rows[name] = np.flatnonzero(is_odd)
        if odd_rows:
            texts = self._read(data, [], list(odd_rows), [])
            for name, rows in odd_rows.items():
                value = np.array(columns[name].value)
                value[rows] = np.nan
                columns[name] = Numbers(value, rows, texts.column(name).take(rows).to_pylist())
        return dict(columns)

    def _is_odd(self, value: NDArray[np.float64]) -> NDArray[np.bool_]:
        is_odd = ~(np.abs(value) <= values.EXACT_INTEGER)
        for sentinel in self._sentinels:
            is_odd |= value == sentinel
        return is_odd

    def _from_texts(self, name: str, column: Any) -> Numbers:
        """Read a column of texts: those of the grammar at once, the others as odd cells."""
        column = column.combine_chunks()
        is_number = pc.match_substring_regex(column, NUMBER[self._form.decimal]).to_numpy(zero_copy_only=False)
        is_number &= pc.binary_length(column).to_numpy(zero_copy_only=False) <= values.MAX_DIGITS
        value = np.full(len(column), np.nan)
        spelled = pc.replace_substring_regex(column.filter(pa.array(is_number)), r"^\+", "")
        if self._form.decimal != ".":
            spelled = pc.replace_substring(spelled, self._form.decimal, ".")
        try:
            value[is_number] = pc.cast(spelled, pa.float64()).to_numpy(zero_copy_only=False)
        except pa.ArrowInvalid:
            is_number[:] = False  # such as 1e-400, which Arrow does not round to 0
        is_odd = self._is_odd(value)
        value[is_odd] = np.nan
        if self._has_blanks:
            is_odd &= ~pc.equal(column, "").to_numpy(zero_copy_only=False)
        rows = np.flatnonzero(is_odd)
        if len(rows):
            self._with_odd.add(name)
        return Numbers(value, rows, column.take(pa.array(rows)).to_pylist())


def _cells(column: Any) -> Cells:
    column = column.unify_dictionaries().combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    if not len(column):
        return Cells(NO_ROWS, ())
    return Cells(column.indices.to_numpy().astype(np.int64), column.dictionary.to_pylist())


def _has_edge_blanks(data: bytes, delimiter: bytes) -> bool:
    """Say whether a cell begins or ends with a blank, which Arrow would trim from a number."""
    for blank in (b" ", b"\t"):
        if blank == delimiter or blank not in data:
            continue
        if data.startswith(blank) or any(
            pair in data for pair in (delimiter + blank, blank + delimiter, b"\n" + blank, blank + b"\n")
        ):
            return True
    return False
