"""The one definition of a caught failure and a false alarm, for training, back-test, replay and live.

Caught: an alert raised in [failure - horizon, failure - lead]. Raised anywhere else it is false, even if it is still
open at the failure. An alert that stays open is judged again each horizon.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the alerts of one asset were worth. lead_times: axis units from each catching raise to its failure."""

    n_events: int
    n_caught: int
    n_false: int
    lead_times: tuple[float, ...]

    def __add__(self, other: Judgement) -> Judgement:
        return Judgement(
            self.n_events + other.n_events,
            self.n_caught + other.n_caught,
            self.n_false + other.n_false,
            self.lead_times + other.lead_times,
        )


NOTHING = Judgement(0, 0, 0, ())


@dataclass(frozen=True, slots=True)
class Saying:
    """One instant at which an alert spoke: its raise, or a horizon later each while it stayed open; in axis units.

    catches: the place of the failure that it warned of in time, None for none. is_known: what followed is known.
    """

    at: float
    catches: int | None
    is_known: bool


def catches(raised: Sequence[float], failures: Sequence[float], horizon: float, lead: float) -> dict[int, float]:
    """Return the places of the failures that a raise caught, each with the lead time of the first that did."""
    first_lead: dict[int, float] = {}
    for said in raised:
        for i, at in enumerate(failures):
            if lead <= at - said <= horizon:
                first_lead[i] = max(first_lead.get(i, 0.0), at - said)
    return first_lead


def judge(
    excursions: Sequence[tuple[float, float]],
    failures: Sequence[float],
    horizon: float,
    lead: float,
    until: float,
) -> Judgement:
    """Judge the excursions (raised, cleared) of one asset against its failures; all in axis units.

    A failure caught by several raises counts once, with the lead time of the first of them. What lies within a
    horizon of `until`, the end of what is known, with no failure yet, is not judged.
    """
    first_lead = catches([raised for raised, _ in excursions], failures, horizon, lead)
    said = [x for each in excursions for x in sayings(each, failures, horizon, lead, until)]
    n_false = sum(x.is_known and x.catches is None for x in said)
    return Judgement(len(failures), len(first_lead), n_false, tuple(first_lead[i] for i in sorted(first_lead)))


def sayings(
    excursion: tuple[float, float], failures: Sequence[float], horizon: float, lead: float, until: float
) -> Iterator[Saying]:
    """Yield the instants at which an excursion (raised, cleared) spoke, and what each was worth; see `judge`."""
    if not horizon > 0:
        raise ValueError(f"a horizon of {horizon}")
    raised, cleared = excursion
    next_failure = min((at for at in failures if at >= raised), default=float("inf"))
    said = raised
    while said < min(cleared, next_failure, until) or said == raised:
        caught = next((i for i, at in enumerate(failures) if lead <= at - said <= horizon), None)
        yield Saying(said, caught, next_failure <= until or said + horizon <= until)
        said += horizon
