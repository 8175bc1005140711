"""Blocks of a sensor file to points, wide or long.

Invariant: every value is one item, taken or rejected; a row whose time, asset or tag cannot be told is one rejected
item. A blank cell under a tag that the row's asset does not have is no value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collectors import times, units
from collectors.cycles import cycle_end
from collectors.grading import grade
from collectors.letters import Letters
from collectors.readings import NumberReader, Readings, mark_impossible, no_texts
from collectors.settings import FormatSettings
from collectors.shaping import sources_of
from collectors.tables import BadFileError, Block, Cells, Instants, Numbers, Wanted
from collectors.values import BadValueError
from domain.instants import from_ns, to_ns
from domain.plant import Plant
from domain.points import Points, Quality
from domain.records import Decoded, Reason

NO_POINTS = Points.from_rows(())
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SensorFile:
    """What is needed to read one sensor file. latest: ns beyond which a time is refused; None for no such check."""

    name: str
    form: FormatSettings
    plant: Plant
    received_at: datetime
    letters: Letters
    numbers: NumberReader
    latest: int | None = None

    def check_header(self, header: Sequence[str]) -> None:
        """Raise BadFileError where a needed column is missing, or one is no tag at all."""
        form = self.form
        needed = {form.time_column, *((form.tag_column, form.value_column) if form.layout == "long" else ())}
        missing = needed - set(header)
        if missing == {form.time_column}:
            raise BadFileError(Reason.HEADER, f"{self.name} has no time column {form.time_column!r}")
        if missing:
            raise BadFileError(Reason.HEADER, f"{self.name} lacks column {', '.join(sorted(missing))}")
        if form.layout == "long":
            return
        if not form.asset and form.asset_column not in header:
            raise BadFileError(
                Reason.HEADER,
                f"{self.name} has no column {form.asset_column!r}, and format {form.name!r} names no asset",
            )
        self._check_units()
        assets = [form.asset] if form.asset in self.plant.tags else list(self.plant.tags)
        known = {tag for asset in assets for tag in self.plant.tags[asset]}
        for name in Wanted(form).numbers(header):
            if name not in known:
                raise BadFileError(
                    Reason.HEADER,
                    f"{self.name}: column {name!r} is no tag in tags.csv (there are "
                    f"{', '.join(sorted(known)[:8]) or 'none'}{', ...' if len(known) > 8 else ''}); "
                    "list it in `ignore` to leave it out",
                )

    def _check_units(self) -> None:
        for tags in self.plant.tags.values():
            for name, tag in tags.items():
                try:
                    units.fitting(self.form.units.get(name, tag.unit), tag.unit)
                except BadValueError as bad:
                    raise BadFileError(bad.reason, f"{self.name}: column {name!r}: {bad.detail}") from bad

    def read(self, block: Block) -> Decoded:
        """Return a block's items."""
        self.letters.misshapen(block)
        points = self._wide(block) if self.form.layout == "wide" else self._long(block)
        return Decoded(points, rejected=self.letters.taken())

    def _wide(self, block: Block) -> Points:
        names = [name for name, column in block.columns.items() if isinstance(column, Numbers)]
        assets = self._assets(block)
        faults = {
            code: BadValueError(Reason.UNKNOWN_ASSET, f"{asset!r} is not in assets.csv")
            for code, asset in enumerate(assets.distinct)
            if asset not in self.plant.assets
        }
        at, is_timed = self._times(block, assets, faults)
        shape = (len(names), len(block.lines))
        tag_ids, value = np.empty(shape, dtype=object), np.empty(shape)
        texts = []
        quality, flags = np.empty(shape, np.uint8), np.empty(shape, np.uint32)
        is_taken = np.tile(is_timed, (len(names), 1))
        for place, name in enumerate(names):
            readings = self.numbers.column(_numbers(block, name))
            for code, asset in enumerate(assets.distinct):
                rows: Any = assets.codes == code if len(assets.distinct) > 1 else slice(None)
                tag = self.plant.tags.get(asset, {}).get(name)
                if tag is not None and name in self.form.units:
                    convert = units.fitting(self.form.units[name], tag.unit)
                    readings.value[rows] = readings.value[rows] if convert is None else convert(readings.value[rows])
                mark_impossible(readings, tag, rows)
                tag_ids[place, rows] = f"{asset}/{name}"
                if tag is None:
                    self._reject_unknown(block, name, f"{asset}/{name}", rows, is_taken[place])
            for row, bad in readings.faults:
                if is_taken[place, row]:
                    self.letters.cell(block, row, name, bad.reason, bad.detail)
                    is_taken[place, row] = False
            value[place] = readings.value
            texts.append(readings.text)
            quality[place], flags[place] = readings.quality, readings.flags
        has_text = any(text.strides != (0,) for text in texts)
        text = np.stack(texts) if has_text else no_texts(value.size).reshape(shape)
        found = (tag_ids, np.tile(at, (len(names), 1)), value, text, quality, flags)
        if not is_taken.all():
            return self._points(*(part[is_taken] for part in found))
        return self._points(*(part.reshape(-1) for part in found))

    def _reject_unknown(self, block: Block, name: str, tag_id: str, rows: Any, is_taken: NDArray[np.bool_]) -> None:
        place = block.header.index(sources_of(name, self.form)[0])
        for row in np.arange(len(is_taken))[rows].tolist():
            if not is_taken[row]:
                continue
            is_taken[row] = False
            if block.cells(row)[place] not in (None, ""):
                self.letters.cell(block, row, name, Reason.UNKNOWN_TAG, f"{tag_id} is not in tags.csv")

    def _long(self, block: Block) -> Points:
        ids = self._tag_ids(block)
        tags = [self.plant.tag(tag_id) for tag_id in ids.distinct]
        owners = [tag_id.rpartition("/")[0] for tag_id in ids.distinct]
        faults = {
            code: BadValueError(Reason.UNKNOWN_TAG, f"{ids.distinct[code]} is not in tags.csv")
            if owners[code] in self.plant.assets
            else BadValueError(Reason.UNKNOWN_ASSET, f"{owners[code]!r} is not in assets.csv")
            for code, tag in enumerate(tags)
            if tag is None
        }
        at, is_taken = self._times(block, Cells(ids.codes, owners), faults)
        readings = self.numbers.column(_numbers(block, self.form.value_column))
        self._convert(block, ids, readings, is_taken)
        for code, tag in enumerate(tags):
            if tag is not None and (tag.least is not None or tag.most is not None):
                mark_impossible(readings, tag, ids.codes == code)
        for row, bad in readings.faults:
            if is_taken[row]:
                self.letters.row(block, row, bad.reason, f"{ids[row]}: {bad.detail}")
                is_taken[row] = False
        named = np.empty(len(ids.distinct), dtype=object)
        named[:] = ids.distinct
        quality = np.maximum(readings.quality, self._stated(block))
        found = (named[ids.codes], at, readings.value, readings.text, quality, readings.flags)
        return self._points(*(found if is_taken.all() else (part[is_taken] for part in found)))

    def _points(self, *parts: Any) -> Points:
        tag_id, at, value, text, quality, flags = parts
        received_at = np.full(len(at), to_ns(self.received_at), dtype=np.int64)
        return Points(tag_id, at, value, text, quality, flags, received_at)

    def _tag_ids(self, block: Block) -> Cells:
        tags = _cells(block, self.form.tag_column)
        tags = Cells(tags.codes, [self.form.rename.get(str(t), t) for t in tags.distinct])
        if not self.form.asset and self.form.asset_column not in block.columns:
            return Cells(tags.codes, [str(t) for t in tags.distinct])
        assets = self._assets(block)
        if len(assets.distinct) == 1:
            return Cells(tags.codes, [f"{assets.distinct[0]}/{t}" for t in tags.distinct])
        pairs, codes = np.unique(assets.codes * max(1, len(tags.distinct)) + tags.codes, return_inverse=True)
        split = (divmod(pair, len(tags.distinct)) for pair in pairs.tolist())
        return Cells(codes, [f"{assets.distinct[a]}/{tags.distinct[t]}" for a, t in split])

    def _stated(self, block: Block) -> NDArray[np.uint8]:
        if "quality" not in block.columns:
            return np.zeros(len(block.lines), np.uint8)
        cells = _cells(block, "quality")
        graded = [Quality.GOOD if q == "" else grade(q, self.form.quality_codes) for q in cells.distinct]
        return np.array(graded, dtype=np.uint8)[cells.codes]

    def _convert(self, block: Block, ids: Cells, readings: Readings, is_taken: NDArray[np.bool_]) -> None:
        """Bring values into their tags' units; rejects the rows whose unit is missing, or does not fit."""
        if "unit" in block.columns:
            stated = _cells(block, "unit")
        elif self.form.units:
            stated = Cells(ids.codes, [self.form.units.get(tag_id.rpartition("/")[2]) for tag_id in ids.distinct])
        else:
            return
        for code, tag_id in enumerate(ids.distinct):
            tag = self.plant.tag(tag_id)
            for unit_code in np.unique(stated.codes[ids.codes == code]).tolist() if tag is not None else ():
                rows = (ids.codes == code) & (stated.codes == unit_code)
                unit = stated.distinct[unit_code]
                if unit is None and "unit" not in block.columns:
                    continue
                try:
                    stated_unit = None if unit is None else str(unit)  # a Parquet column may hold anything
                    convert = units.fitting(stated_unit, tag.unit if tag is not None else "")
                except BadValueError as bad:
                    for row in np.flatnonzero(rows & is_taken).tolist():
                        self.letters.row(block, row, bad.reason, f"{tag_id}: {bad.detail}")
                    is_taken[rows] = False
                    continue
                if convert is not None:
                    readings.value[rows] = convert(readings.value[rows])

    def _assets(self, block: Block) -> Cells:
        if self.form.asset:
            return Cells(np.zeros(len(block.lines), np.int64), [self.form.asset])
        cells = _cells(block, self.form.asset_column)
        return Cells(cells.codes, [str(a) for a in cells.distinct])

    def _times(
        self, block: Block, assets: Cells, owner_faults: dict[int, BadValueError]
    ) -> tuple[Ints, NDArray[np.bool_]]:
        """Return ns and which rows can be placed in time and plant; the others are rejected, one item each."""
        at, faults = self._instants(block, assets)
        is_good = np.ones(len(at), dtype=bool)
        if owner_faults:
            for row in np.flatnonzero(np.isin(assets.codes, list(owner_faults))).tolist():
                faults[row] = owner_faults[int(assets.codes[row])]
        is_cycle = self.form.time_format == "cycle"
        if self.latest is not None and not is_cycle and len(at) and at.max() > self.latest:
            for row in np.flatnonzero(at > self.latest).tolist():
                faults.setdefault(row, times.ahead_of_clock(from_ns(at[row]), self.form.max_future_s))
        for row, bad in sorted(faults.items()):
            self.letters.row(block, row, bad.reason, bad.detail)
            is_good[row] = False
        return at, is_good

    def _instants(self, block: Block, assets: Cells) -> tuple[Ints, dict[int, BadValueError]]:
        column = block.columns[self.form.time_column]
        if isinstance(column, Instants):
            return column.ns, {}
        cells = _cells(block, self.form.time_column)
        if self.form.time_format == "cycle":
            return self._cycles(cells, assets)
        ns, faults = times.read(cells.distinct, self.form.time_format, self.form.zone)
        at = ns[cells.codes] if len(ns) else np.zeros(len(cells.codes), np.int64)
        if not faults:
            return at, {}
        rows = np.flatnonzero(np.isin(cells.codes, list(faults)))
        return at, {row: faults[int(cells.codes[row])] for row in rows.tolist()}

    def _cycles(self, cells: Cells, assets: Cells) -> tuple[Ints, dict[int, BadValueError]]:
        at = np.zeros(len(cells.codes), dtype=np.int64)
        found: dict[tuple[int, int], int | BadValueError] = {}
        faults: dict[int, BadValueError] = {}
        for row, key in enumerate(zip(cells.codes.tolist(), assets.codes.tolist(), strict=True)):
            if key not in found:
                found[key] = self._cycle(cells.distinct[key[0]], assets.distinct[key[1]])
            instant = found[key]
            if isinstance(instant, BadValueError):
                faults[row] = instant
            else:
                at[row] = instant
        return at, faults

    def _cycle(self, raw: Any, asset: str) -> int | BadValueError:
        try:
            return cycle_end(raw, asset, self.plant)
        except BadValueError as bad:
            return bad


def _numbers(block: Block, name: str) -> Numbers:
    column = block.columns[name]
    if not isinstance(column, Numbers):
        raise TypeError(f"column {name!r} was not read as numbers")
    return column


def _cells(block: Block, name: str) -> Cells:
    column = block.columns[name]
    if not isinstance(column, Cells):
        raise TypeError(f"column {name!r} was not read as cells")
    return column
