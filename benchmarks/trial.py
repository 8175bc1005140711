"""What a fault experiment is given, and the figure that it gives back."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Trial:
    """A folder of its own (not yet made), the seed that all its chances come from, and whether to be quick."""

    folder: Path
    seed: int
    is_quick: bool

    def chance(self) -> random.Random:
        """Return the source of this trial's chances."""
        return random.Random(f"{self.seed}:{self.folder.name}")

    def size(self, full: int, quick: int) -> int:
        """Return the size that fits the run."""
        return quick if self.is_quick else full


@dataclass(frozen=True, slots=True)
class Figure:
    """One bar: what was measured, the goal, whether it holds (None: no goal, or not measured), and how."""

    bar: str
    figure: Any
    goal: str
    holds: bool | None
    how: str


def until(is_done: Callable[[], bool], seconds: float, poll_s: float = 0.05) -> float | None:
    """Wait; returns the seconds it took, None where it did not come."""
    begun = time.monotonic()
    while not is_done():
        if time.monotonic() - begun > seconds:
            return None
        time.sleep(poll_s)
    return time.monotonic() - begun
