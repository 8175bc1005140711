"""Quality files that hold no times, and what the person said of their rows, to when the first row of each was."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

from app.starting.plans import Answers
from collectors import guessing
from collectors.sampling import first_rows, rows_of, sniff
from collectors.tables import BadFileError
from domain.instants import parse_duration
from domain.records import Reason

YEAR: Final = re.compile(r"(?<!\d)(19\d\d|20\d\d)(?!\d)")


def first_rows_of(paths: Sequence[Path], answers: Answers) -> Mapping[Path, str]:
    """Return, of the files without a time, when the first row was, as ISO: each begins with the year in its name, or
    the first as the person said and the others one after another, in the order given. Empty where nothing was said of
    rows; raises BadFileError where that leaves it open.
    """
    if not answers.every:
        return {}
    untimed = [path for path in paths if not _has_times(path)]
    every = parse_duration(answers.every)
    spans = [every * sum(rows.n for rows in rows_of(path, sniff(path))) for path in untimed]
    starts = [] if answers.first else _by_year(untimed)
    if answers.first:
        starts = [datetime.fromisoformat(answers.first)]
        for span in spans[:-1]:
            starts.append(starts[-1] + span)
    ends = [start + span for start, span in zip(starts, spans, strict=False)]
    inside = sorted(zip(starts, ends, untimed, strict=False), key=lambda x: x[0])
    for (_, end, path), (start, _, _) in pairwise(inside):
        if end > start:
            raise BadFileError(
                Reason.TIME_FORMAT,
                f"{path.name}: with a row each {answers.every} it ends after {start:%Y-%m-%d}, when the next file "
                "begins: name a shorter --row-every, or --row-first, after which files follow one another",
            )
    if len(starts) < len(untimed):
        raise BadFileError(
            Reason.TIME_FORMAT,
            f"{untimed[0].name}: holds no times, and no file name holds a year of its own: name --row-first as well",
        )
    return {path: start.isoformat() for path, start in zip(untimed, starts, strict=False)}


def _by_year(paths: Sequence[Path]) -> list[datetime]:
    """Return the beginning of the year in each name; empty where one names none, or two the same."""
    years = [set(YEAR.findall(path.stem)) for path in paths]
    if any(len(found) != 1 for found in years) or len(set.union(set(), *years)) < len(paths):
        return []
    return [datetime(int(min(found)), 1, 1, tzinfo=UTC) for found in years]


def _has_times(path: Path) -> bool:
    return any(guessing.times_in(list(cells)) is not None for cells in first_rows(path, sniff(path)).columns.values())
