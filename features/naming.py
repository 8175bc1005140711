"""Tags, calculators and lab results to the names of a feature set; it computes nothing and imports nothing heavy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from domain.plant import Axis
from domain.vectors import SAMPLE, DerivedTag, FeatureName, FeatureSet
from features import FEATURE_SETS

LAB_PLACES: Final = ("last", "before_last", "recent")  # of the results that were known


def feature_set(
    name: str,
    axis: Axis,
    window: int,
    step: int,
    min_coverage: float,
    calculators: str,
    tags: Sequence[str],
    lab: Sequence[str],
    derived: Sequence[DerivedTag] = (),
    samples: int = 0,
) -> FeatureSet:
    """Build the full set: every calculator of a preset and the newest `samples` values of every tag, then what
    is known of each lab result.
    """
    every = [*tags, *(tag.name for tag in derived)]
    asked = (*FEATURE_SETS[calculators], *((SAMPLE, (("lag", i),)) for i in range(samples)))
    names = [FeatureName("tag", tag, c, p) for tag in every for c, p in asked]
    names += [FeatureName("lab", result, c) for result in lab for c in LAB_PLACES]
    return FeatureSet(name, axis, window, step, min_coverage, tuple(names), tuple(derived))
