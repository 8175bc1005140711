"""What plants put into files, one case per situation: what is taken, how it is graded, and what is refused and why."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from collectors.dump import read_dump
from collectors.settings import FormatSettings
from collectors.tables import BadFileError, check_file
from domain.plant import Plant, Tag
from domain.points import Flag, Point, Points, Quality
from domain.records import Decoded, Reason
from tests.collectors.plants import NOW, OVEN, PLANT, PRESS, form

T = "2026-03-01T10:00:00Z"
AT = datetime(2026, 3, 1, 10, tzinfo=UTC)
NS = 1772359200_000_000_000
HOUR = 3600 * 10**9


def load(path: Path, settings: FormatSettings, plant: Plant = PLANT, latest: datetime | None = None) -> Decoded:
    check_file(path, settings)
    blocks = list(read_dump(path, settings, plant, NOW, latest))
    return Decoded(
        Points.concat([b.points for b in blocks]),
        tuple(e for b in blocks for e in b.events),
        tuple(x for b in blocks for x in b.lots),
        tuple(r for b in blocks for r in b.results),
        tuple(r for b in blocks for r in b.rejected),
    )


def csv(folder: Path, content: str | bytes, settings: FormatSettings | None = None, **more: Any) -> Decoded:
    path = folder / "a.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load(path, settings or form(), **more)


def parquet(folder: Path, settings: FormatSettings | None = None, **columns: Any) -> Decoded:
    path = folder / "a.parquet"
    pq.write_table(pa.table(columns), path)
    return load(path, settings or form())


def values(found: Decoded) -> list[float | None]:
    return [p.value for p in found.points.rows()]


def reasons(found: Decoded) -> list[Reason]:
    return [r.reason for r in found.rejected]


def one(found: Decoded) -> Point:
    (point,) = found.points.rows()
    return point


def zipped() -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("../a.csv", "time,force\n")
    return sink.getvalue()


REFUSED: dict[str, tuple[bytes, Reason, FormatSettings]] = {
    "empty": (b"", Reason.EMPTY, form()),
    "no header": (f"{T},1\n{T},2\n".encode(), Reason.HEADER, form()),
    "renamed column": (f"time,forse\n{T},1\n".encode(), Reason.HEADER, form()),
    "column twice": (f"time,force,force\n{T},1,2\n".encode(), Reason.HEADER, form()),
    "column without a name": (f"time,force,\n{T},1,2\n".encode(), Reason.HEADER, form()),
    "other delimiter": (f"time;force\n{T};1,5\n".encode(), Reason.DIALECT, form()),
    "UTF-16 not declared": (f"time,force\n{T},1\n".encode("utf-16"), Reason.ENCODING, form()),
    "Latin-1 not declared": (f"time,force\n{T},µ\n".encode("latin-1"), Reason.ENCODING, form()),
    "two encodings": (f"time,force\n{T},°\n".encode() + "°,1\n".encode("latin-1"), Reason.ENCODING, form()),
    "NUL": (f"time,force\n{T},\0\n".encode(), Reason.ENCODING, form()),
    "half-written": (f"time,force\n{T},1".encode(), Reason.PARTIAL, form()),
    "a million columns": (b",".join(b"c%d" % i for i in range(10**6)) + b"\n", Reason.LIMIT, form()),
    "a line without an end": (b"time,force\n" + b"1" * 5_000_000 + b"\n", Reason.LIMIT, form()),
    "spreadsheet": (zipped(), Reason.MAGIC, form()),
    "old spreadsheet": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\n", Reason.MAGIC, form()),
    "log-in page": (b"<!DOCTYPE html>\n<html></html>\n", Reason.MAGIC, form()),
    "gzip": (b"\x1f\x8b\x08\0\n", Reason.MAGIC, form()),
}


@pytest.mark.parametrize("situation", REFUSED)
def test_file_that_is_refused_as_a_whole(situation: str, tmp_path: Path) -> None:
    content, reason, settings = REFUSED[situation]
    with pytest.raises(BadFileError) as refused:
        csv(tmp_path, content, settings)
    assert refused.value.reason is reason
    assert "a.csv" in refused.value.detail


@pytest.mark.parametrize("name", ["a.zip", "a.csv.gz", "a.tar", "a.7z", "A.ZIP"])
def test_archive_is_refused_unopened(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadFileError) as refused:
        check_file(tmp_path / name, form())  # it is not even there
    assert refused.value.reason is Reason.ARCHIVE


TAKEN: dict[str, tuple[str | bytes, FormatSettings, list[float | None]]] = {
    "header only": ("time,force\n", form(), []),
    "other order of columns": (f"force,time\n1,{T}\n", form(), [1.0]),
    "byte-order mark": (f"\ufefftime,force\n{T},1\n", form(encoding="utf-8"), [1.0]),
    "declared UTF-16": (f"time,force\r\n{T},1\r\n".encode("utf-16"), form(encoding="utf-16"), [1.0]),
    "declared Latin-1": (f"time,force,µ\n{T},1,°\n".encode("latin-1"), form(encoding="latin-1", ignore=("µ",)), [1.0]),
    "Ctrl-Z at the end": (f"time,force\r\n{T},1\r\n\x1a", form(), [1.0]),
    "CR only": (f"time,force\r{T},1\r", form(), [1.0]),
    "mixed line ends": (f"time,force\r\n{T},1\n2026-03-01T10:00:01Z,2\r", form(), [1.0, 2.0]),
    "decimal comma, declared": (f"time;force\n{T};1,5\n", form(delimiter=";", decimal=","), [1.5]),
    "NA": (f"time,force\n{T},NA\n", form(), [None]),
    "dash": (f"time,force\n{T},-\n", form(), [None]),
    "Bad, declared": (f"time,force\n{T},Bad\n", form(null_texts=("", "Bad")), [None]),
    "none, declared": (f"time,force\n{T},none\n", form(null_texts=("", "none")), [None]),
    "blank": (f"time,force\n{T},\n", form(), [None]),
    "-999 as null, declared": (f"time,force\n{T},-999\n", form(null_texts=("", "-999")), [None]),
    "beyond a float": (f"time,force\n{T},1e400\n", form(), [None]),
    "subnormal": (f"time,force\n{T},5e-324\n", form(), [5e-324]),
    "sign of plus": (f"time,force\n{T},+1.5\n", form(), [1.5]),
}


@pytest.mark.parametrize("situation", TAKEN)
def test_file_that_is_taken(situation: str, tmp_path: Path) -> None:
    content, settings, expected = TAKEN[situation]
    found = csv(tmp_path, content, settings)
    assert (values(found), found.rejected) == (expected, ())
    assert all((p.value is None) == (p.quality == Quality.BAD) for p in found.points.rows())


CELLS = {
    "1_000": Reason.NUMBER_FORMAT,
    " 12 ": Reason.NUMBER_FORMAT,
    "١٢": Reason.NUMBER_FORMAT,
    "=1+1": Reason.NUMBER_FORMAT,
    "0x1F": Reason.NUMBER_FORMAT,
    "true": Reason.NUMBER_FORMAT,
    "9" * 401: Reason.NUMBER_SIZE,
}


@pytest.mark.parametrize("cell", CELLS, ids=lambda c: c[:10])
def test_cell_that_is_rejected_alone(cell: str, tmp_path: Path) -> None:
    found = csv(tmp_path, f"time,force,temp\n{T},{cell},2\n2026-03-01T10:00:01Z,3,4\n")
    assert reasons(found) == [CELLS[cell]]
    assert sorted(p.value for p in found.points.rows() if p.value is not None) == [2.0, 3.0, 4.0]


def test_text_that_begins_with_an_equals_sign_is_kept_as_text_in_records(tmp_path: Path) -> None:
    text = f"asset,kind,start,note\n{PRESS},stop,{T},=cmd|' /C calc'!A0\n"
    (event,) = csv(tmp_path, text, form(kind="events", asset="")).events
    assert event.note == "=cmd|' /C calc'!A0"


@pytest.mark.parametrize("row", [f"{T},1", f"{T},1,2,3"])
def test_row_of_another_width_is_rejected_and_the_rest_taken(row: str, tmp_path: Path) -> None:
    found = csv(tmp_path, f"time,force,temp\n{row}\n2026-03-01T10:00:01Z,3,4\n")
    assert (reasons(found), len(found.points)) == ([Reason.ROW_WIDTH], 2)


# --- Parquet ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["cut", "footer", "magic", "page"])
def test_damaged_parquet_is_refused(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"time": [AT] * 1000, "force": [float(i) for i in range(1000)]}), path)
    whole = bytearray(path.read_bytes())
    cuts: dict[str, Callable[[], bytes]] = {
        "cut": lambda: bytes(whole[: len(whole) // 2]),
        "footer": lambda: bytes(whole[:-20] + b"\xff" * 12 + whole[-8:]),
        "magic": lambda: b"XXXX" + bytes(whole[4:]),
        "page": lambda: bytes(whole[:4] + b"\xff" * 40 + whole[44:]),
    }
    path.write_bytes(cuts[damage]())
    with pytest.raises(BadFileError) as refused:
        load(path, form())
    assert refused.value.reason in (Reason.FORMAT, Reason.MAGIC)


def test_parquet_that_unpacks_to_too_much_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    n = 200_000
    table = pa.table({"time": pa.array([AT] * n), "tag": pa.array(["force" + " " * 1000] * n), "value": [1.0] * n})
    pq.write_table(table, path, compression="zstd")
    assert path.stat().st_size < 200_000  # and unpacks to 200 MB
    with pytest.raises(BadFileError) as refused:
        load(path, form(layout="long", max_decoded_mb=100))
    assert refused.value.reason is Reason.LIMIT


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([Decimal("1.25")], pa.decimal128(9, 2)), 1.25),
        (pa.array(["1.25"]).dictionary_encode(), 1.25),
        (pa.array([1.25], pa.float32()), 1.25),
        (pa.array([None]), None),
        (pa.array([None], pa.float64()), None),
        (pa.array([7], pa.uint8()), 7.0),
    ],
    ids=["decimal", "dictionary", "float32", "null type", "null", "small integer"],
)
def test_parquet_types_that_are_numbers(column: Any, expected: float | None, tmp_path: Path) -> None:
    found = parquet(tmp_path, time=[AT], force=column)
    assert (values(found), found.rejected) == ([expected], ())


@pytest.mark.parametrize(
    "column", [pa.array([[1.0]]), pa.array([{"a": 1}]), pa.array([b"1"]), pa.array([timedelta(1)])], ids=str
)
def test_parquet_types_that_hold_no_plain_values_are_refused(column: Any, tmp_path: Path) -> None:
    with pytest.raises(BadFileError) as refused:
        parquet(tmp_path, time=[AT], force=column)
    assert refused.value.reason is Reason.SCHEMA
    assert "'force'" in refused.value.detail
    assert len(parquet(tmp_path, form(ignore=("force",)), time=[AT], force=column, temp=[1.0]).points) == 1


@pytest.mark.parametrize("column", [["1.5", "high"], ["high", None], [date(2026, 1, 1), None], [AT, AT]], ids=str)
def test_parquet_column_that_turned_to_something_else_refuses_the_file(column: list[Any], tmp_path: Path) -> None:
    with pytest.raises(BadFileError) as refused:
        parquet(tmp_path, time=[AT, AT + timedelta(seconds=1)], force=column)
    assert refused.value.reason is Reason.SCHEMA
    assert "'force'" in refused.value.detail


def test_parquet_column_of_texts_that_are_all_numbers_or_known_is_cast(tmp_path: Path) -> None:
    settings = form(translate={"force": {"high": "9"}})
    found = parquet(
        tmp_path, settings, time=[AT + timedelta(seconds=i) for i in range(4)], force=["1.5", "Bad", None, "high"]
    )
    assert (values(found), found.rejected) == ([1.5, None, None, 9.0], ())


def test_parquet_without_rows_is_taken(tmp_path: Path) -> None:
    assert (
        parquet(tmp_path, time=pa.array([], pa.timestamp("us", "UTC")), force=pa.array([], pa.float64())).n_items == 0
    )


def test_parquet_nanoseconds_are_kept(tmp_path: Path) -> None:
    found = parquet(tmp_path, time=pa.array([NS + 7], pa.timestamp("ns", "UTC")), force=[1.0])
    assert one(found).at == NS + 7


# --- quality records -------------------------------------------------------------------------------------------

RESULTS = form(kind="results", asset="")


def results(folder: Path, *rows: str, header: str = "line,lot,result,value", **changes: Any) -> Decoded:
    return csv(folder, "\n".join([header, *rows, ""]), RESULTS.model_copy(update=changes))


@pytest.mark.parametrize("row", [f"{PRESS},,silica,1", f"{PRESS},7,,1"])
def test_result_without_its_key_is_rejected(row: str, tmp_path: Path) -> None:
    assert reasons(results(tmp_path, row)) == [Reason.NO_KEY]


@pytest.mark.parametrize("lot", ["0001", "1.0", "1", "1e3", "NA", "007 "])
def test_ids_are_kept_as_they_are_written(lot: str, tmp_path: Path) -> None:
    (found,) = results(tmp_path, f"{PRESS},{lot},silica,1").results
    assert found.lot == lot


def test_same_id_in_two_lines_is_two_lots(tmp_path: Path) -> None:
    found = results(tmp_path, f"{PRESS},1,silica,1", f"{OVEN},1,silica,2").results
    assert [(r.line, r.lot) for r in found] == [(PRESS, "1"), (OVEN, "1")]


@pytest.mark.parametrize(
    ("text", "expected"), [("OK", 1.0), ("ok", 1.0), ("Pass", 1.0), ("1", 1.0), ("NG", 0.0), ("", None)]
)
def test_verdicts_by_the_formats_map(text: str, expected: float | None, tmp_path: Path) -> None:
    verdicts = {"ok": 1.0, "pass": 1.0, "1": 1.0, "ng": 0.0}
    (found,) = results(tmp_path, f"{PRESS},1,visual,{text}", verdicts=verdicts).results
    assert found.value == expected


def test_verdict_that_the_map_does_not_know_is_rejected(tmp_path: Path) -> None:
    assert reasons(results(tmp_path, f"{PRESS},1,visual,maybe", verdicts={"OK": 1.0})) == [Reason.CODE]


def test_unknown_failure_code_is_rejected_where_codes_are_listed(tmp_path: Path) -> None:
    text = f"asset,kind,code,start\n{PRESS},failure,F7,{T}\n{PRESS},failure,F1,{T}\n"
    found = csv(tmp_path, text, form(kind="events", asset="", codes=("F1", "F2")))
    assert (reasons(found), [e.code for e in found.events]) == ([Reason.CODE], ["F1"])


@pytest.mark.parametrize(("unit", "expected"), [("bar", []), ("degC", [Reason.UNIT]), ("", [Reason.UNIT])])
def test_unit_that_is_missing_or_does_not_fit_is_rejected(unit: str, expected: list[Reason], tmp_path: Path) -> None:
    plant = limited(Tag(PRESS, "pressure", unit="bar"))
    text = f"time,tag,value,unit\n{T},pressure,1,{unit}\n"
    assert reasons(csv(tmp_path, text, form(layout="long"), plant=plant)) == expected
    text = f"lot,result,value,unit\n1,pressure,1,{unit}\n"
    assert reasons(csv(tmp_path, text, form(kind="results"), plant=plant)) == expected


def test_units_are_converted_to_the_tags(tmp_path: Path) -> None:
    plant = limited(Tag(PRESS, "pressure", unit="bar", most=10.0))
    text = f"time,tag,value,unit\n{T},pressure,100,kPa\n2026-03-01T10:00:01Z,pressure,2,bar\n"
    assert values(csv(tmp_path, text, form(layout="long"), plant=plant)) == [1.0, 2.0]
    for layout, text in (
        ("wide", f"time,pressure,temp\n{T},200,7\n{T},,7\n"),
        ("long", f"time,tag,value\n{T},pressure,200\n{T},temp,7\n"),
    ):
        found = csv(tmp_path, text, form(layout=layout, units={"pressure": "kPa"}), plant=plant)
        assert (found.points.value[0], found.points.value[-1], found.rejected) == (2.0, 7.0, ())
    (result,) = csv(tmp_path, "lot,result,value,unit\n1,pressure,300,kPa\n", form(kind="results"), plant=plant).results
    assert result.value == 3.0
    with pytest.raises(BadFileError, match="unit"):
        csv(tmp_path, f"time,pressure\n{T},1\n", form(units={"pressure": "degC"}), plant=plant)


def limited(tag: Tag) -> Plant:
    return Plant.of(PLANT.classes.values(), PLANT.assets.values(), [tag, Tag(PRESS, "temp")])


@pytest.mark.parametrize("layout", ["wide", "long"])
@pytest.mark.parametrize(
    ("value", "is_out"), [("-0.1", True), ("0", False), ("100", False), ("100.1", True), ("", False)]
)
def test_value_that_is_physically_impossible_is_bad(value: str, is_out: bool, layout: str, tmp_path: Path) -> None:
    plant = limited(Tag(PRESS, "force", least=0.0, most=100.0))
    text = f"time,force\n{T},{value}\n" if layout == "wide" else f"time,tag,value\n{T},force,{value}\n"
    point = one(csv(tmp_path, text, form(layout=layout), plant=plant))
    assert bool(point.flags & Flag.RANGE) == is_out
    assert point.quality == (Quality.BAD if is_out or value == "" else Quality.GOOD)
    assert point.value == (float(value) if value else None)


def test_result_of_long_ago_is_taken(tmp_path: Path) -> None:
    (found,) = results(
        tmp_path, f"{PRESS},1,silica,1,2025-06-01T00:00:00Z", header="line,lot,result,value,result_at"
    ).results
    assert found.result_at.year == 2025


# --- time ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "changes", "expected"),
    [
        ("1772359200", {"time_format": "s"}, NS),
        ("1772359200000", {"time_format": "ms"}, NS),
        ("1772359200000000", {"time_format": "us"}, NS),
        ("1772359200000000000", {"time_format": "ns"}, NS),
        ("1772359200.5", {"time_format": "s"}, NS + 10**9 // 2),
        ("1772359200000", {"time_format": "s"}, Reason.TIME_UNIT),
        ("1772359200", {"time_format": "ms"}, Reason.TIME_UNIT),
        ("0", {"time_format": "s"}, Reason.EPOCH),
        ("-1", {"time_format": "s"}, Reason.EPOCH),
        ("1601-01-01T00:00:00Z", {}, Reason.EPOCH),
        ("2150-01-01T00:00:00Z", {}, Reason.EPOCH),
        ("03/04/2026", {}, Reason.TIME_FORMAT),
        ("03/04/2026", {"time_format": "%d/%m/%Y", "zone": "UTC"}, NS + 33 * 24 * HOUR - 10 * HOUR),
        ("13/04/2026", {"time_format": "%m/%d/%Y", "zone": "UTC"}, Reason.TIME_FORMAT),
        ("01.03.26 10:00", {"time_format": "%d.%m.%y %H:%M", "zone": "UTC"}, NS),
        ("2026-W09-7T10:00:00Z", {}, NS),
        ("2026-03-01T24:00:00Z", {}, NS + 14 * HOUR),
        ("01.03.2026 24:00", {"time_format": "%d.%m.%Y %H:%M", "zone": "UTC"}, NS + 14 * HOUR),
        ("2016-12-31T23:59:60Z", {}, 1483228800 * 10**9),
        ("2026-02-29T00:00:00Z", {}, Reason.TIME_FORMAT),
        ("", {}, Reason.TIME_FORMAT),
        ("2026-03-01T19:00:00", {"zone": "Asia/Seoul"}, NS),
        ("2026-03-01T10:00:00", {}, Reason.TIME_NAIVE),
        ("2026-03-29T02:30:00", {"zone": "Europe/Berlin"}, Reason.TIME_FORMAT),
        ("2026-10-25T02:30:00", {"zone": "Europe/Berlin"}, Reason.TIME_FORMAT),
        ("2026-10-25T02:30:00+02:00", {"zone": "Europe/Berlin"}, 1792888200 * 10**9),
    ],
)
def test_time(raw: str, changes: dict[str, Any], expected: int | Reason, tmp_path: Path) -> None:
    found = csv(tmp_path, f"time,force\n{raw},1\n", form(**changes))
    assert (reasons(found) or [one(found).at]) == [expected]


@pytest.mark.parametrize(
    ("ahead_s", "expected"), [(0, []), (300, []), (301, [Reason.FUTURE]), (10**9, [Reason.FUTURE])]
)
def test_time_ahead_of_the_clock(ahead_s: int, expected: list[Reason], tmp_path: Path) -> None:
    at = (AT + timedelta(seconds=ahead_s)).isoformat()
    found = csv(tmp_path, f"time,force\n{at},1\n{T},2\n", latest=AT + timedelta(seconds=300))
    assert reasons(found) == expected


@pytest.mark.parametrize(
    ("key", "wrong"),
    [("time_format", "isoo"), ("time_format", "%H:%M"), ("time_format", "%d.%m"), ("time_format", "%Q %d"),
     ("delimiter", '"'), ("delimiter", "\n"), ("encoding", "utf-7000"), ("zone", "Seoul")],
)  # fmt: skip
def test_format_that_cannot_be_read_by_is_refused(key: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=key):
        form(**{key: wrong})
