"""Champion against challenger: what both said of a window later than either's training in, a decision out. Pure.

A challenger is promoted when its event recall is not worse, its false alarms fit the budget, and it is really better:
by failures that one of the two caught alone, or by spans of an asset's time in which one of them raised fewer false
alarms. Each such failure or span is a toss of a coin that is fair where the two are equally good, so the evidence may
be looked at every day: by Ville's inequality it reaches 1 / RISK in a share of at most RISK of all equal pairs, however
often it is looked at.
Source: Ramdas, Grünwald, Vovk, Shafer (2023), Game-theoretic statistics and safe anytime-valid inference, Stat. Sci.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.judging import judge
from domain.limits import Limits, raises
from domain.vectors import Training

RISK: Final = 0.02
WEEK_NS: Final = 604_800_000_000_000
PAUSE: Final = 10  # steps between two windows; a longer pause is no time watched
SPAN: Final = 4  # horizons; false alarms within a span are one piece of evidence, since they come in bursts


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """What one model said of one asset: its scores in order, their positions and the failures on the asset's axis.

    start: where the later window begins; failures from start + horizon on are judged. weeks: how long it was watched.
    """

    value: NDArray[np.float64]
    position: NDArray[np.float64]
    failures: tuple[float, ...]
    start: float
    weeks: float


@dataclass(frozen=True, slots=True)
class Judged:
    """What the alerts of one model on one asset were worth. caught: one per failure; false: alarms by span."""

    caught: tuple[bool, ...]
    false: tuple[tuple[int, int], ...]
    weeks: float

    @property
    def n_false(self) -> int:
        """False alarms in all."""
        return sum(n for _, n in self.false)


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to promote, why not, and the figures it rests on."""

    is_promoted: bool
    reason: str
    n_events: int
    caught: tuple[int, int]  # champion, challenger
    false_per_week: tuple[float, float]
    evidence: float
    needed: float = 1 / RISK

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return asdict(self)


def watched(value: NDArray[np.float64], rows: Training, since: int) -> list[Watched]:
    """Cut scores of training rows into one piece per asset, of what ended after `since` (ns)."""
    found = []
    asset = rows.vectors.asset.astype(str)
    for name in np.unique(asset):
        own = np.flatnonzero((asset == name) & (rows.vectors.end > since))
        if not len(own):
            found.append(Watched(np.empty(0), np.empty(0), (), 0.0, 0.0))
            continue
        own = own[np.argsort(rows.vectors.end[own], kind="stable")]
        position = rows.vectors.position[own]
        ends = position + rows.to_event[own]
        failures = tuple(np.unique(ends[np.isfinite(ends)]).tolist())
        gaps = np.diff(rows.vectors.end[own])
        usual = int(np.median(gaps)) if len(gaps) else 0
        weeks = (int(np.minimum(gaps, PAUSE * usual).sum()) + usual) / WEEK_NS
        found.append(Watched(value[own], position, failures, float(position[0]), weeks))
    return found


def judged(watched: Watched, limits: Limits, horizon: float, lead: float, confirm: float) -> Judged:
    """Replay the alert logic over one asset's later window; horizon, lead and confirm in axis units."""
    if not len(watched.position):
        return Judged((), (), 0.0)
    at = watched.position
    failures = [f for f in watched.failures if f - horizon >= watched.start]
    until = max((*watched.failures, float(at[-1])))
    found = raises(watched.value.tolist(), at.tolist(), limits, confirm)
    spans = [(float(at[a]), float(at[b]) if b < len(at) else np.inf) for a, b in found]
    caught = tuple(bool(judge(spans, [f], horizon, lead, until).n_caught) for f in failures)
    by_span: Counter[int] = Counter()
    for raised, cleared in spans:
        n = judge([(raised, cleared)], watched.failures, horizon, lead, until).n_false
        by_span[int((raised - watched.start) // (SPAN * horizon))] += n
    return Judged(caught, tuple(sorted(by_span.items())), watched.weeks)


def decide(champion: Sequence[Judged], challenger: Sequence[Judged], budget: float | None) -> Decision:
    """Decide from both models' judged assets, in the same order and over the same window.

    budget: false alarms per asset-week; None: not more than the champion raised. Raises ValueError where the two were
    not judged on the same failures.
    """
    if [len(j.caught) for j in champion] != [len(j.caught) for j in challenger]:
        raise ValueError("champion and challenger were judged on different failures")
    pairs = [
        (a, b)
        for old, new in zip(champion, challenger, strict=True)
        for a, b in zip(old.caught, new.caught, strict=True)
    ]
    caught = sum(a for a, _ in pairs), sum(b for _, b in pairs)
    rates = _rate(champion), _rate(challenger)
    alone = sum(b and not a for a, b in pairs), sum(a and not b for a, b in pairs)
    evidence = (coin_evidence(*alone) + coin_evidence(*_quieter(champion, challenger))) / 2
    allowed = rates[0] if budget is None else budget
    if not pairs:
        reason = "no failure was seen since both were trained"
    elif caught[1] < caught[0]:
        reason = "it caught fewer failures"
    elif rates[1] > allowed:
        reason = "its false alarms are beyond the budget"
    elif evidence < 1 / RISK:
        reason = "it may be better by chance only"
    else:
        reason = ""
    return Decision(not reason, reason, len(pairs), caught, rates, evidence)


def coin_evidence(wins: int, losses: int) -> float:
    """Return how many times better a coin that favours wins explains them than a fair one, averaged over all such
    coins: an e-value, with a mean of at most 1 where the coin is fair.
    """
    from scipy.special import betainc, betaln

    n = wins + losses
    upper = 1.0 - float(betainc(wins + 1, losses + 1, 0.5))
    return float(np.exp(np.log(2.0) * (n + 1) + betaln(wins + 1, losses + 1))) * upper


def _quieter(champion: Sequence[Judged], challenger: Sequence[Judged]) -> tuple[int, int]:
    """Return in how many spans the challenger, and in how many the champion, raised fewer false alarms."""
    wins = losses = 0
    for old, new in zip(champion, challenger, strict=True):
        before, after = dict(old.false), dict(new.false)
        for span in before.keys() | after.keys():
            difference = before.get(span, 0) - after.get(span, 0)
            wins += difference > 0
            losses += difference < 0
    return wins, losses


def _rate(found: Sequence[Judged]) -> float:
    weeks = sum(j.weeks for j in found)
    return sum(j.n_false for j in found) / weeks if weeks else 0.0
