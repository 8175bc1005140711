"""Feature names to a plan: which compiled group, or tsfresh itself, computes which column, and what it will take.

A plan knows no data. Tags that ask for the same calculators are one bundle: their windows are computed together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.vectors import FeatureName
from features import reference
from features.kernels import GROUPS, Block, Group, Run, Wanted
from features.kernels.numeric import Floats

Asked = tuple[str, tuple[tuple[str, Any], ...]]
TSFRESH: Final = "tsfresh"
KEPT_LENGTHS: Final = 64
PROBE_ROWS: Final = 16


@dataclass(frozen=True, slots=True)
class Bundle:
    """Tags that ask for the same calculators.

    tags: places of the tags in the grid's order. columns: int64 (tags, asked), where each value goes. wanted: by group,
    with columns 0..n-1 of the bundle's own output; what no group computes is below `tsfresh`.
    """

    tags: tuple[int, ...]
    columns: NDArray[np.int64]
    wanted: tuple[tuple[str, tuple[Wanted, ...]], ...]
    prepared: Callable[[int], tuple[Run, ...]]

    @property
    def width(self) -> int:
        """Number of values of one window of one tag."""
        return int(self.columns.shape[1])


@dataclass(frozen=True, slots=True)
class Plan:
    """How the features of origin `tag` among `n_names` are computed, bundle by bundle."""

    n_names: int
    bundles: tuple[Bundle, ...]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a calculator takes: `way` is a group's name or `tsfresh`; us: measured microseconds of a window of a tag."""

    way: str
    calculators: tuple[str, ...]
    n_values: int
    us: float


def plan(names: Sequence[FeatureName], tags: Sequence[str]) -> Plan:
    """Return the plan for names of origin `tag` over a grid's tags; raises KeyError for a tag that is not there."""
    place = {tag: i for i, tag in enumerate(tags)}
    by_tag: dict[int, list[int]] = defaultdict(list)
    for column, name in enumerate(names):
        if name.origin == "tag":
            by_tag[place[name.source]].append(column)
    bundles: dict[tuple[Asked, ...], list[int]] = defaultdict(list)
    for tag, columns in by_tag.items():
        bundles[tuple((names[c].calculator, names[c].params) for c in columns)].append(tag)
    return Plan(len(names), tuple(_bundle(asked, tags, by_tag) for asked, tags in bundles.items()))


def _bundle(asked: tuple[Asked, ...], tags: Sequence[int], by_tag: dict[int, list[int]]) -> Bundle:
    wanted: dict[str, list[Wanted]] = defaultdict(list)
    for column, (calculator, pairs) in enumerate(asked):
        params = dict(pairs)
        wanted[_way(calculator, params)].append(Wanted(calculator, params, column))
    ways = tuple((way, tuple(found)) for way, found in wanted.items())
    columns = np.array([by_tag[tag] for tag in tags], dtype=np.int64)
    return Bundle(tuple(tags), columns, ways, lru_cache(KEPT_LENGTHS)(lambda n: _prepare(ways, n)))


def _way(calculator: str, params: dict[str, Any]) -> str:
    for group in GROUPS:
        is_taken = group.calculators.get(calculator)
        if is_taken is not None and is_taken(params):
            return group.name
    return TSFRESH


def _prepare(ways: Sequence[tuple[str, Sequence[Wanted]]], n: int) -> tuple[Run, ...]:
    by_name: dict[str, Group] = {group.name: group for group in GROUPS}
    return tuple(by_name[way].prepare(found, n) if way in by_name else _by_tsfresh(found) for way, found in ways)


def _by_tsfresh(wanted: Sequence[Wanted]) -> Run:
    by_calculator: dict[str, list[Wanted]] = defaultdict(list)
    for each in wanted:
        by_calculator[each.calculator].append(each)

    def run(block: Block, out: Floats) -> None:
        for calculator, found in by_calculator.items():
            places, params = [w.column for w in found], [w.params for w in found]
            for row, series in enumerate(block.x):
                out[row, places] = reference.values(calculator, params, series)

    return run


def costs(of: Plan, n: int, seconds: Callable[[], float]) -> Iterator[Cost]:
    """Measure what each part takes for a window of `n` samples of one tag, by a clock of seconds; compiles what was not
    compiled yet.
    """
    x = np.random.default_rng(0).normal(50, 3, (PROBE_ROWS, n))
    for bundle in of.bundles:
        out = np.empty((PROBE_ROWS, bundle.width))
        for (way, wanted), run in zip(bundle.wanted, bundle.prepared(n), strict=True):
            rows = x[:1] if way == TSFRESH else x
            run(Block(rows), out[: len(rows)])
            begun = seconds()
            run(Block(rows), out[: len(rows)])
            us = 1e6 * (seconds() - begun) / len(rows)
            calculators = tuple(dict.fromkeys(w.calculator for w in wanted))
            yield Cost(way, calculators, len(wanted) * len(bundle.tags), us * len(bundle.tags))
