"""Windows of many assets to feature vectors, a bounded part at a time, and to a Parquet file.

Only one part is held: `rows_at_once` says how many windows fit the room that is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from domain.vectors import FeatureName, FeatureSet, FeatureVectors
from features.extract import extract
from features.windows import Grid, Windows, cut

ROOM_BYTES: Final = 256 << 20
LEAST_ROWS: Final = 16


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Windows of one asset's grid."""

    grid: Grid
    windows: Windows


def rows_at_once(n_names: int, itemsize: int, room_bytes: int = ROOM_BYTES) -> int:
    """Return how many windows' vectors fit the room."""
    return max(LEAST_ROWS, room_bytes // max(1, n_names * itemsize))


def parts(grid: Grid, features: FeatureSet, period_ns: int, since: int, until: int, n_rows: int) -> Iterator[Part]:
    """Yield the windows of a grid that end in (since, until] ns and have data enough, `n_rows` at a time."""
    found = cut(grid, features, features.step, period_ns, since, until)
    found = found.take(found.is_whole)
    for start in range(0, len(found), n_rows):
        yield Part(grid, found.take(slice(start, start + n_rows)))


def vectors(
    given: Iterable[Part], names: tuple[FeatureName, ...], dtype: Any = np.float64, n_threads: int = 1
) -> Iterator[FeatureVectors]:
    """Yield the vectors of parts, in their order; n_threads share the work on each part."""
    for part in given:
        yield extract(part.grid, part.windows, names, dtype=dtype, n_threads=n_threads)


def write_parquet(path: Path, names: Sequence[FeatureName], given: Iterable[FeatureVectors], dtype: Any) -> int:
    """Write vectors to a Parquet file, a row group for each part; returns the number of rows.

    Columns: asset, subject, start, end (int64 ns), position, then each feature under tsfresh's name. The file is
    written beside its place and moved there when it is whole.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = pa.from_numpy_dtype(np.dtype(dtype))
    fixed = [("asset", pa.string()), ("subject", pa.string()), ("start", pa.int64()), ("end", pa.int64())]
    schema = pa.schema([*fixed, ("position", pa.float64()), *((name.label, number) for name in names)])
    n_rows, beside = 0, path.with_name(f".{path.name}.part")
    try:
        with pq.ParquetWriter(beside, schema, compression="zstd", use_dictionary=False, write_statistics=False) as file:
            for v in given:
                columns = [v.asset, v.subject, v.start, v.end, v.position, *np.asfortranarray(v.values).T]
                arrays = [pa.array(c, type=f.type) for c, f in zip(columns, schema, strict=True)]
                file.write_table(pa.Table.from_arrays(arrays, schema=schema), row_group_size=len(v))
                n_rows += len(v)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return n_rows
