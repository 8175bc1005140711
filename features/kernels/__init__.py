"""Blocks of equal windows to feature values: tsfresh's calculators by tsfresh's names, many windows at a time.

`GROUPS`: the compiled calculators, grouped by the work they share. What is in none is computed by tsfresh itself.
"""

from __future__ import annotations

from typing import Final

from features.kernels import (
    autoregression,
    chunks,
    complexity,
    correlation,
    corridors,
    counts,
    dickey_fuller,
    differences,
    histogram,
    langevin,
    lines,
    moments,
    order,
    peaks,
    ridges,
    spectrum,
    trailing,
    wavelets,
    welch,
)
from features.kernels.block import Block, Group, Run, Wanted

GROUPS: Final[tuple[Group, ...]] = (
    moments.GROUP,
    order.GROUP,
    counts.GROUP,
    differences.GROUP,
    corridors.GROUP,
    peaks.GROUP,
    correlation.GROUP,
    chunks.GROUP,
    histogram.GROUP,
    spectrum.GROUP,
    welch.GROUP,
    wavelets.GROUP,
    lines.GROUP,
    autoregression.GROUP,
    dickey_fuller.GROUP,
    ridges.GROUP,
    *complexity.GROUPS,
    langevin.GROUP,
    trailing.GROUP,
)

__all__ = ["GROUPS", "Block", "Group", "Run", "Wanted"]
