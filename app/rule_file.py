"""rules.toml in, rules out, or every fault at once with the rule's id; faults against the plant and against each other.

Invariant: of a file with a fault nothing is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from alerts import silence
from alerts.health import MEASURES, OWN_IDS, SOFTWARE
from alerts.rules import RuleSettings
from alerts.watchdog import CANARY_RULE
from app import faults as f
from domain.alerting import Condition, Rule, Term
from domain.errors import Fault
from domain.plant import AssetClass, Plant, Tag

RULES: Final = "rules.toml"
WHOLE_ASSET: Final = "asset"  # `verdict:asset` watches what the console says of the asset
LADDER: Final = (Condition.LOW_LOW, Condition.LOW, Condition.HIGH, Condition.HIGH_HIGH)
Own = tuple[str, str, str]  # key below the rule, value, what is wrong


class RulesFile(BaseModel):
    """rules.toml as a whole."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    rules: tuple[RuleSettings, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What rules may name. detectors: name -> class. receivers: names of the notifiers."""

    plant: Plant
    classes: Mapping[str, AssetClass]
    detectors: Mapping[str, str]
    receivers: Sequence[str]


def read_rules(path: Path, known: Known | None) -> tuple[tuple[Rule, ...], list[Fault]]:
    """Read and check the file; known None leaves out what needs the rest of the config."""
    data, faults = f.read_toml(path)
    return ((), list(faults)) if faults else parse_rules(data, known, str(path))


def parse_rules(data: Mapping[str, Any], known: Known | None, file: str) -> tuple[tuple[Rule, ...], list[Fault]]:
    """Check the content of a rules file; returns no rule where there is a fault."""
    whole, faults = f.build(RulesFile, data, file)
    faults = [_with_id(fault, data) for fault in faults]
    settings = _readable(data)
    rules = {i: each.rule() for i, each in settings.items()}
    if known is not None:
        for i, own in _faults(rules, known):
            key, value, text = own
            faults.append(Fault(file, f"rules[{i}].{key}", value, f'{text} (rule "{rules[i].id}")'))
    return (tuple(rules.values()), []) if whole is not None and not faults else ((), faults)


def _readable(data: Mapping[str, Any]) -> dict[int, RuleSettings]:
    """Return by place the rules that can be read, so that they are checked beside others that cannot."""
    entries = data.get("rules")
    built = {i: f.build(RuleSettings, e, "")[0] for i, e in enumerate(entries if isinstance(entries, list) else [])}
    return {i: rule for i, rule in built.items() if rule is not None}


def _with_id(fault: Fault, data: Mapping[str, Any]) -> Fault:
    """Add the id of the rule that a fault is in, where the entry names one."""
    place = fault.key.removeprefix("rules[").partition("]")[0]
    entries = data.get("rules")
    if not place.isdigit() or not isinstance(entries, list) or not isinstance(entries[int(place)], dict):
        return fault
    name = entries[int(place)].get("id")
    return Fault(fault.file, fault.key, fault.value, f'{fault.rule} (rule "{name}")') if name else fault


def _faults(rules: Mapping[int, Rule], known: Known) -> Iterator[tuple[int, Own]]:
    ids = [r.id for r in rules.values()]
    for i, rule in rules.items():
        found = [*_name_faults(rule, ids, known), *_parent_faults(rule, rules)]
        if rule.asset_class in known.classes:
            found += [*_span_faults(rule, known), *_order_faults(rule, rules)]
        yield from ((i, fault) for fault in found)


def _name_faults(rule: Rule, ids: Sequence[str], known: Known) -> Iterator[Own]:
    if rule.id in {*OWN_IDS, CANARY_RULE.id, silence.RULE_ID}:
        yield "id", rule.id, "is the id of a rule of Forewarn's own"
    if ids.count(rule.id) > 1:
        yield "id", rule.id, "stands twice"
    for name in rule.receivers:
        if name not in known.receivers:
            yield "receivers", repr(name), f"no such notifier{f.suggest(name, known.receivers)}"
    if any(t.watch.startswith("health:") for t in rule.all_terms):
        if rule.asset_class != SOFTWARE:
            yield "asset_class", rule.asset_class, f"what watches Forewarn itself is of class {SOFTWARE!r}"
    elif rule.asset_class not in known.classes:
        yield "asset_class", repr(rule.asset_class), f"no such class{f.suggest(rule.asset_class, known.classes)}"
        return
    for key, term in _terms(rule):
        yield from ((f"{key}watch", term.watch, text) for text in _watch_faults(rule, term, known))
    paths = [a.path for a in known.plant.of_class(rule.asset_class)]
    for n, (pattern, _) in enumerate(rule.overrides):
        if not any(fnmatchcase(path, pattern) for path in paths):
            yield f"overrides[{n}].asset", repr(pattern), f"no such asset of the class{f.suggest(pattern, paths)}"


def _terms(rule: Rule) -> Iterator[tuple[str, Term]]:
    """Yield the terms with the key that each stands under."""
    if not rule.terms:
        yield "", rule.all_terms[0]
    for n, term in enumerate(rule.terms):
        yield f"{'any' if rule.is_any else 'all'}[{n}].", term


def _watch_faults(rule: Rule, term: Term, known: Known) -> Iterator[str]:
    kind, _, name = term.watch.partition(":")
    if kind == "health" and name not in MEASURES:
        yield f"no such measure of health{f.suggest(name, MEASURES)}"
    if kind == "score" or (kind == "verdict" and name != WHOLE_ASSET):
        if name not in known.detectors:
            yield f"no such detector{f.suggest(name, known.detectors)}"
        elif known.detectors[name] != rule.asset_class:
            yield f"detector {name} is of class {known.detectors[name]!r}"
    tags = {t for a in known.plant.of_class(rule.asset_class) for t in known.plant.tags[a.path]}
    if kind == "tag" and name not in tags:
        yield f"no such tag of class {rule.asset_class}{f.suggest(name, tags)}"


def _parent_faults(rule: Rule, rules: Mapping[int, Rule]) -> Iterator[Own]:
    parents = {r.id: r.parent for r in rules.values()}
    if not rule.parent:
        return
    if rule.parent not in parents:
        yield "parent", repr(rule.parent), f"no such rule{f.suggest(rule.parent, parents)}"
        return
    path, at = [rule.id], rule.parent
    while at and at not in path:
        path.append(at)
        at = parents.get(at, "")
    if at == rule.id:
        yield "parent", repr(rule.parent), f"rules suppress each other in a circle: {' -> '.join([*path, at])}"


def _span_faults(rule: Rule, known: Known) -> Iterator[Own]:
    """Yield deadbands that are wider than the tag's normal range: the alert would hardly ever return."""
    for key, term in _terms(rule):
        if not term.watch.startswith("tag:") or term.condition.is_duration:
            continue
        if term.condition in (Condition.RISING, Condition.FALLING) or term.raise_at is None or term.clear_at is None:
            continue
        band = abs(term.raise_at - term.clear_at)
        spans = {a.path: _span(known.plant.tags[a.path].get(term.watch[4:])) for a in _assets(rule, known)}
        tight = {path: span for path, span in spans.items() if span is not None and band > span}
        if tight:
            path, span = next(iter(tight.items()))
            yield f"{key}deadband", f"{band:g}", f"is wider than the tag's range of {span:g} on {path}"


def _assets(rule: Rule, known: Known) -> list[Any]:
    return known.plant.of_class(rule.asset_class)


def _span(tag: Tag | None) -> float | None:
    if tag is None:
        return None
    low, high = (tag.low, tag.high) if tag.low is not None and tag.high is not None else (tag.least, tag.most)
    return None if low is None or high is None else high - low


def _order_faults(rule: Rule, rules: Mapping[int, Rule]) -> Iterator[Own]:
    """Yield limits of one tag that contradict those of another rule, and delays that outlast its staleness."""
    if rule.terms:
        return
    for other in rules.values():
        if other.terms or (other.asset_class, other.watch) != (rule.asset_class, rule.watch):
            continue
        if rule.condition in LADDER and other.condition in LADDER:
            step = LADDER.index(rule.condition) - LADDER.index(other.condition)
            if step > 0 and rule.raise_at is not None and other.raise_at is not None and rule.raise_at < other.raise_at:
                text = f'"{rule.condition}" is below "{other.condition}" = {other.raise_at:g} of rule "{other.id}"'
                yield "raise", f"{rule.raise_at:g}", text
        is_value = rule.condition not in (Condition.STALE, Condition.IS)
        limit = other.raise_at if other.condition is Condition.STALE else None
        if is_value and limit is not None and rule.on_delay.total_seconds() > limit:
            text = f'is longer than the {limit:g} s after which rule "{other.id}" calls the tag stale'
            yield "on_delay", f"{rule.on_delay.total_seconds():g} s", text
