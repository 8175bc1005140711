"""Which process factors move a result: lots in, factors by rank out, with how sure the rank is. Pure.

A rank is by a score: half its share of the error that comes back when the factor is shuffled in a fold's held-out lots,
half its share of the Shapley values there, and the mean of that over the folds. Factors that history cannot tell apart
are one group, and are shuffled together.
Source: Breiman (2001), Random forests; Lundberg, Lee (2017), SHAP; Strobl et al. (2008), on correlated factors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from reports.study import Fit, Fitted, Floats, Ints, Lots, block_length, correlation, filled, resampled, spread_over

ALIKE: Final = 0.7  # rank correlation from which factors share half their variance: told together
MOST_FACTORS: Final = 80  # that one fold's model may take, by their correlation with its training lots' results
MOST_ROWS: Final = 2000  # held-out lots of a fold that are shuffled
FEWEST_TRAIN: Final = 30
SHUFFLES: Final = 3
MOST_CELLS: Final = 4_000_000  # of shuffled rows in one prediction
RESAMPLES: Final = 200
BAND: Final = (0.05, 0.95)


@dataclass(frozen=True, slots=True)
class Ranked:
    """A factor or a group of factors that move together. members: the one with most to say first.

    importance: rise of the root mean square error when shuffled. shapley: mean absolute Shapley value. rank_low,
    rank_high: 90 % of the ranks over block resamples of the held-out lots. fold_ranks: its rank in each fold.
    direction: 1 where the result rises with it, -1 where it falls, 0 where folds disagree.
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
    """Factors by rank, and the held-out error of the model that ranks them beside that of the mean."""

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
    if not lots.names:
        raise ValueError("no factor varies, or none was measured where the lots were")
    teams = groups(lots)
    folds = [_fold(lots, fit, teams, train, test, seed + i) for i, (train, test) in enumerate(lots.folds)
             if len(train) >= FEWEST_TRAIN and len(test)]  # fmt: skip
    if not folds:
        raise ValueError(f"no fold has {FEWEST_TRAIN} lots to learn from")
    scores = _scores(folds)
    random = np.random.default_rng(seed)
    lengths = [block_length(f.loss) for f in folds]
    drawn = np.array(
        [
            _places(_scores([f.take(resampled(len(f.loss), k, random)) for f, k in zip(folds, lengths, strict=True)]))
            for _ in range(RESAMPLES)
        ]
    )
    low, high = np.quantile(drawn, BAND, axis=0)
    by_fold = np.array([_places(_scores([f])) for f in folds])
    every = _joined(folds)
    directions = np.array([f.direction for f in folds])
    base = float(np.sqrt(every.loss.mean()))
    found = []
    for place, i in enumerate(np.argsort(-scores, kind="stable").tolist(), start=1):
        shuffled = float(np.sqrt(max(0.0, every.loss.mean() + every.rise[:, i].mean())))
        signs = directions[:, i]
        agreed = int(signs[0]) if (signs == signs[0]).all() else 0
        found.append(
            Ranked(
                place, _by_part(teams[i], folds), float(scores[i]), shuffled - base, float(every.shapley[:, i].mean()),
                min(place, int(np.floor(low[i]))), max(place, int(np.ceil(high[i]))), tuple(by_fold[:, i].tolist()),
                agreed,
            )
        )  # fmt: skip
    return Ranking(tuple(found), base, float(np.sqrt(every.mean_loss.mean())), len(every.loss))


@dataclass(frozen=True, slots=True, eq=False)
class _Fold:
    """Held-out lots of one fold. loss, mean_loss: (k,), squared errors. rise: (k, groups), of the loss when shuffled.
    shapley: (k, groups), absolute. direction: of each group. part: mean absolute Shapley value of each factor.
    """

    loss: Floats
    mean_loss: Floats
    rise: Floats
    shapley: Floats
    direction: tuple[int, ...]
    part: Mapping[str, float]

    def take(self, rows: Ints) -> _Fold:
        return _Fold(
            self.loss[rows], self.mean_loss[rows], self.rise[rows], self.shapley[rows], self.direction, self.part
        )


def _fold(lots: Lots, fit: Fit, teams: Sequence[Sequence[str]], train: Ints, test: Ints, seed: int) -> _Fold:
    columns = lots.columns()
    taken = _telling(lots, train, columns)
    kept = sorted(i for f in taken for i in columns[f])
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
    mean_loss = (lots.outcome[train].mean() - y) ** 2
    return _Fold(loss, mean_loss, rise, shapley, tuple(direction), part)


def _telling(lots: Lots, train: Ints, columns: Mapping[str, Sequence[int]]) -> set[str]:
    """Return the factors that a fold's model takes: all, or those that have most to do with the training results."""
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
    at_once = max(1, MOST_CELLS // max(1, SHUFFLES * x.size))
    for first in range(0, len(teams), at_once):
        batch = teams[first : first + at_once]
        other = np.repeat(x[None, :, :], len(batch) * SHUFFLES, axis=0)
        for k, g in enumerate(batch):
            for s in range(SHUFFLES):
                other[k * SHUFFLES + s][:, owned[g]] = x[random.permutation(len(y))][:, owned[g]]
        loss = (model(other.reshape(-1, x.shape[1])).reshape(len(batch), SHUFFLES, len(y)) - y) ** 2
        yield from zip(batch, loss.mean(axis=1), strict=True)


def _joined(folds: Sequence[_Fold]) -> _Fold:
    loss, mean_loss, rise, shapley = (
        np.concatenate([getattr(f, name) for f in folds]) for name in ("loss", "mean_loss", "rise", "shapley")
    )
    return _Fold(loss, mean_loss, rise, shapley, folds[0].direction, folds[0].part)


def _scores(folds: Sequence[_Fold]) -> Floats:
    """Return the scores of groups, each fold counting alike: one whose model fails would outweigh all others."""
    return np.asarray(np.mean([_score(f) for f in folds], axis=0))


def _score(fold: _Fold) -> Floats:
    rise, shapley = np.clip(fold.rise.mean(axis=0), 0.0, None), fold.shapley.mean(axis=0)
    return np.asarray(rise / (rise.sum() or 1.0) / 2 + shapley / (shapley.sum() or 1.0) / 2)


def _places(scores: Floats) -> Ints:
    places = np.empty(len(scores), dtype=np.int64)
    places[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
    return places


def _by_part(team: Sequence[str], folds: Sequence[_Fold]) -> tuple[str, ...]:
    return tuple(sorted(team, key=lambda f: -sum(fold.part.get(f, 0.0) for fold in folds)))
