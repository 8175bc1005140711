"""tsfresh's own functions, one window at a time: for what has no compiled kernel, and what kernels are held against."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from features.kernels.numeric import Floats


def values(calculator: str, params: Sequence[Mapping[str, Any]], series: Floats) -> list[float]:
    """Return tsfresh's values of one calculator for each of `params` (an empty mapping where it takes none).

    series: float64 (n,), without NaN: tsfresh takes none. Where tsfresh raises, the value is NaN.
    """
    import pandas as pd
    from tsfresh.feature_extraction import feature_calculators

    function = getattr(feature_calculators, calculator)
    given: Any = pd.Series(series) if getattr(function, "input", None) == "pd.Series" else series
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        if function.fctype == "combiner":
            return _combined(function, params, given)
        return [_single(function, each, given) for each in params]


def _combined(function: Any, params: Sequence[Mapping[str, Any]], given: Any) -> list[float]:
    try:
        return [float(value) for _, value in function(given, [dict(each) for each in params])]
    except Exception:  # noqa: BLE001 - whatever a library below tsfresh raises for a window it cannot take
        return [np.nan] * len(params)


def _single(function: Any, params: Mapping[str, Any], given: Any) -> float:
    try:
        return float(function(given, **params))
    except Exception:  # noqa: BLE001 - as above
        return np.nan
