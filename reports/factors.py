"""Which process factors move a result: lots in, factors by rank out, with how sure the rank is. Pure.

What is known by an instant is cut into blocks of lots in a row; a model of the other blocks is asked about each. The
score is half a factor's share of the error that comes back when it is shuffled in a held-out block, half its share of
the Shapley values there, and the mean of that over the blocks. Slow drift is taken out of the results first: a lot is
compared with those around it. Factors that history cannot tell apart are one group, and are shuffled together.
Sources: Breiman (2001), Random forests; Lundberg, Lee (2017), SHAP; Strobl et al. (2008), on correlated factors;
Roberts et al. (2017), Ecography 40, on blocks; Peng, Dominici, Louis (2006), JRSS A 169, on drift.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np

from reports.study import (
    Fit,
    Fitted,
    Floats,
    Fold,
    Ints,
    Lots,
    block_length,
    correlation,
    filled,
    resampled,
    spread_over,
)

ALIKE: Final = 0.7  # rank correlation from which factors share half their variance: told together
MOST_FACTORS: Final = 80  # that one model may take, by their correlation with its training lots' results
MOST_STUDIED: Final = 20_000  # lots that one ranking learns from and asks about, evenly spread
MOST_ROWS: Final = 2000  # held-out lots of a block that are shuffled
FEWEST_TRAIN: Final = 30
BLOCKS: Final = 5
AROUND: Final = (
    100  # lots around each whose mean result is drift; where none drifts, it costs a hundredth of what is told
)
MOST_SHUFFLED: Final = 6000  # rows that a factor is shuffled in, some several times; 3 times at least
MOST_TIMES: Final = 16
MOST_CELLS: Final = 4_000_000  # of shuffled rows in one prediction
RESAMPLES: Final = 200
BAND: Final = (0.05, 0.95)


@dataclass(frozen=True, slots=True)
class Ranked:
    """A factor or a group of factors that move together. members: the one with most to say first.

    importance: rise of the root mean square error when shuffled. shapley: mean absolute Shapley value. rank_low,
    rank_high: 90 % of the ranks over block resamples of the held-out lots. fold_ranks: its rank by what was known when
    each fold's tested lots began. direction: 1 where the result rises with it, -1 where it falls, 0 where blocks
    disagree.
    """

    rank: int
    members: tuple[str, ...]
    score: float
    importance: float
    shapley: float
    rank_low: int
    rank_high: int
    fold_ranks: tuple[int, ...]
    direction: int

    @property
    def name(self) -> str:
        """Its members in one text."""
        return " + ".join(self.members)


@dataclass(frozen=True, slots=True)
class Ranking:
    """Factors by rank, and beside it the error of such a model on the folds' own lots, and that of the mean."""

    factors: tuple[Ranked, ...]
    rmse: float
    mean_rmse: float
    n_held_out: int


def groups(lots: Lots) -> list[tuple[str, ...]]:
    """Return the factors, those of which each two correlate by at least ALIKE in rank as one (complete linkage)."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    factors = list(lots.columns())
    if len(factors) < 2:
        return [(f,) for f in factors]
    rows = spread_over(len(lots.outcome), 10 * MOST_ROWS)
    apart = 1.0 - np.abs(correlation(lots.levels(factors)[rows]))
    np.fill_diagonal(apart, 0.0)
    near = squareform(np.clip((apart + apart.T) / 2, 0.0, 1.0), checks=False)
    member = fcluster(linkage(near, "complete"), 1.0 - ALIKE, "distance")
    found: dict[int, list[str]] = {}
    for factor, group in zip(factors, member.tolist(), strict=True):
        found.setdefault(group, []).append(factor)
    return [tuple(f) for f in found.values()]


def ranking(lots: Lots, fit: Fit, seed: int = 1) -> Ranking:
    """Rank the process factors; raises ValueError where no fold has FEWEST_TRAIN lots to learn from."""
    lots = lots.process_only()
    if not lots.columns():
        raise ValueError("no factor varies, or none was measured where the lots were")
    folds = [(train, test) for train, test in lots.folds if len(train) >= FEWEST_TRAIN and len(test)]
    if not folds:
        raise ValueError(f"no fold has {FEWEST_TRAIN} lots to learn from")
    teams = groups(lots)
    blocks = _blocks(lots, fit, teams, np.arange(len(lots.outcome)), seed)
    scores = _scores(blocks)
    low, high = _spread(blocks, seed)
    by_fold = np.array([_places(_scores(_blocks(lots, fit, teams, np.sort(train), seed))) for train, _ in folds])
    loss = np.concatenate([b.loss for b in blocks]).mean()
    rise, shapley = (np.concatenate([getattr(b, x) for b in blocks]).mean(axis=0) for x in ("rise", "shapley"))
    shuffled = np.sqrt(np.maximum(0.0, loss + rise)) - np.sqrt(loss)
    directions = np.array([b.direction for b in blocks])
    found = []
    for place, i in enumerate(np.argsort(-scores, kind="stable").tolist(), start=1):
        signs = directions[:, i]
        agreed = int(signs[0]) if (signs == signs[0]).all() else 0
        found.append(
            Ranked(
                place, _by_part(teams[i], blocks), float(scores[i]), float(shuffled[i]), float(shapley[i]),
                min(place, int(np.floor(low[i]))), max(place, int(np.ceil(high[i]))), tuple(by_fold[:, i].tolist()),
                agreed,
            )
        )  # fmt: skip
    return Ranking(tuple(found), *_forecast(lots, fit, folds))


def _forecast(lots: Lots, fit: Fit, folds: Sequence[Fold]) -> tuple[float, float, int]:
    """Return the error on the folds' tested lots of a model of what was known, that of the mean, and their number."""
    columns, missed, missed_by_mean = lots.columns(), [], []
    for train, test in folds:
        train = np.sort(train[spread_over(len(train), MOST_STUDIED)])
        kept = lots.with_levels(_telling(lots, train, columns))
        model = fit(lots.values[train][:, kept], lots.outcome[train])
        missed.append((model(lots.values[test][:, kept]) - lots.outcome[test]) ** 2)
        missed_by_mean.append((lots.outcome[train].mean() - lots.outcome[test]) ** 2)
    every, by_mean = np.concatenate(missed), np.concatenate(missed_by_mean)
    return float(np.sqrt(every.mean())), float(np.sqrt(by_mean.mean())), len(every)


def _blocks(lots: Lots, fit: Fit, teams: Sequence[Sequence[str]], rows: Ints, seed: int) -> list[_Block]:
    """Ask about each of BLOCKS parts of these lots, which are in time order, a model of the other parts. Lots beside
    the part are left out as far as results are alike, for they would tell what it holds.
    """
    outcome = lots.outcome.copy()
    outcome[rows] -= drift(outcome[rows])
    lots = replace(lots, outcome=outcome)
    rows = rows[spread_over(len(rows), MOST_STUDIED)]
    gap = block_length(lots.outcome[rows])
    found = []
    for i, (start, stop) in enumerate(pairwise(np.linspace(0, len(rows), BLOCKS + 1).astype(int).tolist())):
        rest = np.concatenate([rows[: max(0, start - gap)], rows[stop + gap :]])
        found.append(_block(lots, fit, teams, rest, rows[start:stop], seed + i))
    return found


def drift(outcome: Floats) -> Floats:
    """Return the mean result of the AROUND lots around each, (n,); of all where there are fewer."""
    n = len(outcome)
    width = min(n, AROUND)
    sums = np.concatenate([[0.0], np.cumsum(outcome)])
    start = np.clip(np.arange(n) - width // 2, 0, n - width)
    return np.asarray((sums[start + width] - sums[start]) / width)


def _spread(blocks: Sequence[_Block], seed: int) -> tuple[Floats, Floats]:
    """Return the BAND of ranks over resamples of the held-out lots, in runs of lots that are alike."""
    random = np.random.default_rng(seed)
    lengths = [block_length(b.loss) for b in blocks]
    drawn = np.array(
        [
            _places(_scores([b.take(resampled(len(b.loss), k, random)) for b, k in zip(blocks, lengths, strict=True)]))
            for _ in range(RESAMPLES)
        ]
    )
    low, high = np.quantile(drawn, BAND, axis=0)
    return low, high


@dataclass(frozen=True, slots=True, eq=False)
class _Block:
    """Held-out lots of one block. loss: (k,), squared errors. rise: (k, groups), of the loss when shuffled.
    shapley: (k, groups), absolute. direction: of each group. part: mean absolute Shapley value of each factor.
    """

    loss: Floats
    rise: Floats
    shapley: Floats
    direction: tuple[int, ...]
    part: Mapping[str, float]

    def take(self, rows: Ints) -> _Block:
        return _Block(self.loss[rows], self.rise[rows], self.shapley[rows], self.direction, self.part)


def _block(lots: Lots, fit: Fit, teams: Sequence[Sequence[str]], train: Ints, test: Ints, seed: int) -> _Block:
    columns = lots.columns()
    taken = _telling(lots, train, columns)
    kept = lots.with_levels(taken)
    place = {i: k for k, i in enumerate(kept)}
    model = fit(lots.values[train][:, kept], lots.outcome[train])
    test = test[spread_over(len(test), MOST_ROWS)]
    x, y = lots.values[test][:, kept], lots.outcome[test]
    loss = (model(x) - y) ** 2
    parts = model.parts(x)
    random = np.random.default_rng(seed)
    shapley, direction = np.zeros((len(test), len(teams))), []
    owned: dict[int, list[int]] = {}
    part: dict[str, float] = {}
    for g, team in enumerate(teams):
        own = [place[i] for f in team if f in taken for i in columns[f]]
        if not own:
            direction.append(0)
            continue
        owned[g] = own
        effect = parts[:, own].sum(axis=1)
        shapley[:, g] = np.abs(effect)
        part |= {f: float(np.abs(parts[:, [place[i] for i in columns[f]]].sum(axis=1)).mean()) for f in team
                 if f in taken}  # fmt: skip
        lead = max((f for f in team if f in part), key=lambda f: part[f])
        level = filled(lots.level(lead)[test][:, None])[:, 0]
        direction.append(int(np.sign(((effect - effect.mean()) * (level - level.mean())).sum())))
    rise = np.zeros((len(test), len(teams)))
    for g, shuffled in _shuffled(model, x, y, owned, random):
        rise[:, g] = shuffled - loss
    return _Block(loss, rise, shapley, tuple(direction), part)


def _telling(lots: Lots, train: Ints, columns: Mapping[str, Sequence[int]]) -> set[str]:
    """Return the factors that a model takes: all, or those that have most to do with the training results."""
    if len(columns) <= MOST_FACTORS:
        return set(columns)
    x = filled(lots.values[train])
    x = x - x.mean(axis=0)
    y = lots.outcome[train] - lots.outcome[train].mean()
    with np.errstate(invalid="ignore", divide="ignore"):
        told = np.nan_to_num(np.abs(y @ x) / np.sqrt((x**2).sum(axis=0) * (y**2).sum()))
    best = {f: float(told[own].max()) for f, own in ((f, list(i)) for f, i in columns.items())}
    return set(sorted(best, key=lambda f: -best[f])[:MOST_FACTORS])


def _shuffled(
    model: Fitted, x: Floats, y: Floats, owned: Mapping[int, list[int]], random: np.random.Generator
) -> Iterator[tuple[int, Floats]]:
    """Yield each group with the squared errors of rows in which its columns are shuffled; many in one prediction."""
    teams = list(owned)
    times = min(MOST_TIMES, max(3, MOST_SHUFFLED // len(y)))
    at_once = max(1, MOST_CELLS // max(1, times * x.size))
    for first in range(0, len(teams), at_once):
        batch = teams[first : first + at_once]
        other = np.repeat(x[None, :, :], len(batch) * times, axis=0)
        for k, g in enumerate(batch):
            for s in range(times):
                other[k * times + s][:, owned[g]] = x[random.permutation(len(y))][:, owned[g]]
        loss = (model(other.reshape(-1, x.shape[1])).reshape(len(batch), times, len(y)) - y) ** 2
        yield from zip(batch, loss.mean(axis=1), strict=True)


def _scores(blocks: Sequence[_Block]) -> Floats:
    """Return the scores of groups, each block counting alike: one whose model fails would outweigh all others."""
    return np.asarray(np.mean([_score(b) for b in blocks], axis=0))


def _score(block: _Block) -> Floats:
    rise, shapley = np.clip(block.rise.mean(axis=0), 0.0, None), block.shapley.mean(axis=0)
    return np.asarray(rise / (rise.sum() or 1.0) / 2 + shapley / (shapley.sum() or 1.0) / 2)


def _places(scores: Floats) -> Ints:
    places = np.empty(len(scores), dtype=np.int64)
    places[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
    return places


def _by_part(team: Sequence[str], blocks: Sequence[_Block]) -> tuple[str, ...]:
    return tuple(sorted(team, key=lambda f: -sum(b.part.get(f, 0.0) for b in blocks)))
