"""Errors counted one by one in; how strongly the newest of them speak against what was promised, out. Pure.

Evidence is a product of factors, one of each case, whose mean is at most 1 while the promise is kept: a likelihood
ratio, or a bet. It begins anew where the past speaks for the promise, at most once a day, so that a long good time
hides no change. Invariant: while the promise is kept, the evidence reaches a limit on any of n days with a chance of
n / limit at most, however often a day it is looked at and however many cases a day has.
Sources: Page (1954), Continuous inspection schemes, Biometrika 41; Shin, Ramdas, Rinaldo (2023), E-detectors, N. Engl.
J. Stat. Data Sci. 2(2), whose mixture of CUSUMs this is; Henzi, Ziegel (2022), Valid sequential inference on
probability forecast performance, Biometrika 109, for the bets.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

Floats = NDArray[np.float64]
WORSE: Final = np.array([2.0, 4.0, 8.0, 16.0])  # odds of an error, times those that were promised
STAKES: Final = np.array([1 / 8, 1 / 4, 1 / 2, 1.0])  # what is bet on a difference within [-1, 1]
FEWEST_DAYS: Final = 8
SURE: Final = 0.95
MOST: Final = 1e6  # what evidence is cut at: else a model that recovers would be blamed for as long as it was bad


@dataclass(frozen=True, slots=True)
class Evidence:
    """How strong it is, and the place of the case from which on it counts."""

    value: float
    since: int


def of_errors(is_error: NDArray[np.bool_], day: NDArray[np.int64], at_most: float, dispersion: float = 1.0) -> Evidence:
    """Return the evidence that errors come with a greater chance than `at_most`; of a chance of 1 there is none.

    is_error, day: of each case, in the order in which they were known. dispersion: see `dispersion_of`.
    """
    if at_most >= 1 or not len(day):
        return Evidence(0.0, 0)
    at_most = max(at_most, 1e-6)
    odds = WORSE * at_most / (1 - at_most)
    worse = odds / (1 + odds)
    factors = np.where(is_error[:, None], worse / at_most, (1 - worse) / (1 - at_most))
    return _gathered(factors ** (1 / dispersion), day)


def of_differences(difference: Floats, day: NDArray[np.int64], dispersion: float = 1.0) -> Evidence:
    """Return the evidence that the mean of differences, each within [-1, 1], is above 0."""
    if not len(day):
        return Evidence(0.0, 0)
    return _gathered((1.0 + difference[:, None] * STAKES) ** (1 / dispersion), day)


def dispersion_of(values: Floats, day: NDArray[np.int64]) -> float:
    """Return by what the variance of a day's mean is greater than of cases that have nothing in common; 1 where that
    is not sure. From differences of successive days, which a change of level once does not touch.

    values: of each case, float64 (n,), in the order of `day`. Sources: von Neumann (1941), Distribution of the ratio of
    the mean square successive difference to the variance; McCullagh, Nelder (1989), Generalized linear models, for the
    power of the likelihood that is taken.
    """
    starts = np.flatnonzero(np.diff(day, prepend=day[0] - 1)) if len(day) else np.empty(0, dtype=np.int64)
    plain = float(values.var()) if len(values) else 0.0
    if len(starts) <= FEWEST_DAYS or plain == 0:
        return 1.0
    n = np.diff(starts, append=len(day))
    means = np.add.reduceat(values, starts) / n
    times = float((np.diff(means) ** 2).sum() / (1 / n[1:] + 1 / n[:-1]).sum() / plain)
    free = 2 * (len(n) - 1) / 3  # differences that share a day tell less
    return times if times * free > chi2.ppf(SURE, free) else 1.0


def _gathered(factors: Floats, day: NDArray[np.int64]) -> Evidence:
    """Return the mean evidence of the alternatives; factors: (n, alternatives)."""
    starts = np.flatnonzero(np.diff(day, prepend=day[0] - 1))
    with np.errstate(divide="ignore"):  # a bet of all that is lost
        steps = np.add.reduceat(np.log(factors), starts, axis=0)
    walks = [_walked(own) for own in steps.T.tolist()]
    _, place = max(walks)
    return Evidence(float(np.mean(np.exp([v for v, _ in walks]))), int(starts[place]))


def _walked(steps: Sequence[float]) -> tuple[float, int]:
    """Return the sum of the newest steps, begun anew wherever it was 0 or less, and the step it was begun with."""
    most, value, place = math.log(MOST), 0.0, 0
    for i, step in enumerate(steps):
        if value <= 0.0:
            value, place = 0.0, i
        value = min(value + step, most)
    return value, place
