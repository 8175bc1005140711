"""Damaged dump files from a seed, read in process; counts what gets out beside refusals with a reason code."""

from __future__ import annotations

import io
import random
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from collectors.dump import read_dump
from collectors.settings import FormatSettings
from collectors.tables import BadFileError, check_file
from domain.plant import Asset, AssetClass, Axis, Plant, Tag
from domain.points import Points

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ASSET = "plant/press"
PLANT = Plant.of(
    [AssetClass("press", Axis.TIME, 1000, 10, timedelta(minutes=1))],
    [Asset(ASSET, "press"), Asset("plant/oven", "press")],
    [Tag(ASSET, "force", least=0, most=100), Tag(ASSET, "temp"), Tag("plant/oven", "temp")],
)
CELLS = [
    "",
    "1",
    "-2.5",
    "+3",
    "1e400",
    "1_0",
    " 1",
    "nan",
    "NA",
    "=1+1",
    "١",
    "\0",
    '"',
    '"a""b"',
    '"a\nb"',
    "\r",
    "\x1a",
]
CELLS += ["µ", ",", ";", "\t", "2026-03-01T10:00:00Z", "03/04/2026", "1772359200", "9" * 500, "x" * 3000, ASSET, "stop"]
CELLS += [
    "plant/oven",
    "force",
    "\ufeff",
    "\u202e",
    "1,5",
    "2026-03-01T24:00:00Z",
    "0001-01-01T00:00:00Z",
    "1e-400",
    "-0",
]
HEADERS = {
    ("sensors", "wide"): ["time,force,temp", "time,asset,temp", "time,temp", '"time","force"'],
    ("sensors", "long"): ["time,tag,value", "time,asset,tag,value,quality", "tag,unit,time,value"],
    ("events", "wide"): ["asset,kind,start,end", "asset,kind,code,start,note"],
    ("lots", "wide"): ["line,lot,start,end,x", "line,lot,x"],
    ("results", "wide"): ["line,lot,result,value,result_at", "line,lot,result,value,unit"],
}
ODD_HEADERS = ["time,force,force", "", "time", "time,,x", "time;force;temp"]
FIELDS = {
    "time": "2026-03-01T10:00:00Z",
    "start": "2026-03-01T10:00:00Z",
    "asset": ASSET,
    "line": ASSET,
    "tag": "force",
}
FIELDS |= {"kind": "stop", "lot": "0001", "result": "silica", "value": "1.5", "force": "2.5", "temp": "3"}


@dataclass(slots=True)
class Found:
    """What became of the files; first: the first exception that got out."""

    n_uncaught: int = 0
    n_refused: int = 0
    n_read: int = 0
    p99_ms: float = 0.0
    first: str = ""


def run(n_files: int, seed: int) -> Found:
    """Read `n_files` files."""
    source = random.Random(seed)
    found, times, forms = Found(), [], _forms(source)
    with tempfile.TemporaryDirectory(prefix="forewarn-fuzz-") as folder:
        for number in range(n_files):
            is_parquet = source.random() < 0.2
            form = source.choice(forms)
            path = Path(folder) / f"f.{'parquet' if is_parquet else 'csv'}"
            path.write_bytes(_damaged(source, (_parquet if is_parquet else _csv)(source, form)))
            began = time.perf_counter()
            try:
                check_file(path, form, block_bytes=source.choice([50, 1000, 1 << 20]))
                for decoded in read_dump(path, form, PLANT, NOW, NOW, block_bytes=source.choice([50, 1000, 1 << 20])):
                    Points.concat([decoded.points])
                found.n_read += 1
            except BadFileError:
                found.n_refused += 1
            except Exception as error:  # noqa: BLE001 - this is what is counted
                found.n_uncaught += 1
                found.first = found.first or f"file {number}: {error!r}"
            times.append(time.perf_counter() - began)
    found.p99_ms = sorted(times)[int(len(times) * 0.99)] * 1000
    return found


def _forms(source: random.Random) -> list[FormatSettings]:
    """Return formats of every kind; a small set, as the check of their zone is slow."""
    return [
        FormatSettings(
            name="fuzz",
            kind=kind,
            layout=layout,
            asset=source.choice(["", "", ASSET]),
            delimiter=source.choice([",", ",", ",", ";", "\t", "¦"]),
            decimal=source.choice([".", ".", ","]),
            encoding=source.choice(["utf-8"] * 6 + ["latin-1", "utf-16", "cp949", "ascii", "utf-7", "shift_jis"]),
            time_format=source.choice(["iso"] * 6 + ["s", "ns", "cycle", "%d.%m.%Y %H:%M", "%Y%m%d"]),
            zone=source.choice(["", "Asia/Seoul", "Europe/Berlin"]),
            null_texts=source.choice([(), ("", "NA"), ("", "1")]),
            verdicts=source.choice([{}, {}, {"OK": 1.0}]),
        )
        for kind, layout in HEADERS
        for _ in range(30)
    ]


def _header(source: random.Random, form: FormatSettings) -> str:
    if source.random() < 0.1:
        return source.choice(ODD_HEADERS)
    header = source.choice(HEADERS[form.kind, form.layout])
    return header if form.delimiter == "," or source.random() < 0.1 else header.replace(",", form.delimiter)


def _csv(source: random.Random, form: FormatSettings) -> bytes:
    header = _header(source, form)
    names = header.replace('"', "").split(form.delimiter)
    lines = [header]
    for _ in range(source.randrange(12)):
        cells = [FIELDS.get(n, "1") if source.random() < 0.7 else source.choice(CELLS) for n in names]
        lines.append(form.delimiter.join(cells[: -1 if source.random() < 0.05 else None]))
    text = source.choice(["\n", "\n", "\r\n", "\r"]).join([*lines, ""])
    return text.encode(form.encoding if source.random() < 0.9 else "utf-16", "replace")


def _parquet(source: random.Random, form: FormatSettings) -> bytes:
    n = source.randrange(6)
    columns: dict[str, Any] = {}
    for name in source.choice(HEADERS[form.kind, form.layout]).replace('"', "").split(","):
        usual = (
            pa.array([NOW] * n, pa.timestamp("us", "UTC")) if name == "time" else pa.array([FIELDS.get(name, "1")] * n)
        )
        if source.random() < 0.7:
            columns[name] = usual
            continue
        columns[name] = source.choice(
            [
                pa.array([NOW] * n, pa.timestamp(source.choice(["s", "us", "ns"]), source.choice([None, "UTC"]))),
                pa.array([source.choice(CELLS).replace("\0", "") for _ in range(n)]),
                pa.array([source.random() for _ in range(n)]),
                pa.array([source.choice([None, 2**62, -1, 1772359200]) for _ in range(n)], pa.int64()),
                pa.array([None] * n),
                pa.array([True] * n, pa.bool_()),
                pa.array([[1]] * n, pa.list_(pa.int64())),
                pa.array([b"x"] * n, pa.binary()),
                pa.array([1] * n, pa.decimal128(9, 2)),
                pa.array(["a"] * n).dictionary_encode(),
                pa.array([NOW.date()] * n, pa.date32()),
            ]
        )
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def _damaged(source: random.Random, data: bytes) -> bytes:
    kind = source.randrange(10)
    if not data or kind not in (2, 3, 4, 5):
        return data
    place = source.randrange(len(data))
    if kind == 2:
        return data[:place]
    if kind == 3:
        return data[:place] + source.randbytes(source.randrange(1, 9)) + data[place:]
    if kind == 4:
        return data[:place] + source.randbytes(1) + data[place + 1 :]
    return data[place:] + data[:place]
