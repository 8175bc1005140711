"""Births of Sparkplug edge nodes and devices, and the metrics of a message: what each metric's name or alias means.

Births are numbered by node and device. Invariant: an alias is read by a birth that is sure to be in force, and when it
was rejected and is read again, by the birth that was in force, or by the first one after where none was sure.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from collectors import sparkplug_payload as wire
from collectors.values import BadValueError

UNIT_PROPERTIES: Final = ("engUnit", "EngUnit", "Engineering Units", "engineering_unit", "unit")
READER: Final = re.compile(r"\(birth (\d+) tells\)$")  # which birth can read what was rejected


class Meaning(NamedTuple):
    """What a birth says of a metric."""

    name: str
    datatype: int
    unit: str


class Letter(NamedTuple):
    """What is known of a rejected item that is read again: its part ("" is all), the number of the birth to read it."""

    part: str
    reader: int | None

    @staticmethod
    def of(part: str, detail: str) -> Letter:
        """Return it by what the rejected item tells."""
        reader = READER.search(detail)
        return Letter(part, None if reader is None else int(reader[1]))


class Sense(NamedTuple):
    """A metric as a part of its message, what it means where that is known, and which birth can read its alias."""

    part: str
    known: Meaning | None
    reader: int | None

    def told(self, bad: BadValueError) -> BadValueError:
        """Return a fault of the metric with the birth that `Letter.of` finds in it."""
        return bad if self.reader is None else replace(bad, detail=f"{bad.detail} (birth {self.reader} tells)")


@dataclass(slots=True)
class Birth:
    """What is known since the newest birth of a node or device."""

    by_alias: Mapping[int, Meaning]
    by_name: Mapping[str, Meaning]
    number: int
    is_sure: bool
    is_dead: bool = False


@dataclass(slots=True)
class Node:
    """An edge node with its devices; its own births are those of device ""."""

    births: dict[str, Birth] = field(default_factory=dict)  # by device
    n_births: Counter[str] = field(default_factory=Counter)  # by device, of all sessions
    session: int | None = None  # bdSeq


def sense_of(metric: Any, i: int, node: Node, device: str, letter: Letter | None) -> Sense | None:
    """Return what is known of the i-th metric of a message; None where a letter is about another part of it.

    An alias that is read is named with its metric, so that the letter shows whether it still means the same.
    """
    birth = node.births.get(device)
    if metric.name or not metric.HasField("alias"):
        part = metric.name or f"[{i}]"
        is_asked = letter is None or letter.part in ("", part)
        return Sense(part, birth.by_name.get(metric.name) if birth else None, None) if is_asked else None
    part, number = f"alias {metric.alias}", birth.number if birth else 0
    known = birth.by_alias.get(int(metric.alias)) if birth else None
    named = f"{part}: {known.name}" if known else part
    if letter is None:
        is_read = known is not None and birth is not None and birth.is_sure
        return Sense(named, known, number) if is_read else Sense(part, None, node.n_births[device] + 1)
    if letter.part not in ("", part, named):
        return None
    is_read = known is not None and (letter.reader == number or letter.part == named)
    return Sense(named, known, letter.reader) if is_read else Sense(part, None, letter.reader)


def session_of(payload: Any) -> int | None:
    """Return the bdSeq of a birth or a death."""
    found = next((wire.raw_value(m) for m in payload.metrics if m.name == "bdSeq"), None)
    return found if isinstance(found, int) else None


def unit_of(metric: Any) -> str:
    """Return the unit that a metric's properties state, "" where they state none."""
    properties = dict(zip(metric.properties.keys, metric.properties.values, strict=False))
    found = next((properties[key] for key in UNIT_PROPERTIES if key in properties), None)
    unit = None if found is None else wire.raw_value(found)
    return unit if isinstance(unit, str) else ""
