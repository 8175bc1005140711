"""Blocks of equal windows to feature values: tsfresh's calculators by tsfresh's names, many windows at a time.

`GROUPS`: the compiled calculators, grouped by the work they share. What is in none is computed by tsfresh itself.
"""

from __future__ import annotations

from typing import Final

from features.kernels import chunks, counts, moments, order
from features.kernels.block import Block, Group, Run, Wanted

GROUPS: Final[tuple[Group, ...]] = (chunks.GROUP, moments.GROUP, order.GROUP, counts.GROUP)

__all__ = ["GROUPS", "Block", "Group", "Run", "Wanted"]
