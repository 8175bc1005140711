"""A sensor file that nobody described to a plan: its layout, its tags with units and periods, its assets."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from app.starting import regimes
from app.starting.plans import (
    Answers,
    FormatPlan,
    Line,
    SensorPlan,
    TagPlan,
    asset_name,
    dialect_lines,
    reading_form,
    remarks_of,
    time_lines,
)
from app.starting.sensor_roles import LOOKED_AT, NULLS, Roles, roles_of
from collectors import guessing
from collectors.guessing import NameGuess, TimeGuess
from collectors.sampling import Column, Sample, first_rows, sniff, survey
from collectors.tables import BadFileError
from domain.records import Reason

THOUSANDS: Final = re.compile(r"[+-]?\d{1,3}([.,' ]\d{3})+([.,]\d+)?")
QUALITY_WORDS: Final = {"gut": "good", "ok": "good", "양호": "good", "192": "good", "schlecht": "bad", "불량": "bad"}
Planned = tuple[list[Line], dict[str, dict[str, TagPlan]], tuple[str, ...]]
DEFAULT_ASSET: Final = "plant/line-1"


def read_sensors(path: Path, answers: Answers, tick: Callable[[int], None] = lambda _: None) -> SensorPlan:
    """Plan how a sensor file is read; raises BadFileError, whose text says what to do."""
    dialect = sniff(path)
    found = roles_of(path, first_rows(path, dialect))
    sample = survey(path, dialect, found.keys, tick)
    lines, times = _time(sample, found, answers)
    remarks = [*remarks_of(sample), *_shared_times(sample, found, times), *_with_thousands(sample)]
    decimal = guessing.decimal_of(sample.columns.values())
    if sample.is_csv:
        lines = [*lines, *dialect_lines(dialect, decimal)]
    plan = _long if found.value else _wide
    more, tags, settings = plan(sample, found, times, decimal, answers)
    asset_lines = _asset_lines(sample, found, answers)
    known = [t for t in times if t is not None]
    return SensorPlan(
        FormatPlan(path, "sensors", (*lines, *asset_lines, *more), tuple(remarks)),
        tags,
        (min(known), max(known)) if known else (0, 0),
        found.has_cycles,
        settings,
    )


def _time(sample: Sample, found: Roles, answers: Answers) -> tuple[list[Line], list[int | None]]:
    """Return the lines on time, and the kept rows' instants in ns (cycles as seconds), None for unreadable ones."""
    name = found.times[0]
    lines: list[Line] = []
    if len(found.times) > 1:
        name = "time" if "time" not in sample.columns else "date_and_time"
        parts = (sample.columns[n].cells for n in found.times)
        cells: Sequence[Any] = [" ".join(map(str, row)) for row in zip(*parts, strict=True)]
        lines.append(Line("join", {name: list(found.times)}, "a date and a time of day"))
    else:
        cells = sample.columns[name].cells
    lines.append(Line("time_column", name, "" if found.has_cycles else "its cells are times"))
    if found.has_cycles:
        lines.append(Line("time_format", "cycle", "no column holds times; this one counts up by one"))
        return lines, [int(c) * 10**9 for c in cells]
    if found.epoch:
        lines.append(Line("time_format", found.epoch, "every number lies between 2001 and 2100 in this unit"))
        return lines, _instants(cells, found.epoch, "UTC")
    guess = guessing.times_in(cells)
    if guess is None and answers.time_format:
        guess = TimeGuess((answers.time_format,), "%z" in answers.time_format, str(cells[0]))
    if guess is None:
        odd = next((c for c in cells if guessing.times_in([c]) is None), cells[0])
        raise BadFileError(
            Reason.TIME_FORMAT,
            f"{sample.path.name}: column {name!r} is not written in one way: {odd!r} beside {cells[0]!r}. Export it in "
            "one format, take out rows that hold no values (units, totals), or say the format: --time-format",
        )
    return [*lines, *time_lines(guess, answers)], _instants(cells, *reading_form(guess, answers))


def _shared_times(sample: Sample, found: Roles, times: Sequence[int | None]) -> list[str]:
    """Return a remark where rows of one asset (and tag) share a time: the first of them would win."""
    keys = [sample.columns[k].cells for k in found.keys]
    n_shared = len(times) - len(set(zip(times, *keys, strict=True)))
    if n_shared < 0.01 * len(times):
        return []
    telling = [
        n for n, c in sample.columns.items() if n not in (*found.times, *found.keys) and 1 < len(c.others) < 1000
    ]
    named = f"; one of {', '.join(telling[:4])} may tell them apart: name it as `asset_column`" if telling else ""
    return [f"{n_shared} of {len(times)} rows share their time with another row, and the first value wins{named}"]


def _with_thousands(sample: Sample) -> list[str]:
    """Return a remark for each column whose numbers are written with thousands separators."""
    found = {n: next((t for t in c.others if THOUSANDS.fullmatch(t)), "") for n, c in sample.columns.items()}
    return [
        f"column {name!r} writes numbers with thousands separators ({text}), which are not taken: export it without"
        for name, text in found.items()
        if text
    ]


def _instants(cells: Sequence[Any], form: str, zone: str) -> list[int | None]:
    return [next(iter(guessing.instants_in([c], form, zone)), None) for c in cells]


def _asset_lines(sample: Sample, found: Roles, answers: Answers) -> list[Line]:
    if found.asset is None:
        note = "" if answers.asset else "no column names machines; or init again with --asset"
        return [Line("asset", answers.asset or DEFAULT_ASSET, note)]
    names = {str(key[0]) for key in sample.groups}
    odd = {n: asset_name(n) for n in sorted(names) if asset_name(n) != n}
    lines = [Line("asset_column", found.asset, f"{len(names)} names that repeat")]
    if odd:
        lines.append(Line(f"translate.{found.asset}", odd, "signs that a path of an asset may not hold"))
    return lines


def _owner(found: Roles, answers: Answers, raw: Any) -> str:
    return asset_name(raw) if found.asset else answers.asset or DEFAULT_ASSET


def _wide(sample: Sample, found: Roles, times: Sequence[int | None], decimal: str, answers: Answers) -> Planned:
    columns = [c for n, c in sample.columns.items() if n not in (*found.times, found.asset)]
    numeric = [c for c in columns if c.n_numbers and c.n_numbers >= sum(c.others.values()) - _n_null(c)]
    states = {c.name: s for c in columns if c not in numeric and (s := guessing.switches(_said(c)))}
    taken = [c for c in columns if c in numeric or c.name in states]
    left = [c.name for c in columns if c not in taken]
    names = guessing.distinct_names([guessing.name_in(c.name) for c in taken], (found.asset or "", *found.times))
    lines = _name_lines({c.name: n.name for c, n in zip(taken, names, strict=True)})
    lines += [
        Line(f"translate.{n.name}", states[c.name], "two states, read as 1 and 0")
        for c, n in zip(taken, names, strict=True)
        if c.name in states
    ]
    lines += _null_lines(numeric)
    joined = list(found.times) if len(found.times) > 1 else []
    if left or joined:
        lines.append(Line("ignore", [*joined, *left], "no numbers in them" if left else ""))
    rows = _rows_by_asset(sample, found, answers)
    tags = {
        asset: {
            n.name: _tag(n, [c.cells[i] for i in places], [times[i] for i in places[: sample.n_neighbours]], decimal)
            for c, n in zip(taken, names, strict=True)
        }
        for asset, places in rows.items()
    }
    owners = {i: asset for asset, places in rows.items() for i in places[: sample.n_neighbours]}
    kept = {n.name: c for c, n in zip(taken, names, strict=True) if c in numeric}
    return lines, tags, _settings(kept, owners, decimal)


def _settings(columns: Mapping[str, Column], owners: Mapping[int, str], decimal: str) -> tuple[str, ...]:
    """Return the tags that set the operating mode. owners: by row, of rows that lie next to each other."""
    places = list(owners)[: regimes.MOST_ROWS]
    table = [[_number_or_nan(column.cells[i], decimal) for i in places] for column in columns.values()]
    values = np.array(table, dtype=np.float64).reshape(len(columns), len(places)).T
    return regimes.setting_tags(list(columns), values, [owners[i] for i in places])


def _number_or_nan(cell: Any, decimal: str) -> float:
    number = number_of(cell, decimal)
    return np.nan if number is None else number


def _rows_by_asset(sample: Sample, found: Roles, answers: Answers) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = defaultdict(list)
    first = next(iter(sample.columns.values()))
    owners = sample.columns[found.asset].cells if found.asset else [""] * len(first.cells)
    for i, raw in enumerate(owners):
        rows[_owner(found, answers, raw)].append(i)
    return dict(rows)


def _long(sample: Sample, found: Roles, times: Sequence[int | None], decimal: str, answers: Answers) -> Planned:
    value = sample.columns[found.value or ""]
    spelled = sample.columns[found.tag or ""].cells
    raw_names = list(dict.fromkeys(str(key[-1]) for key in sample.groups))
    guesses = guessing.distinct_names([guessing.name_in(n) for n in raw_names])
    by_raw = dict(zip(raw_names, guesses, strict=True))
    owners = sample.columns[found.asset].cells if found.asset else [""] * len(spelled)
    stated = sample.columns[found.unit].cells if found.unit else [""] * len(spelled)
    rows: dict[tuple[str, str], list[int]] = defaultdict(list)
    for i, (owner, raw) in enumerate(zip(owners, spelled, strict=True)):
        rows[_owner(found, answers, owner), str(raw)].append(i)
    lines = [
        Line("layout", "long", "one value in each row, beside the name of its tag"),
        Line("tag_column", found.tag),
        Line("value_column", found.value),
        *_name_lines({raw: each.name for raw, each in by_raw.items()}),
        *_null_lines([value]),
    ]
    if found.quality:
        texts = {
            t: QUALITY_WORDS[t.casefold()]
            for t in _texts(sample.columns[found.quality])
            if t.casefold() in QUALITY_WORDS
        }
        if found.quality != "quality":
            lines.append(Line("rename", {found.quality: "quality"}, "good, bad, or else uncertain"))
        if texts:
            lines.append(Line("translate.quality", texts, "as good or bad"))
    tags: dict[str, dict[str, TagPlan]] = defaultdict(dict)
    for (asset, raw), places in rows.items():
        each = by_raw[raw]
        unit = str(stated[places[0]] or "")
        named = NameGuess(each.name, guessing.SPELLED.get(unit, unit) or each.unit, each.title)
        cells = [value.cells[i] for i in places]
        tags[asset][each.name] = _tag(named, cells, [times[i] for i in places[: sample.n_neighbours]], decimal)
    return lines, dict(tags), ()


def _texts(column: Column) -> list[str]:
    return sorted({str(c) for c in column.cells if c not in (None, "")})


def _name_lines(names: Mapping[str, str]) -> list[Line]:
    changed = {raw: name for raw, name in names.items() if raw != name}
    return [Line("rename", changed, "units and signs left out of the names")] if changed else []


def _said(column: Column) -> dict[str, int]:
    return {t: n for t, n in column.others.items() if t not in NULLS}


def _n_null(column: Column) -> int:
    return sum(n for t, n in column.others.items() if t in NULLS)


def _null_lines(columns: Sequence[Column]) -> list[Line]:
    odd = sorted({t for c in columns for t in _said(c) if not THOUSANDS.fullmatch(t)})[:50]
    if not odd:
        return []
    return [Line("null_texts", [*NULLS, *odd], f"kept as null, quality bad: {', '.join(odd[:5])} stand among numbers")]


def _tag(name: NameGuess, cells: Sequence[Any], times: Sequence[int | None], decimal: str) -> TagPlan:
    """Plan a tag; times are those of the first cells, up to where rows were left out between two of them."""
    filled = [i for i, cell in enumerate(cells) if not (cell is None or cell == "" or cell in NULLS)]
    numbers = [number for i in filled if (number := number_of(cells[i], decimal)) is not None]
    at = [time for i in filled if i < len(times) and (time := times[i]) is not None]
    period = guessing.period_s(at[:LOOKED_AT])
    return TagPlan(
        name.name,
        name.unit,
        name.title,
        period[0] if period else 0.0,
        period[1] if period else True,
        typical(numbers),
    )


def number_of(cell: Any, decimal: str) -> float | None:
    """Return a cell as a number, None where it is none."""
    try:
        number = float(cell.replace(decimal, ".") if isinstance(cell, str) else cell)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None


def typical(numbers: Sequence[float]) -> tuple[float, float, float] | None:
    """Return the 1 %, 50 % and 99 % values, None without numbers."""
    if not numbers:
        return None
    low, middle, high = np.quantile(np.asarray(numbers), [0.01, 0.5, 0.99])
    return float(low), float(middle), float(high)
