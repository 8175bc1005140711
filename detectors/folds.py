"""Folds that cannot leak: whole groups apart, or the past for training and the future for testing.

Rows that are cases of their own (no asset, no time) may be dealt one by one, each outcome evenly; windows of an asset
may not, for neighbours share most of their rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from domain.vectors import Training

Fold = tuple[NDArray[np.int64], NDArray[np.int64]]


def by_group(group: NDArray[np.object_], n_folds: int) -> Iterator[Fold]:
    """Yield (train, test) row indices; a group is wholly on one side. Groups are dealt in sorted order."""
    names, member = np.unique(group.astype(str), return_inverse=True)
    for fold in range(min(n_folds, len(names))):
        is_test = member % n_folds == fold
        yield np.flatnonzero(~is_test), np.flatnonzero(is_test)


def in_time(
    at: NDArray[np.int64],
    n_folds: int,
    embargo_ns: int,
    tested: float = 0.5,
    known_at: NDArray[np.int64] | None = None,
) -> Iterator[Fold]:
    """Yield expanding folds: the `tested` share of the rows, the last, in `n_folds` parts, each after what it learns.

    at: int64 ns, ascending. Training ends `embargo_ns` before the test part begins, and holds no row whose outcome was
    known (`known_at`, int64 ns; None = at once) only after that.
    """
    n = len(at)
    known_at = at if known_at is None else known_at
    first = n - int(n * tested)
    edges = np.linspace(first, n, n_folds + 1).astype(int)
    for start, stop in pairwise(edges):
        if stop > start:
            train = np.flatnonzero((at[:start] < at[start] - embargo_ns) & (known_at[:start] <= at[start]))
            yield train, np.arange(start, stop)


def stratified(outcome: NDArray[np.float64], n_folds: int, seed: int) -> Iterator[Fold]:
    """Yield (train, test) row indices; rows are shuffled and dealt so that each fold has its share of each outcome."""
    order = np.random.default_rng(seed).permutation(len(outcome))
    order = order[np.argsort(outcome[order], kind="stable")]
    member = np.empty(len(outcome), dtype=np.int64)
    member[order] = np.arange(len(outcome)) % n_folds
    for fold in range(min(n_folds, len(outcome))):
        yield np.flatnonzero(member != fold), np.flatnonzero(member == fold)


def folds_of(training: Training, n_folds: int, split: str = "", seed: int = 1, tested: float = 0.5) -> Iterator[Fold]:
    """Yield the folds that a split asks for: `time`, `stratified`, else by group; "" = as the training says.

    tested: the share of the rows, the last, that folds in time are tested on.
    """
    if split == "stratified":
        yield from stratified(training.outcome, n_folds, seed)
        return
    if split not in ("", "time") or not (split or training.is_ordered):
        yield from by_group(training.group, n_folds)
        return
    order = np.argsort(training.vectors.end, kind="stable")
    known_at = training.known_at[order]
    for train, test in in_time(training.vectors.end[order], n_folds, training.embargo_ns, tested, known_at):
        yield order[train], order[test]
