"""A Parquet file to blocks, by small batches of rows under a limit on what they unpack to; the footer is not trusted.

Invariant: never more than one block is held, and reading ends where the rows have unpacked to `max_decoded_mb`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, BinaryIO, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from collectors import values
from collectors.readings import NumberReader
from collectors.settings import FormatSettings
from collectors.shaping import name_of
from collectors.tables import PARQUET_MAGIC, BadFileError, Block, Cells, Column, Instants, Numbers, Wanted, check_header
from collectors.values import BadValueError
from domain.records import Reason

TEXT_ROWS: Final = 2000
HEAVY_BYTES: Final = 8 << 20
TEXT_BYTES: Final = 16  # as a text is expected to be, before any was read
BLOCK_CELLS: Final = 1_000_000
NO_ROWS: Final[NDArray[np.int64]] = np.empty(0, np.int64)


def blocks(file: BinaryIO, name: str, form: FormatSettings, size: int) -> Iterator[Block]:
    """Yield the file's rows; raises BadFileError: `format`, `header`, `schema` or `limit`."""
    done = 0
    for header, batch, _ in _batches(file, name, form, size):
        wanted = Wanted(form)
        columns: dict[str, Column] = {n: _numbers(batch.column(n)) for n in wanted.numbers(header)}
        for column in wanted.cells(header):
            is_time = form.kind == "sensors" and column == form.time_column
            columns[column] = _times(batch.column(column)) if is_time else _cells(batch.column(column))
        lines = np.arange(done + 1, done + 1 + len(batch))
        yield Block(header, columns, lines, cells=_Rows(batch, header).cells, is_typed=True)
        done += len(batch)


def checked(file: BinaryIO, name: str, form: FormatSettings, size: int) -> Iterator[tuple[Sequence[str], float]]:
    """Unpack the file to its end, yielding its columns and the fraction read; raises BadFileError where `blocks` would,
    and `schema` for a number column that turned to texts which are no numbers.
    """
    reader = NumberReader(form)
    for header, batch, fraction in _batches(file, name, form, size):
        for each in Wanted(form).numbers(header):
            if _is_text(batch.column(each).type):
                _check_numbers(each, batch.column(each), reader, name, form)
        yield header, fraction


def _check_numbers(column: str, texts: Any, reader: NumberReader, name: str, form: FormatSettings) -> None:
    known = form.translate.get(name_of(column, form), {})
    for text in pc.unique(texts).to_pylist():
        if text is not None and text not in known and isinstance(reader.cell(text), BadValueError):
            words = f"{name}: column {column!r} holds texts such as {text[:40]!r}, where numbers are expected"
            raise BadFileError(Reason.SCHEMA, words)


def row_block(row: Mapping[str, Any], form: FormatSettings) -> Block:
    """Return one typed row as a block."""
    header = list(row)
    wanted = Wanted(form)
    zero = np.zeros(1, np.int64)
    columns: dict[str, Column] = {n: Numbers(np.full(1, np.nan), zero, [row[n]]) for n in wanted.numbers(header)}
    columns |= {n: Cells(zero, [row[n]]) for n in wanted.cells(header)}
    return Block(header, columns, np.ones(1, np.int64), cells=lambda _: list(row.values()), is_typed=True)


def _batches(file: BinaryIO, name: str, form: FormatSettings, size: int) -> Iterator[tuple[list[str], Any, float]]:
    """Yield the column names, a table of rows and the fraction read; the first table is empty."""
    if file.read(len(PARQUET_MAGIC)) != PARQUET_MAGIC:
        file.seek(0, 2)
        is_empty = file.tell() == 0
        raise BadFileError(
            Reason.EMPTY if is_empty else Reason.MAGIC, f"{name} is {'empty' if is_empty else 'no Parquet file'}"
        )
    file.seek(0)
    try:
        schema = pq.read_schema(file)
        header = list(schema.names)
        check_header(header, name, form)
        wanted = Wanted(form)
        read = [n for n in header if n in {*wanted.numbers(header), *wanted.cells(header)}]
        for each in read:
            _check_type(each, schema.field(each).type, name, is_number=each in wanted.numbers(header))
        with _opened(file, ()) as parquet:
            footer = parquet.metadata
            if _stated_bytes(footer, set(read)) > form.max_decoded_mb << 20:
                raise _too_much(name, form)
        yield header, schema.empty_table().select(read), 0.0
        n_rows = 0
        for table in _limited(file, footer.num_row_groups, schema, read, name, form, size):
            n_rows += len(table)
            yield header, table, min(1.0, n_rows / max(1, footer.num_rows))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise BadFileError(Reason.FORMAT, f"{name}: {str(error)[:300]}") from error


def _limited(
    file: BinaryIO, n_groups: int, schema: Any, read: Sequence[str], name: str, form: FormatSettings, size: int
) -> Iterator[Any]:
    """Yield the rows in tables of about `2 * size` bytes, or a million cells."""
    most = form.max_decoded_mb << 20
    texts = [n for n in read if pa.types.is_string(schema.field(n).type)]
    unpacked = weight = n_cells = 0
    held: list[Any] = []
    for batch in _steps(file, read, texts, n_groups, _step(schema, read, size)):
        batch.validate(full=True)  # a damaged page can hold places outside its dictionary
        n_bytes = _unpacked(batch)
        unpacked += n_bytes
        if unpacked > most:
            raise _too_much(name, form)
        is_full = weight >= 2 * size or n_cells >= BLOCK_CELLS
        if held and (is_full or batch.schema != held[0].schema):
            yield pa.Table.from_batches(held)
            held, weight, n_cells = [], 0, 0
        if len(batch):
            held.append(batch)
            weight, n_cells = weight + n_bytes, n_cells + len(batch) * len(read)
    if held:
        yield pa.Table.from_batches(held)


def _steps(file: BinaryIO, read: Sequence[str], texts: Sequence[str], n_groups: int, rows: int) -> Iterator[Any]:
    """Yield batches of `rows`, their texts by a dictionary as long as that saves room.

    What a writer's dictionary had no room for gathers in the reader's, up to the end of the row group: a column whose
    dictionary grows with its rows is read text by text from there on.
    """
    group = n_done = 0
    while group < n_groups:
        heavy: list[str] = []
        with _opened(file, texts) as parquet:
            for batch in islice(parquet.iter_batches(rows, [group], list(read)), n_done, None):
                yield batch
                n_done += 1
                if heavy := [n for n in texts if _is_heavy(batch.column(n), n_done * rows)]:
                    break
        texts = [n for n in texts if n not in heavy]
        if not heavy:
            group, n_done = group + 1, 0


def _opened(file: BinaryIO, texts: Sequence[str]) -> Any:
    file.seek(0)
    return pq.ParquetFile(file, read_dictionary=list(texts))


def _is_heavy(column: Any, n_rows: int) -> bool:
    return column.dictionary.nbytes > HEAVY_BYTES and 2 * len(column.dictionary) > n_rows


def _stated_bytes(metadata: Any, read: set[str]) -> int:
    """Return what the footer says that the columns are before they are packed; written out, texts may take more."""
    groups = (metadata.row_group(i) for i in range(metadata.num_row_groups))
    chunks = (group.column(i) for group in groups for i in range(group.num_columns))
    return sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema in read)


def _step(schema: Any, read: Sequence[str], size: int) -> int:
    """Return the rows that are unpacked at once: few where there are texts, for any row may hold a long one."""
    kinds = [schema.field(n).type for n in read]
    widths = [_width(kind) for kind in kinds]
    rows = min(BLOCK_CELLS // max(1, len(read)), 2 * size // max(1, sum(w or TEXT_BYTES for w in widths)))
    return max(1, rows if all(widths) else min(rows, TEXT_ROWS))


def _width(kind: Any) -> int:
    """Return the bytes of a value of a type, 0 for one of any length."""
    if pa.types.is_null(kind) or pa.types.is_boolean(kind):
        return 1
    try:
        return 0 if pa.types.is_dictionary(kind) else int(kind.bit_width) // 8
    except ValueError:
        return 0


def _too_much(name: str, form: FormatSettings) -> BadFileError:
    return BadFileError(Reason.LIMIT, f"{name} unpacks to more than max_decoded_mb ({form.max_decoded_mb} MB)")


def _unpacked(batch: Any) -> int:
    """Return the bytes that a batch takes with every text written out."""
    total = 0
    for column in batch.columns:
        if pa.types.is_dictionary(column.type):
            lengths = pc.binary_length(column.dictionary).to_numpy(zero_copy_only=False)
            codes = column.indices.drop_null().to_numpy()
            total += int(lengths[codes].sum()) if len(codes) else 0
        else:
            total += column.nbytes
    return total


def _check_type(column: str, kind: Any, name: str, *, is_number: bool) -> None:
    if is_number and (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        raise BadFileError(Reason.SCHEMA, f"{name}: column {column!r} is of type {kind}, where numbers are expected")
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    is_plain = any(
        holds(value)
        for holds in (
            pa.types.is_floating, pa.types.is_integer, pa.types.is_boolean, pa.types.is_decimal, pa.types.is_null,
            pa.types.is_string, pa.types.is_large_string, pa.types.is_timestamp, pa.types.is_date,
        )
    )  # fmt: skip
    if not is_plain:
        raise BadFileError(Reason.SCHEMA, f"{name}: column {column!r} is of type {kind}, which holds no plain values")


def _is_text(kind: Any) -> bool:
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(value) or pa.types.is_large_string(value))


def _whole(column: Any) -> Any:
    """Return a column in one piece, dictionaries of anything but text written out."""
    whole = column.combine_chunks()
    whole = whole.chunk(0) if isinstance(whole, pa.ChunkedArray) and whole.num_chunks else whole
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.array([], type=column.type)
    return whole


def _numbers(column: Any) -> Numbers:
    """Read a typed column: floats, decimals and exact integers at once, everything else as odd cells."""
    array = _whole(column)
    kind = array.type
    if pa.types.is_null(kind):
        return Numbers(np.full(len(array), np.nan), NO_ROWS, ())
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_integer(kind):
        value = pc.cast(array, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        is_odd = np.isinf(value)
        if pa.types.is_integer(kind):
            is_odd |= np.abs(value) >= values.EXACT_INTEGER
    else:
        value = np.full(len(array), np.nan)
        is_odd = array.is_valid().to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(is_odd)
    return Numbers(value, rows, array.take(pa.array(rows)).to_pylist())


def _cells(column: Any) -> Cells:
    array = _whole(column)
    if not len(array):
        return Cells(NO_ROWS, ())
    coded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    codes = pc.fill_null(coded.indices.cast(pa.int64()), -1).to_numpy(zero_copy_only=False)
    distinct = coded.dictionary.to_pylist()
    return Cells(np.where(codes < 0, len(distinct), codes), [*distinct, None])


def _times(column: Any) -> Column:
    array = _whole(column)
    if pa.types.is_timestamp(array.type) and array.type.tz is not None and not array.null_count:
        return _instants(array)
    return _cells(column)


def _instants(array: Any) -> Column:
    try:
        ns = pc.cast(array, pa.timestamp("ns", "UTC")).cast(pa.int64()).to_numpy()
    except pa.ArrowInvalid:
        return _cells(array)
    is_plausible = len(ns) == 0 or (ns.min() >= values.EARLIEST_NS and ns.max() < values.LAST_NS)
    return Instants(ns) if is_plausible else _cells(array)


class _Rows:
    """The cells of a batch's rows, by the header; None for a column that was not read."""

    def __init__(self, batch: Any, header: Sequence[str]) -> None:
        self._batch, self._header = batch, header
        self._read = set(batch.column_names)

    def cells(self, row: int) -> Sequence[Any]:
        return [self._batch.column(n)[row].as_py() if n in self._read else None for n in self._header]
