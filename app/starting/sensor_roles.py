"""The first rows of a sensor file to what its columns are for: time, asset, and in the long layout tag and value."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from collectors import guessing, roles
from collectors.sampling import Rows
from collectors.settings import FormatSettings
from collectors.tables import BadFileError
from domain.records import Reason

LOOKED_AT: Final = 3_000
CLOCK: Final = re.compile(r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?( [AP]M)?", re.IGNORECASE)
NUMBERED: Final = ("id", "no", "nr")
NULLS: Final[tuple[str, ...]] = FormatSettings.model_fields["null_texts"].default


@dataclass(frozen=True, slots=True)
class Roles:
    """What the columns of a sensor file are for; times: one column, or a date and a clock."""

    times: tuple[str, ...]
    asset: str | None
    tag: str | None = None
    value: str | None = None
    quality: str | None = None
    unit: str | None = None
    epoch: str = ""
    has_cycles: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns whose every text matters."""
        return tuple(c for c in (self.asset, self.tag) if c)


def roles_of(path: Path, block: Rows) -> Roles:
    """Return what the columns are for, from their names and the first rows; raises BadFileError without any time."""
    cells = {name: list(column[:LOOKED_AT]) for name, column in block.columns.items()}
    asset = next((n for n in sorted(cells, key=len) if roles.fits(n, "asset") and _names_things(n, cells[n])), None)
    times = time_columns(cells)
    epoch = ""
    has_cycles = False
    if not times:
        owners = cells[asset] if asset else [""] * min(block.n, LOOKED_AT)
        numbered = [n for n in cells if n != asset and (roles.fits(n, "time") or roles.fits(n, "cycle"))]
        for name in numbered:
            if unit := guessing.epoch_in(cells[name]):
                times, epoch = (name,), unit
            elif guessing.has_cycles(cells[name], owners):
                times, has_cycles = (name,), True
            if times:
                break
    if not times:
        raise BadFileError(Reason.TIME_FORMAT, f"{path.name}: {_no_time(cells)}")
    rest = roles.without(list(cells), asset, *times)
    texts = [n for n in rest if _is_text(cells[n])]
    unit = next((n for n in texts if _is_unit_column(cells[n])), None)
    value = roles.first_of([n for n in rest if n not in texts], "value")
    tag = roles.first_of([n for n in texts if n != unit], "tag") if value else None
    if not tag or not value:
        return Roles(times, asset, epoch=epoch, has_cycles=has_cycles)
    quality = roles.first_of([n for n in rest if n not in (tag, value, unit)], "quality")
    return Roles(times, asset, tag, value, quality, unit, epoch, has_cycles)


def time_columns(cells: Mapping[str, Sequence[Any]]) -> tuple[str, ...]:
    """Return the column that holds times, or those of date and clock; empty where no column does."""
    found = [n for n, column in cells.items() if guessing.times_in(column) is not None]
    if not found:
        return ()
    best = min(found, key=lambda n: (not roles.fits(n, "time"), found.index(n)))
    guess = guessing.times_in(cells[best])
    has_clock = guess is None or guess.formats == ("iso",) or any("%H" in f or "%I" in f for f in guess.formats)
    is_date_only = not has_clock or all(isinstance(c, str) and len(c) <= 10 for c in cells[best])
    clock = next((n for n, column in cells.items() if n != best and _are_clocks(column)), None)
    return (best, clock) if is_date_only and clock else (best,)


def _are_clocks(cells: Sequence[Any]) -> bool:
    return bool(cells) and all(isinstance(c, str) and CLOCK.fullmatch(c) for c in cells)


def _no_time(cells: Mapping[str, Sequence[Any]]) -> str:
    for name, column in cells.items():
        if guessing.times_in(column[1:]) is not None:
            return f"the first row below the header holds no values ({name} = {column[0]!r}): take it out"
    shown = ", ".join(f"{n} = {str(column[0])[:24]!r}" for n, column in list(cells.items())[:6])
    serial = [n for n, column in cells.items() if roles.fits(n, "time") and _are_between(column, 20_000, 80_000)]
    if serial:
        return f"column {serial[0]!r} holds Excel's day numbers: format it as a date and time, and export again"
    relative = [n for n, column in cells.items() if roles.fits(n, "time") and _are_between(column, 0, 1e8)]
    if relative:
        return (
            f"column {relative[0]!r} counts from an unknown start: add a column `time` with date and time of each row"
        )
    return (
        "no column holds dates and times, and none counts cycles. Name the column `time` and write it as "
        f"2026-03-02 05:00:00, or say how it is written: --time-format. Seen: {shown}"
    )


def _are_between(cells: Sequence[Any], low: float, high: float) -> bool:
    try:
        numbers = np.array([str(c).replace(",", ".") for c in cells], dtype=np.float64)
    except ValueError:
        return False
    return bool(len(numbers)) and bool((numbers >= low).all() and (numbers < high).all())


def _is_text(cells: Sequence[Any]) -> bool:
    filled = [c for c in cells if isinstance(c, str) and c not in NULLS]
    n_texts = sum(not _is_spelled_number(c) for c in filled)
    return bool(filled) and n_texts > 0.5 * len(filled)


def _is_spelled_number(text: str) -> bool:
    return bool(re.fullmatch(r"[+-]?[\d.,]+([eE][+-]?\d+)?", text))


def _names_things(header: str, cells: Sequence[Any]) -> bool:
    """Return whether a column names assets: texts that repeat, or whole numbers under a header of one word."""
    if len(set(cells)) > max(1, len(cells) // 2):
        return False
    if _is_text(cells):
        return not _is_unit_column(cells) and guessing.switches(dict.fromkeys(cells, 1)) is None
    is_whole = all(isinstance(c, int | np.integer) or (isinstance(c, str) and c.isdigit()) for c in cells)
    return is_whole and len([w for w in roles.words_of(header) if w not in NUMBERED]) == 1


def _is_unit_column(cells: Sequence[Any]) -> bool:
    known = guessing.KNOWN_UNITS | set(guessing.SPELLED) | {"", None, "-"}
    return all(c in known for c in set(cells))
