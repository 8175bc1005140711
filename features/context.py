"""What is known of an asset beside its tags to columns of feature vectors: events, attributes, lab and process values.

Invariant: a row sees an event only if it began before the row's end and was known by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.vectors import IS, FeatureName
from features.naming import LAB_PLACES

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
HOUR_NS: Final = 3_600_000_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Happened:
    """Events of one kind and code. start, known_at: int64 ns (k,), known_at when it was first known that it began."""

    start: Ints
    known_at: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """What is known of one asset beside its tags. happened: by `kind:code`. attributes: the texts of assets.csv."""

    happened: Mapping[str, Happened] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)


def columns(
    names: Sequence[FeatureName],
    ends: Ints,
    background: Background,
    lab: Mapping[str, Floats] | None = None,
    process: Mapping[FeatureName, Floats] | None = None,
) -> Floats | None:
    """Return float64 (rows, names of other origins than `tag`), in the names' order; None where there is none.

    ends: int64 ns, the rows' ends. lab: by result, (rows, 2), the last and the one before; process: of lots, (rows,).
    """
    found = []
    for name in names:
        if name.origin == "lab":
            known = (lab or {}).get(name.source, np.full((len(ends), len(LAB_PLACES)), np.nan))
            found.append(known[:, LAB_PLACES.index(name.calculator)])
        elif name.origin == "process":
            found.append((process or {}).get(name, np.full(len(ends), np.nan)))
        elif name.origin == "event":
            found.append(_of_events(name, ends, background.happened.get(name.source)))
        elif name.origin == "attribute":
            found.append(np.full(len(ends), _of_attribute(name, background.attributes.get(name.source, ""))))
    return np.column_stack(found) if found else None


def _of_events(name: FeatureName, ends: Ints, happened: Happened | None) -> Floats:
    if name.calculator == "count":
        span = int(dict(name.params)["hours"] * HOUR_NS)
        return np.zeros(len(ends)) if happened is None else counted(ends, happened, span)
    return np.full(len(ends), np.nan) if happened is None else hours_since(ends, happened)


def counted(ends: Ints, happened: Happened, span: int) -> Floats:
    """Return how many events began in [end - span, end) ns of each row and were known by its end."""
    order = np.argsort(ends, kind="stable")
    ordered = ends[order]
    first = np.searchsorted(ordered, _seen_from(happened), side="left")
    stop = np.maximum(np.searchsorted(ordered, happened.start + span, side="right"), first)
    steps = np.zeros(len(ends) + 1)
    np.add.at(steps, first, 1.0)
    np.add.at(steps, stop, -1.0)
    found = np.empty(len(ends))
    found[order] = np.cumsum(steps)[:-1]
    return found


def hours_since(ends: Ints, happened: Happened) -> Floats:
    """Return the hours since the last event that began before each row's end and was known by it; NaN = none yet."""
    seen = _seen_from(happened)
    order = np.argsort(seen, kind="stable")
    newest = np.maximum.accumulate(happened.start[order]) if len(order) else happened.start
    place = np.searchsorted(seen[order], ends, side="right") - 1
    has_one = place >= 0
    found = np.full(len(ends), np.nan)
    found[has_one] = (ends[has_one] - newest[place[has_one]]) / HOUR_NS
    return found


def _seen_from(happened: Happened) -> Ints:
    return np.maximum(happened.known_at, happened.start + 1)


def _of_attribute(name: FeatureName, text: str) -> float:
    if not text:
        return float("nan")
    if name.is_level:
        return float(text == dict(name.params)["level"])
    return float(text)


def event_names(sources: Sequence[str], hours: Sequence[float]) -> list[FeatureName]:
    """Return the features of event sources `kind:code`: counts in trailing windows, and the hours since the last."""
    return [
        name
        for source in sources
        for name in (
            *(FeatureName("event", source, "count", (("hours", h),)) for h in hours),
            FeatureName("event", source, "hours_since"),
        )
    ]


def attribute_names(attribute: str, levels: Sequence[str]) -> list[FeatureName]:
    """Return the features of an attribute: one for each level of a categorical one, or its number."""
    return level_names("attribute", attribute, levels) or [FeatureName("attribute", attribute, "value")]


def level_names(origin: str, source: str, levels: Sequence[str]) -> list[FeatureName]:
    """Return the features of a text: one for each of its levels."""
    return [FeatureName(origin, source, IS, (("level", level),)) for level in levels]
