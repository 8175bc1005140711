"""Windows of many assets to bounded parts, and the vectors of parts to a Parquet file.

What is held is bounded: `rows_at_once` says how many windows fit the room that is given. Invariant: a file depends on
the windows alone, not on how they were cut to parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.vectors import FeatureName, FeatureSet, FeatureVectors
from features.windows import Grid, Windows, cut

ROOM_BYTES: Final = 512 << 20  # of the vectors that become one row group of a file, at most: each keeps a footer
PART_BYTES: Final = 8 << 20  # of the vectors that are computed at once
LEAST_ROWS: Final = 16
MANY: Final = 2**62
COLUMN_BYTES: Final = 6_500  # that the writer of a file holds of each column, measured
FOOTER_BYTES: Final = 1_800  # that it keeps of each column of each row group until the file is whole, measured


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Windows of one asset, and the rows of its grid that they hold."""

    grid: Grid
    windows: Windows


def rows_at_once(n_names: int, itemsize: int, room_bytes: int = ROOM_BYTES) -> int:
    """Return how many windows' vectors fit the room."""
    return max(LEAST_ROWS, room_bytes // max(1, n_names * itemsize))


def writer_bytes(n_rows: int, n_names: int, itemsize: int) -> int:
    """Return the most memory that writing so many rows to a file takes beside the vectors that are handed over."""
    at_once = rows_at_once(n_names, itemsize)
    n_groups = -(-n_rows // at_once)
    return min(n_rows, at_once) * n_names * itemsize + n_names * (COLUMN_BYTES + n_groups * FOOTER_BYTES)


def parts(
    grid: Grid, features: FeatureSet, period_ns: int, since: int, until: int, n_rows: int, n_before: int = 0
) -> Iterator[Part]:
    """Yield the windows of a grid that end in (since, until] ns and have data enough, `n_rows` at a time.

    n_before: cycles of the asset before the grid's first row.
    """
    found = cut(grid, features, features.step, period_ns, since, until, n_before)
    found = found.take(found.is_whole)
    for start in range(0, len(found), n_rows):
        yield _narrowed(grid, found.take(slice(start, start + n_rows)))


def _narrowed(grid: Grid, found: Windows) -> Part:
    low, high = int(found.first.min()), int(found.stop.max())
    reach = {
        tag: replace(r, since=None if r.since is None else np.maximum(r.since[low:high] - low, -1))
        for tag, r in grid.reach.items()
    }
    rows = replace(grid, times=grid.times[low:high], values=grid.values[low:high], reach=reach)
    return Part(rows, replace(found, first=found.first - low, stop=found.stop - low))


def write_parquet(
    path: Path,
    names: Sequence[FeatureName],
    given: Iterable[FeatureVectors],
    dtype: Any,
    room_bytes: int = ROOM_BYTES,
    most_rows: int = MANY,
) -> int:
    """Write vectors to a Parquet file, a row group for each full room; returns the number of rows.

    most_rows: how many there will be at most, where that is known: no more room than that is taken.
    Columns: asset, subject, start, end (int64 ns), position, then each feature under tsfresh's name. The file is
    written beside its place and moved there when it is whole.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = pa.from_numpy_dtype(np.dtype(dtype))
    fixed = [("asset", pa.string()), ("subject", pa.string()), ("start", pa.int64()), ("end", pa.int64())]
    schema = pa.schema(
        [*fixed, ("position", pa.float64()), *(pa.field(name.label, number, nullable=False) for name in names)]
    )
    n_rows, beside = 0, path.with_name(f".{path.name}.part")
    at_once = max(1, min(most_rows, rows_at_once(len(names), np.dtype(dtype).itemsize, room_bytes)))
    try:
        with pq.ParquetWriter(beside, schema, compression="zstd", use_dictionary=False, write_statistics=False) as file:
            for columns in _row_groups(given, len(names), at_once, dtype):
                arrays = [pa.array(c, type=f.type) for c, f in zip(columns, schema, strict=True)]
                file.write_table(pa.Table.from_arrays(arrays, schema=schema), row_group_size=at_once)
                n_rows += len(columns[0])
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return n_rows


def _row_groups(
    given: Iterable[FeatureVectors], n_names: int, at_once: int, dtype: Any
) -> Iterator[list[NDArray[Any]]]:
    """Yield the columns of `at_once` rows each, the last ones of fewer; they are valid until the next are asked for."""
    values, fixed, n = np.empty((n_names, at_once), dtype=dtype), [], 0
    for v in given:
        begin = 0
        while begin < len(v):
            part = v.take(slice(begin, begin + at_once - n))
            values[:, n : n + len(part)] = part.values.T
            fixed.append((part.asset, part.subject, part.start, part.end, part.position))
            n, begin = n + len(part), begin + len(part)
            if n == at_once:
                yield [*map(np.concatenate, zip(*fixed, strict=True)), *values]
                fixed, n = [], 0
    if n:
        yield [*map(np.concatenate, zip(*fixed, strict=True)), *values[:, :n]]
