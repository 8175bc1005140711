"""Dump files to items: CSV and Parquet, wide and long, of sensors, events, lots and results.

Invariant: every value cell of a sensor file, and every row of another file, becomes exactly one item, taken or
rejected.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from collectors import decode, values
from collectors.settings import FormatSettings
from collectors.tables import BadFileError, Block, read_blocks
from collectors.values import BadValueError
from domain.instants import to_ns
from domain.plant import Plant
from domain.points import Flag, Points, Quality
from domain.records import Decoded, Event, Lot, Reason, Rejected, Result

NO_POINTS: Final = Points.from_rows(())


def format_for(path: Path, formats: Sequence[FormatSettings], kind: str | None = None) -> FormatSettings:
    """Return the first format that fits the file's name (and kind); raises BadFileError where none does."""
    for each in formats:
        if fnmatch.fnmatch(path.name, each.match) and kind in (None, each.kind):
            return each
    wanted = f" of kind {kind}" if kind else ""
    raise BadFileError(Reason.FORMAT, f"no [[formats]]{wanted} in forewarn.toml matches {path.name}")


def read_dump(path: Path, form: FormatSettings, plant: Plant, received_at: datetime) -> Iterator[Decoded]:
    """Yield the file's items block by block; raises BadFileError where the file cannot be read as a whole."""
    for block in read_blocks(path, form.delimiter, form.encoding):
        yield _Reader(path, form, plant, received_at).read(block)


class _Reader:
    def __init__(self, path: Path, form: FormatSettings, plant: Plant, received_at: datetime) -> None:
        self.path, self.form, self.plant, self.received_at = path, form, plant, received_at
        self.source = f"dump:{form.name}"
        self.rejected: list[Rejected] = []

    def read(self, block: Block) -> Decoded:
        for bad in block.bad_rows:
            self._reject(bad.line, Reason.ROW_WIDTH, bad.detail, bad.raw)
        if self.form.kind != "sensors":
            return self._records(block)
        parts = self._wide(block) if self.form.layout == "wide" else self._long(block)
        return Decoded(Points.concat(parts), rejected=tuple(self.rejected))

    def _wide(self, block: Block) -> list[Points]:
        form = self.form
        skipped = {form.time_column, form.asset_column, *form.ignore}
        tags = [name for name in block.columns if name not in skipped]
        assets = self._assets(block)
        are_known = any(a in self.plant.tags for a in assets)
        for name in tags if are_known else ():
            if not any(name in known for known in self.plant.tags.values()):
                known = sorted({t for a in set(assets) for t in self.plant.tags.get(a, {})})
                raise BadFileError(
                    Reason.HEADER,
                    f"{self.path.name}: column {name!r} is no tag in tags.csv (its asset has "
                    f"{', '.join(known[:8]) or 'none'}{', ...' if len(known) > 8 else ''}); "
                    "list it in `ignore` to leave it out",
                )
        at, is_timed = self._times(block, assets, n_items=len(tags))
        return [self._column(block, name, block.columns[name], at, is_timed, assets) for name in tags]

    def _column(
        self,
        block: Block,
        name: str,
        column: Sequence[Any],
        at: NDArray[np.int64],
        is_timed: NDArray[np.bool_],
        assets: Sequence[str],
    ) -> Points:
        is_known = np.array([name in self.plant.tags.get(a, {}) for a in assets], dtype=bool)
        for i in np.flatnonzero(is_timed & ~is_known).tolist():
            self._reject(block.lines[i], Reason.UNKNOWN_TAG, f"{assets[i]}/{name} is not in tags.csv", column[i])
        kept = np.flatnonzero(is_timed & is_known)
        return self._points([f"{assets[i]}/{name}" for i in kept.tolist()], at, kept, column, block, name)

    def _long(self, block: Block) -> list[Points]:
        form = self.form
        missing = {form.time_column, "tag", "value"} - set(block.columns)
        if missing:
            raise BadFileError(Reason.HEADER, f"{self.path.name} lacks column {', '.join(sorted(missing))}")
        has_asset = form.asset or form.asset_column in block.columns
        names = [str(t) for t in block.columns["tag"]]
        tag_ids = [f"{a}/{t}" for a, t in zip(self._assets(block), names, strict=True)] if has_asset else names
        assets = [t.rpartition("/")[0] for t in tag_ids]
        at, is_timed = self._times(block, assets, n_items=1)
        kept = []
        for i in np.flatnonzero(is_timed).tolist():
            if self.plant.tag(tag_ids[i]) is None:
                self._reject(block.lines[i], Reason.UNKNOWN_TAG, f"{tag_ids[i]} is not in tags.csv", tag_ids[i])
            else:
                kept.append(i)
        rows = np.array(kept, dtype=np.int64)
        stated = [str(q).lower() for q in block.columns["quality"]] if "quality" in block.columns else None
        named = [tag_ids[i] for i in rows.tolist()]
        return [self._points(named, at, rows, block.columns["value"], block, "value", stated)]

    def _points(
        self,
        tag_ids: list[str],
        at: NDArray[np.int64],
        rows: NDArray[np.int64],
        column: Sequence[Any],
        block: Block,
        name: str,
        stated: Sequence[str] | None = None,
    ) -> Points:
        graded = [self._graded(stated, i) for i in rows.tolist()]
        received = np.full(len(rows), to_ns(self.received_at), dtype=np.int64)
        if isinstance(column, np.ndarray):
            numbers = column[rows].astype(np.float64)
            flags = np.where(np.isnan(numbers), np.uint32(Flag.NULL), np.uint32(0))
            return Points.of(tag_ids, at[rows], numbers, quality=graded, flags=flags, received_at=received)
        readings: list[values.Reading] = []
        taken: list[int] = []
        for place, i in enumerate(rows.tolist()):
            try:
                readings.append(self._reading(column[i]))
                taken.append(place)
            except BadValueError as bad:
                self._reject(block.lines[i], bad.reason, f"{name}: {bad.detail}", column[i])
        return Points.of(
            [tag_ids[p] for p in taken],
            at[rows[taken]] if taken else [],
            [r.value for r in readings],
            [r.text for r in readings],
            [max(r.quality, graded[p]) for r, p in zip(readings, taken, strict=True)],
            [r.flags for r in readings],
            received[taken] if taken else [],
        )

    def _graded(self, stated: Sequence[str] | None, row: int) -> int:
        if stated is None or not stated[row]:
            return Quality.GOOD
        return decode.QUALITIES.get(stated[row], Quality.UNCERTAIN)

    def _reading(self, raw: Any) -> values.Reading:
        if isinstance(raw, str):
            return values.from_text(raw, self.form.decimal, self.form.null_texts)
        return values.from_json(raw.item() if isinstance(raw, np.generic) else raw, has_text_numbers=False)

    def _assets(self, block: Block) -> list[str]:
        n = len(block.lines)
        if self.form.asset:
            return [self.form.asset] * n
        if self.form.asset_column not in block.columns:
            raise BadFileError(
                Reason.HEADER,
                f"{self.path.name} has no column {self.form.asset_column!r}, "
                f"and format {self.form.name!r} names no asset",
            )
        return [str(a) for a in block.columns[self.form.asset_column]]

    def _times(self, block: Block, assets: Sequence[str], n_items: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return ns and which rows have a usable time and asset; the others are rejected, one item per value."""
        if self.form.time_column not in block.columns:
            raise BadFileError(Reason.HEADER, f"{self.path.name} has no time column {self.form.time_column!r}")
        at = np.zeros(len(block.lines), dtype=np.int64)
        is_good = np.zeros(len(block.lines), dtype=bool)
        for i, (raw, asset) in enumerate(zip(block.columns[self.form.time_column], assets, strict=True)):
            try:
                if asset not in self.plant.assets:
                    raise BadValueError(Reason.UNKNOWN_ASSET, f"{asset!r} is not in assets.csv")
                at[i] = self._instant(raw, asset)
                is_good[i] = True
            except BadValueError as bad:
                for _ in range(n_items):
                    self._reject(block.lines[i], bad.reason, bad.detail, raw)
        return at, is_good

    def _instant(self, raw: Any, asset: str) -> int:
        raw = raw.item() if isinstance(raw, np.generic) else raw
        if self.form.time_format != "cycle":
            return values.instant(raw, self.form.time_format, self.form.zone)
        first = self.plant.assets[asset].attributes.get("first_cycle_at", "")
        cycle = self.plant.class_of(asset).cycle
        if not first or cycle is None:
            raise BadValueError(
                Reason.TIME_FORMAT, f"{asset} has no `first_cycle_at` in assets.csv, or its class no `cycle`"
            )
        return values.cycle_instant(raw, datetime.fromisoformat(first), cycle)

    def _records(self, block: Block) -> Decoded:
        found: dict[str, list[Any]] = {"events": [], "lots": [], "results": []}
        names = list(block.columns)
        for i, line in enumerate(block.lines):
            row = {name: block.columns[name][i] for name in names}
            try:
                found[self.form.kind].append(RECORDS[self.form.kind](self, row))
            except BadValueError as bad:
                self._reject(line, bad.reason, bad.detail, row)
        return Decoded(
            NO_POINTS,
            tuple(found["events"]),
            tuple(found["lots"]),
            tuple(found["results"]),
            tuple(self.rejected),
        )

    def event(self, row: Mapping[str, Any]) -> Event:
        return decode.read_event(self._of(row, "asset"), row, self.received_at, self.form.time_format, self.form.zone)

    def lot(self, row: Mapping[str, Any]) -> Lot:
        fields = {"line", "lot", "start", "end", "known_at", "asset", *self.form.ignore}
        numbers = {k: self._reading(v).value for k, v in row.items() if k not in fields}
        lot = decode.read_lot(self._of(row, "line"), row, self.received_at, self.form.time_format, self.form.zone)
        kept = {k: v for k, v in numbers.items() if v is not None}
        return Lot(lot.line, lot.lot, lot.start, lot.end, lot.known_at, kept)

    def result(self, row: Mapping[str, Any]) -> Result:
        raw = row.get("value")
        raw = raw.item() if isinstance(raw, np.generic) else raw
        numeric = {**row, "value": raw}
        if isinstance(raw, str):
            try:
                reading = self._reading(raw)
            except BadValueError:
                pass  # a text result, kept as text
            else:
                is_text = reading.value is None and raw not in self.form.null_texts
                numeric["value"] = raw if is_text else reading.value
        elif isinstance(raw, float) and np.isnan(raw):
            numeric["value"] = None
        return decode.read_result(
            self._of(row, "line"), numeric, self.received_at, self.form.time_format, self.form.zone
        )

    def _of(self, row: Mapping[str, Any], name: str) -> str:
        asset = self.form.asset or str(row.get(name) or "")
        if asset not in self.plant.assets:
            raise BadValueError(Reason.UNKNOWN_ASSET, f"{asset!r} is not in assets.csv")
        return asset

    def _reject(self, line: int, reason: Reason, detail: str, raw: Any) -> None:
        payload = raw if isinstance(raw, bytes) else str(raw).encode()
        where = f"{self.path.name}:{int(line)}"
        self.rejected.append(Rejected(self.source, where, reason, detail, payload))


RECORDS: Final[Mapping[str, Callable[[_Reader, Mapping[str, Any]], Any]]] = {
    "events": _Reader.event,
    "lots": _Reader.lot,
    "results": _Reader.result,
}
