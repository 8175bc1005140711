"""A file of records that nobody described: its sample, which columns hold its times, and whose rows they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final

from app.starting.plans import TODO, Answers, Line, asset_name, dialect_lines, reading_form
from collectors import guessing, roles
from collectors.guessing import TimeGuess
from collectors.sampling import Sample, first_rows, sniff, survey
from collectors.tables import BadFileError
from domain.records import Reason

TIME_ROLES: Final = ("start", "end", "result_at")


def look(
    path: Path,
    assets: Sequence[str],
    tick: Callable[[int], None],
    *,
    may_lack_times: bool = False,
    has_cycles: bool = False,
) -> tuple[Sample, tuple[str, ...], str | None]:
    """Return a file's sample, its columns of times, and the one that names assets; raises BadFileError."""
    dialect = sniff(path)
    block = first_rows(path, dialect)
    cells = {name: list(column) for name, column in block.columns.items()}
    times = tuple(n for n, column in cells.items() if guessing.times_in(column) is not None)
    if not times and has_cycles:
        times = tuple(n for n, column in cells.items() if _are_cycles(n, column))
    if not times and not may_lack_times:
        raise BadFileError(
            Reason.TIME_FORMAT,
            f"{path.name}: no column holds times that are written in one way (a date, or a date with a time of day); "
            "where the rows of a --quality file are in order of time and evenly spaced, say e.g. --row-every 1h",
        )
    others = [n for n in sorted(cells, key=len) if n not in times and not roles.fits(n, "lot")]
    known = (n for n in others if len(assets) > 1 and are_assets(cells[n], assets))
    repeated = (n for n in others if roles.fits(n, "asset") and len(set(cells[n])) <= max(1, len(cells[n]) // 2))
    asset = next(chain(known, repeated), None)
    keys = tuple(n for n in cells if n == asset or (roles.fits(n, "kind") and n not in times))
    return survey(path, dialect, keys, tick), times, asset


def _are_cycles(name: str, cells: Sequence[Any]) -> bool:
    is_told = any(roles.fits(name, role) for role in ("cycle", "time", "start", "end"))
    return is_told and all(str(c).isdigit() and int(c) >= 1 for c in cells)


def are_assets(cells: Sequence[Any], assets: Sequence[str]) -> bool:
    """Return whether most cells name a machine of the sensor files, be it once each."""
    names = [str(c) for c in cells if c not in (None, "")]
    return 2 * sum(nearest(name, assets) in assets for name in names) > max(1, len(names))


def times_of(sample: Sample, names: Sequence[str], answers: Answers) -> tuple[TimeGuess, dict[str, list[int | None]]]:
    """Return how all times of a file are written, and each column's instants in ns."""
    together = [c for n in names for c in sample.columns[n].cells]
    guess = guessing.times_in(together)
    if guess is None:
        raise BadFileError(
            Reason.TIME_FORMAT,
            f"{sample.path.name}: columns {', '.join(names)} are not written in one way: export them in one format",
        )
    form, zone = reading_form(guess, answers)
    return guess, {
        n: [next(iter(guessing.instants_in([c], form, zone)), None) for c in sample.columns[n].cells] for n in names
    }


def interval_of(times: Sequence[str], alone: str = "result_at") -> dict[str, str]:
    """Return what each time column tells: start, end or result_at; the first that says nothing is `alone`.

    An event always has a start.
    """
    found: dict[str, str] = {}
    for name in times:
        role = next((r for r in TIME_ROLES if roles.fits(name, r) and r not in found.values()), None)
        if role:
            found[name] = role
    for name in times:
        if name not in found and alone not in found.values():
            found[name] = alone
    if alone == "start" and alone not in found.values():
        found[times[0]] = alone
    return found


def owners_of(
    sample: Sample, column: str | None, name: str, assets: Sequence[str], rename: dict[str, str]
) -> tuple[list[Line], dict[str, str]]:
    """Return the lines that say whose rows these are, and the asset of each name in the file; adds to `rename`."""
    if column is None:
        if len(assets) == 1:
            return [Line("asset", assets[0], "no column names machines, and there is one")], {"": assets[0]}
        options = ", ".join(assets[:5])
        return [Line("asset", f"{TODO}: one of {options}", "no column says whose rows these are")], {}
    rename[column] = name
    raw = list(dict.fromkeys(str(c) for c in sample.columns[column].cells if c not in (None, "")))
    found = {r: nearest(r, assets) for r in raw}
    changed = {r: a for r, a in found.items() if r != a}
    lines = [Line(f"translate.{name}", changed, "the nearest names of assets")] if changed else []
    return lines, found


def nearest(raw: str, assets: Sequence[str]) -> str:
    """Return the asset of this name, of this name in other case, or with this last level; else the name itself."""
    wanted = asset_name(raw)
    same = [a for a in assets if a == wanted]
    alike = [a for a in assets if wanted.casefold() in (a.casefold(), a.rpartition("/")[2].casefold())]
    return (same or alike or [wanted])[0]


def csv_lines(sample: Sample) -> tuple[Line, ...]:
    """Return the lines on how a CSV file is written, none of another file."""
    if not sample.is_csv:
        return ()
    return dialect_lines(sample.dialect, guessing.decimal_of(sample.columns.values()))
