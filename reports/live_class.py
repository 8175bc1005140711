"""What was said of lots before their result, and the results, in; how well good and bad ones are told apart, and which
promise of the back-test is broken, out. Pure.

Three promises are watched: bad lots are called bad, and good ones are not, as often as in the back-test, whose own
chance error is allowed for (Clopper, Pearson 1934); and probabilities err less (Brier score) than persistence, the
share of bad ones among the newest results. Where errors come by the day (a shift, a machine), they count for less.
Invariant: a model that keeps its promises is blamed within a year of looks, daily or more often, with a chance of about
RISK at most (`reports.evidence`, where `LIMIT` comes from); few bad lots say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from domain.instants import from_ns
from domain.text import mark, phrase
from reports import evidence

RISK: Final = 0.1
SURE: Final = 0.95  # that the chance of an error is not above what the back-test is taken to promise
MOST_LOTS: Final = 5000  # the newest, that are looked at
SHOWN: Final = 200  # the newest, whose figures are told
N_RECENT: Final = 30  # results whose share of bad ones is persistence
DAY_NS: Final = 86_400 * 10**9

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Promise(StrEnum):
    """What a model of good and bad lots promises."""

    RECALL = "recall"
    FALSE_CALLS = "false calls"
    TELLS = "tells more than persistence"


LIMIT: Final = len(Promise) * 365 / RISK


@dataclass(frozen=True, slots=True, eq=False)
class SaidLots:
    """n lots in the order in which their results were known. known_at: int64 ns. called: whether called bad.

    probability: of being bad; persistence: the share of bad ones among the newest known then, NaN = none was.
    """

    known_at: NDArray[np.int64]
    is_bad: Bools
    is_called: Bools
    probability: Floats
    persistence: Floats

    def take(self, rows: NDArray[np.int64] | slice) -> SaidLots:
        """Return some rows."""
        return SaidLots(
            self.known_at[rows], self.is_bad[rows], self.is_called[rows], self.probability[rows], self.persistence[rows]
        )


@dataclass(frozen=True, slots=True)
class Counts:
    """Of lots of which a model said whether they are bad."""

    n_bad: int
    n_caught: int
    n_good: int
    n_false: int

    @property
    def recall(self) -> float | None:
        """The share of bad lots that were called bad."""
        return self.n_caught / self.n_bad if self.n_bad else None

    @property
    def false_calls(self) -> float | None:
        """The share of good lots that were called bad."""
        return self.n_false / self.n_good if self.n_good else None

    @property
    def balanced_error(self) -> float | None:
        """The mean of the share of bad lots missed and of good ones called bad."""
        recall, false = self.recall, self.false_calls
        return None if recall is None or false is None else (1.0 - recall + false) / 2


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """What was said of lots, held against their results. Brier scores: mean squared errors of the probability and of
    persistence on the same lots, None where persistence was not known.
    """

    n_lots: int
    counts: Counts
    brier: float | None
    persistence_brier: float | None


@dataclass(frozen=True, slots=True)
class Broken:
    """A promise that is broken. since: ns, from when on that shows; n: lots of the kind since then, n_wrong: of these,
    told wrongly, or worse than by persistence. live, promised: shares told wrongly; or Brier scores, the model's and
    that of persistence.
    """

    promise: Promise
    since: int
    n: int
    n_wrong: int
    live: float
    promised: float


@dataclass(frozen=True, slots=True)
class LiveClass:
    """How a model does on its newest lots, and what is broken. promised: see `broken`."""

    figures: ClassFigures
    promised: Counts | None
    broken: tuple[Broken, ...]


def live_class(said: SaidLots, promised: Counts | None) -> LiveClass:
    """Judge a model by its lots."""
    return LiveClass(figures(said.take(slice(-SHOWN, None))), promised, broken(said, promised))


def figures(said: SaidLots) -> ClassFigures:
    """Return the figures of lots."""
    known = said.take(np.flatnonzero(~np.isnan(said.persistence)))
    brier = [float(np.mean((p - known.is_bad) ** 2)) for p in (known.probability, known.persistence) if len(p)]
    return ClassFigures(len(said.is_bad), counts(said), *(brier or (None, None)))


def counts(said: SaidLots) -> Counts:
    """Count the lots."""
    bad, called = said.is_bad, said.is_called
    return Counts(int(bad.sum()), int((bad & called).sum()), int((~bad).sum()), int((~bad & called).sum()))


def broken(said: SaidLots, promised: Counts | None) -> tuple[Broken, ...]:
    """Return the promises that are broken now. promised: of the back-test, None where it is not known."""
    said = said.take(slice(-MOST_LOTS, None))
    found = []
    if promised is not None:
        bad, good = np.flatnonzero(said.is_bad), np.flatnonzero(~said.is_bad)
        missed = promised.n_bad - promised.n_caught
        found.append(_of_errors(Promise.RECALL, said.take(bad), ~said.is_called[bad], missed, promised.n_bad))
        false = promised.n_false
        found.append(_of_errors(Promise.FALSE_CALLS, said.take(good), said.is_called[good], false, promised.n_good))
    found.append(_of_probabilities(said.take(np.flatnonzero(~np.isnan(said.persistence)))))
    return tuple(x for x in found if x is not None)


def false_calls_of(balanced_error: float, recall: float) -> float:
    """Return the share of good lots called bad that belongs to a balanced error rate and a recall."""
    return 2 * balanced_error - (1.0 - recall)


def told(one: Broken) -> str:
    """Return what is broken as a stored phrase, with `since` as an instant."""
    since = from_ns(one.since).isoformat()
    if one.promise is Promise.TELLS:
        what = mark(
            "errs by {live} (Brier score) over {n} lots since {since}, against {promised} by the newest results alone"
        )
        return phrase(what, live=f"{one.live:.3f}", n=one.n, since=since, promised=f"{one.promised:.3f}")
    what = (
        mark("misses {k} of {n} bad lots since {since}, against {promised} in the back-test")
        if one.promise is Promise.RECALL
        else mark("calls {k} of {n} good lots bad since {since}, against {promised} in the back-test")
    )
    return phrase(what, k=one.n_wrong, n=one.n, since=since, promised=f"{one.promised:.1%}")


def _of_errors(promise: Promise, said: SaidLots, is_wrong: Bools, k: int, n: int) -> Broken | None:
    """Judge errors of one kind. k of n: in the back-test."""
    day = said.known_at // DAY_NS
    dispersion = evidence.dispersion_of(is_wrong.astype(np.float64), day)
    found = evidence.of_errors(is_wrong, day, _at_most(k / dispersion, n / dispersion), dispersion)
    if found.value < LIMIT:
        return None
    newest = is_wrong[found.since :]
    since = int(said.known_at[found.since])
    return Broken(promise, since, len(newest), int(newest.sum()), float(newest.mean()), k / n)


def _of_probabilities(said: SaidLots) -> Broken | None:
    own, other = ((p - said.is_bad) ** 2 for p in (said.probability, said.persistence))
    day, difference = said.known_at // DAY_NS, own - other
    found = evidence.of_differences(difference, day, evidence.dispersion_of(difference, day))
    if found.value < LIMIT:
        return None
    newest = slice(found.since, None)
    is_wrong = difference[newest] > 0
    live, promised = float(own[newest].mean()), float(other[newest].mean())
    return Broken(Promise.TELLS, int(said.known_at[found.since]), len(is_wrong), int(is_wrong.sum()), live, promised)


def _at_most(k: float, n: float) -> float:
    """Return what a chance is at most, said with SURE, of which k of n are seen; 1 where nothing is."""
    return 1.0 if k >= n else float(beta.ppf(SURE, k + 1, n - k))
