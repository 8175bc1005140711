"""What is known of a file's name and content, to whether it is read, and over which values its own win.

Invariant: content that is the latest of its name is read once; another one is a new version, also
where that content was the name's before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.instants import to_ns
from store.records import FileReading, FileReport


@dataclass(frozen=True, slots=True)
class Turn:
    """How a file is read. known: its report, where it is not read at all. begun_at: start of the load that goes on.

    note: why its values win over those received at `supplied_at` (ns); "" where they do not.
    is_other_content: whether the file of this name was another one before.
    """

    known: FileReport | None = None
    begun_at: datetime | None = None
    note: str = ""
    supplied_at: frozenset[int] = frozenset()
    is_other_content: bool = False


def turn_of(
    name: str,
    digest: str,
    config: str,
    known: FileReport | None,
    readings: Sequence[FileReading],
    *,
    is_again: bool = False,
) -> Turn:
    """Return how to read a file. known: the report of its content; readings: of its name or content, oldest first.

    config: fingerprint of the config by which it would be read; is_again: whether a person asked for it.
    """
    latest = next((r for r in reversed(readings) if r.name == name), None)
    is_other = latest is not None and latest.sha256 != digest
    supplied_at = frozenset(to_ns(r.loaded_at) for r in readings)
    if is_other:
        note = "a new version of the file of this name: its values win over the former ones"
        return Turn(note=note, supplied_at=supplied_at, is_other_content=True)
    if known is None:
        return Turn()
    if known.is_done:
        note = "read again, as asked" if is_again else _why_again(known, config)
        return Turn(note=note, supplied_at=supplied_at) if note else Turn(known=known)
    if known.config != config:
        return Turn(note="read from its start: the config has changed since it was cut off", supplied_at=supplied_at)
    note = "goes on after it was cut off: its values win over the former ones" if known.is_version else ""
    return Turn(begun_at=known.loaded_at, note=note, supplied_at=supplied_at - {to_ns(known.loaded_at)})


def _why_again(known: FileReport, config: str) -> str:
    """Say why a known file is read again; "" where it is not. A new tag matters only to a file with rejected rows."""
    form, _, plant = config.partition(":")
    old_form, _, old_plant = known.config.partition(":")
    if form != old_form and known.config:
        return "read again: its format in forewarn.toml has changed"
    if plant != old_plant and known.rejected and known.config:
        return "read again: it had rejected rows, and assets.csv or tags.csv has changed"
    return ""
