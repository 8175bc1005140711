"""Files of lots, results and events that nobody described to plans: which column is what, and in whose words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from app.starting.looking import csv_lines, interval_of, look, owners_of, times_of
from app.starting.plans import (
    TODO,
    Answers,
    EventPlan,
    FormatPlan,
    Line,
    QualityPlan,
    ResultPlan,
    remarks_of,
    time_lines,
)
from app.starting.sensor_roles import NULLS
from app.starting.sensors import number_of, typical
from collectors import guessing, roles
from collectors.guessing import TimeGuess
from collectors.sampling import Column, Sample, first_rows, sniff
from collectors.shaping import FILE, ROW, ROW_TIME
from collectors.tables import BadFileError
from domain.records import EventKind, Reason

RESULT_WORDS: Final = (
    *("result", "quality", "yield", "purity", "defect", "verdict", "judgement", "judgment", "label", "target"),
    *("viscosity", "hardness", "thickness", "strength", "moisture", "concentrate", "concentration"),
    *("ergebnis", "qualität", "ausbeute", "reinheit", "fehler", "urteil", "härte", "festigkeit", "dicke"),
    *("viskosität", "feuchte", "결과", "품질", "수율", "순도", "불량", "판정", "점도", "경도", "두께", "강도", "수분"),
)
FEW: Final = 5
MOST_LEVELS: Final = 50  # texts by which lots are told apart
BATCH: Final = "batch"
KINDS: Final = ", ".join(EventKind)


def read_quality(
    path: Path,
    answers: Answers,
    assets: Sequence[str],
    *,
    has_lots: bool,
    has_results: bool = False,
    first_row: str = "",
    is_one_of_many: bool = False,
    tick: Callable[[int], None] = lambda _: None,
) -> QualityPlan:
    """Plan how a file of lots and results is read; raises BadFileError, whose text says what to do.

    assets: those of the sensor files. has_lots: another file tells when each lot was made, so this one is results only.
    has_results: another file tells the results of this one's lots, so of its numbers those alone that are named so.
    first_row: when its first row was, of a file without times. is_one_of_many: files of lots, each a batch of its own.
    """
    sample, times, asset = look(path, assets, tick, may_lack_times=bool(first_row))
    rest = roles.without(list(sample.columns), asset, *times)
    lot = roles.first_of(rest, "lot") or _own_names(sample, rest[:1])
    lab = roles.first_of([n for n in rest if n != lot and not sample.columns[n].n_numbers], "lab")
    guess, time_rows = times_of(sample, times, answers) if times else (TimeGuess(("iso",), True, first_row), {})
    parts = interval_of(times)
    kind = "results" if has_lots and not {"start", "end"} & set(parts.values()) else "lots"
    if kind == "results":
        parts = dict.fromkeys(parts, "result_at")
    rename: dict[str, str] = {**parts, **({lab: "lab"} if lab else {})}
    lines: list[Line] = []
    if not times:
        said = f"--row-every {answers.every}: the file names no times"
        lines += [Line("rows", {"first": first_row, "every": answers.every}, said), Line("join", {"end": [ROW_TIME]})]
    elif kind == "lots" and "end" not in parts.values():
        source = next(iter(parts))
        lines.append(Line("join", {"end": [source]}, f"the only time of a lot is {source!r}: taken as its end"))
    remarks = remarks_of(sample)
    by = lot or next(iter(times), None)
    named_by = sample.columns[by].cells if by else range(sample.n_rows)
    n_shared = len(named_by) - len(
        {(str(c), str(o)) for c, o in zip(named_by, _owner_cells(sample, asset), strict=False)}
    )
    if by is None:
        lines.append(Line("join", {"lot": [FILE, ROW]}, "no column names lots: a row is a lot, named by its place"))
    elif lot is None:
        if n_shared:
            remarks.append(f"{n_shared} rows share their time, and so their lot: add a column that names each lot")
        lines.append(Line("join", {"lot": [times[0]]}, "no column names lots: a row is a lot, named by its time"))
    else:
        rename[lot] = "lot"
    value = roles.first_of([n for n in rest if sample.columns[n].n_numbers and n != lot], "value")
    name = roles.first_of([n for n in rest if n not in (lot, lab, value) and not _is_number(sample, n)], "tag")
    line_lines, named = owners_of(sample, asset, "line", assets, rename)
    results: list[ResultPlan] = []
    values: tuple[str, ...] = ()
    if value and name and kind == "results":
        rename |= {name: "result", value: "value"}
        results = _long_results(sample, name, value, lot)
    else:
        others = [n for n in rest if n not in (lot, lab)]
        is_batch = kind == "lots" and is_one_of_many and BATCH not in sample.columns
        more, results, values = _wide_results(
            sample, others, rename, answers.results, kind, is_batch=is_batch, has_results=has_results
        )
        lines += more
    lines = [
        *(time_lines(guess, answers) if times else ()),
        *line_lines,
        *lines,
        Line("rename", rename, "by their names"),
    ]
    return QualityPlan(
        FormatPlan(path, kind, (*lines, *csv_lines(sample)), tuple(remarks)),
        tuple(dict.fromkeys(named.values())),
        tuple(results),
        len(set(map(str, named_by))),
        _passed_s(time_rows, parts, "start", "end"),
        kind == "results" or _passed_s(time_rows, parts, "end", "result_at") > 0,
        values,
    )


def check_results(answers: Answers, plans: Sequence[QualityPlan]) -> None:
    """Raise BadFileError for a result that the person named and no file has."""
    known = [result for plan in plans for result in plan.results]
    for name in answers.results:
        if not any(name in (result.name, result.title, result.raw) for result in known):
            told = ", ".join(dict.fromkeys(v for p in plans for v in p.values)) or "none"
            raise BadFileError(Reason.HEADER, f"--results {name}: no column of --quality; other numbers there: {told}")


def read_events(
    path: Path,
    answers: Answers,
    assets: Sequence[str],
    *,
    has_cycles: bool = False,
    tick: Callable[[int], None] = lambda _: None,
) -> EventPlan:
    """Plan how a file of events is read; raises BadFileError, whose text says what to do.

    has_cycles: the sensor files count cycles, so that events may be told by the number of theirs.
    """
    sample, times, asset = look(path, assets, tick, has_cycles=has_cycles)
    rest = [n for n in roles.without(list(sample.columns), asset, *times) if sample.columns[n].others]
    kind = roles.first_of(rest, "kind")
    code = roles.first_of([n for n in sample.columns if n not in (asset, kind, *times)], "code")
    note = roles.first_of([n for n in rest if n not in (kind, code)], "note")
    guess = guessing.times_in([c for n in times for c in sample.columns[n].cells])
    if guess is None and has_cycles:
        form_lines: tuple[Line, ...] = (Line("time_format", "cycle", "as in the sensor files"),)
        time_rows: dict[str, list[int | None]] = {n: [int(c) * 10**9 for c in sample.columns[n].cells] for n in times}
    else:
        guess, time_rows = times_of(sample, times, answers)
        form_lines = time_lines(guess, answers)
    parts = {source: role for source, role in interval_of(times, alone="start").items() if role != "result_at"}
    rename = {**parts, **{c: role for c, role in ((kind, "kind"), (code, "code"), (note, "note")) if c}}
    lines: list[Line] = []
    if "end" not in parts.values():
        source = next(s for s, role in parts.items() if role == "start")
        lines.append(Line("join", {"end": [source]}, "no column tells the end: each event is an instant"))
    if not any(roles.words_of(n) == ["known", "at"] for n in times):
        lines.append(Line("known", "start", "no column says when people knew of an event: when it began"))
    line_lines, named = owners_of(sample, asset, "asset", assets, rename)
    kinds = _kinds(sample, kind, path)
    lines += _kind_lines(kinds, kind, path)
    starts = time_rows[next(s for s, role in parts.items() if role == "start")]
    failures: dict[str, list[int]] = defaultdict(list)
    codes: dict[str, set[str]] = defaultdict(set)
    spoken = sample.columns[kind].cells if kind else [""] * len(starts)
    owners = sample.columns[asset].cells if asset else [""] * len(starts)
    said = sample.columns[code].cells if code else [""] * len(starts)
    for at, word, owner, each in zip(starts, spoken, owners, said, strict=True):
        told = kinds.get(str(word), "")
        codes[told].add(str(each))
        if at is not None and told == EventKind.FAILURE.value:
            failures[named.get(str(owner), "")].append(at)
    known = [at for at in starts if at is not None]
    whole = (*form_lines, *line_lines, *lines, Line("rename", rename, "by their names"))
    return EventPlan(
        FormatPlan(path, "events", (*whole, *csv_lines(sample)), tuple(remarks_of(sample))),
        tuple(dict.fromkeys(named.values())),
        dict(failures),
        (min(known), max(known)) if known else (0, 0),
        {told: len(found) for told, found in codes.items()},
    )


def has_interval(path: Path) -> bool:
    """Return whether a file tells when lots start or end; raises BadFileError."""
    return any(roles.fits(n, "start") or roles.fits(n, "end") for n in first_rows(path, sniff(path)).columns)


def _own_names(sample: Sample, names: Sequence[str]) -> str | None:
    """Return the column, of those given, that has another text or whole number in every row; None where none has."""
    for name in names:
        column = sample.columns[name]
        is_whole = not column.n_point and all(isinstance(c, str | int | np.integer) for c in column.cells)
        if is_whole and not column.n_comma and len(set(column.cells)) == len(column.cells) > FEW:
            return name
    return None


def _owner_cells(sample: Sample, asset: str | None) -> Sequence[Any]:
    return sample.columns[asset].cells if asset else [""] * len(next(iter(sample.columns.values())).cells)


def _kinds(sample: Sample, column: str | None, path: Path) -> dict[str, str]:
    """Return the kind that each of a file's own words stands for; TODO where none is known."""
    undecided = f"{TODO}: one of {KINDS}"
    if column is None:
        return {"": roles.kind_of(path.stem) or undecided}
    words = dict.fromkeys(str(c) for c in sample.columns[column].cells if c not in (None, ""))
    known = {k.value for k in EventKind}
    return {w: w if w in known else roles.kind_of(w) or undecided for w in words}


def _kind_lines(kinds: Mapping[str, str], column: str | None, path: Path) -> list[Line]:
    if column is None:
        return [Line("fixed", {"kind": kinds[""]}, f"no column tells the kind; by the file's name {path.name}")]
    changed = {word: kind for word, kind in kinds.items() if word != kind}
    return [Line("translate.kind", changed, "by the words; check each")] if changed else []


def _wide_results(
    sample: Sample,
    names: Sequence[str],
    rename: dict[str, str],
    said: Sequence[str],
    kind: str,
    *,
    is_batch: bool,
    has_results: bool,
) -> tuple[list[Line], list[ResultPlan], tuple[str, ...]]:
    """Return the lines on a file's other columns, its results, and its process values; adds to `rename`.

    said: the results that the person named. is_batch: whether the file is a batch of lots. has_results: see
    `read_quality`.
    """
    columns = [sample.columns[n] for n in names]
    states = {c.name: s for c in columns if (s := guessing.switches(_said(c)))}
    numeric = [c for c in columns if c.n_numbers > sum(_said(c).values()) and c.name not in states]
    worded = [c for c in numeric if any(w in c.name.casefold() for w in RESULT_WORDS)]
    chosen = [c for c in columns if c.name in states] + (
        worded or ([] if has_results or len(numeric) > FEW else numeric)
    )
    if said:
        chosen = [c for c in columns if {c.name, guessing.name_in(c.name).name} & {*said}]
    others = [c for c in [*numeric, *(c for c in columns if c.name in states)] if c not in chosen]
    texts = [c for c in columns if kind == "lots" and c not in chosen and c not in others and _is_text(c)]
    ordered = [*chosen, *others, *texts]
    named = guessing.distinct_names([guessing.name_in(c.name) for c in ordered], {*rename.values(), "line", "asset"})
    rename |= {c.name: n.name for c, n in zip(ordered, named, strict=True) if c.name != n.name}
    results = [n.name for n in named[: len(chosen)]]
    note = "" if said else "by name, or two states" if others else "numbers and states of a lot"
    if others and not said:
        note += "; the other numbers are process values of the lot"
    values = tuple(n.name for n in named[len(chosen) : len(chosen) + len(others)])
    told = [*(n.name for n in named[len(chosen) + len(others) :]), *([BATCH] if is_batch else [])]
    lines = []
    if results or not has_results:
        asked = [f"{TODO}: which of {', '.join(n.name for n in named[:4])} are results"]
        lines.append(Line("results", results or asked, note))
    lines += [
        Line(f"translate.{n.name}", states[c.name], "two states, read as 1 (a fault) and 0")
        for c, n in zip(ordered, named, strict=True)
        if c.name in states
    ]
    if is_batch:
        lines.append(Line("join", {BATCH: [FILE]}, "several files: each is a batch"))
    if told:
        lines.append(Line("texts", told, "few different texts: lots can be told apart by them"))
    left = [c.name for c in columns if c not in ordered]
    if left:
        lines.append(Line("ignore", left, "no numbers in them"))
    odd = sorted({t for c in numeric for t in _said(c)})[:50]
    if odd:
        lines.append(Line("null_texts", [*NULLS, *odd], "stand among numbers: kept as null"))
    decimal = guessing.decimal_of(sample.columns.values())
    plans = []
    for column, name in zip(chosen, named, strict=False):
        cells = [states[column.name].get(c, c) if column.name in states else c for c in column.cells]
        numbers = [x for c in cells if (x := number_of(c, decimal)) is not None]
        plans.append(ResultPlan(name.name, name.unit, name.title, len(numbers), typical(numbers), column.name))
    return lines, plans, values


def _is_text(column: Column) -> bool:
    """Return whether a column holds few different texts, as a product or a machine."""
    return not column.n_numbers and 1 <= len(column.others) <= MOST_LEVELS


def _long_results(sample: Sample, name: str, value: str, lot: str | None) -> list[ResultPlan]:
    decimal = guessing.decimal_of(sample.columns.values())
    numbers: dict[str, list[float]] = defaultdict(list)
    for raw, cell in zip(sample.columns[name].cells, sample.columns[value].cells, strict=True):
        if lot is not None and (number := number_of(cell, decimal)) is not None:
            numbers[str(raw)].append(number)
    return [ResultPlan(n, "", n, len(found), typical(found)) for n, found in numbers.items()]


def _passed_s(rows: Mapping[str, Sequence[int | None]], parts: Mapping[str, str], first: str, last: str) -> float:
    """Return the median time from one column to another in seconds, 0 where there is none."""
    by_role = {role: rows[name] for name, role in parts.items()}
    pairs = zip(by_role.get(first, ()), by_role.get(last, ()), strict=False)
    spans = [(b - a) / 1e9 for a, b in pairs if a is not None and b is not None and b > a]
    return float(np.median(spans)) if spans else 0.0


def _said(column: Column) -> dict[str, int]:
    return {t: n for t, n in column.others.items() if t not in NULLS}


def _is_number(sample: Sample, name: str) -> bool:
    column: Any = sample.columns[name]
    return bool(column.n_numbers > sum(column.others.values()))
