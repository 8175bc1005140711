"""Models of good and bad lots that are watched for years: one that keeps its promise is left alone, one that breaks it
is told soon.

A simulated plant: each lot's log-odds of being bad are normal, the model knows them, and its back-test promised what
it did on a stretch before. Some plants have days that are better or worse than the model can know. Then the labels
flip, or the probabilities lose all that they know.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from benchmarks.bars import QUICK, Bars
from reports.live_class import DAY_NS, N_RECENT, RISK, Counts, SaidLots, broken, counts

YEAR: Final = 365
N_YEARS: Final = 5 if QUICK else 20  # of each plant
N_BREAKS: Final = 10 if QUICK else 40
EVERY: Final = 7 if QUICK else 1  # days between looks
GOOD_DAYS: Final = 60  # before a model breaks
MOST_BAD: Final = 75  # bad lots within which a flip is to be told, or by the second day


@dataclass(frozen=True, slots=True)
class Plant:
    """share: of bad lots, roughly; sharp: standard deviation of what the model knows, of log-odds; scatter: of days."""

    share: float
    per_day: int
    sharp: float
    scatter: float = 0.0

    @property
    def n_tested(self) -> int:
        """Lots of the back-test: some thirty bad ones."""
        return max(200, int(30 / self.share))


PLANTS: Final = (
    Plant(0.07, 20, 2.0),
    Plant(0.07, 100, 1.5, 0.5),
    Plant(0.3, 2, 2.0),
    Plant(0.3, 20, 1.5),
    Plant(0.3, 20, 1.5, 0.5),
)


def lots(plant: Plant, n_days: int, seed: int, threshold: float | None = None) -> tuple[SaidLots, float]:
    """Return lots day by day, and the threshold: the one given, or the share of bad lots, where the balanced error is
    least.
    """
    random = np.random.default_rng(seed)
    n = n_days * plant.per_day
    known = np.log(plant.share / (1 - plant.share)) + plant.sharp * random.normal(size=n)
    of_day = np.repeat(plant.scatter * random.normal(size=n_days), plant.per_day)
    is_bad = random.random(n) < 1 / (1 + np.exp(-known - of_day))
    probability = 1 / (1 + np.exp(-known))
    threshold = float(is_bad.mean()) if threshold is None else threshold
    day = np.repeat(np.arange(n_days), plant.per_day) * DAY_NS
    sums = np.concatenate([[0], np.cumsum(is_bad)])
    place = np.arange(n)
    back = np.minimum(place, N_RECENT)
    persistence = np.where(back > 0, (sums[place] - sums[place - back]) / np.maximum(back, 1), np.nan)
    return SaidLots(day, is_bad, probability >= threshold, probability, persistence), threshold


def watched(plant: Plant, n_days: int, seed: int) -> tuple[SaidLots, Counts]:
    """Return lots of a model, and what its back-test on others counted."""
    tested, threshold = lots(plant, plant.n_tested // plant.per_day + 1, seed)
    return lots(plant, n_days, seed + 1_000_000, threshold)[0], counts(tested)


def flipped(said: SaidLots, day: int) -> SaidLots:
    """Return lots of which from a day on the good ones are bad: what the model knows has turned around."""
    return replace(said, is_bad=said.is_bad ^ (said.known_at >= day * DAY_NS))


def blinded(said: SaidLots, day: int, seed: int) -> SaidLots:
    """Return lots of which the model from a day on knows nothing: it says of each what it knows of another."""
    rows = np.arange(len(said.is_bad))
    later = rows[said.known_at >= day * DAY_NS]
    rows[later] = np.random.default_rng(seed).permutation(later)
    return replace(said, probability=said.probability[rows], is_called=said.is_called[rows])


def looks(said: SaidLots, promised: Counts, every: int = 1, first: int = 0) -> Iterator[tuple[int, bool]]:
    """Yield the days of looks, from the first on, and whether something is broken then."""
    last = int(said.known_at[-1] // DAY_NS)
    for day in range(first, last + 1, every):
        n = int(np.searchsorted(said.known_at, day * DAY_NS, side="right"))
        yield day, bool(broken(said.take(slice(n)), promised))


def told_after(said: SaidLots, promised: Counts, day: int) -> float:
    """Return how many bad lots came from a day on until the model was told, inf where it never was."""
    for at, is_told in looks(said, promised, first=day):
        if is_told:
            since = (said.known_at >= day * DAY_NS) & (said.known_at <= at * DAY_NS)
            return float((said.is_bad & since).sum())
    return float("inf")


def show(bars: Bars) -> None:
    """Print the bars of watched models."""
    found = {_name(p): [any(x for _, x in looks(*watched(p, YEAR, s), EVERY)) for s in range(N_YEARS)] for p in PLANTS}
    shares = {name: float(np.mean(years)) for name, years in found.items()}
    bars.show(
        "good and bad lots: years in which a model that keeps its promise is blamed",
        {"mean": round(float(np.mean(list(shares.values()))), 4), "by_plant": shares, "years": N_YEARS * len(PLANTS)},
        f"mean <= {RISK}, none > 0.5",
        float(np.mean(list(shares.values()))) <= RISK and max(shares.values()) <= 0.5,
        "a look a day, all three promises; the back-test is as uncertain as 30 bad lots are",
    )
    flips = {_name(p): [_flip(p, s) for s in range(N_BREAKS)] for p in PLANTS}
    late = {name: _quantiles(after) for name, after in flips.items()}
    goal = {_name(p): max(MOST_BAD, 2 * p.per_day) for p in PLANTS}
    bars.show(
        "good and bad lots: bad lots until a model is told whose labels have flipped, median and 90 %",
        late,
        f"90 % within {MOST_BAD}, or by the second day",
        all(late[name][1] <= goal[name] for name in late),
        "flipped, so that most lots are bad; a look a day",
    )
    blind = {_name(p): _quantiles([_blind(p, s) for s in range(N_BREAKS)]) for p in PLANTS}
    bars.show(
        "good and bad lots: bad lots until a model is told that knows nothing any more, median and 90 %",
        blind,
        "printed: the less a model knew, the longer that takes to show",
        None,
        "probabilities dealt anew among the lots; a look a day",
    )


def _flip(plant: Plant, seed: int) -> float:
    said, promised = watched(plant, GOOD_DAYS + 60, seed)
    return told_after(flipped(said, GOOD_DAYS), promised, GOOD_DAYS)


def _blind(plant: Plant, seed: int) -> float:
    said, promised = watched(plant, GOOD_DAYS + max(60, int(300 / plant.share / plant.per_day)), seed)
    return told_after(blinded(said, GOOD_DAYS, seed), promised, GOOD_DAYS)


def _quantiles(after: list[float]) -> list[Any]:
    return [x if np.isfinite(x) else None for x in np.quantile(after, [0.5, 0.9], method="higher").tolist()]


def _name(plant: Plant) -> str:
    scatter = f", days scatter by {plant.scatter}" if plant.scatter else ""
    return f"{plant.share:.0%} bad, {plant.per_day} a day, known by {plant.sharp}{scatter}"
