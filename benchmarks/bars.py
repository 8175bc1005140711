"""Printing of bars: one JSON object per line, and an exit code that says whether all hold."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

QUICK = os.environ.get("QUICK") == "1"


class Bars:
    """Collects bars as they are measured; `holds` None means: printed for information, no goal."""

    def __init__(self) -> None:
        self._missed = 0

    def show(self, bar: str, figure: Any, goal: str, holds: bool | None, how: str) -> None:
        """Print one bar."""
        self._missed += holds is False
        row = {"bar": bar, "figure": figure, "goal": goal, "holds": holds, "how": how}
        print(json.dumps(row, ensure_ascii=False), flush=True)

    def show_speed(self, bar: str, figure: Any, goal: str, holds: bool, how: str) -> None:
        """Print one bar of speed: judged at full size only, since fixed costs weigh more in a small run."""
        if QUICK:
            self.show(bar, figure, f"{goal} at full size", None, f"{how}; small, so not judged")
        else:
            self.show(bar, figure, goal, holds, how)

    def add(self, others: Bars) -> None:
        """Count what another process has printed."""
        self._missed += others._missed

    def end(self) -> None:
        """Exit with 1 where a bar was missed."""
        sys.exit(1 if self._missed else 0)
