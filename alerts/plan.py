"""Rules and the plant in, a plan out: every rule on every asset of its class, laid out as arrays for the cycle. Pure.

Invariant: a rule stands after the one that suppresses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alerts import evidence
from alerts.verdict import STALE_PERIODS
from domain.alerting import AlertKey, Condition, Rule, Term
from domain.instants import duration_ns
from domain.limits import Limits
from domain.plant import Plant

Series = tuple[str, str]  # asset, and what is watched of it
KINDS: Final = {c: i for i, c in enumerate(Condition)}
NO_PARENT: Final = -1


@dataclass(frozen=True, slots=True)
class Watch:
    """One rule on one asset. parts: its terms' places in the plan. parent: the place of what suppresses it."""

    rule: Rule
    key: AlertKey
    parts: range
    parent: int


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Every rule on every asset. Arrays of shape (number of parts,), in the order of the watches.

    series, kind, sign: int64: which series a part looks at, its condition by KINDS, and on which side it breaches.
    raise_at, clear_at: float64, NaN where the model gives them. over_minutes, deadband: float64. lookback: int64
    (number of series,), ns of earlier values that are needed.
    """

    watches: tuple[Watch, ...]
    places: Mapping[AlertKey, int]
    sources: tuple[Series, ...]
    terms: tuple[Term, ...]
    starts: NDArray[np.int64]  # of each watch's parts
    series: NDArray[np.int64]
    kind: NDArray[np.int64]
    sign: NDArray[np.int64]
    raise_at: NDArray[np.float64]
    clear_at: NDArray[np.float64]
    over_minutes: NDArray[np.float64]
    deadband: NDArray[np.float64]
    is_any: NDArray[np.bool_]  # per watch
    is_joined: NDArray[np.bool_]  # per watch: several terms
    model_parts: Mapping[str, NDArray[np.int64]]  # detector -> the parts whose limits are its model's
    lookback: NDArray[np.int64]

    def limits(self, models: Mapping[str, tuple[float, float]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return (raise, clear) of all parts with the models' own filled in; NaN where there is no model yet."""
        if not self.model_parts:
            return self.raise_at, self.clear_at
        raise_at, clear_at = self.raise_at.copy(), self.clear_at.copy()
        for detector, parts in self.model_parts.items():
            raise_at[parts], clear_at[parts] = models.get(detector, (np.nan, np.nan))
        return raise_at, clear_at


def plan_of(rules: Sequence[Rule], plant: Plant, kinds: Iterable[str] = ("tag", "score", "lot")) -> Plan:
    """Lay out the rules that watch things of these kinds; what an asset has no tag for is left out."""
    chosen = set(kinds)
    wanted = [r for r in by_parent(rules) if all(t.watch.partition(":")[0] in chosen for t in r.all_terms)]
    numbers: dict[Series, int] = {}
    watches: list[Watch] = []
    terms: list[Term] = []
    series: list[int] = []
    places: dict[AlertKey, int] = {}
    by_rule: dict[str, dict[str, int]] = {}
    for rule in wanted:
        mine = by_rule.setdefault(rule.id, {})
        for asset in plant.of_class(rule.asset_class):
            here = rule.on(asset.path)
            if here is None or not _has_tags(here, asset.path, plant):
                continue
            parts = range(len(terms), len(terms) + len(here.all_terms))
            for term in here.all_terms:
                terms.append(_with_limit(term, asset.path, plant))
                series.append(numbers.setdefault((asset.path, term.watch), len(numbers)))
            key = AlertKey(rule.id, asset.path, rule.watch)
            places[key] = mine[asset.path] = len(watches)
            watches.append(Watch(here, key, parts, _parent(by_rule.get(rule.parent, {}), asset.path)))
    return _laid_out(watches, places, tuple(numbers), terms, series)


def by_parent(rules: Sequence[Rule]) -> list[Rule]:
    """Return the rules with each after its parent; a circle is broken where it is met."""
    named = {r.id: r for r in rules}
    done: dict[str, Rule] = {}

    def add(rule: Rule, path: tuple[str, ...]) -> None:
        parent = named.get(rule.parent)
        if parent is not None and parent.id not in done and parent.id not in path:
            add(parent, (*path, rule.id))
        done.setdefault(rule.id, rule)

    for rule in rules:
        add(rule, (rule.id,))
    return list(done.values())


def limits_at(plan: Plan, part: int, raise_at: float, clear_at: float) -> Limits:
    """Return a part's limits as one thing."""
    return Limits(raise_at, clear_at, plan.terms[part].condition.sign)


def _parent(places: Mapping[str, int], asset: str) -> int:
    """Return the parent's place on the asset itself, or on the nearest asset above it."""
    path = asset
    while path:
        if path in places:
            return places[path]
        path = path.rpartition("/")[0]
    return NO_PARENT


def _has_tags(rule: Rule, asset: str, plant: Plant) -> bool:
    names = [t.watch.removeprefix("tag:") for t in rule.all_terms if t.watch.startswith("tag:")]
    return all(name in plant.tags[asset] for name in names)


def _with_limit(term: Term, asset: str, plant: Plant) -> Term:
    """Give a stale tag without a limit of its own three of its periods."""
    if term.condition is not Condition.STALE or term.raise_at is not None:
        return term
    seconds = STALE_PERIODS * plant.tags[asset][term.watch.removeprefix("tag:")].period.total_seconds()
    return Term(term.watch, term.condition, seconds, seconds)


def _laid_out(
    watches: list[Watch],
    places: Mapping[AlertKey, int],
    sources: tuple[Series, ...],
    terms: list[Term],
    series: list[int],
) -> Plan:
    lookback = np.zeros(len(sources), np.int64)
    for watch in watches:
        hold = duration_ns(watch.rule.hold) if watch.rule.terms else 0
        for part in watch.parts:
            need = _lookback(terms[part], watch.rule) + hold
            lookback[series[part]] = max(lookback[series[part]], need)
    models: dict[str, list[int]] = {}
    for part, term in enumerate(terms):
        if term.is_model:
            models.setdefault(term.watch.removeprefix("score:"), []).append(part)
    return Plan(
        tuple(watches),
        places,
        sources,
        tuple(terms),
        np.array([w.parts.start for w in watches], np.int64),
        np.array(series, np.int64),
        np.array([KINDS[t.condition] for t in terms], np.int64),
        np.array([t.condition.sign for t in terms], np.int64),
        np.array([np.nan if t.raise_at is None else t.raise_at for t in terms], np.float64),
        np.array([np.nan if t.clear_at is None else t.clear_at for t in terms], np.float64),
        np.array([duration_ns(t.over) / evidence.MINUTE_NS for t in terms], np.float64),
        np.array([t.deadband for t in terms], np.float64),
        np.array([w.rule.is_any for w in watches], bool),
        np.array([bool(w.rule.terms) for w in watches], bool),
        {name: np.array(parts, np.int64) for name, parts in models.items()},
        lookback,
    )


def _lookback(term: Term, rule: Rule) -> int:
    if term.raise_at is None or (not term.condition.is_duration and not term.over):
        return 0
    if term.condition is Condition.STALE:
        return int(term.raise_at * evidence.SECOND_NS) + duration_ns(rule.on_delay)
    return evidence.lookback_ns(term, Limits(term.raise_at, term.raise_at))
