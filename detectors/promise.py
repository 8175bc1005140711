"""Caught events to what may be promised of unseen ones, by exact bounds.

Events are taken as independent draws of one process. Where an event is caught at every threshold up to its own best
score, the threshold that `least_caught` asks for is an order statistic of the best scores, and the promise is exact;
elsewhere it is the binomial bound at that threshold.
Source: Clopper, Pearson (1934), Biometrika 26(4); Wilks (1941), Ann. Math. Statist. 12(1), for the order statistic.
"""

from __future__ import annotations

from scipy.stats import beta


def floor_of(n_caught: int, n_events: int, confidence: float) -> float:
    """Return the share of unseen events that is caught at least, said with a one-sided confidence in (0, 1).

    5 caught of 5 prove 0.63 at 0.9; nothing caught, or no event, proves 0.
    """
    if not 0 <= n_caught <= n_events:
        raise ValueError(f"{n_caught} caught of {n_events}")
    return 0.0 if n_caught == 0 else float(beta.ppf(1.0 - confidence, n_caught, n_events - n_caught + 1))


def interval_of(n_caught: int, n_events: int, confidence: float) -> tuple[float, float]:
    """Return the exact two-sided interval of the share; (0, 1) where no event was seen."""
    if n_events == 0:
        return 0.0, 1.0
    each_side = (1.0 + confidence) / 2
    return floor_of(n_caught, n_events, each_side), 1.0 - floor_of(n_events - n_caught, n_events, each_side)


def least_caught(n_events: int, floor: float, confidence: float) -> int | None:
    """Return how many of the events must be caught for `floor` to be promised, None where they are too few for it."""
    return next((k for k in range(n_events + 1) if floor_of(k, n_events, confidence) >= floor), None)


def events_needed(floor: float, confidence: float) -> int:
    """Return the least number of events, all of them caught, that proves `floor`."""
    n = 1
    while floor_of(n, n, confidence) < floor:
        n += 1
    return n
