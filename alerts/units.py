"""A rule and the plant in, the unit of what the rule holds against its limits out."""

from __future__ import annotations

from domain.alerting import Condition, Rule
from domain.plant import Plant


def unit_of(rule: Rule, plant: Plant, asset: str) -> str:
    """Return the unit of what a rule holds against its limits on an asset, "" where it has none."""
    term = rule.all_terms[0]
    if term.condition.is_duration:
        return "s"
    tag = plant.tag(f"{asset}/{term.watch.removeprefix('tag:')}")
    unit = tag.unit if tag else ""
    return f"{unit}/min" if term.condition in (Condition.RISING, Condition.FALLING) else unit
