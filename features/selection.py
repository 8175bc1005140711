"""Relevant features by FRESH (tsfresh): a hypothesis test per column, Benjamini-Hochberg over all; called inside
each fold.

Source: Christ, Kempa-Liehr, Feindt (2016), Distributed and parallel time series feature extraction, arXiv:1610.07717.
"""

from __future__ import annotations

import warnings
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.vectors import FeatureName

FALSE_DISCOVERY_RATE: Final = 0.05
MAX_ROWS: Final = 2_000


def select(
    values: NDArray[np.float64], outcome: NDArray[np.float64], _names: tuple[FeatureName, ...]
) -> NDArray[np.int64]:
    """Return the indices of relevant columns, smallest p-value first; empty where none is relevant.

    Tests on at most MAX_ROWS rows, spread evenly: neighbouring windows overlap, so more rows add no evidence.
    """
    import pandas as pd
    from tsfresh.feature_selection.relevance import calculate_relevance_table

    stride = max(1, -(-len(outcome) // MAX_ROWS))
    rows = values[::stride]
    usable = np.flatnonzero(~np.isnan(rows).any(axis=0) & (np.ptp(rows, axis=0) > 0))
    if not len(usable):
        return usable
    frame = pd.DataFrame(rows[:, usable], columns=[str(i) for i in usable])
    is_binary = len(np.unique(outcome)) == 2
    label = pd.Series(outcome[::stride].astype(int) if is_binary else outcome[::stride])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = calculate_relevance_table(
            frame,
            label,
            ml_task="classification" if is_binary else "regression",
            fdr_level=FALSE_DISCOVERY_RATE,
            n_jobs=0,
        )
    relevant = table[table.relevant]
    order = np.lexsort((relevant.feature.astype(int).to_numpy(), relevant.p_value.to_numpy()))
    return np.asarray(relevant.feature.astype(int).to_numpy()[order], dtype=np.int64)
