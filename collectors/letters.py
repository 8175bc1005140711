"""Rows that could not be taken to dead letters whose payload is a small valid file, and back to rows.

A row of a CSV file is kept as the header and the row, in UTF-8 with the format's delimiter; one cell of a wide row with
the columns that it needs only. A row of a Parquet file is kept as a JSON object.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from collectors.settings import FormatSettings
from collectors.shaping import sources_of
from collectors.tables import Block
from domain.records import Reason, Rejected

TIME_KEY = "$time"  # marks a value that the Parquet file itself typed as a time


class Letters:
    """Collects the rejected items of one file."""

    def __init__(self, name: str, form: FormatSettings) -> None:
        self._name, self._form = name, form
        self._rejected: list[Rejected] = []

    def taken(self) -> tuple[Rejected, ...]:
        """Return what was collected, and forget it."""
        rejected, self._rejected = tuple(self._rejected), []
        return rejected

    def misshapen(self, block: Block) -> None:
        """Reject the rows of a wrong width."""
        for bad in block.bad_rows:
            self._add(
                bad.line, Reason.ROW_WIDTH, bad.detail, csv_payload(block.header, bad.cells, self._form.delimiter)
            )

    def row(self, block: Block, row: int, reason: Reason, detail: str) -> None:
        """Reject a whole row."""
        self._add(int(block.lines[row]), reason, detail, self._payload(block, row, block.header))

    def cell(self, block: Block, row: int, name: str, reason: Reason, detail: str) -> None:
        """Reject one value of a wide row."""
        form = self._form
        asked = {part for n in (form.time_column, form.asset_column, name) for part in sources_of(n, form)}
        needed = [n for n in block.header if n in asked]
        self._add(int(block.lines[row]), reason, f"{name}: {detail}", self._payload(block, row, needed), name)

    def _payload(self, block: Block, row: int, names: Sequence[str]) -> bytes:
        cells = dict(zip(block.header, block.cells(row), strict=True))
        if block.is_typed:
            return json_payload({name: cells[name] for name in names})
        return csv_payload(names, [cells[name] for name in names], self._form.delimiter)

    def _add(self, line: int, reason: Reason, detail: str, payload: bytes, part: str = "") -> None:
        where = f"{self._name}:{line}"
        self._rejected.append(Rejected(f"dump:{self._form.name}", where, reason, detail, payload, part))


def csv_payload(header: Sequence[str], cells: Sequence[str], delimiter: str) -> bytes:
    """Return a CSV file of one row."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(header)
    writer.writerow(cells)
    return text.getvalue().encode()


def json_payload(row: Mapping[str, Any]) -> bytes:
    """Return a typed row as JSON; times are marked as such."""
    return json.dumps(row, ensure_ascii=False, default=_plain).encode("utf-8", "replace")


def read_json(payload: bytes) -> dict[str, Any] | None:
    """Return the row of a JSON payload, None where it is none."""
    if not payload.startswith(b"{"):
        return None
    try:
        row = json.loads(payload, object_hook=_typed)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return {TIME_KEY: value.isoformat()}
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def _typed(found: dict[str, Any]) -> Any:
    if found.keys() == {TIME_KEY} and isinstance(found[TIME_KEY], str):
        return datetime.fromisoformat(found[TIME_KEY])
    return found
