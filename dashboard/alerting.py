"""The ledger in, what the Alerts page lists and tells of one alert out. Knows no plotting library and no Dash."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from alerts.lifecycle import UNACKED
from alerts.units import measure_of
from dashboard.source import Act, Source
from domain.alerting import Alert, AlertState, Change, Condition, Hold, Rule, Transition
from domain.instants import to_ns
from domain.life_text import said as life_said
from domain.plant import Axis
from domain.scores import Life, Scale, Score
from domain.text import Translate

FILTERS: Final[Mapping[str, Callable[[AlertState], bool]]] = {
    "open": lambda s: s.is_open,
    "unacknowledged": lambda s: s in UNACKED,
    "shelved": lambda s: s is AlertState.SHELVED,
    "suppressed": lambda s: s is AlertState.SUPPRESSED,
    "out": lambda s: s is AlertState.OUT_OF_SERVICE,
    "all": lambda s: s is not AlertState.PENDING,
}
EVERY: Final = "all"
Newest = Callable[[str], Mapping[str, Score]]


@dataclass(frozen=True, slots=True)
class Listed:
    """What the page lists. counts: how many each filter holds, but `all`, of which the newest closed ones are read."""

    alerts: tuple[Alert, ...]
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class AlertView:
    """One alert as it is told. why: what moved the score most. note: the words of whoever, or whatever, holds it back.
    affected: what it stands for. factor: of value and limit as they are said in `unit`.
    """

    alert: Alert
    rule: Rule | None
    title: str
    action: str
    factor: float
    unit: str
    condition: Condition | None
    why: tuple[str, ...]
    affected: tuple[str, ...]
    life: tuple[Life, Axis] | None
    hold: Hold | None
    story: tuple[Transition, ...]
    is_explained: bool  # a model's score stands behind it

    def life_text(self, t: Translate) -> str:
        """Say the remaining life that was predicted, "" where none was."""
        return "" if self.life is None else life_said(*self.life, t)


def listed(source: Source, chosen: str, also: str = "") -> Listed:
    """Return the alerts that a filter holds: open ones first, the most urgent first, then the newest.

    also: an alert's id that is listed whatever the filter, such as one that a message links to.
    """
    unclosed = [a for a in source.ledger.alerting.open().values() if a.id]
    counts = {name: sum(map(holds, (a.state for a in unclosed))) for name, holds in FILTERS.items() if name != EVERY}
    found = {a.id: a for a in unclosed if FILTERS.get(chosen, FILTERS["open"])(a.state)}
    if chosen == EVERY:
        found |= {a.id: a for a in source.ledger.alerting.alerts()}
    if also and also not in found and (linked := source.ledger.alerting.alert(also)) is not None:
        found[also] = linked
    return Listed(tuple(sorted(found.values(), key=_attention)), counts)


def _attention(alert: Alert) -> tuple[bool, bool, int, int, str]:
    is_open = alert.state.is_open
    rank = alert.priority.rank if is_open else 0
    return not is_open, alert.state not in UNACKED, rank, -to_ns(alert.raised_at or alert.breach_since), alert.id


def alert_view(source: Source, alert_id: str) -> AlertView | None:
    """Return one alert with what its last notice told, and its story; None for an unknown id."""
    alert = source.ledger.alerting.alert(alert_id)
    if alert is None:
        return None
    story = tuple(source.ledger.alerting.transitions([alert_id]))
    general = next((r for r in source.rules if r.id == alert.key.rule), None)
    rule = general.on(alert.key.asset) or general if general is not None else None
    facts = _facts(source, story)
    life = facts.get("life")
    factor, unit = measure(source, source.ledger.scoring.latest, rule, alert.key.asset)
    return AlertView(
        alert,
        rule,
        alert.key.rule if rule is None else rule.title,
        "" if rule is None else rule.action,
        factor,
        facts.get("unit") or unit,
        None if rule is None or rule.terms else rule.condition,
        tuple(facts.get("why_said", facts.get("why", ()))),
        tuple(facts.get("affected", ())),
        (Life(*life[:4]), Axis(life[4])) if life else None,
        source.ledger.alerting.holds().get((alert.key.rule, alert.key.asset)),
        story,
        rule is not None and rule.watch.startswith("score:"),
    )


def measure(source: Source, newest: Newest, general: Rule | None, asset: str) -> tuple[float, str]:
    """Return the factor and the unit by which a rule's value and limit are said: shares in percent, results in theirs.

    newest: the newest scores of a detector by asset. general: the rule as its class has it; None gives (1.0, "").
    """
    if general is None:
        return 1.0, ""
    rule = general.on(asset) or general
    term = rule.all_terms[0]
    detector = next((d for d in source.detectors if term.watch == f"score:{d.name}"), None)
    if detector is None:
        return measure_of(rule, source.plant, asset, "", None)
    score = newest(detector.name).get(asset)
    by_role = Scale.PHYSICAL if detector.role == "quality" else Scale.PROBABILITY
    return measure_of(rule, source.plant, asset, detector.outcome, by_role if score is None else score.scale)


def _facts(source: Source, story: Sequence[Transition]) -> Mapping[str, Any]:
    """Return what the newest notice that is kept told; {} where none is."""
    keys = [f"{row.alert_id}:{row.sequence}" for row in story if row.change.is_announced or row.change is Change.RAISED]
    kept = source.ledger.outbox.facts(keys)
    newest = next((kept[key] for key in reversed(keys) if key in kept), "{}")
    found: Mapping[str, Any] = json.loads(newest)
    return found


def usable(alert: Alert, hold: Hold | None, now: datetime) -> frozenset[Act]:
    """Return what can be done with an alert as it is. hold: what a person holds back of its rule on its asset."""
    acts = {Act.COMMENT}
    is_held = hold is not None and (hold.until is None or hold.until > now)
    if alert.state in UNACKED:
        acts.add(Act.ACKNOWLEDGE)
    if alert.state is AlertState.LATCHED:
        acts.add(Act.RESET)
    if hold is not None and is_held:
        acts.add(Act.UNSHELVE if hold.state is AlertState.SHELVED else Act.IN_SERVICE)
    else:
        acts |= {Act.SHELVE, Act.OUT_OF_SERVICE}
    return frozenset(acts)
