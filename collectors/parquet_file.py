"""A Parquet file to blocks, by small batches of rows under a limit on what they unpack to; the footer is not trusted.

Invariant: never more than one batch is held, and reading ends where the rows have unpacked to `max_decoded_mb`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from collectors import values
from collectors.settings import FormatSettings
from collectors.tables import PARQUET_MAGIC, BadFileError, Block, Cells, Column, Instants, Numbers, Wanted, check_header
from domain.records import Reason

PROBE_ROWS: Final = 1000
BLOCK_CELLS: Final = 1_000_000
NO_ROWS: Final[NDArray[np.int64]] = np.empty(0, np.int64)


def blocks(file: BinaryIO, name: str, form: FormatSettings, size: int) -> Iterator[Block]:
    """Yield the file's rows; raises BadFileError: `format`, `header`, `schema` or `limit`."""
    done = 0
    for header, batch in _batches(file, name, form, size):
        wanted = Wanted(form)
        columns: dict[str, Column] = {n: _numbers(batch.column(n)) for n in wanted.numbers(header)}
        for column in wanted.cells(header):
            is_time = form.kind == "sensors" and column == form.time_column
            columns[column] = _times(batch.column(column)) if is_time else _cells(batch.column(column))
        lines = np.arange(done + 1, done + 1 + len(batch))
        yield Block(header, columns, lines, cells=_Rows(batch, header).cells, is_typed=True)
        done += len(batch)


def check(file: BinaryIO, name: str, form: FormatSettings, size: int) -> None:
    """Unpack the file to its end; raises BadFileError where `blocks` would."""
    for _ in _batches(file, name, form, size):
        pass


def row_block(row: Mapping[str, Any], form: FormatSettings) -> Block:
    """Return one typed row as a block."""
    header = list(row)
    wanted = Wanted(form)
    zero = np.zeros(1, np.int64)
    columns: dict[str, Column] = {n: Numbers(np.full(1, np.nan), zero, [row[n]]) for n in wanted.numbers(header)}
    columns |= {n: Cells(zero, [row[n]]) for n in wanted.cells(header)}
    return Block(header, columns, np.ones(1, np.int64), cells=lambda _: list(row.values()), is_typed=True)


def _batches(file: BinaryIO, name: str, form: FormatSettings, size: int) -> Iterator[tuple[list[str], Any]]:
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
            _check_type(each, schema.field(each).type, name)
        yield header, schema.empty_table().select(read)
        file.seek(0)
        texts = [n for n in read if pa.types.is_string(schema.field(n).type)]
        with pq.ParquetFile(file, read_dictionary=texts) as parquet:
            yield from ((header, batch) for batch in _limited(parquet, read, name, form, size))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise BadFileError(Reason.FORMAT, f"{name}: {str(error)[:300]}") from error


def _limited(parquet: Any, read: Sequence[str], name: str, form: FormatSettings, size: int) -> Iterator[Any]:
    """Yield the rows in batches of about `size` bytes, or a million cells, as the first rows' width foretells."""
    most = form.max_decoded_mb << 20
    unpacked = 0
    width = 0.0
    probe = next(parquet.iter_batches(PROBE_ROWS, columns=list(read)), None)
    if probe is not None and len(probe):
        probe.validate(full=True)
        width = _unpacked(probe) / len(probe)
    if width * parquet.metadata.num_rows > most:
        raise _too_much(name, form)
    rows = int(max(1, min(BLOCK_CELLS // max(1, len(read)), (8 * size) // max(1.0, width))))
    for batch in parquet.iter_batches(rows, columns=list(read)):
        batch.validate(full=True)  # a damaged page can hold places outside its dictionary
        unpacked += _unpacked(batch)
        if unpacked > most:
            raise _too_much(name, form)
        if len(batch):
            yield pa.Table.from_batches([batch])


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


def _check_type(column: str, kind: Any, name: str) -> None:
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
