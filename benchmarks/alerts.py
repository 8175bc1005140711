"""The bars of alerts: `make bars-alerts`. Rules and the life of an alert, delivery, who may do what on the console, and
what alerts were worth.

Each part runs alone too: `python -m benchmarks.alarms`, `benchmarks.delivery`, `benchmarks.parts`, `benchmarks.access`,
`benchmarks.autopsies`. QUICK=1 is the same work smaller.
"""

from __future__ import annotations

import logging
import sys

from benchmarks import access, alarms, autopsies, delivery, parts
from benchmarks.bars import Bars


def main() -> None:
    """Print the bars; exit code 1 where one falls short."""
    logging.basicConfig(stream=sys.stderr, level=logging.CRITICAL)
    bars = Bars()
    for part in (alarms, delivery, parts, access, autopsies):
        part.show(bars)
    bars.end()


if __name__ == "__main__":
    main()
