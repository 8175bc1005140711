"""What was guessed of unknown files: lines of config with the reason for each, tags, assets, records.

Invariant: a line that rests on a guess carries a note; a line that only a person can decide has a value that begins
with TODO, which `forewarn check` reports.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from collectors.guessing import TimeGuess
from collectors.sampling import Dialect, Sample

TODO: Final = "TODO"
TODO_ZONE: Final = f"{TODO}: the zone of these times, e.g. Asia/Seoul or Europe/Berlin"


@dataclass(frozen=True, slots=True)
class Line:
    """One `key = value` of a TOML table. note: why, where it was guessed; "" where the file itself says so."""

    key: str
    value: Any
    note: str = ""


@dataclass(frozen=True, slots=True)
class Answers:
    """What the person said on the command line; "" for nothing.

    results: columns of the quality files that are results. every: how far apart the rows are of files that hold no
    times; first: when the first row was of the first of them.
    """

    zone: str = ""
    time_format: str = ""
    asset: str = ""
    results: tuple[str, ...] = ()
    every: str = ""
    first: str = ""


@dataclass(frozen=True, slots=True)
class FormatPlan:
    """One `[[formats]]` entry: lines after `name` and `match`, and what is to be known of the file itself."""

    path: Path
    kind: str
    lines: tuple[Line, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TagPlan:
    """One tag of one asset. period_s 0 is unknown; typical: the 1 %, 50 % and 99 % values, None without numbers."""

    name: str
    unit: str
    title: str
    period_s: float
    is_regular: bool
    typical: tuple[float, float, float] | None
    role: str = "process"


@dataclass(frozen=True, slots=True, eq=False)
class SensorPlan:
    """A sensor file: tags by asset, the first and last instant (ns, or cycles), whether it counts cycles.

    settings: the tags that set the operating mode.
    """

    format: FormatPlan
    assets: Mapping[str, Mapping[str, TagPlan]]
    span: tuple[int, int]
    has_cycles: bool = False
    settings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class ResultPlan:
    """One quality result: how many lots have a number for it, and its 1 %, 50 % and 99 % values. raw: its column."""

    name: str
    unit: str
    title: str
    n_lots: int
    typical: tuple[float, float, float] | None
    raw: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class QualityPlan:
    """A file of lots, or of results: lines it names, results, the median passage of a lot in seconds (0: unknown).

    knows_when: whether it tells when results were known, later than their lots ended. values: process values of lots.
    """

    format: FormatPlan
    lines: tuple[str, ...]
    results: tuple[ResultPlan, ...]
    n_lots: int
    passage_s: float = 0.0
    knows_when: bool = False
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class EventPlan:
    """A file of events: assets it names, the failures' starts (ns, or cycles as seconds) by asset, the first and last
    start. codes: by kind, how many codes it has.
    """

    format: FormatPlan
    assets: tuple[str, ...]
    failures: Mapping[str, Sequence[int]] = field(default_factory=dict)
    span: tuple[int, int] = (0, 0)
    codes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class AssetPlan:
    """A list of assets: what it says of each, by asset and attribute."""

    attributes: Mapping[str, Mapping[str, str]]


def dialect_lines(dialect: Dialect, decimal: str) -> tuple[Line, ...]:
    """Return the lines that say how a CSV file is written, where that is not the default."""
    lines = [Line("delimiter", dialect.delimiter, "the header and the rows agree with it")]
    if decimal != ".":
        lines.append(Line("decimal", decimal, "numbers are written so"))
    if dialect.encoding != "utf-8-sig":
        lines.append(Line("encoding", dialect.encoding, "every byte fits"))
    if dialect.skip_lines:
        lines.append(Line("skip_lines", dialect.skip_lines, "lines above the header"))
    return tuple(lines)


def time_lines(guess: TimeGuess, answers: Answers) -> tuple[Line, ...]:
    """Return the lines for time format and zone; TODO where a time can be read in two ways, or names no zone."""
    lines = [Line("time_format", guess.formats[0], f"fits every time that was looked at, such as {guess.example}")]
    if answers.time_format and guess.formats != ("iso",):
        lines = [Line("time_format", answers.time_format)]
    elif guess.is_ambiguous:
        options = " or ".join(guess.formats)
        lines = [Line("time_format", f"{TODO}: {options}", f"{guess.example} can be read in both ways")]
    if not guess.has_zone:
        lines.append(Line("zone", answers.zone) if answers.zone else Line("zone", TODO_ZONE, "the times name no zone"))
    return tuple(lines)


def reading_form(guess: TimeGuess, answers: Answers) -> tuple[str, str]:
    """Return format and zone to read times with while guessing; an open zone counts as UTC, which moves no spacing."""
    form = guess.formats[0] if guess.formats == ("iso",) or not answers.time_format else answers.time_format
    return form, "" if guess.has_zone else answers.zone or "UTC"


def asset_name(raw: Any) -> str:
    """Return a text as an asset's path: without the signs that topics and patterns use, no empty level."""
    levels = [level for level in re.sub(r"[+#*?\[\]\n]+", "_", str(raw).strip()).split("/") if level.strip()]
    return "/".join(levels) or "unnamed"


def pattern_of(path: Path) -> str:
    """Return a file name's pattern: runs of digits, as in dates and numbers, may change from file to file."""
    stem = re.sub(r"[\[\]*?]", "?", path.stem)
    return re.sub(r"\d[\d\-_.]*\d|\d", "*", stem) + path.suffix


def pattern_for(path: Path, others: Sequence[Path]) -> str:
    """Return a file name's pattern; its exact name where the pattern would catch a file of another format."""
    pattern = pattern_of(path)
    if any(fnmatch.fnmatch(other.name, pattern) for other in others):
        return re.sub(r"[\[\]]", "?", path.name)
    return pattern


def remarks_of(sample: Sample) -> list[str]:
    """Return what a person should know of a file as a whole."""
    if not sample.n_bad_rows:
        return []
    return [f"{sample.n_bad_rows} rows do not have the header's width: loading will reject them, with their line"]
