"""Numbers as numpy and scipy compute them, for compiled kernels: sums in numpy's own order, quantiles, straight lines.

Invariant: a sum, a mean or a variance here is bit-equal to numpy's, because features compare values with them: on
quantised data a last bit decides on which side of the mean a sample lies.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import numba
import numpy as np
from numba.extending import intrinsic
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Ints32 = NDArray[np.int32]
F = TypeVar("F", bound=Callable[..., Any])
BLOCK: Final = 128  # numpy's pairwise sum adds blocks of this length by eight running sums
PART: Final = 256  # OpenBLAS adds up products in parts of this length
EPSILON: Final = 2.220446049250313e-16


def compiled(function: F) -> F:
    """Compile a kernel at its first call and keep the machine code for the next process.

    The folder is named by the sources of all kernels: numba by itself would keep code whose callees have changed.
    Where no folder can be written it is compiled anew in each process.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    with _cache_folder():
        try:
            made: F = numba.njit(cache=True, **options)(function)
        except RuntimeError:  # "no locator available": nowhere to write
            made = numba.njit(**options)(function)
    return made


@contextmanager
def _cache_folder() -> Iterator[None]:
    config: Any = numba.config
    before = config.CACHE_DIR
    config.CACHE_DIR = str(folder())
    try:
        yield
    finally:
        config.CACHE_DIR = before


def folder() -> Path:
    """Return where compiled kernels are kept: `$XDG_CACHE_HOME/forewarn`, or `~/.cache/forewarn`."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(cache) / "forewarn" / f"kernels-{_digest()}"


@lru_cache(maxsize=1)
def _digest() -> str:
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(s.read_bytes() for s in sources)).hexdigest()[:16]


@compiled
def total(a: Floats) -> float:
    """Return the sum of a float64 vector, in the order of `np.sum`."""
    n = len(a)
    if n > BLOCK:
        half = n // 2
        half -= half % 8
        return total(a[:half]) + total(a[half:])
    if n < 8:
        few = 0.0
        for i in range(n):
            few += a[i]
        return few
    r0, r1, r2, r3, r4, r5, r6, r7 = a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]
    stop = n - n % 8
    for i in range(8, stop, 8):
        r0 += a[i]
        r1 += a[i + 1]
        r2 += a[i + 2]
        r3 += a[i + 3]
        r4 += a[i + 4]
        r5 += a[i + 5]
        r6 += a[i + 6]
        r7 += a[i + 7]
    s: float = ((r0 + r1) + (r2 + r3)) + ((r4 + r5) + (r6 + r7))
    for i in range(stop, n):
        s += a[i]
    return s


@compiled
def variance(a: Floats, mean: float, room: Floats) -> float:
    """Return `np.var` of a vector whose mean is known; `room` is overwritten, at least as long as `a`."""
    n = len(a)
    for i in range(n):
        d = a[i] - mean
        room[i] = d * d
    return total(room[:n]) / n


@compiled
def quantile(ordered: Floats, at: float) -> float:
    """Return `np.quantile(method="linear")` of ascending values at the virtual index `at` = q * (n - 1)."""
    n = len(ordered)
    below = math.floor(at)
    if below >= n - 1:
        return float(ordered[n - 1])
    below = max(below, 0)
    share = at - below
    step = ordered[below + 1] - ordered[below]
    if share >= 0.5:
        return float(ordered[below + 1] - step * (1.0 - share))
    return float(ordered[below] + step * share)


def _fused(_typing: Any, a: Any, b: Any, c: Any) -> Any:
    def instruction(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return builder.fma(*values)

    return numba.types.float64(a, b, c), instruction


fused: Final[Callable[[float, float, float], float]] = cast(Any, intrinsic)(_fused)
"""Return a * b + c, rounded once."""


@compiled
def below(a: Floats, level: float) -> int:
    """Return how many values lie below a level; none where the level is NaN."""
    count = 0
    for i in range(len(a)):
        count += a[i] < level
    return count


@compiled
def above(a: Floats, level: float) -> int:
    """Return how many values lie above a level; none where the level is NaN."""
    count = 0
    for i in range(len(a)):
        count += a[i] > level
    return count


@compiled
def line(y: Floats, found: Floats) -> None:
    """Fit `scipy.stats.linregress(range(n), y)`; found[:5] = rvalue, intercept, slope, stderr, t (for the p-value).

    The sums are those of `np.cov` bit for bit: on a straight line all of stderr is the rounding of them, added fused
    and, beyond 256 values, in the parts that OpenBLAS cuts (its kernels for AVX2).
    """
    n = len(y)
    each = 1.0 / n
    x_mean, y_mean = (n - 1) / 2.0, total(y) / n
    xy = yy = 0.0
    start = 0
    while start < n:
        left = n - start
        stop = start + (left if left <= PART else PART if left >= 2 * PART else (left + 1) // 2)
        part_xy = part_yy = 0.0
        for i in range(start, stop):
            dy = y[i] - y_mean
            part_xy = fused(i - x_mean, dy, part_xy)
            part_yy = fused(dy, dy, part_yy)
        xy += part_xy
        yy += part_yy
        start = stop
    xx = n * (n * n - 1.0) / 12.0 * each
    xy *= each
    yy *= each
    r = 0.0 if xy != 0.0 else np.nan
    if yy != 0.0:
        r = min(1.0, max(-1.0, xy / math.sqrt(xx * yy)))
    slope = xy / xx
    found[0], found[1], found[2] = r, y_mean - slope * x_mean, slope
    if n == 2:
        found[3], found[4] = 0.0, 0.0
    else:
        free = n - 2
        found[3] = math.sqrt((1.0 - r * r) * yy / xx / free)
        found[4] = r * math.sqrt(free / ((1.0 - r + 1e-20) * (1.0 + r + 1e-20)))
