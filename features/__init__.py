"""Windows of Points, and lots, to feature vectors with tsfresh's names and values.

`FEATURE_SETS`: the calculators that a feature set of the config may name, as tsfresh spells them with their
parameters; those of `trailing` are Forewarn's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from features import sets

FEATURE_SETS: Final[Mapping[str, sets.Calculators]] = {
    "level": sets.LEVEL,
    "trend": sets.TREND,
    "minimal": sets.MINIMAL,
    "trailing": sets.TRAILING,
    "efficient": sets.EFFICIENT,
}
