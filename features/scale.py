"""Parts to feature vectors on one core, on all cores, or on a Dask cluster, with the same call.

`EXECUTORS`: by kind, how parts are spread. Invariant: vectors come in the order of the parts and have the same bits
whoever computes them, and only a few parts beyond the workers' number are under way.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np

from domain.vectors import FeatureName, FeatureVectors
from features.extract import extract, planned
from features.kernels.numeric import folder
from features.stream import Part

CONNECT_S: Final = 5  # seconds to wait for a Dask scheduler
AHEAD: Final = 1  # parts that are ready or under way beyond the workers' number, so that nobody waits for the writer


class WorkersError(ValueError):
    """Workers that cannot be had; the text says why."""


@dataclass(frozen=True, slots=True)
class Workers:
    """Who computes. kind: a key of `EXECUTORS`; n: parts at once; address: of a Dask scheduler, "" for an own one."""

    kind: str = "one"
    n: int = 1
    address: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What is computed of each part; on a cluster it is sent once, and its plan is made once by each worker."""

    names: tuple[FeatureName, ...]
    dtype: Any


class _Promise(Protocol):
    def result(self) -> FeatureVectors: ...


def workers_of(text: str) -> Workers:
    """Read `N` threads, `all` (one for each core), `dask` (a cluster on this machine) or `dask:ADDRESS`.

    Raises WorkersError for anything else.
    """
    cores = os.cpu_count() or 1
    kind, _, address = text.partition(":")
    if kind == "dask":
        return Workers("dask", cores, address)
    n = cores if text == "all" else int(text) if text.isdecimal() else 0
    if n < 1:
        raise WorkersError(f"{text!r}: a number of threads from 1, all, dask, or dask:ADDRESS is needed")
    return Workers("threads" if n > 1 else "one", n)


def vectors(
    given: Iterable[Part],
    names: tuple[FeatureName, ...],
    dtype: Any = np.float64,
    workers: Workers = Workers(),
) -> Iterator[FeatureVectors]:
    """Yield the vectors of parts, in their order; raises WorkersError where the workers cannot be had."""
    return EXECUTORS[workers.kind](given, Asked(names, dtype), workers)


def computed(part: Part, asked: Asked) -> FeatureVectors:
    """Return the vectors of one part."""
    return extract(part.grid, part.windows, asked.names, dtype=asked.dtype)


def one(given: Iterable[Part], asked: Asked, _workers: Workers) -> Iterator[FeatureVectors]:
    """Compute one part after the other, here."""
    return (computed(part, asked) for part in given)


def threads(given: Iterable[Part], asked: Asked, workers: Workers) -> Iterator[FeatureVectors]:
    """Compute parts in threads: kernels run without Python's lock, and nothing is copied."""

    def submit(part: Part) -> _Promise:
        planned(asked.names, part.grid.tags)  # made and compiled once, before threads ask for it
        return pool.submit(computed, part, asked)

    with ThreadPoolExecutor(workers.n) as pool:
        yield from _in_order(submit, given, workers.n + AHEAD)


def dask(given: Iterable[Part], asked: Asked, workers: Workers) -> Iterator[FeatureVectors]:
    """Compute parts, each of one asset, on a Dask cluster: a given one, or processes on this machine."""
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise WorkersError("Dask is not installed: pip install 'forewarn[dask]'") from error
    with ExitStack() as stack:
        where: Any = workers.address or stack.enter_context(
            LocalCluster(n_workers=workers.n, threads_per_worker=1, processes=True, dashboard_address=None)
        )
        try:
            client = stack.enter_context(Client(where, timeout=CONNECT_S))
        except (OSError, ValueError) as error:
            raise WorkersError(f"no Dask scheduler at {workers.address!r}: {error}") from error
        others = {found for found in client.run(version).values() if found != version()}
        if others:
            raise WorkersError("the Dask workers have another version of Forewarn: its values may differ")
        n = sum(client.nthreads().values())
        sent = client.scatter(asked, broadcast=True)
        yield from _in_order(lambda part: client.submit(computed, part, sent, pure=False), given, n + AHEAD)


def version() -> str:
    """Return what names the kernels of this process: a hash of their sources."""
    return folder().name


def _in_order(submit: Callable[[Part], _Promise], given: Iterable[Part], n_under_way: int) -> Iterator[FeatureVectors]:
    waiting: deque[_Promise] = deque()
    for part in given:
        waiting.append(submit(part))
        if len(waiting) >= n_under_way:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


EXECUTORS: Final[Mapping[str, Callable[[Iterable[Part], Asked, Workers], Iterator[FeatureVectors]]]] = {
    "one": one,
    "threads": threads,
    "dask": dask,
}
