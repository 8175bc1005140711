"""Grids to operating modes, and each tag to standard deviations from what is normal in its mode; for history and live.

Regimes are found by k-means on the tags that set them; their number is the one of the best silhouette, and one where
none is above LEAST_SILHOUETTE. No outcome is looked at. Sources: MacQueen (1967); Arthur, Vassilvitskii (2007) for the
first centres; Rousseeuw (1987); Kaufman, Rousseeuw (1990) for what a silhouette of 0.5 means.
Invariant: a row in a mode that training did not hold, or in none of its regimes, has no values, so that its window is
not assessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.inputs import Modes
from features.context import Background
from features.windows import Grid

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MOST_REGIMES: Final = 8
LEAST_SILHOUETTE: Final = 0.5
SAMPLE: Final = 2_000
WIDER: Final = 2.0
BETWEEN: Final = 0.25
LEAST_ROWS: Final = 20  # of a mode, or its normal is not known
MODE: Final = "mode:"


def fitted(grids: Mapping[str, Grid], backgrounds: Mapping[str, Background], asked: Modes, seed: int) -> Modes:
    """Return the modes that the rows of grids hold. asked: by and tags, the rest empty. Raises ValueError for none."""
    found = asked
    if asked.by == "regimes":
        found = _regimes(np.concatenate([_columns(g, asked.tags) for g in grids.values()]), asked, seed)
    told = {a: names_of(g, backgrounds[a], found) for a, g in grids.items()}
    counts: dict[str, int] = {}
    for names in told.values():
        for name, n in zip(*np.unique(names[names != ""].astype(str), return_counts=True), strict=True):
            counts[str(name)] = counts.get(str(name), 0) + int(n)
    known = tuple(sorted(name for name, n in counts.items() if n >= LEAST_ROWS))
    if not known:
        raise ValueError(f"no operating mode has {LEAST_ROWS} rows: [features.mode] finds none in this history")
    of = next(iter(grids.values())).tags
    mean, deviation = np.zeros((len(known), len(of))), np.ones((len(known), len(of)))
    for i, name in enumerate(known):
        rows = np.concatenate([_aligned(g, of)[told[a] == name] for a, g in grids.items()])
        with np.errstate(all="ignore"):
            n = np.maximum((~np.isnan(rows)).sum(axis=0), 1)
            mean[i] = np.nansum(rows, axis=0) / n
            spread = np.sqrt(np.nansum(np.square(rows - mean[i]), axis=0) / n)
        deviation[i] = np.where(spread > 1e-12 * np.maximum(1.0, np.abs(mean[i])), spread, 1.0)
    return replace(found, names=known, of=of, mean=_rows(mean), deviation=_rows(deviation))


def names_of(grid: Grid, background: Background, modes: Modes) -> NDArray[np.object_]:
    """Return the mode of each row, object (rows,), "" where nothing tells it."""
    found = np.full(len(grid.times), "", dtype=object)
    if modes.by == "event":
        told = sorted(
            (int(seen), int(start), source.removeprefix(MODE))
            for source, each in background.happened.items()
            if source.startswith(MODE)
            for seen, start in zip(np.maximum(each.known_at, each.start), each.start, strict=True)
        )
        for seen, _, code in told:
            found[np.searchsorted(grid.times, seen, side="left") :] = code
        return found
    values = _columns(grid, modes.tags)
    is_told = ~np.isnan(values).any(axis=1)
    if modes.by == "tag":
        found[is_told] = [f"{x:g}" for x in values[is_told, 0].tolist()]
        return found
    found[is_told] = _regimes_of(values[is_told] / np.array(modes.spread), modes)
    return found


def _regimes_of(points: Floats, modes: Modes) -> list[str]:
    """Return the regime of each point, "" of one that lies further from its centre than any regime reaches."""
    distances = _distances(points, np.array(modes.centres))
    place = np.argmin(distances, axis=1)
    reach = np.array(modes.reach) if modes.reach else np.full(len(modes.centres), np.inf)
    is_near = np.sqrt(distances[np.arange(len(points)), place]) <= reach[place]
    return [str(k + 1) if near else "" for k, near in zip(place.tolist(), is_near.tolist(), strict=True)]


def applied(grid: Grid, background: Background, modes: Modes) -> Grid:
    """Return the grid with each tag in standard deviations from its mean in the row's mode."""
    place = {name: i for i, name in enumerate(modes.names)}
    row = np.array([place.get(str(name), -1) for name in names_of(grid, background, modes)], dtype=np.int64)
    column = {tag: i for i, tag in enumerate(modes.of)}
    values = grid.values.copy()
    mean, deviation = np.array(modes.mean), np.array(modes.deviation)
    for i, tag in enumerate(grid.tags):
        if tag in column and len(values):
            at = column[tag]
            values[:, i] = np.where(row >= 0, (values[:, i] - mean[row, at]) / deviation[row, at], np.nan)
    return replace(grid, values=values)


def nearest(points: Floats, centres: Floats) -> Ints:
    """Return the place of the nearest centre of each point, the first of equal ones."""
    return np.asarray(np.argmin(_distances(points, centres), axis=1), dtype=np.int64)


def _distances(points: Floats, centres: Floats) -> Floats:
    return np.stack([np.square(points - c).sum(axis=1) for c in centres], axis=1)


def _regimes(values: Floats, asked: Modes, seed: int) -> Modes:
    values = values[~np.isnan(values).any(axis=1)]
    if len(values) < LEAST_ROWS:
        raise ValueError(f"fewer than {LEAST_ROWS} rows hold all of {', '.join(asked.tags)}: no regime can be found")
    spread = np.where(values.std(axis=0) > 0, values.std(axis=0), 1.0)
    random = np.random.default_rng(seed)
    points = values / spread
    sample = points[np.sort(random.permutation(len(points))[:SAMPLE])]
    best, centres = LEAST_SILHOUETTE, points.mean(axis=0, keepdims=True)
    for k in range(2, MOST_REGIMES + 1):
        if len(np.unique(sample, axis=0)) < k:
            break
        found = k_means(sample, k, random)
        value = silhouette(sample, nearest(sample, found))
        if value > best + 1e-3:
            best, centres = value, found
    centres = centres[np.lexsort(centres.T[::-1])]
    return replace(asked, centres=_rows(centres), spread=tuple(spread.tolist()), reach=_reach(points, centres))


def _reach(points: Floats, centres: Floats) -> tuple[float, ...]:
    """Return how far from its centre each regime reaches: WIDER times as far as the furthest of its points, or BETWEEN
    of the way to the nearest other centre where that is more.
    """
    member = nearest(points, centres)
    own = np.sqrt(_distances(points, centres)[np.arange(len(points)), member])
    furthest = np.array([own[member == k].max(initial=0.0) for k in range(len(centres))])
    apart = np.sqrt(_distances(centres, centres))
    np.fill_diagonal(apart, np.inf)
    between = np.where(np.isfinite(apart.min(axis=1)), BETWEEN * apart.min(axis=1), 0.0)
    return tuple(np.maximum(WIDER * furthest, between).tolist())


def k_means(points: Floats, k: int, random: np.random.Generator, n_starts: int = 5, n_steps: int = 100) -> Floats:
    """Return k centres, float64 (k, columns): the best of several starts by k-means++."""
    best, found = np.inf, points[:k]
    for _ in range(n_starts):
        centres = _first_centres(points, k, random)
        for _ in range(n_steps):
            member = nearest(points, centres)
            moved = np.array(
                [points[member == j].mean(axis=0) if (member == j).any() else centres[j] for j in range(k)]
            )
            if np.array_equal(moved, centres):
                break
            centres = moved
        cost = float(_distances(points, centres).min(axis=1).sum())
        if cost < best:
            best, found = cost, centres
    return found


def _first_centres(points: Floats, k: int, random: np.random.Generator) -> Floats:
    chosen = [points[random.integers(len(points))]]
    while len(chosen) < k:
        far = _distances(points, np.array(chosen)).min(axis=1)
        total = far.sum()
        chance = far / total if total > 0 else np.full(len(points), 1 / len(points))
        chosen.append(points[random.choice(len(points), p=chance)])
    return np.array(chosen)


def silhouette(points: Floats, member: Ints) -> float:
    """Return the mean silhouette of points, -1 to 1; a point alone in its cluster counts 0."""
    groups = np.unique(member)
    if len(groups) < 2:
        return -1.0
    sums = np.zeros((len(points), len(groups)))
    sizes = np.array([(member == g).sum() for g in groups])
    for i, group in enumerate(groups.tolist()):
        for start in range(0, len(points), 500):
            part = points[start : start + 500, None, :] - points[None, member == group, :]
            sums[start : start + 500, i] = np.sqrt(np.square(part).sum(axis=2)).sum(axis=1)
    own = np.searchsorted(groups, member)
    row = np.arange(len(points))
    inside = sums[row, own] / np.maximum(sizes[own] - 1, 1)
    others = sums / sizes
    others[row, own] = np.inf
    outside = others.min(axis=1)
    value = np.where(sizes[own] > 1, (outside - inside) / np.maximum(np.maximum(inside, outside), 1e-300), 0.0)
    return float(value.mean())


def _columns(grid: Grid, tags: tuple[str, ...]) -> Floats:
    return grid.values[:, [grid.tags.index(tag) for tag in tags]]


def _aligned(grid: Grid, tags: tuple[str, ...]) -> Floats:
    return grid.values if grid.tags == tags else _columns(grid, tags)


def _rows(table: Floats) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in table.tolist())
