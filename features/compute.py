"""A plan over the windows of a grid to numbers: windows are gathered by length in chunks of bounded size, never all.

A value that is missing in a window is left out of it, as tsfresh asks for: the window is then shorter. Windows of the
same number of values are computed together, whichever tag they are of. Invariant: what else is in a chunk does not
change a window's values, so one window alone and a year of them take the same path to the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import local
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.kernels import Block
from features.kernels.numeric import Floats, Ints
from features.plan import Bundle, Plan
from features.windows import MIN_VALUES

CHUNK_BYTES: Final = 1 << 21  # of a chunk's input or output, whichever is larger
COPIES: Final = 6  # what groups hold of a chunk's input at most: sorted, spectrum, scratch
BYTES_OF_VALUE: Final = 16  # of each sample: without gaps by tag, and all tags one after the other
BYTES_OF_ROW: Final = 24  # of each row while a tag is looked at: the mask, its running count and that as a copy
BYTES_OF_PLACE: Final = 72  # of each window of each tag: beginning, size, tag and window, and parts of these as copies


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Windows of `n` values each: where each begins in the bundle's values, and which window of which tag it is."""

    n: int
    begin: Ints
    tag: Ints
    window: Ints


def compute(
    of: Plan,
    values: Floats,
    first: Ints,
    stop: Ints,
    dtype: Any = np.float64,
    n_threads: int = 1,
    firsts: Mapping[int, Ints] = MappingProxyType({}),
) -> NDArray[Any]:
    """Return the plan's columns for windows [first, stop) of a grid's rows; other columns are NaN.

    values: float64 (rows, tags), NaN = none. Returns `dtype` (windows, names). n_threads: threads that share the work.
    firsts: by place of a tag, its own first rows, where they are not the windows'.
    """
    out = np.empty((len(first), of.n_names), dtype=dtype)
    is_computed = np.zeros(of.n_names, dtype=bool)
    jobs = []
    for bundle in of.bundles:
        is_computed[bundle.columns.ravel()] = True
        flat, rows = _gathered(bundle, values, first, stop, firsts, out)
        jobs += [(bundle, flat, chunk) for chunk in rows]
    if not is_computed.all():
        out[:, ~is_computed] = np.nan
    scratch = local()
    if n_threads == 1 or len(jobs) == 1:
        for job in jobs:
            _chunk(*job, out, scratch)
    else:
        with ThreadPoolExecutor(n_threads) as pool:
            for done in [pool.submit(_chunk, *job, out, scratch) for job in jobs]:
                done.result()
    return out


def peak_bytes(of: Plan, n_windows: int, n_samples: int, n: int, itemsize: int = 8, n_threads: int = 1) -> int:
    """Return the most memory `compute` takes beside its input, for windows of `n` samples out of `n_samples` rows.

    Its result is in it, which is all but a few megabytes where windows are many.
    """
    most_tags = max((len(b.tags) for b in of.bundles), default=0)
    copies = n_samples * (BYTES_OF_VALUE * most_tags + BYTES_OF_ROW)
    places = BYTES_OF_PLACE * n_windows * most_tags
    chunks = [8 * _chunk_rows(b, n) * (COPIES * n + b.width) for b in of.bundles]
    return n_windows * of.n_names * itemsize + copies + places + n_threads * max(chunks, default=0)


def _gathered(
    bundle: Bundle, values: Floats, first: Ints, stop: Ints, firsts: Mapping[int, Ints], out: NDArray[Any]
) -> tuple[Floats, Iterator[_Rows]]:
    """Return the values of a bundle's tags without gaps, one tag after the other, and its windows in chunks."""
    parts, begins, sizes, offset = [], [], [], 0
    for place in bundle.tags:
        column = values[:, place]
        is_there = ~np.isnan(column)
        before = np.concatenate(([0], np.cumsum(is_there)))
        parts.append(column[is_there])
        own = firsts.get(place, first)
        begins.append(before[own] + offset)
        sizes.append(before[stop] - before[own])
        offset += len(parts[-1])
    size = np.concatenate(sizes)
    window = np.tile(np.arange(len(first)), len(bundle.tags))
    tag = np.repeat(np.arange(len(bundle.tags)), len(first))
    for row in np.flatnonzero(size < MIN_VALUES).tolist():
        out[window[row], bundle.columns[tag[row]]] = np.nan
    return np.concatenate(parts), _by_length(bundle, size, np.concatenate(begins), tag, window)


def _by_length(bundle: Bundle, size: Ints, begin: Ints, tag: Ints, window: Ints) -> Iterator[_Rows]:
    lengths: Sequence[int] = np.unique(size).tolist()
    for n in lengths:
        if n < MIN_VALUES:
            continue
        rows = np.flatnonzero(size == n) if len(lengths) > 1 else np.arange(len(size))
        at_once = _chunk_rows(bundle, n)
        for start in range(0, len(rows), at_once):
            part = rows[start : start + at_once]
            yield _Rows(n, begin[part], tag[part], window[part])


def _chunk_rows(bundle: Bundle, n: int) -> int:
    return max(8, CHUNK_BYTES // (8 * max(n, bundle.width)))


def _chunk(bundle: Bundle, flat: Floats, rows: _Rows, out: NDArray[Any], scratch: local) -> None:
    """Compute one chunk into the thread's own buffer, and put its values in their places."""
    x = flat[rows.begin[:, None] + np.arange(rows.n)]
    found = _room(scratch, len(x), bundle.width)
    block = Block(x)
    for run in bundle.prepared(rows.n):
        run(block, found)
    edges = np.flatnonzero(np.diff(rows.tag)) + 1
    for start, stop in zip((0, *edges.tolist()), (*edges.tolist(), len(x)), strict=True):
        columns = _slice(bundle.columns[rows.tag[start]])
        windows = _slice(rows.window[start:stop])
        if isinstance(columns, slice) or isinstance(windows, slice):
            out[windows, columns] = found[start:stop]
        else:
            out[windows[:, None], columns] = found[start:stop]


def _room(scratch: local, n_rows: int, width: int) -> Floats:
    """Return the thread's buffer: a fresh one for each chunk would cost more than some of the calculators."""
    held: Floats | None = getattr(scratch, "room", None)
    if held is None or held.size < n_rows * width:
        held = scratch.room = np.empty(n_rows * width)
    return held[: n_rows * width].reshape(n_rows, width)


def _slice(places: Ints) -> slice | Ints:
    """Return consecutive places as a slice, which numpy copies many times faster."""
    first, n = int(places[0]), len(places)
    if int(places[-1]) - first == n - 1 and (n < 3 or bool((np.diff(places) == 1).all())):
        return slice(first, first + n)
    return places
