"""A rule and the plant in, the unit of what the rule holds against its limits out, and how a score is said."""

from __future__ import annotations

from typing import Final

from domain.alerting import Condition, Rule
from domain.plant import Plant
from domain.scores import Scale

TIMED: Final = frozenset({Condition.RISING, Condition.FALLING, Condition.STUCK, Condition.STALE})


def unit_of(rule: Rule, plant: Plant, asset: str) -> str:
    """Return the unit of what a rule holds against its limits on an asset, "" where it has none."""
    term = rule.all_terms[0]
    if term.condition.is_duration:
        return "s"
    tag = plant.tag(f"{asset}/{term.watch.removeprefix('tag:')}")
    unit = tag.unit if tag else ""
    return f"{unit}/min" if term.condition in (Condition.RISING, Condition.FALLING) else unit


def measure_of(rule: Rule, plant: Plant, asset: str, outcome: str, scale: Scale | None) -> tuple[float, str]:
    """Return the factor and the unit by which a rule's value and limit are said: shares in percent, results in theirs.

    outcome, scale: of the detector whose score the rule watches; None where it watches none.
    """
    if scale is None or rule.all_terms[0].condition in TIMED:
        return 1.0, unit_of(rule, plant, asset)
    if scale is not Scale.PHYSICAL:
        return 100.0, "%"
    tag = plant.tag(f"{asset}/{outcome}")
    return 1.0, tag.unit if tag else ""
