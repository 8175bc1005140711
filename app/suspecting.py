"""A history of lots to the process values that cannot have been known before the result, as JSON rows. No store.

Beside those that tell a result too well (`detectors.quality_suspects`): values that only lots with a result have, and
values that are another result of the same sample, by name or number for number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from app.examples import History
from domain.records import Lot

FEWEST_WAITING: Final = 10  # lots without a result from which it can be said what they lack
FEWEST_EQUAL: Final = 30  # lots from which equal numbers are no chance
RARE: Final = 0.05


def suspects(history: History, found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return `found`, the columns that tell a result too well, and those that came with one: none but lots that have
    one hold them, or they are one. That a declared stratum, as the product, tells much is no wonder.
    """
    declared = history.lot_columns.strata
    return [*(dict(row) for row in found if row["column"] not in declared), *_known_with_result(history)]


def _known_with_result(history: History) -> list[dict[str, Any]]:
    lots = {(line, lot.lot): lot for line, found in history.lots.items() for lot in found}
    named = sorted({n.source for n in history.features.names if n.origin == "process"})
    return [*_told_together(history, lots, named), *_equal(history, lots, named)]


def _told_together(history: History, lots: Mapping[tuple[str, str], Lot], named: list[str]) -> Iterator[dict[str, Any]]:
    told = {(line, r.lot) for line, found in history.results.items() for r in found}
    judged = [lot for key, lot in lots.items() if key in told]
    waiting = [lot for key, lot in lots.items() if key not in told]
    if len(waiting) < FEWEST_WAITING or not judged:
        return
    for name in named:
        with_it, without = (
            sum(name in lot.values or name in lot.texts for lot in some) / len(some) for some in (judged, waiting)
        )
        if with_it >= 1 - RARE and without <= RARE:
            yield {"column": name, "known_with_result": with_it, "known_without": without}


def _equal(history: History, lots: Mapping[tuple[str, str], Lot], named: list[str]) -> Iterator[dict[str, Any]]:
    own = {(line, r.lot): r.value for line, found in history.results.items() for r in found if r.value is not None}
    for name in named:
        for result, values in {**history.samples, history.detector.outcome: own}.items():
            pairs = [
                (lots[key].values[name], x) for key, x in values.items() if key in lots and name in lots[key].values
            ]
            equal = sum(a == b for a, b in pairs) / len(pairs) if len(pairs) >= FEWEST_EQUAL else 0.0
            is_constant = len({b for _, b in pairs}) < 2
            if name == result or (equal >= 1 - RARE and not is_constant):
                yield {"column": name, "equals_result": result, "equal": equal}
                break
