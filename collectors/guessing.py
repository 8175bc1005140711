"""Columns of an unknown file to guesses: how its times and numbers are written, and what its headers say.

Nothing here is certain: whoever uses a guess marks it, so that a person can see and change it. A time that can be read
in two ways is not guessed at all.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from collectors.sampling import Column
from collectors.values import UNITS, BadValueError, instant

DATES: Final = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%Y년 %m월 %d일", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y"),
    *("%m-%d-%Y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%b %d, %Y", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%y/%m/%d"),
    *("%y-%m-%d", "%d-%m-%y"),
)
CLOCKS: Final = (
    *(" %H:%M:%S", " %H:%M", " %H:%M:%S.%f", " %H:%M:%S,%f", "T%H:%M:%S", " %I:%M:%S %p", " %I:%M %p", ""),
    *(", %H:%M:%S", "-%H:%M:%S", " %H.%M.%S", " %H시 %M분 %S초", " %H:%M:%S %z", " %H:%M:%S%z"),
)
FORMATS: Final = ("%Y%m%d%H%M%S", *(date + clock for date in DATES for clock in CLOCKS))
EPOCHS: Final = {unit: (978_307_200 * 10**9 // scale, 4_102_444_800 * 10**9 // scale) for unit, scale in UNITS.items()}
TRIED: Final = 300
PLAUSIBLE: Final = range(1990, 2117)

BRACKETED: Final = re.compile(r"^(?P<name>.*?)\s*[\[(（{<]\s*(?P<unit>[^\])）}>]*?)\s*[\])）}>]\s*$")
SLASHED: Final = re.compile(r"^(?P<name>.*\S)\s+(?:/|in)\s+(?P<unit>\S+)$")
LEADING: Final = re.compile(r"^(?P<unit>%)\s+(?P<name>.*\S)$")
SUFFIXED: Final = re.compile(r"^(?P<name>.*[^\W_])[_ ](?P<unit>[A-Za-z%°℃/0-9³²µ]+)$")
SPELLED: Final = {"℃": "°C", "℉": "°F", "㎏": "kg", "㎜": "mm", "㎥": "m³", "㎥/h": "m³/h", "㎪": "kPa", "㎫": "MPa"}
UNIT_WORDS: Final = """
°C °F degC degF degR K % ‰ bar mbar Pa hPa kPa MPa psi psia psig atm mmHg kgf/cm2 kgf/cm² rpm 1/min min-1 Hz kHz MHz
V mV kV A mA kA W kW MW kWh MWh VA kVA var N kN Nm kNm N·m mm µm um cm m m/s m/min mm/s mm/s² mm/s2 m/s2 m/s² g
m3 m³ m3/h m³/h m3/s l/h L/h l/min L/min l/s lpm slm sccm ml/min kg kg/h kg/s kg/min t t/h g/min g/l mg/l mol/l
ppm ppb pH dB dBA lux s ms min h pcs ea 개 회 시간 분 초 도 ohm Ω kΩ MΩ µS/cm mS/cm Pa·s cP NTU
"""
KNOWN_UNITS: Final = frozenset(UNIT_WORDS.split())
SUFFIX_UNITS: Final = frozenset(u.casefold() for u in KNOWN_UNITS if len(u) > 1) - {"min", "pcs", "ea"}


@dataclass(frozen=True, slots=True)
class TimeGuess:
    """How times are written: the formats that read every one of them, and whether they name their zone."""

    formats: tuple[str, ...]
    has_zone: bool
    example: str

    @property
    def is_ambiguous(self) -> bool:
        """Whether two formats read the same texts as different times."""
        return len(self.formats) > 1


@dataclass(frozen=True, slots=True)
class NameGuess:
    """What a header says: a clean name, and a unit ("" where it names none)."""

    name: str
    unit: str
    title: str


def times_in(cells: Sequence[Any]) -> TimeGuess | None:
    """Return how the texts (or Parquet's instants) of a column are written as times, None where they are no times."""
    filled = [c for c in cells if c is not None and c != ""]
    if not filled:
        return None
    if all(isinstance(c, datetime) for c in filled):
        return TimeGuess(("iso",), filled[0].tzinfo is not None, str(filled[0]))
    if not all(isinstance(c, str) for c in filled):
        return None
    texts = list(dict.fromkeys(filled))
    tried = texts[:: max(1, len(texts) // TRIED)]
    if not any(ch in tried[0] for ch in "-/.:년T ") and not (tried[0].isdigit() and len(tried[0]) in (8, 14)):
        return None
    if all(_reads(text, "iso") for text in tried) and not _is_compact_number(tried):
        has_zone = datetime.fromisoformat(tried[0]).tzinfo is not None
        return TimeGuess(("iso",), has_zone, tried[0])
    fitting = [f for f in FORMATS if _reads(tried[0], f)]
    fitting = [f for f in fitting if all(_reads(text, f) for text in tried)]
    if len(fitting) > 1:
        fitting = [f for f in fitting if all(_reads(text, f) for text in texts)]
    distinct = _different(fitting, tried)
    return TimeGuess(distinct, "%z" in distinct[0], tried[0]) if distinct else None


def _is_compact_number(texts: Sequence[str]) -> bool:
    """Return whether texts are bare digits that ISO would read as a date, but no date of a plant."""
    return texts[0].isdigit() and not all(int(t[:4]) in PLAUSIBLE for t in texts)


def _reads(text: str, form: str) -> bool:
    try:
        at = datetime.fromisoformat(text) if form == "iso" else datetime.strptime(text, form)  # noqa: DTZ007 - the form's own zone
    except ValueError:
        return False
    return at.year in PLAUSIBLE


def _different(formats: Sequence[str], texts: Sequence[str]) -> tuple[str, ...]:
    """Return one format for each way to read the texts."""
    found: dict[tuple[datetime, ...], str] = {}
    for form in formats:
        found.setdefault(tuple(datetime.strptime(t, form) for t in texts), form)  # noqa: DTZ007 - compared only
    return tuple(found.values())


def epoch_in(cells: Sequence[Any]) -> str | None:
    """Return the unit in which every number of a column lies between 2001 and 2100, None where no unit fits all."""
    try:
        numbers = np.asarray([c for c in cells if c is not None and c != ""], dtype=np.float64)
    except (TypeError, ValueError):
        return None
    if not len(numbers) or np.isnan(numbers).any():
        return None
    for unit, (low, high) in EPOCHS.items():
        if low <= numbers.min() and numbers.max() < high:
            return unit
    return None


def has_cycles(cells: Sequence[Any], owners: Sequence[Any]) -> bool:
    """Return whether a column counts up by one from 1 or more, for each owner anew."""
    last: dict[Any, int] = {}
    for raw, owner in zip(cells, owners, strict=True):
        text = str(raw)
        if not text.isdigit():
            return False
        if owner in last and int(text) != last[owner] + 1:
            return False
        last.setdefault(owner, int(text))
        last[owner] = int(text)
    return bool(last)


def instants_in(cells: Iterable[Any], form: str, zone: str) -> list[int]:
    """Return the cells as ns UTC, as loading would read them; what it would refuse is left out."""
    found = []
    for cell in cells:
        try:
            found.append(instant(cell.item() if isinstance(cell, np.generic) else cell, form, zone))
        except BadValueError:
            continue
    return found


def decimal_of(columns: Iterable[Column]) -> str:
    """Return the decimal mark that more numbers of a file are written with."""
    n_comma = n_point = 0
    for column in columns:
        n_comma, n_point = n_comma + column.n_comma, n_point + column.n_point
    return "," if n_comma > n_point else "."


def period_s(times: Sequence[int]) -> tuple[float, bool] | None:
    """Return the spacing of ascending ns times in seconds and whether it is regular, None with fewer than three.

    Regular: nine in ten steps are near the median. Otherwise the mean step, without gaps of fifty medians or more.
    """
    distinct: NDArray[np.float64] = np.unique(np.asarray(times, dtype=np.int64)).astype(np.float64)
    steps = np.diff(distinct) / 1e9
    if len(steps) < 2:
        return None
    median = float(np.median(steps))
    if np.quantile(steps, 0.9) <= 1.5 * median:
        return median, True
    return float(steps[steps < 50 * median].mean()), False


def name_in(header: str) -> NameGuess:
    """Split a header such as `Temp [°C]`, `온도(℃)` or `pressure_bar` into a clean name and a unit."""
    title, unit = header.strip(), ""
    for shape, is_bracketed in ((BRACKETED, True), (SLASHED, False), (LEADING, False)):
        found = shape.match(title)
        if found and found["name"] and _is_unit(found["unit"], is_bracketed=is_bracketed):
            title, unit = found["name"], found["unit"]
            break
    else:
        found = SUFFIXED.match(title)
        if found and found["unit"].casefold() in SUFFIX_UNITS:
            unit = found["unit"]
    return NameGuess(clean(title), SPELLED.get(unit, unit), title.strip())


def _is_unit(text: str, *, is_bracketed: bool) -> bool:
    if not text or len(text) > 12:
        return False
    return text in KNOWN_UNITS or text in SPELLED or (is_bracketed and any(c in "°%/³²µ·℃℉㎥Ω" for c in text))


def clean(text: str) -> str:
    """Return a text as a name: letters and digits of any script, `.`, `-` and `_`."""
    return re.sub(r"[^\w.\-]+", "_", unicodedata.normalize("NFC", text)).strip("_") or "unnamed"


def distinct_names(names: Sequence[NameGuess], taken: Iterable[str] = ()) -> list[NameGuess]:
    """Return the names, a number added where two differ in nothing but case, or one is taken."""
    used = {t.casefold() for t in taken}
    found = []
    for each in names:
        name, n = each.name, 1
        while name.casefold() in used:
            n += 1
            name = f"{each.name}_{n}"
        used.add(name.casefold())
        found.append(NameGuess(name, each.unit, each.title))
    return found


def switches(texts: Mapping[str, int]) -> dict[str, str] | None:
    """Return texts that are one of two states as "1" and "0" (a fault is 1), None where they are something else."""
    found = {text: STATES.get(text.strip().casefold()) for text in texts}
    if not found or any(v is None for v in found.values()):
        return None
    return {text: str(state) for text, state in found.items()}


STATES: Final = {
    **dict.fromkeys(("on", "true", "yes", "run", "running", "open", "ein", "an", "ja", "läuft", "가동", "운전"), 1),
    **dict.fromkeys(("off", "false", "no", "stop", "stopped", "closed", "aus", "nein", "steht", "정지"), 0),
    **dict.fromkeys(("ng", "nok", "n.i.o.", "nio", "fail", "failed", "bad", "reject", "불량", "불합격", "부적합"), 1),
    **dict.fromkeys(("ok", "i.o.", "io", "pass", "passed", "good", "accept", "양품", "합격", "적합", "정상"), 0),
}
