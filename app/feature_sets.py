"""The plant and the config of features to whole feature sets: every calculator over every tag, measured and derived."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from app.spans import units
from domain.instants import duration_ns, parse_duration
from domain.plant import Plant, Tag
from domain.units import measure
from domain.vectors import DerivedTag, FeatureSet
from features import formula, naming
from features.formula import FormulaError
from features.settings import DerivedSettings, FeatureSettings

PROCESS: Final = "process"


def tags_of(plant: Plant, asset_class: str, name: str) -> list[Tag]:
    """Return the tag of this name of each asset of a class that has it."""
    return [tags[name] for a in plant.of_class(asset_class) if name in (tags := plant.tags[a.path])]


def derived_tag(plant: Plant, chosen: DerivedSettings) -> DerivedTag:
    """Return a derived tag with the units of its sources; raises FormulaError where it cannot be read.

    Units that are one, spelled in two ways, are one; where assets differ, one formula cannot serve them.
    """
    sources = []
    for name in formula.sources(formula.parse(chosen.formula)):
        spelled = sorted({tag.unit for tag in tags_of(plant, chosen.asset_class, name)})
        if len({measure(unit) or unit for unit in spelled}) > 1:
            raise FormulaError(
                f"tag {name!r} is in {' and in '.join(map(repr, spelled))}, by asset: one unit is needed"
            )
        sources.append((name, spelled[0] if spelled else ""))
    return DerivedTag(chosen.name, chosen.unit, chosen.formula, tuple(sources))


def full_set(plant: Plant, derived: Iterable[DerivedSettings], chosen: FeatureSettings) -> FeatureSet:
    """Return the feature set of the config with every calculator over every process and derived tag of its class."""
    axis = plant.classes[chosen.asset_class].axis
    measured = {
        tag.name
        for asset in plant.of_class(chosen.asset_class)
        for tag in plant.tags[asset.path].values()
        if tag.role == PROCESS and is_named(tag.name, chosen.tags)
    }
    computed = [
        derived_tag(plant, d) for d in derived if d.asset_class == chosen.asset_class and is_named(d.name, chosen.tags)
    ]
    named = naming.feature_set(
        chosen.name,
        axis,
        units(chosen.window, axis),
        units(chosen.step, axis),
        chosen.min_coverage,
        chosen.calculators,
        sorted(measured),
        chosen.lab,
        sorted(computed),
        chosen.samples,
    )
    lags = ((tag, lag_of(tag, chosen)) for tag in named.sources)
    return replace(
        named,
        max_gap=units(chosen.max_gap, axis) if chosen.max_gap else 0,
        align=duration_ns(parse_duration(chosen.align)),
        lags=tuple((tag, lag) for tag, lag in lags if lag),
        is_passage=chosen.lot_window == "passage",
    )


def lag_of(tag: str, chosen: FeatureSettings) -> int:
    """Return how much later (ns) a tag's values count: as the first name or pattern says that means it."""
    found = next((lag for pattern, lag in chosen.lag.items() if is_named(tag, (pattern,))), "0s")
    return duration_ns(parse_duration(found))


def is_named(name: str, patterns: Sequence[str]) -> bool:
    """Return whether one of the config's names or patterns means a tag."""
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)
