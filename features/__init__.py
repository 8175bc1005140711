"""Windows of Points, and lots, to feature vectors with tsfresh's names and values.

`FEATURE_SETS`: the calculators that a feature set of the config may name, as tsfresh spells them with their parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

Calculators = tuple[tuple[str, tuple[tuple[str, Any], ...]], ...]

FEATURE_SETS: Final[Mapping[str, Calculators]] = {
    "trend": (
        ("mean", ()),
        ("median", ()),
        ("minimum", ()),
        ("maximum", ()),
        ("standard_deviation", ()),
        ("mean_change", ()),
        ("mean_abs_change", ()),
        ("cid_ce", (("normalize", False),)),
    ),
    "level": (
        ("mean", ()),
        ("minimum", ()),
        ("maximum", ()),
        ("standard_deviation", ()),
        ("mean_change", ()),
    ),
}
