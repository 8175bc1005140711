"""Lots and their results in, those lots that are judged and by what number out; no telemetry is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.examples import that_count
from detectors.settings import SymptomSettings
from detectors.symptoms import is_bad_result
from domain.instants import to_ns
from domain.lots import Judged
from domain.records import Lot, Result


def judged_lots(
    lots: Mapping[str, Sequence[Lot]],
    results: Mapping[str, Sequence[Result]],
    judged: Judged,
    symptom: SymptomSettings | None,
) -> list[tuple[str, Lot, float]]:
    """Return line, lot and number of the lots that have a result that counts, by their end. lots, results: by line.

    symptom: of a detector of failures, by which the number is 1 (bad) or 0; None: it is the result's.
    """
    found = []
    for line in sorted(lots):
        known = that_count(results[line], judged, has_texts=symptom is not None)
        for lot in lots[line]:
            if (result := known.get(lot.lot)) is not None:
                is_bad = symptom is not None and is_bad_result(result, symptom)
                found.append((line, lot, float(result.value or 0.0) if symptom is None else float(is_bad)))
    return sorted(found, key=lambda x: ended_at(x[1]))


def ended_at(lot: Lot) -> int:
    """Return when a lot ended, or was first known, in ns."""
    return to_ns(lot.end or lot.known_at)
