"""Blocks of an events, lots or results file to records.

Invariant: every row, and every cell of a `results` column, is one item, taken or rejected; ids are kept as the text
that the file holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from collectors import decode, times, units
from collectors.cycles import cycle_end
from collectors.letters import Letters
from collectors.readings import NumberReader
from collectors.settings import FormatSettings
from collectors.shaping import results_of
from collectors.tables import BadFileError, Block, Cells
from collectors.values import BadValueError
from domain.instants import from_ns, to_ns
from domain.plant import Plant
from domain.points import Points
from domain.records import Decoded, Event, Lot, Reason, Result

NO_POINTS = Points.from_rows(())
NEEDED: Final = {"events": ("kind", "start"), "lots": ("lot",), "results": ("lot", "result", "value")}


@dataclass(frozen=True, slots=True)
class RecordFile:
    """What is needed to read one events, lots or results file. latest: ns beyond which a time is refused; None for no
    such check.
    """

    name: str
    form: FormatSettings
    plant: Plant
    received_at: datetime
    letters: Letters
    numbers: NumberReader
    latest: int | None = None

    def check_header(self, header: Sequence[str]) -> None:
        """Raise BadFileError where a needed column is missing."""
        owner = () if self.form.asset else ("asset" if self.form.kind == "events" else "line",)
        needed = ("lot",) if self.form.results else NEEDED[self.form.kind]
        missing = [name for name in (*owner, *needed, *self.form.results, *self.form.texts) if name not in header]
        if missing:
            raise BadFileError(Reason.HEADER, f"{self.name} lacks column {', '.join(missing)}")

    def read(self, block: Block) -> Decoded:
        """Return a block's items."""
        self.letters.misshapen(block)
        found: dict[str, list[Any]] = {"events": [], "lots": [], "results": []}
        columns = {name: c for name, c in block.columns.items() if isinstance(c, Cells)}
        for i in range(len(block.lines)):
            row = {name: cells[i] for name, cells in columns.items()}
            try:
                if self.form.kind != "results" or not self.form.results:
                    found[self.form.kind].append(READERS[self.form.kind](self, row))
            except BadValueError as bad:
                self.letters.row(block, i, bad.reason, bad.detail)
            for each in results_of(row, self.form.results):
                try:
                    found["results"].append(self.result(each))
                except BadValueError as bad:
                    self.letters.row(block, i, bad.reason, f"{each['result']}: {bad.detail}")
        events, lots, results = (tuple(found[kind]) for kind in ("events", "lots", "results"))
        return Decoded(NO_POINTS, events, lots, results, self.letters.taken())

    def event(self, row: Mapping[str, Any]) -> Event:
        """Read an event; raises BadValueError, `code` for one that the format does not list."""
        form, asset = self.form, self._owner(row, "asset")
        row, time_format = (self._in_time(row, asset), "iso") if self.counts_cycles else (row, form.time_format)
        event = decode.read_event(asset, row, self.received_at, time_format, form.zone)
        if form.known == "start" and not row.get("known_at"):
            event = replace(event, known_at=event.start)
        if form.codes and event.code not in form.codes:
            raise BadValueError(Reason.CODE, f"code {event.code!r} is none of {', '.join(form.codes)}")
        self._check_future(event.start, event.known_at)  # a shift, or a stop that was planned, knows its end
        return event

    @property
    def counts_cycles(self) -> bool:
        """Whether the file's times are numbers of cycles."""
        return self.form.time_format == "cycle"

    def _in_time(self, row: Mapping[str, Any], asset: str) -> Mapping[str, Any]:
        """Return an event's row with the nominal instants of its cycles."""
        told = {name: row[name] for name in ("start", "end", "known_at") if row.get(name) not in (None, "")}
        return {**row, **{name: from_ns(cycle_end(raw, asset, self.plant)).isoformat() for name, raw in told.items()}}

    def lot(self, row: Mapping[str, Any]) -> Lot:
        """Read a lot; every column that is no field of it and no text is a process value."""
        form = self.form
        fields = {"line", "lot", "start", "end", "known_at", "asset"}
        others = {*fields, *form.results, *form.texts, "result_at", "lab"}
        numbers = {name: self._number(cell) for name, cell in row.items() if name not in others}
        given = {name: row[name] for name in row if name in fields}
        lot = decode.read_lot(self._owner(row, "line"), given, self.received_at, form.time_format, form.zone)
        self._check_future(lot.start, lot.end, lot.known_at)
        kept = {name: number for name, number in numbers.items() if number is not None}
        texts = {name: str(cell) for name in form.texts if (cell := row[name]) is not None}
        texts = {name: text for name, text in texts.items() if text not in form.null_texts}
        return Lot(lot.line, lot.lot, lot.start, lot.end, lot.known_at, kept, texts)

    def result(self, row: Mapping[str, Any]) -> Result:
        """Read a result; a text is a verdict of the format's map, or kept as text where the format has none."""
        form, line = self.form, self._owner(row, "line")
        value = self._value(row.get("value"))
        tag = self.plant.tags[line].get(str(row.get("result") or ""))
        if tag is not None and isinstance(value, int | float) and ("unit" in row or tag.name in form.units):
            stated = row["unit"] if "unit" in row else form.units[tag.name]
            convert = units.fitting(str(stated or ""), tag.unit)
            value = value if convert is None else convert(value)
        result = decode.read_result(line, {**row, "value": value}, self.received_at, form.time_format, form.zone)
        self._check_future(result.result_at)
        return result

    def _check_future(self, *instants: datetime | None) -> None:
        for at in instants:
            if self.latest is not None and at is not None and to_ns(at) > self.latest and not self.counts_cycles:
                raise times.ahead_of_clock(at, self.form.max_future_s)

    def _value(self, raw: Any) -> Any:
        if not isinstance(raw, str):
            return None if raw is None or raw != raw else raw  # NaN is not itself
        known = {text.casefold(): number for text, number in self.form.verdicts.items()}
        if known and raw not in self.form.null_texts:
            if raw.strip().casefold() not in known:
                words = f"{raw[:40]!r} is none of the verdicts {', '.join(self.form.verdicts)}"
                raise BadValueError(Reason.CODE, words)
            return known[raw.strip().casefold()]
        reading = self.numbers.cell(raw)
        if isinstance(reading, BadValueError):
            return raw
        return raw if reading.value is None and raw not in self.form.null_texts else reading.value

    def _number(self, raw: Any) -> float | None:
        reading = self.numbers.cell(raw)
        if isinstance(reading, BadValueError):
            raise reading
        return reading.value

    def _owner(self, row: Mapping[str, Any], name: str) -> str:
        asset = self.form.asset or str(row.get(name) or "")
        if asset not in self.plant.assets:
            raise BadValueError(Reason.UNKNOWN_ASSET, f"{asset!r} is not in assets.csv")
        return asset


READERS: Final[Mapping[str, Callable[[RecordFile, Mapping[str, Any]], Any]]] = {
    "events": RecordFile.event,
    "lots": RecordFile.lot,
    "results": RecordFile.result,
}
